"""Comparing with Keras, by random layers, losses, metrics, optimizers and files."""
