"""One training step on each system: `make(workload)` gives a function of a batch.

The function returns something whose `float` is the loss, waiting for it if need be.
"""

from collections.abc import Callable
from typing import Any

from workloads import Workload

Step = Callable[[Any, Any], Any]


def tulle_model(workload: Workload) -> Any:
    import tulle

    x = h = tulle.Input(workload.sizes[:1])
    for units in workload.sizes[1:-1]:
        h = tulle.layers.Dense(units, activation="relu")(h)
    model = tulle.Model(x, tulle.layers.Dense(workload.sizes[-1])(h))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=tulle.optimizers.Adam(1e-3), loss=loss)
    return model


def tulle(workload: Workload) -> Step:
    """The compiled step, called with arrays."""
    from tulle.training.batches import prepare

    model = tulle_model(workload)
    x, y = workload.batches(1)[0]
    program = model.steps.program("train", prepare(model, x, y).signature)
    return lambda x, y: program((x, y))["loss"]


def tulle_train_on_batch(workload: Workload) -> Step:
    """The same step by `train_on_batch`, which checks the data and reads the loss."""
    return tulle_model(workload).train_on_batch


def torch(workload: Workload) -> Step:
    """PyTorch, eager, with its fused Adam."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for inputs, units in zip(workload.sizes, workload.sizes[1:], strict=False):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        target = torch.from_numpy(y).long()
        loss = nn.functional.cross_entropy(model(torch.from_numpy(x)), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def jax(workload: Workload) -> Step:
    """JAX, one jitted function, with optax's Adam."""
    import jax
    import jax.numpy as jnp
    import optax

    initial = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.key(0), len(workload.sizes))
    pairs = zip(workload.sizes, workload.sizes[1:], strict=False)
    parameters = [
        (initial(key, pair), jnp.zeros(pair[1]))
        for key, pair in zip(keys, pairs, strict=False)
    ]
    optimizer = optax.adam(1e-3)
    state = optimizer.init(parameters)

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        for kernel, bias in parameters[:-1]:
            x = jax.nn.relu(x @ kernel + bias)
        kernel, bias = parameters[-1]
        logits = x @ kernel + bias
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    @jax.jit
    def update(parameters: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        changes, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, changes), state, loss

    def step(x: Any, y: Any) -> Any:
        nonlocal parameters, state
        parameters, state, loss = update(parameters, state, x, y)
        return loss

    return step


SYSTEMS: dict[str, tuple[str, Callable[[Workload], Step]]] = {
    "tulle": ("tulle", tulle),
    "tulle train_on_batch": ("tulle", tulle_train_on_batch),
    "torch": ("torch", torch),
    "jax": ("optax", jax),
}
