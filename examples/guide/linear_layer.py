"""A layer holds weights and computes with them: at once, or when first called."""

import tulle
from tulle import layers, ops


class Fixed(layers.Layer):
    """x @ w + b; the number of features is known when the layer is made."""

    def __init__(self, units: int = 32, features: int = 32):
        super().__init__()
        bell = tulle.initializers.RandomNormal()
        self.w = tulle.Variable(bell(shape=(features, units)))
        self.b = tulle.Variable(ops.zeros((units,)))

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b


class Linear(layers.Layer):
    """x @ w + b; the first input tells the number of features."""

    def __init__(self, units: int = 32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", name="w"
        )
        self.b = self.add_weight(
            shape=(self.units,), initializer="random_normal", name="b"
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b


def main() -> Linear:
    fixed = Fixed(units=4, features=2)
    assert fixed(ops.ones((2, 2))).shape == (2, 4)
    assert fixed.weights == [fixed.w, fixed.b]  # layers find their variables

    lazy = Linear(4)
    assert lazy.weights == []
    assert lazy(ops.ones((2, 2))).shape == (2, 4)  # calls `build` on the way
    print(lazy.weights)
    return lazy


if __name__ == "__main__":
    main()
