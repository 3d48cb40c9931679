"""Layers in layers: the outer one has the weights of those inside."""

from linear_layer import Linear

import tulle
from tulle import layers, ops


class Perceptron(layers.Layer):
    """Three linear layers with rectifiers between them."""

    def __init__(self):
        super().__init__()
        self.first = Linear(32)
        self.second = Linear(32)
        self.last = Linear(10)

    def call(self, inputs):
        x = ops.relu(self.first(inputs))
        x = ops.relu(self.second(x))
        return self.last(x)


def main() -> list[str]:
    perceptron = Perceptron()
    assert perceptron(ops.ones((3, 64))).shape == (3, 10)
    assert len(perceptron.weights) == 6

    # The same with what is built in.
    dense = tulle.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    assert dense(ops.ones((3, 64))).shape == (3, 10)
    assert [w.shape for w in dense.weights] == [w.shape for w in perceptron.weights]
    return [weight.path for weight in perceptron.weights]


if __name__ == "__main__":
    print(*main(), sep="\n")
