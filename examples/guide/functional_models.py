"""Models of inputs and outputs: graphs of layers, one's own among them."""

from linear_layer import Linear
from training_mode import Dropout

import tulle
from tulle import ops


def main() -> tulle.Model:
    inputs = tulle.Input((16,))
    x = ops.relu(Linear(32)(inputs))
    x = Dropout(0.5)(x)
    outputs = Linear(10)(x)
    model = tulle.Model(inputs, outputs)
    model.summary()

    assert len(model.weights) == 4  # before any data: `Input` tells the sizes
    assert model(ops.ones((2, 16))).shape == (2, 10)
    assert model(ops.ones((2, 16)), training=True).shape == (2, 10)

    # A model is a layer: of another model, or of a subclass.
    whole = tulle.Sequential([tulle.Input((16,)), model, Linear(3)])
    assert whole(ops.ones((2, 16))).shape == (2, 3)
    assert len(whole.weights) == 6
    return model


if __name__ == "__main__":
    main()
