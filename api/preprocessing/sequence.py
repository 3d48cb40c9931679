"""Sequences made equally long, by Keras's older name."""

from ..training.preparing import pad_sequences

__all__ = ["pad_sequences"]
