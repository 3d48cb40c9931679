"""How each system computes a case: the function alone, and it with all gradients."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from convolution_cases import POOLS, Case

Run = Callable[[], list[Any]]
SMALL = 1e-3  # beside a variance


def tulle(case: Case) -> dict[str, Run]:
    """Compiled functions."""
    import tulle
    from tulle import ops

    options = {"strides": case.stride, "padding": case.padding}
    wide = {**options, "dilation_rate": case.dilation}

    def apply(x: Any, *kernels: Any) -> Any:
        if case.op in POOLS:
            pool = ops.max_pool if case.op == POOLS[0] else ops.average_pool
            return pool(x, case.kernel, **options)
        if case.op == "upsampling":
            layer = f"UpSampling{case.rank}D"
            return getattr(tulle.layers, layer)(case.kernel)(x)
        if case.op == "transposed":
            return ops.conv_transpose(x, *kernels, **options)
        name = {"conv": "conv"}.get(case.op, f"{case.op}_conv")
        return getattr(ops, name)(x, *kernels, **wide)

    def forward(x: Any, *weights: Any) -> Any:
        kernels, tail = split(case, weights)
        y = apply(x, *kernels)
        if case.tail == "norm":
            axes = tuple(range(case.rank + 1))
            mean, variance = ops.moments(y, axes, keepdims=True)
            y = (y - mean) / ops.sqrt(variance + SMALL) * tail[1]
        return ops.relu(y + tail[0]) if case.tail else y

    def gradients(cotangent: Any, *operands: Any) -> Any:
        found, back = tulle.vjp(forward, *operands)
        return [found, *back(cotangent)]

    operands, cotangent = case.given()
    operands = [tulle.convert_to_tensor(operand) for operand in operands]
    cotangent = tulle.convert_to_tensor(cotangent)
    compiled = tulle.function(forward), tulle.function(gradients)
    return {
        "forward": lambda: [compiled[0](*operands)],
        "gradients": lambda: compiled[1](cotangent, *operands),
    }


def split(case: Case, weights: Any) -> Any:
    """Kernels, and what the tail needs."""
    count = len(case.weights)
    return weights[:count], weights[count:]


def jax(case: Case) -> dict[str, Run]:
    """Compiled functions."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    space = "DHW"[-case.rank :]
    layout = f"N{space}C", f"{space}IO", f"N{space}C"
    strides, padding = (case.stride,) * case.rank, case.margins()
    convolve = partial(lax.conv_general_dilated, dimension_numbers=layout)
    wide = {"window_strides": strides, "rhs_dilation": (case.dilation,) * case.rank}

    def apply(x: Any, *kernels: Any) -> Any:
        if case.op in POOLS:
            window = (1, *[case.kernel] * case.rank, 1), (1, *strides, 1)
            fold = (-jnp.inf, lax.max) if case.op == POOLS[0] else (0.0, lax.add)
            margins = [(0, 0), *padding, (0, 0)]
            y = lax.reduce_window(x, *fold, *window, margins)
            return y if case.op == POOLS[0] else y / case.kernel**case.rank
        if case.op == "upsampling":
            for axis in range(1, case.rank + 1):
                x = jnp.repeat(x, case.kernel, axis)
            return x
        if case.op == "transposed":
            return lax.conv_transpose(
                x, *kernels, strides, case.padding.upper(),
                dimension_numbers=layout, transpose_kernel=True,
            )  # fmt: skip
        groups = case.groups
        if case.op in ("depthwise", "separable"):
            groups, (first, *rest) = case.channels, kernels
            kernels = first.reshape(*first.shape[:-2], 1, -1), *rest
        y = convolve(x, kernels[0], padding=padding, feature_group_count=groups, **wide)
        for kernel in kernels[1:]:
            y = convolve(y, kernel, (1,) * case.rank, "VALID")
        return y

    def forward(x: Any, *weights: Any) -> Any:
        kernels, tail = split(case, weights)
        y = apply(x, *kernels)
        if case.tail == "norm":
            axes = tuple(range(case.rank + 1))
            mean, variance = y.mean(axes), y.var(axes)
            y = (y - mean) / jnp.sqrt(variance + SMALL) * tail[1]
        return jax.nn.relu(y + tail[0]) if case.tail else y

    def gradients(cotangent: Any, *operands: Any) -> Any:
        found, back = jax.vjp(forward, *operands)
        return [found, *back(cotangent)]

    operands, cotangent = jax.device_put(case.given())
    compiled = jax.jit(forward), jax.jit(gradients)
    return {
        "forward": lambda: [compiled[0](*operands).block_until_ready()],
        "gradients": lambda: jax.block_until_ready(compiled[1](cotangent, *operands)),
    }


def torch(case: Case, last: bool = False) -> dict[str, Run]:
    """Eager functions, with channels first in memory or `last`."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    apply = partial(applied_by_torch, case)

    def forward(x: Any, *weights: Any) -> Any:
        kernels, tail = split(case, weights)
        y = apply(x, *kernels)
        if case.tail == "norm":
            shift, scale = tail
            y = functional.batch_norm(
                y, None, None, scale, shift, training=True, eps=SMALL
            )
        elif case.tail:
            y = y + tail[0].reshape(-1, *[1] * case.rank)
        return functional.relu(y) if case.tail else y

    (x, *weights), cotangent = case.given()
    count = len(case.weights)
    operands = [
        first_channels(x, last),
        *(kernel_of_torch(w, case.op) for w in weights[:count]),
    ]
    operands += [torch.from_numpy(array) for array in weights[count:]]
    learned = [operand.clone().requires_grad_() for operand in operands]
    cotangent = first_channels(cotangent, last)

    def alone() -> list[Any]:
        with torch.inference_mode():
            return [forward(*operands)]

    def gradients() -> list[Any]:
        found = forward(*learned)
        return [found.detach(), *torch.autograd.grad(found, learned, cotangent)]

    return {"forward": alone, "gradients": gradients}


def applied_by_torch(case: Case, x: Any, *kernels: Any) -> Any:
    """The op of a case, without what follows it."""
    from torch.nn import functional

    named, rank = partial(getattr, functional), case.rank
    options = {"stride": case.stride, "padding": [low for low, _ in case.margins()]}
    if case.op in POOLS:
        word = "max" if case.op == POOLS[0] else "avg"
        return named(f"{word}_pool{rank}d")(x, case.kernel, **options)
    if case.op == "upsampling":
        return functional.interpolate(x, scale_factor=case.kernel)
    if case.op == "transposed":
        return named(f"conv_transpose{rank}d")(x, *kernels, **options)
    alone = case.op in ("depthwise", "separable")
    groups = case.channels if alone else case.groups
    wide = {**options, "dilation": case.dilation, "groups": groups}
    y = named(f"conv{rank}d")(x, kernels[0], **wide)
    for kernel in kernels[1:]:
        y = named(f"conv{rank}d")(y, kernel)
    return y


def first_channels(array: Any, last: bool) -> Any:
    """Images as PyTorch has them, the channels `last` in memory or not."""
    import torch

    found = torch.from_numpy(array).movedim(-1, 1).contiguous()
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if not last or found.ndim not in formats:
        return found
    return found.contiguous(memory_format=formats[found.ndim])


def kernel_of_torch(array: Any, op: str) -> Any:
    """A kernel with its two axes of channels in front, the filters first."""
    import torch

    alone = op in ("depthwise", "separable") and array.shape[-1] == 1
    order = (-2, -1) if alone else (-1, -2)
    return torch.from_numpy(array).movedim(order, (0, 1)).contiguous()


SYSTEMS: dict[str, Callable[[Case], dict[str, Run]]] = {
    "tulle": tulle,
    "jax": jax,
    "torch": torch,
    "torch last": partial(torch, last=True),
}
