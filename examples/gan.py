"""The two networks of gan.net in Python, and the game that they play.

`python examples/gan.py` trains them for some seconds and prints digits it made up.
"""

from pathlib import Path

import numpy as np
from digits_data import digits

import tulle
from tulle import Input, Model, layers, losses, ops, optimizers

CODES = 8
REAL = losses.BinaryCrossentropy(from_logits=True)


def generator() -> Model:
    noise = Input((CODES,), name="noise")
    x = layers.Dense(64, activation="relu")(noise)
    return Model(noise, layers.Dense(64, activation="sigmoid")(x), name="Generator")


def discriminator() -> Model:
    image = Input((64,), name="image")
    x = layers.Dense(64, activation="leaky_relu")(image)
    score = layers.Dense(1)(layers.Dropout(0.3)(x))
    return Model(image, score[:, 0], name="Discriminator")


class Game:
    """Both players, and one move of each as one compiled program."""

    def __init__(self, maker: Model, judge: Model):
        self.maker, self.judge = maker, judge
        self.maker_optimizer = optimizers.Adam(2e-3, beta_1=0.5)
        self.judge_optimizer = optimizers.Adam(1e-3, beta_1=0.5)
        self.step = tulle.function(self.move)

    def move(self, real, noise):
        with tulle.GradientTape() as tape:
            made = self.maker(noise, training=True)
            scores = self.judge(ops.concatenate([real, made]), training=True)
            count = ops.shape(real)[0]
            truth = ops.concatenate([ops.ones((count,)), ops.zeros((count,))])
            judged = REAL(truth, scores)
        weights = self.judge.trainable_variables
        gradients = tape.gradient(judged, weights)
        self.judge_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        with tulle.GradientTape() as tape:
            scores = self.judge(self.maker(noise, training=True), training=True)
            fooled = REAL(ops.ones_like(scores), scores)
        weights = self.maker.trainable_variables
        gradients = tape.gradient(fooled, weights)
        self.maker_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return judged, fooled


def play(steps: int = 1500, batch: int = 64) -> Game:
    """The players of the text after some moves on real digits."""
    tulle.utils.set_random_seed(7)
    module = tulle.load(Path(__file__).with_name("gan.net"))
    game = Game(module.Generator, module.Discriminator)
    random, images = np.random.default_rng(0), digits()[0]
    for _ in range(steps):
        real = images[random.integers(len(images), size=batch)]
        game.step(real, random.normal(size=(batch, CODES)).astype("float32"))
    return game


def main() -> None:
    game = play()
    noise = np.random.default_rng(1).normal(size=(6, CODES)).astype("float32")
    for row in game.maker.predict(noise, verbose=0).reshape(6, 8, 8).swapaxes(0, 1):
        print("  ".join("".join(" .:*#"[int(v * 4.99)] for v in part) for part in row))


if __name__ == "__main__":
    main()
