"""Tensors: arrays with a dtype and a shape, constant or drawn at random."""

import numpy as np

import tulle


def main() -> dict[str, np.ndarray]:
    table = tulle.constant([[5, 2], [1, 3]])
    print(table)
    print("as NumPy:", table.numpy().tolist())
    print("dtype:", table.dtype, "shape:", table.shape, "type:", table.type)

    ones, zeros = tulle.ops.ones((2, 1)), tulle.ops.zeros((2, 1))
    print(ones, zeros)

    bell = tulle.random.normal((2, 2), mean=0.0, stddev=1.0)
    dice = tulle.random.randint((2, 2), minval=0, maxval=10)
    print(bell, dice)
    made = {"table": table, "ones": ones, "zeros": zeros, "bell": bell, "dice": dice}
    return {name: np.asarray(tensor) for name, tensor in made.items()}


if __name__ == "__main__":
    main()
