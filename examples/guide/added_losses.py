"""Losses that layers add as they compute: a price for activity."""

from linear_layer import Linear
from pictures import CLASSES
from training_loop import batches

import tulle
from tulle import layers, ops


class Priced(layers.Layer):
    """Hands its input on, and adds a share of its sum to the losses."""

    def __init__(self, price: float = 1e-2):
        super().__init__()
        self.price = price

    def call(self, inputs):
        self.add_loss(self.price * ops.sum(inputs))
        return inputs


class Sparse(layers.Layer):
    """Two linear layers; what passes between them has a price."""

    def __init__(self):
        super().__init__()
        self.first = Linear(32)
        self.price = Priced()
        self.last = Linear(CLASSES)

    def call(self, inputs):
        x = ops.relu(self.first(inputs))
        return self.last(self.price(x))


def main(count: int = 60_000, rate: float = 1e-3) -> list[float]:
    tulle.utils.set_random_seed(1)
    model = Sparse()
    for _ in range(2):
        model(ops.ones((10, 10)))
        assert len(model.losses) == 1  # those of the last call alone
    print(model.losses)

    model = Sparse()
    loss_of = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tulle.optimizers.SGD(learning_rate=rate)
    losses = []
    for step, (x, y) in enumerate(batches(count)):
        with tulle.GradientTape() as tape:
            loss = loss_of(y, model(x))
            loss += sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        losses.append(float(loss))
        if step % 100 == 0:
            print("step", step, "loss", losses[-1])
    return losses


if __name__ == "__main__":
    main()
