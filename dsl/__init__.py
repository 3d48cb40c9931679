"""The language: .net text to syntax tree to graph, and its tools."""
