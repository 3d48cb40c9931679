"""Rules for convolution, pooling, normalization, losses and control flow."""

import numpy as np
from program_rules import (
    Rule,
    alike,
    apart,
    axis,
    kernel_of,
    last,
    open_window,
    rank,
    window,
)  # fmt: skip


def windows() -> list[Rule]:
    back, here = ".permute({last})", "{0}.permute({first}).contiguous()"
    conv = "lax.conv_general_dilated({0}, {1}, %s, dimension_numbers={numbers})"
    weights = "{1}.permute({kernel}).contiguous()"
    torch = f"getattr(F, 'conv%s{{n}}d')({here}, {weights}, %s){back}"
    pool = f"getattr(F, '%s_pool{{n}}d')({here}, {{size}}, {{stride}}){back}"
    fold = "lax.reduce_window({0}, %s, {window}, {steps}, 'VALID')"
    return [
        Rule("ops.conv({0}, {1}, strides={stride})", conv % "{strides}, 'VALID'",
             torch % ("", "stride={stride}"), settings=window, wants=kernel_of()),
        Rule("ops.conv({0}, {1}, padding='same')",
             conv % "(1,) * {n}, 'SAME'", torch % ("", "padding='same'"),
             settings=window, wants=kernel_of()),
        Rule("ops.conv({0}, {1}, dilation_rate={dilation})",
             conv % "(1,) * {n}, 'VALID', rhs_dilation={dilations}",
             torch % ("", "dilation={dilation}"), settings=window, wants=kernel_of()),
        Rule("ops.conv({0}, {1})",
             conv.replace("})", "}, feature_group_count={c})") % "(1,) * {n}, 'VALID'",
             torch % ("", "groups={c}"), settings=window, wants=kernel_of(groups=True)),
        Rule("ops.depthwise_conv({0}, {1})",
             conv.replace("{1}", "{1}.swapaxes(-1, -2)").replace(
                 "})", "}, feature_group_count={c})") % "(1,) * {n}, 'VALID'",
             torch.replace("{1}", "{1}.swapaxes(-1, -2)") % ("", "groups={c}"),
             settings=window,
             wants=lambda r, s, found, p: [(*found["size"], s[-1], 1)]),
        Rule("ops.conv_transpose({0}, {1}, strides={stride})",
             "lax.conv_transpose({0}, {1}, {strides}, 'VALID',"
             " dimension_numbers={numbers}, transpose_kernel=True)",
             torch % ("_transpose", "stride={stride}"), settings=open_window,
             wants=kernel_of(turned=True)),
        Rule("ops.max_pool({0}, {size}, {stride})", fold % "-jnp.inf, lax.max",
             pool % "max", settings=window, steady=apart),
        Rule("ops.average_pool({0}, {size}, {stride})",
             fold % "0.0, lax.add" + " / {area}", pool % "avg", settings=window),
    ]  # fmt: skip


def neural() -> list[Rule]:
    center = "({0} - {0}.mean(-1, keepdims=True))"
    scaled = (
        f"({center} / jnp.sqrt({{0}}.var(-1, keepdims=True) + 1e-2) * {{1}} + {{2}})"
    )
    rms = "({0} / jnp.sqrt(({0} * {0}).mean(-1, keepdims=True) + 1e-2) * {1})"
    three = {"settings": axis, "wants": last((), ())}
    return [
        Rule("ops.layer_normalization({0}, {1}, {2}, epsilon=1e-2)", scaled,
             "F.layer_norm({0}, {0}.shape[-1:], {1}, {2}, 1e-2)", **three),
        Rule("ops.rms_normalization({0}, {1}, epsilon=1e-2)", rms,
             "F.rms_norm({0}, {0}.shape[-1:], {1}, 1e-2)", settings=axis,
             wants=last(())),
        Rule("ops.batch_normalization({0}, {1}, {2} * {2} + 0.5, -1)",
             "(({0} - {1}) / jnp.sqrt({2} * {2} + 0.5 + 1e-3))",
             "(({0} - {1}) / torch.sqrt({2} * {2} + 0.5 + 1e-3))", **three),
        Rule("ops.dot_product_attention({0}, {1}, {2})",
             # JAX's own adds up in single precision.
             "jnp.einsum('bhts,bshd->bthd', jax.nn.softmax(jnp.einsum("
             "'bthd,bshd->bhts', {0}, {1}) / jnp.sqrt({0}.shape[-1]), -1), {2})",
             "F.scaled_dot_product_attention({0}.transpose(1, 2),"
             " {1}.transpose(1, 2), {2}.transpose(1, 2)).transpose(1, 2)",
             settings=rank(4), wants=lambda r, s, *_: [s, s]),
        Rule("ops.categorical_crossentropy({1} * {1}, {0}, from_logits=True)",
             "-jnp.sum({1} * {1} * jax.nn.log_softmax({0}), -1)",
             "-torch.sum({1} * {1} * F.log_softmax({0}, -1), -1)", settings=axis,
             wants=alike),
        Rule("ops.binary_crossentropy(ops.sigmoid({1}), {0}, from_logits=True)",
             "(jax.nn.softplus({0}) - jax.nn.sigmoid({1}) * {0})",
             "F.binary_cross_entropy_with_logits({0}, torch.sigmoid({1}),"
             " reduction='none')", settings=axis, wants=alike),
    ]  # fmt: skip


def control() -> list[Rule]:
    first = {"settings": axis}
    return [
        Rule("ops.cond(ops.sum({0}) > 0.0, lambda: {0} * 2.0, lambda: ops.sin({0}))",
             "lax.cond(jnp.sum({0}) > 0.0, lambda: {0} * 2.0, lambda: jnp.sin({0}))",
             "({0} * 2.0 if torch.sum({0}) > 0.0 else torch.sin({0}))",
             steady=lambda s, x: abs(np.sum(x)) > 1e-2),
        Rule("ops.scan(lambda c, x: (ops.tanh(c * 0.5 + x),) * 2,"
             " ops.zeros_like({0}[0]), {0})[1]",
             "lax.scan(lambda c, x: (jnp.tanh(c * 0.5 + x),) * 2,"
             " jnp.zeros_like({0}[0]), {0})[1]",
             "torch.stack([*accumulate({0}, lambda c, x: torch.tanh(c * 0.5 + x),"
             " initial=torch.zeros_like({0}[0]))][1:])", **first),
        Rule("ops.map(lambda x: ops.sin(x) * ops.sum(x), {0})",
             "lax.map(lambda x: jnp.sin(x) * jnp.sum(x), {0})",
             "torch.stack([torch.sin(x) * torch.sum(x) for x in {0}])", **first),
        Rule("ops.vectorized_map(lambda x: ops.tanh(x) * ops.sum(x), {0})",
             "jax.vmap(lambda x: jnp.tanh(x) * jnp.sum(x))({0})",
             "torch.stack([torch.tanh(x) * torch.sum(x) for x in {0}])", **first),
        Rule("ops.fori_loop(0, 3, lambda i, x: ops.sin(x) * 1.1, {0})",
             "lax.fori_loop(0, 3, lambda i, x: jnp.sin(x) * 1.1, {0})",
             "torch.sin(torch.sin(torch.sin({0}) * 1.1) * 1.1) * 1.1"),
    ]  # fmt: skip
