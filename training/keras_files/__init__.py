"""Keras 3's own files: configurations, operations, the names and places of state."""
