"""The ops that random programs are made of, with their names in JAX and PyTorch."""

from typing import Any

from program_networks import control, neural, windows
from program_rules import (
    INSIDE,
    POSITIVE,
    Rule,
    alike,
    apart,
    away,
    axes,
    axis,
    axis_keep,
    broadcast,
    column,
    distinct,
    even_last,
    index,
    last,
    long,
    longer_axis,
    matrix,
    new_axis,
    new_shape,
    off_halves,
    other_size,
    permutation,
    rank,
    reflected,
    repeats,
    right_matrix,
    row,
    same,
    segments,
    spread,
    unit_axis,
    unlike,
    wider,
    widths,
)  # fmt: skip

J, L, F = "jnp", "jax.nn", "F"


def elementwise() -> list[Rule]:
    smooth = "negative square tanh sin cos arctan arcsinh expm1 sinh cosh exp exp2"
    rules = [same(f"@{name}({{0}})") for name in smooth.split()]
    rules += [same("@tan({0} * 0.2)"), power("1.7")]
    positive = "log log2 log10 log1p sqrt reciprocal"
    rules += [same(f"@{name}({POSITIVE})") for name in positive.split()]
    inside = "arcsin arccos arctanh"
    rules += [same(f"@{name}({INSIDE})") for name in inside.split()]
    rules += [same(f"@arccosh({POSITIVE} + 1.0)")]
    rules += [same(f"@{n}({{0}})", "jax.scipy.special", "torch") for n in ["erf"]]
    rules += [same(f"@erfinv({INSIDE})", "jax.scipy.special")]
    rules += [same("@i0({0})", "jax.scipy.special", "torch")]
    rules += [same(f"@rsqrt({POSITIVE})", "jax.lax")]
    rules += [Rule(f"ops.cbrt({POSITIVE})", f"jnp.cbrt({POSITIVE})")]
    kinked = {"abs": 0.0, "sign": 0.0}
    rules += [same(f"@{n}({{0}})", steady=away(p)) for n, p in kinked.items()]
    rules += [same(f"@{n}({{0}}) + {{0}}", steady=off_halves) for n in
              ("floor", "ceil", "round", "trunc")]  # fmt: skip
    clip = "({0}, -0.7, 0.9)"
    rules += [Rule(f"ops.clip{clip}", f"jnp.clip{clip}", f"torch.clamp{clip}",
                   steady=away(-0.7, 0.9))]  # fmt: skip
    return rules + activations()


def power(exponent: str, **more: Any) -> Rule:
    call = f"({POSITIVE}, {exponent})"
    return Rule(f"ops.power{call}", f"jnp.power{call}", f"torch.pow{call}", **more)


def activations() -> list[Rule]:
    rules = [same(f"@{n}({{0}})", L, F) for n in
             "sigmoid softplus silu mish".split()]  # fmt: skip
    rules += [same(f"@{n}({{0}})", L, F, steady=away(0.0)) for n in
              "relu elu selu celu".split()]  # fmt: skip
    rules += [Rule("ops.softsign({0})", "jax.nn.soft_sign({0})", "F.softsign({0})",
                   steady=away(0.0))]  # fmt: skip
    rules += [same("@relu6({0})", L, F, steady=away(0.0, 6.0))]
    rules += [same("@leaky_relu({0}, negative_slope=0.2)", L, F, steady=away(0.0))]
    for keras, torch, points in (
        ("hard_tanh", "hardtanh", (-1, 1)),
        ("hard_silu", "hardswish", (-3, 3)),
    ):
        texts = (f"ops.{keras}({{0}})", f"jax.nn.{keras}({{0}})", f"F.{torch}({{0}})")
        rules.append(Rule(*texts, steady=away(*points)))
    rules += [Rule("ops.log_sigmoid({0})", "jax.nn.log_sigmoid({0})",
                   "F.logsigmoid({0})"),
              Rule("ops.squareplus({0})", "jax.nn.squareplus({0})",
                   "(({0} + torch.sqrt({0} * {0} + 4.0)) / 2.0)"),
              Rule("ops.gelu({0})", "jax.nn.gelu({0})",
                   "F.gelu({0}, approximate='tanh')"),
              Rule("ops.gelu({0}, approximate=False)",
                   "jax.nn.gelu({0}, approximate=False)", "F.gelu({0})"),
              Rule("ops.tanh_shrink({0})", "({0} - jnp.tanh({0}))",
                   "F.tanhshrink({0})"),
              Rule("ops.soft_shrink({0})",
                   "(jnp.sign({0}) * jnp.maximum(jnp.abs({0}) - 0.5, 0.0))",
                   "F.softshrink({0})", steady=away(-0.5, 0.5, 0.0)),
              # PyTorch's own multiplies by a sixth in single precision.
              Rule("ops.hard_sigmoid({0})", "jax.nn.hard_sigmoid({0})",
                   "(F.relu6({0} + 3.0) / 6.0)", steady=away(-3.0, 3.0)),
              same("@glu({0})", L, F, settings=even_last),
              Rule("ops.sparse_plus({0})", "jax.nn.sparse_plus({0})",
                   steady=away(-1.0, 1.0))]  # fmt: skip
    return rules


def pairs() -> list[Rule]:
    rules = [same(f"({{0}} {sign} {{1}})", wants=broadcast) for sign in "+-*"]
    rules += [same(f"@{n}({{0}}, {{1}})", wants=broadcast) for n in
              ("logaddexp", "logaddexp2", "add", "subtract", "multiply")]  # fmt: skip
    near = {"wants": broadcast, "steady": unlike}
    rules += [same(f"@{n}({{0}}, {{1}})", **near) for n in ("maximum", "minimum")]
    rules += [same("@where({0} > {1}, {0}, {1} * 0.5)", **near),
              same("@divide({0}, {1} * {1} + 0.5)", wants=broadcast),
              same("@arctan2({0}, {1} * {1} + 0.5)", wants=broadcast),
              same("@hypot({0} * {0} + 0.5, {1})", wants=broadcast),
              power("{1} * 0.3", wants=broadcast)]  # fmt: skip
    return rules


def reductions() -> list[Rule]:
    rules = [Rule(f"ops.{n}({{0}}, axis={{axis}}, keepdims={{keep}})",
                  f"jnp.{n}({{0}}, axis={{axis}}, keepdims={{keep}})",
                  f"torch.{n}({{0}}, dim={{axis}}, keepdim={{keep}})",
                  settings=axes) for n in ("sum", "mean")]  # fmt: skip
    rules += [Rule(f"ops.{n}({{0}})", f"jnp.{n}({{0}})", f"torch.{n}({{0}})",
                   steady=apart if n in ("max", "min") else lambda s, x: True)
              for n in ("sum", "mean", "max", "min", "prod")]  # fmt: skip
    fold = "({0}, axis={axis}, keepdims={keep})"
    fold_t = "({0}, dim={axis}, keepdim={keep})"
    rules += [Rule(f"ops.{n}{fold}", f"jnp.{n}{fold}", f"torch.a{n}{fold_t}",
                   settings=axis_keep, steady=apart)
              for n in ("max", "min")]  # fmt: skip
    flat = "({0}, dim={axis}, keepdim={keep}, correction=0)"
    return [*rules,
        Rule(f"ops.var{fold}", f"jnp.var{fold}", f"torch.var{flat}", settings=axes),
        Rule(f"ops.std{fold}", f"jnp.std{fold}", f"torch.std{flat}", settings=axes,
             steady=spread),
        Rule(f"ops.logsumexp{fold}", f"jax.nn.logsumexp{fold}",
             f"torch.logsumexp{fold_t}", settings=axes),
        Rule(f"ops.prod{fold}", f"jnp.prod{fold}", f"torch.prod{fold_t}",
             settings=axis_keep),
        Rule("ops.norm({0}, axis={axis})", "jnp.linalg.norm({0}, axis={axis})",
             "torch.linalg.vector_norm({0}, dim={axis})", settings=axis, steady=long),
        Rule("ops.normalize({0}, axis={axis})",
             "({0} / jnp.linalg.norm({0}, axis={axis}, keepdims=True))",
             "F.normalize({0}, dim={axis})", settings=axis, steady=long),
        Rule("ops.median({0}, axis={axis})", "jnp.median({0}, axis={axis})",
             "torch.quantile({0}, 0.5, dim={axis})", settings=axis, steady=apart),
        Rule("ops.quantile({0}, 0.3, axis={axis})",
             "jnp.quantile({0}, 0.3, axis={axis})",
             "torch.quantile({0}, 0.3, dim={axis})", settings=axis, steady=apart),
        Rule("ops.ptp({0}, axis={axis})", "jnp.ptp({0}, axis={axis})",
             "(torch.amax({0}, {axis}) - torch.amin({0}, {axis}))", settings=axis,
             steady=apart),
        same("@cumsum({0}, axis={axis})", settings=axis),
        same("@cumprod({0}, axis={axis})", settings=axis),
        Rule("ops.diff({0}, axis={axis})", "jnp.diff({0}, axis={axis})",
             "torch.diff({0}, dim={axis})", settings=longer_axis),
        Rule("ops.trapezoid({0}, axis={axis})", "jnp.trapezoid({0}, axis={axis})",
             "torch.trapezoid({0}, dim={axis})", settings=longer_axis),
        Rule("ops.softmax({0}, axis={axis})", "jax.nn.softmax({0}, axis={axis})",
             "F.softmax({0}, dim={axis})", settings=axis),
        Rule("ops.log_softmax({0}, axis={axis})",
             "jax.nn.log_softmax({0}, axis={axis})", "F.log_softmax({0}, dim={axis})",
             settings=axis),
    ]  # fmt: skip


def movement() -> list[Rule]:
    return [
        Rule("ops.transpose({0}, {axes})", "jnp.transpose({0}, {axes})",
             "torch.permute({0}, {axes})", settings=permutation),
        *[same("@reshape({0}, {shape})", settings=new_shape)] * 3,
        Rule("ops.expand_dims({0}, {axis})", "jnp.expand_dims({0}, {axis})",
             "torch.unsqueeze({0}, {axis})", settings=new_axis),
        same("@squeeze({0}, {axis})", settings=unit_axis),
        Rule("ops.flip({0}, {axis})", "jnp.flip({0}, {axis})",
             "torch.flip({0}, ({axis},))", settings=axis),
        same("@roll({0}, 2, {axis})", settings=axis),
        Rule("ops.repeat({0}, 2, axis={axis})", "jnp.repeat({0}, 2, axis={axis})",
             "torch.repeat_interleave({0}, 2, dim={axis})", settings=axis),
        same("@tile({0}, {reps})", settings=repeats),
        same("@moveaxis({0}, {axis}, 0)", settings=axis),
        same("@swapaxes({0}, {axis}, -1)", settings=axis),
        same("@broadcast_to({0}, {shape})", settings=wider),
        same("@tril({0}, {k})", settings=matrix),
        same("@triu({0}, {k})", settings=matrix),
        same("@diagonal({0})", settings=matrix),
        Rule("ops.trace({0})", "jnp.trace({0})", "torch.trace({0})",
             settings=rank(2)),
        same("@diag({0})", settings=rank(1)),
        same("@rot90({0})", settings=matrix),
        *[same("{0}[{index}]", settings=index)] * 3,
        Rule("ops.concatenate([{0}, {1}], axis={axis})",
             "jnp.concatenate([{0}, {1}], axis={axis})",
             "torch.cat([{0}, {1}], dim={axis})", settings=axis, wants=other_size),
        Rule("ops.stack([{0}, {1}, {0}], axis={axis})",
             "jnp.stack([{0}, {1}, {0}], axis={axis})",
             "torch.stack([{0}, {1}, {0}], dim={axis})", settings=new_axis,
             wants=alike),
        *[same(f"@{n}stack([{{0}}, {{0}}])", settings=axis) for n in "vhd"],
        Rule("ops.split({0}, [{k}], axis={axis})[1]",
             "jnp.split({0}, [{k}], axis={axis})[1]",
             "torch.tensor_split({0}, [{k}], dim={axis})[1]", settings=longer_axis),
        Rule("ops.pad({0}, {pads}, constant_values=0.5)",
             "jnp.pad({0}, {pads}, constant_values=0.5)",
             "F.pad({0}, {flat}, value=0.5)", settings=widths),
        *[Rule(f"ops.pad({{0}}, {{pads}}, '{m}')", f"jnp.pad({{0}}, {{pads}}, '{m}')",
               settings=reflected) for m in ("reflect", "symmetric")],
        Rule("ops.slice_update({0}, [{k}] + [0] * ({0}.ndim - 1), {1})",
             "lax.dynamic_update_slice({0}, {1}, [{k}] + [0] * ({0}.ndim - 1))",
             "torch.slice_scatter({0}, {1}, dim=0, start={k})",
             settings=lambda r, s: longer_axis(r, s[:1]), wants=row),
    ]  # fmt: skip


def picking() -> list[Rule]:
    zeros = "torch.zeros({rest3}, dtype={0}.dtype)"
    zeros = zeros.replace("{rest3}", "(3, *{0}.shape[1:])")
    return [
        Rule("ops.take({0}, {indices}, axis={axis})",
             "jnp.take({0}, jnp.array({indices}), axis={axis})",
             "torch.index_select({0}, {axis}, torch.tensor({indices}))",
             settings=longer_axis),
        Rule("ops.take_along_axis({0}, ops.argsort({0}, axis={axis}), axis={axis})",
             "jnp.take_along_axis({0}, jnp.argsort({0}, axis={axis}), axis={axis})",
             "torch.take_along_dim({0}, torch.argsort({0}, dim={axis}), dim={axis})",
             settings=axis, steady=apart),
        Rule("ops.sort({0}, axis={axis})", "jnp.sort({0}, axis={axis})",
             "torch.sort({0}, dim={axis}).values", settings=axis, steady=apart),
        Rule("ops.top_k({0}, 1)[0]", "lax.top_k({0}, 1)[0]",
             "torch.topk({0}, 1).values", settings=axis, steady=apart),
        Rule("ops.one_hot(ops.argmax({0}, axis=-1), {0}.shape[-1], dtype={0}.dtype)"
             " * {0}",
             "jax.nn.one_hot(jnp.argmax({0}, axis=-1), {0}.shape[-1],"
             " dtype={0}.dtype) * {0}",
             "F.one_hot(torch.argmax({0}, dim=-1), {0}.shape[-1]) * {0}",
             settings=axis, steady=lambda s, x: apart({"axis": -1}, x)),
        Rule("ops.segment_sum({0}, {ids}, 3)",
             "jax.ops.segment_sum({0}, jnp.array({ids}), 3)",
             zeros + ".index_add(0, torch.tensor({ids}), {0})", settings=segments),
        Rule("ops.scatter_update({0}, [[i] for i in {own}], {1}, reduction='add')",
             "{0}.at[jnp.array({own})].add({1})",
             "{0}.index_add(0, torch.tensor({own}), {1})", settings=segments,
             wants=alike),
        Rule("ops.scatter({columns}, {0}, (3, *{rest}))",
             "jnp.zeros((3, *{rest}), {0}.dtype).at[jnp.array({ids})].add({0})",
             zeros + ".index_add(0, torch.tensor({ids}), {0})", settings=segments),
    ]  # fmt: skip


def products() -> list[Rule]:
    spd = {name: f"({{0}} @ {turned} * 0.3 + {one})" for name, (turned, one) in {
        "tulle": ("ops.swapaxes({0}, -1, -2)", "ops.eye({m}, dtype={0}.dtype)"),
        "jax": ("jnp.swapaxes({0}, -1, -2)", "jnp.eye({m}, dtype={0}.dtype)"),
        "torch": ("torch.swapaxes({0}, -1, -2)", "torch.eye({m}, dtype={0}.dtype)"),
    }.items()}  # fmt: skip
    rules = [
        Rule(*(f"{call}({spd[peer]})" for peer, call in zip(spd, names, strict=True)),
             settings=matrix)
        for names in (
            ("ops.inv", "jnp.linalg.inv", "torch.linalg.inv"),
            ("ops.det", "jnp.linalg.det", "torch.linalg.det"),
            ("ops.cholesky", "jnp.linalg.cholesky", "torch.linalg.cholesky"),
            ("ops.logdet", "(lambda x: jnp.linalg.slogdet(x)[1])", "torch.logdet"),
        )
    ]  # fmt: skip
    rules += [Rule(f"ops.solve({spd['tulle']}, {{1}})",
                   f"jnp.linalg.solve({spd['jax']}, {{1}})",
                   f"torch.linalg.solve({spd['torch']}, {{1}})",
                   settings=lambda r, s: matrix(r, s) if len(s) == 2 else None,
                   wants=column)]  # fmt: skip
    einsums = {"...i,ij->...j": right_matrix, "...i,ji->j...": last((2,)),
               "...i,...i->...": alike, "i...,i...->...i": alike}  # fmt: skip
    rules += [same(f"@einsum('{text}', {{0}}, {{1}})", settings=axis, wants=wants)
              for text, wants in einsums.items()]  # fmt: skip
    return [*rules,
        *[same("@matmul({0}, {1}) * 0.5", settings=axis, wants=right_matrix)] * 3,
        same("({0} @ {1})", settings=axis, wants=last(())),
        Rule("ops.dot({0}, {1})", "jnp.dot({0}, {1})", "torch.matmul({0}, {1})",
             settings=axis, wants=right_matrix),
        same("@tensordot({0}, {1}, 1)", settings=axis, wants=right_matrix),
        same("@outer({0}, {1})", settings=rank(1), wants=broadcast_vector),
        same("@inner({0}, {1})", settings=axis, wants=last((2,))),
        # The gradient of PyTorch's own refuses some strides.
        Rule("ops.kron({0}, {1})", "jnp.kron({0}, {1})",
             "torch.einsum('ab,cd->acbd', {0}, {1})"
             ".reshape({0}.shape[0] * {1}.shape[0], -1)", settings=rank(2),
             wants=lambda *_: [(2, 1)]),
        same("@vdot({0}, {0})", settings=rank(1)),
        Rule("ops.svd({0}, compute_uv=False)",
             "jnp.linalg.svd({0}, compute_uv=False)", "torch.linalg.svdvals({0})",
             settings=matrix, steady=distinct),
        Rule(f"ops.eigh({spd['tulle']})[0]", f"jnp.linalg.eigh({spd['jax']})[0]",
             f"torch.linalg.eigvalsh({spd['torch']})", settings=matrix,
             steady=lambda s, x: x.shape[-2] <= x.shape[-1] and distinct(s, x)),
        Rule("ops.cross({0}, {1})", "jnp.cross({0}, {1})",
             "torch.linalg.cross({0}, {1})",
             settings=lambda r, s: {} if s[-1:] == (3,) else None, wants=alike),
    ]  # fmt: skip


def broadcast_vector(random: Any, *_: Any) -> list[tuple[int, ...]]:
    return [(random.randint(1, 4),)]


GROUPS = [
    elementwise(), pairs(), reductions(), movement(), picking(), products(), windows(),
    neural(), control(),
]  # fmt: skip
