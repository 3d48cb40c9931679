"""Gradients: a tape records, twice where second derivatives are wanted.

The length c = sqrt(a² + b²) has the derivatives a / c and b² / c³.
"""

import numpy as np

import tulle
from tulle import ops


def length(a, b):
    return ops.sqrt(ops.square(a) + ops.square(b))


def main() -> dict[str, np.ndarray]:
    start, b = tulle.random.normal((2, 2)), tulle.random.normal((2, 2))

    # A tensor has to be watched ...
    with tulle.GradientTape() as tape:
        tape.watch(start)
        c = length(start, b)
        of_tensor = tape.gradient(c, start)
    print(of_tensor)

    # ... a variable is watched anyway.
    a = tulle.Variable(start)
    with tulle.GradientTape() as tape:
        c = length(a, b)
    of_variable = tape.gradient(c, a)

    # The gradient is a computation that an outer tape records.
    with tulle.GradientTape() as outer:
        with tulle.GradientTape() as inner:
            c = length(a, b)
        first = inner.gradient(c, a)
    second = outer.gradient(first, a)
    print(second)

    # Functions of functions say the same without tapes.
    slope = tulle.grad(lambda x: ops.sum(length(x, b)))
    curvature = tulle.grad(lambda x: ops.sum(slope(x)))
    found = {
        "a": start, "b": b, "tensor": of_tensor, "variable": of_variable,
        "second": second, "grad": slope(start), "grad of grad": curvature(start),
    }  # fmt: skip
    return {name: np.asarray(tensor) for name, tensor in found.items()}


if __name__ == "__main__":
    main()
