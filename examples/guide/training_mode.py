"""Layers that act otherwise while they are trained: `training` tells them."""

from linear_layer import Linear

import tulle
from tulle import layers, ops


class Dropout(layers.Layer):
    """A share of the inputs set to 0 in training; else nothing happens."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def call(self, inputs, training=None):
        if training:
            return tulle.random.dropout(inputs, self.rate)
        return inputs


class Perceptron(layers.Layer):
    """Two linear layers with a dropout of one's own between them."""

    def __init__(self):
        super().__init__()
        self.first, self.last = Linear(32), Linear(10)
        self.dropout = Dropout(0.5)

    def call(self, inputs, training=None):
        x = ops.relu(self.first(inputs))
        return self.last(self.dropout(x, training=training))


def main() -> tuple[list, list]:
    tulle.utils.set_random_seed(1)
    model, x = Perceptron(), ops.ones((2, 2))
    trained = [model(x, training=True).numpy() for _ in range(2)]
    asked = [model(x, training=False).numpy() for _ in range(2)]
    print(trained[0], asked[0])
    return trained, asked


if __name__ == "__main__":
    main()
