"""The language: .net text to syntax tree to graph, and its tools."""

from .module import Module, check, load, loads

__all__ = ["Module", "check", "load", "loads"]
