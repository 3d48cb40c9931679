"""Programs on a CUDA device: generated kernels, and calls of CuPy for all else."""
