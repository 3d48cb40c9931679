"""Losses, metrics, optimizers, data, fitting and saving."""
