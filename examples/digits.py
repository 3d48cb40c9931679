"""The network of digits.net in Python: the same names, the same graph.

Run it from anywhere: `python examples/digits.py`. It trains on hand-written digits for
a second or two, then tells how many of the digits it has not seen it gets right.
"""

from pathlib import Path

import numpy as np

from tulle import Input, Model, layers, losses, metrics, optimizers, utils

DATA = Path(__file__).with_name("digits.npz")


def build(width: int = 128, rate: float = 0.2) -> Model:
    """The network, from 64 grey values to one score a digit."""
    image = Input((64,), name="image")
    hidden = layers.Dense(width, activation="relu", name="hidden")(image)
    hidden = layers.Dropout(rate)(hidden)
    return Model(image, layers.Dense(10, name="logits")(hidden), name="Digits")


def main() -> None:
    data = np.load(DATA)
    utils.set_random_seed(7)
    model = build()
    model.summary()
    model.compile(
        optimizer=optimizers.Adam(1e-3),
        loss=losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    model.fit(data["image"], data["label"], batch_size=32, epochs=40)
    loss, accuracy = model.evaluate(data["test_image"], data["test_label"], verbose=0)
    print(f"digits it has not seen: {accuracy:.1%} right, loss {loss:.3f}")

    scores = model.predict(data["test_image"][:10], verbose=0)
    print("the first ten are", *data["test_label"][:10])
    print("it reads them as ", *scores.argmax(axis=-1))


if __name__ == "__main__":
    main()
