"""Tulle: a small typed language for neural networks and its compiler."""
