"""Variables: tensors with a state that can be assigned and added to."""

import numpy as np

import tulle


def main() -> np.ndarray:
    state = tulle.Variable(tulle.random.normal((2, 2)))
    print(state)

    target = tulle.random.normal((2, 2))
    state.assign(target)
    for row in range(2):
        for column in range(2):
            assert state[row, column] == target[row, column]

    more = tulle.random.normal((2, 2))
    state.assign_add(more)
    for row in range(2):
        for column in range(2):
            assert state[row, column] == target[row, column] + more[row, column]

    state.assign_sub(target)
    return state.numpy() - more.numpy()  # nothing but rounding


if __name__ == "__main__":
    print(main())
