"""The step as one program: forward, gradients and optimizer, traced once."""

from running_metrics import classifier
from training_loop import batches

import tulle


def main(count: int = 60_000) -> tuple[list[float], int]:
    tulle.utils.set_random_seed(1)
    model = classifier()
    loss_of = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tulle.optimizers.Adam(learning_rate=1e-3)
    traces = []

    @tulle.function
    def step_on(x, y):
        traces.append(1)  # Python runs when the step is traced, not when it is taken
        with tulle.GradientTape() as tape:
            loss = loss_of(y, model(x))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    losses = []
    for step, (x, y) in enumerate(batches(count)):
        losses.append(float(step_on(x, y)))
        if step % 100 == 0:
            print("step", step, "loss", losses[-1])
    return losses, len(traces)


if __name__ == "__main__":
    main()
