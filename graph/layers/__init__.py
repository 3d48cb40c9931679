"""The layers, each written with ops."""
