"""A loop by hand: forward under a tape, gradients, a step of the optimizer."""

from linear_layer import Linear
from pictures import CLASSES, pictures

import tulle


def batches(count: int, size: int = 64):
    """Pictures with their classes, shuffled, in batches."""
    data = tulle.data.Dataset.from_tensor_slices(pictures(count))
    return data.shuffle(1024, seed=1).batch(size)


def main(count: int = 60_000, rate: float = 1e-3) -> list[float]:
    tulle.utils.set_random_seed(1)
    layer = Linear(CLASSES)
    loss_of = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tulle.optimizers.SGD(learning_rate=rate)

    losses = []
    for step, (x, y) in enumerate(batches(count)):
        with tulle.GradientTape() as tape:
            loss = loss_of(y, layer(x))
        gradients = tape.gradient(loss, layer.trainable_weights)
        optimizer.apply_gradients(zip(gradients, layer.trainable_weights, strict=True))
        losses.append(float(loss))
        if step % 100 == 0:
            print("step", step, "loss", losses[-1])
    return losses


if __name__ == "__main__":
    main()
