"""From a graph to a running program on the CPU or the GPU."""
