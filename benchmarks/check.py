"""Whether Tulle trains as JAX does, from equal weights, on every workload.

Nothing is drawn at random here. `python benchmarks/check.py [--json] [WORKLOAD...]`
"""

import json
import sys
from typing import Any

import numpy as np
from systems import made_by
from workloads import WORKLOADS, Workload, itself

STEPS = 10
TOLERANCE = 5e-4  # relative, of each loss: Adam makes much of small gradients


def adam_of_keras(learning_rate: float, eps: float, weight_decay: float = 0.0) -> Any:
    """Adam with epsilon where Keras has it, which small gradients notice."""
    import jax
    import jax.numpy as jnp
    import optax

    def init(weights: Any) -> Any:
        zeros = [jnp.zeros_like(weight) for weight in weights]
        return jnp.zeros(()), zeros, zeros

    def update(gradients: Any, slots: Any, weights: Any) -> Any:
        count, means, squares = slots[0] + 1.0, *slots[1:]
        grow = jax.tree.map
        means = grow(lambda m, g: m + 0.1 * (g - m), means, gradients)
        squares = grow(lambda s, g: s + 0.001 * (g * g - s), squares, gradients)
        rate = learning_rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)

        def change(m: Any, s: Any, w: Any) -> Any:
            decay = learning_rate * weight_decay * w
            return -rate * m / (jnp.sqrt(s) + eps) - decay

        return grow(change, means, squares, weights), (count, means, squares)

    return optax.GradientTransformation(init, update)


def losses_of_jax(workload: Workload, net: Any) -> list[float]:
    import jax
    import networks_jax
    import optax

    name, settings = net.optimizer
    adam = name in ("adam", "adamw")
    optimizer = adam_of_keras(**settings) if adam else net.optax()

    @jax.jit
    def update(weights, state, slots, x, y):
        def loss_of(weights):
            mode = networks_jax.Mode(training=True)
            output, own, after = net.apply(weights, state, x, mode)
            return net.loss(output, itself(x, y)) + own, after

        found = jax.value_and_grad(loss_of, has_aux=True)(weights)
        (loss, state), gradients = found
        changes, slots = optimizer.update(gradients, slots, weights)
        return optax.apply_updates(weights, changes), state, slots, loss

    held, losses = (net.weights, net.state, optimizer.init(net.weights)), []
    for x, y in workload.batches(STEPS):
        *held, loss = update(*held, x, y)
        losses.append(float(loss))
    return losses


def losses_of_tulle(workload: Workload, weights: list[Any]) -> list[float]:
    import tulle

    task = made_by("keras", workload, tulle, False)
    batches = workload.batches(STEPS)
    task.model(batches[0][0])  # a subclass has its weights after a first call
    model = task.model
    model.compile(optimizer=task.optimizer, loss=task.loss)
    if len(model.trainable_weights) != len(weights):
        sys.exit(f"{workload.name}: the networks have other numbers of weights")
    for variable, array in zip(model.trainable_weights, weights, strict=True):
        variable.assign(np.asarray(array).reshape(variable.shape))
    # Alone, each batch's own loss: `train_on_batch` gives the mean so far.
    found = []
    for x, y in batches:
        model.reset_metrics()
        found.append(float(model.train_on_batch(x, itself(x, y))))
    return found


def check(workload: Workload) -> dict[str, Any]:
    """The losses of both, and the largest relative difference."""
    net = made_by("jax", workload)
    weights = [np.array(array) for array in net.weights]
    expected = losses_of_jax(workload, net)
    found = losses_of_tulle(workload, weights)
    difference = float(np.max(np.abs(np.divide(found, expected) - 1.0)))
    return {
        "jax": expected,
        "tulle": found,
        "difference": difference,
        "agree": difference < TOLERANCE,
    }


def main() -> None:
    given = sys.argv[1:]
    names = [name for name in given if name != "--json"]
    rows = {name: check(WORKLOADS[name]) for name in names or WORKLOADS}
    if "--json" in given:
        print(json.dumps(rows))
        return
    for name, row in rows.items():
        losses = f"{row['tulle'][0]:.6g} to {row['tulle'][-1]:.6g}"
        word = "agree" if row["agree"] else "DIFFER"
        print(f"{name:<10} {losses:<24} {row['difference']:.1e}  {word}")
    if not all(row["agree"] for row in rows.values()):
        sys.exit("Tulle and JAX do not compute the same losses")


if __name__ == "__main__":
    main()
