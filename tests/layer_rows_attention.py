"""Rows of attention and of dense layers between named axes."""

from layer_row import LayerRow, row

SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}
QUERY_AND_VALUE = ("B T 4", "B S 4")
THREE = ("B T 4", "B S 3", "B S 4")


def attention(
    name, inputs=QUERY_AND_VALUE, call=None, masks=(), random=False, **config
):
    return LayerRow(
        name, config, inputs, listed=True, call=call or {}, masks=masks, random=random
    )


def heads(name, *inputs, call=None, masks=(), random=False, **config):
    return LayerRow(name, config, inputs, call=call or {}, masks=masks, random=random)


def many(*inputs, **more):
    return heads(
        "MultiHeadAttention", *inputs, **{"num_heads": 2, "key_dim": 3, **more}
    )


def grouped(*inputs, **more):
    settings = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    return heads("GroupQueryAttention", *inputs, **{**settings, **more})


ROWS = [
    row("EinsumDense", "B 4", equation="ab,bc->ac", output_shape=3, bias_axes="c"),
    row(
        "EinsumDense",
        "B T 4",
        equation="abc,cde->abde",
        output_shape=[None, 2, 3],
        bias_axes="de",
        activation="tanh",
    ),
    row(
        "EinsumDense",
        "B T 2 4",
        equation="abcd,cde->abe",
        output_shape=[None, 5],
        bias_axes="e",
        kernel_regularizer={"class": "L2", "config": {"l2": 0.1}},
    ),
    row("EinsumDense", "B T 5", equation="...x,xy->...y", output_shape=4),
    row(
        "EinsumDense",
        "B T S 5",
        equation="...x,xyz->...yz",
        output_shape=[2, 3],
        bias_axes="y",
    ),
    row(
        "EinsumDense",
        "B 4 T S",
        equation="ab...,bc->ac...",
        output_shape=3,
        bias_axes="c",
    ),
    row("EinsumDense", "B 3 4", equation="abc,bcd->abd", output_shape=[3, 2]),
    row(
        "EinsumDense",
        "B 3 4",
        equation="abc,cd->adb",
        output_shape=[2, 3],
        bias_axes="db",
    ),
    row(
        "EinsumDense",
        "B T 4",
        equation="abc,cd->abd",
        output_shape=[None, 3],
        lora_rank=2,
    ),
    attention("Attention"),
    attention("Attention", THREE, use_scale=True),
    attention("Attention", THREE, call=SCORES, score_mode="concat", use_scale=True),
    attention("Attention", call=CAUSAL, score_mode="concat"),
    attention("Attention", call={**CAUSAL, **SCORES}),
    attention("Attention", call=CAUSAL, masks=(0, 1)),
    attention("Attention", call=SCORES, masks=(0, 1), use_scale=True),
    attention("Attention", masks=(1,)),
    attention("Attention", ("B H T 4", "B H S 4"), use_scale=True),
    attention("Attention", dropout=0.5, random=True, seed=3),
    attention("AdditiveAttention"),
    attention("AdditiveAttention", THREE, call={**CAUSAL, **SCORES}),
    attention("AdditiveAttention", use_scale=False, masks=(0, 1)),
    attention("AdditiveAttention", call=CAUSAL, masks=(1,)),
    many("B T 5", "B S 4"),
    many("B T 5", "B S 4", "B S 3", value_dim=4, use_bias=False),
    many("B T 5", "B S 4", call=SCORES, masks=(0, 1), value_dim=2),
    many("B T 5", "B S 4", call=CAUSAL, output_shape=7),
    many("B T 5", "B S 4", call=CAUSAL, masks=(0, 1), use_gate=True, value_dim=2),
    many("B T 5", "B S 4", call={**CAUSAL, **SCORES}, output_shape=[2, 3]),
    many("B T 5", "B S 4", sliding_window=2, masks=(1,)),
    many("B T 5", "B S 4", call={**CAUSAL, **SCORES}, sliding_window=2),
    many("B H T 5", "B H S 4", attention_axes=2),
    many("B T H 5", "B S H 4", attention_axes=[1]),
    many("B H W 5", "B X Y 4"),
    many("B T 5", "B S 4", dropout=0.5, random=True, seed=3),
    many(
        "B T 5",
        "B S 4",
        kernel_regularizer={"class": "L2", "config": {"l2": 0.1}},
        activity_regularizer={"class": "L2", "config": {"l2": 0.1}},
        bias_initializer="ones",
    ),
    grouped("B T 5", "B S 4"),
    grouped("B T 5", "B S 4", "B S 3", num_key_value_heads=1, use_bias=False),
    grouped("B T 5", "B S 4", call=SCORES, masks=(0, 1)),
    grouped("B T 5", "B S 4", call={**CAUSAL, **SCORES}, use_gate=True),
    grouped("B T 5", "B S 4", call=CAUSAL, masks=(0, 1), sliding_window=3),
    grouped("B T 5", "B S 4", dropout=0.5, random=True, seed=3),
    grouped(
        "B T 5",
        "B S 4",
        num_key_value_heads=4,
        activity_regularizer={"class": "L2", "config": {"l2": 0.1}},
    ),
]
