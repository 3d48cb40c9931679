"""A hypernetwork (Ha et al. 2016): one network makes the weights of another.

For each picture, one by one, the inner network gives all weights of the outer one,
which then tells the class. Only the inner network is trained.
"""

import math

from pictures import CLASSES, pictures

import tulle
from tulle import layers, ops

SIZE, WIDTH = 784, 64
SHAPES = ((SIZE, WIDTH), (WIDTH,), (WIDTH, CLASSES), (CLASSES,))


def cut(values):
    """The weights of the outer network out of one row of numbers."""
    start, found = 0, []
    for shape in SHAPES:
        stop = start + math.prod(shape)
        found.append(ops.reshape(values[:, start:stop], shape))
        start = stop
    return found


def main(steps: int = 1001, rate: float = 1e-4) -> list[float]:
    """The mean loss so far after each step."""
    tulle.utils.set_random_seed(1)
    outer = tulle.Sequential([layers.Dense(WIDTH, "relu"), layers.Dense(CLASSES)])
    for layer in outer.layers:
        layer.built = True  # its weights come from elsewhere
    inner = tulle.Sequential(
        [
            layers.Dense(16, activation="relu"),
            layers.Dense(sum(map(math.prod, SHAPES)), activation="sigmoid"),
        ]
    )
    loss_of = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tulle.optimizers.Adam(learning_rate=rate)

    @tulle.function
    def step_on(x, y):
        with tulle.GradientTape() as tape:
            first, last = outer.layers
            first.kernel, first.bias, last.kernel, last.bias = cut(inner(x))
            loss = loss_of(y, outer(x))
        gradients = tape.gradient(loss, inner.trainable_weights)
        optimizer.apply_gradients(zip(gradients, inner.trainable_weights, strict=True))
        return loss

    data = tulle.data.Dataset.from_tensor_slices(pictures(steps))
    total, means = 0.0, []
    for step, (x, y) in enumerate(data.shuffle(1024, seed=1).batch(1)):
        total += float(step_on(x, y))
        means.append(total / (step + 1))
        if step % 100 == 0:
            print("step", step, "mean loss", means[-1])
    return means


if __name__ == "__main__":
    main()
