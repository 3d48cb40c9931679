"""Expressions of tensors read as those of NumPy, and give the same numbers."""

import numpy as np

import tulle
from tulle import ops


def main() -> tuple[np.ndarray, np.ndarray]:
    a, b = tulle.random.normal((2, 2)), tulle.random.normal((2, 2))
    c = a + b
    d = ops.square(c)
    e = ops.exp(d)
    print(e)
    with_numpy = np.exp(np.square(a.numpy() + b.numpy()))
    return e.numpy(), with_numpy


if __name__ == "__main__":
    main()
