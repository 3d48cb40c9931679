"""A metric in a loop: updated each batch, read at any time, begun anew each epoch."""

from pictures import CLASSES
from training_loop import batches

import tulle
from tulle import layers


def classifier() -> tulle.Sequential:
    """Two hidden layers and a score for each class."""
    return tulle.Sequential(
        [
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )


def main(count: int = 60_000, epochs: int = 2) -> list[list[float]]:
    tulle.utils.set_random_seed(1)
    model, accuracy = classifier(), tulle.metrics.SparseCategoricalAccuracy()
    loss_of = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tulle.optimizers.Adam(learning_rate=1e-3)
    data = batches(count)
    told = []
    for epoch in range(epochs):
        told.append([])
        for step, (x, y) in enumerate(data):
            with tulle.GradientTape() as tape:
                logits = model(x)
                loss = loss_of(y, logits)
            accuracy.update_state(y, logits)
            gradients = tape.gradient(loss, model.trainable_weights)
            pairs = zip(gradients, model.trainable_weights, strict=True)
            optimizer.apply_gradients(pairs)
            told[-1].append(float(accuracy.result()))
            if step % 200 == 0:
                print("epoch", epoch, "step", step, f"accuracy {told[-1][-1]:.3f}")
        accuracy.reset_state()
    return told


if __name__ == "__main__":
    main()
