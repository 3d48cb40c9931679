"""Rows of the recurrent layers, their cells, and of layers around other layers."""

from typing import Any

from layer_row import LayerRow, row


def spec(kind: str, **config: Any) -> dict[str, Any]:
    """A layer as an argument of another."""
    return {"class": kind, "config": config}


MIRROR = spec("SimpleRNN", units=2, go_backwards=True, activation="relu")

ROWS = [
    row("SimpleRNN", "B T 3", units=4),
    row("SimpleRNN", "B T 3", units=2, return_sequences=True, return_state=True),
    row("SimpleRNN", "B 4 3", units=2, unroll=True, go_backwards=True),
    row("SimpleRNN", "B T 3", units=2, use_bias=False, activation=None),
    LayerRow(
        "SimpleRNN", {"units": 2, "return_sequences": True}, ("B T 3",), masks=(0,)
    ),
    LayerRow("SimpleRNN", {"units": 2, "dropout": 0.5}, ("B T 3",), random=True),
    row("LSTM", "B T 3", units=4),
    row("LSTM", "B T 3", units=2, return_sequences=True, return_state=True),
    row("LSTM", "B T 3", units=2, return_sequences=True, go_backwards=True),
    row("LSTM", "B 3 3", units=2, unroll=True, return_sequences=True),
    row(
        "LSTM",
        "B T 3",
        units=2,
        activation="softsign",
        use_bias=False,
        recurrent_activation="hard_sigmoid",
        bias_initializer="ones",
    ),
    row("LSTM", "B T 3", units=2, unit_forget_bias=False, implementation=1),
    row(
        "LSTM",
        "B T 3",
        units=2,
        kernel_regularizer="l2",
        recurrent_regularizer="l1",
        bias_regularizer="l2",
        activity_regularizer="l2",
        kernel_constraint="max_norm",
    ),
    LayerRow(
        "LSTM",
        {"units": 2, "return_sequences": True, "return_state": True},
        ("B T 3",),
        masks=(0,),
    ),
    LayerRow(
        "LSTM",
        {"units": 2, "return_sequences": True, "zero_output_for_mask": True},
        ("B T 3",),
        masks=(0,),
    ),
    LayerRow("LSTM", {"units": 2, "go_backwards": True}, ("B T 3",), masks=(0,)),
    LayerRow("LSTM", {"units": 2, "unroll": True}, ("B 3 3",), masks=(0,)),
    LayerRow("LSTM", {"units": 2, "dropout": 0.5}, ("B T 3",), random=True),
    LayerRow(
        "LSTM",
        {"units": 2, "recurrent_dropout": 0.5, "dropout": 0.2, "seed": 3},
        ("B T 3",),
        random=True,
    ),
    row("GRU", "B T 3", units=4),
    row("GRU", "B T 3", units=2, return_sequences=True, return_state=True),
    row("GRU", "B T 3", units=2, reset_after=False, return_sequences=True),
    row("GRU", "B T 3", units=2, use_bias=False, go_backwards=True),
    row("GRU", "B T 3", units=2, use_bias=False, reset_after=False),
    row("GRU", "B 3 3", units=2, unroll=True, recurrent_activation="hard_sigmoid"),
    LayerRow("GRU", {"units": 2, "return_sequences": True}, ("B T 3",), masks=(0,)),
    LayerRow("GRU", {"units": 2, "recurrent_dropout": 0.5}, ("B T 3",), random=True),
    LayerRow(
        "GRU",
        {"units": 2, "recurrent_dropout": 0.5, "reset_after": False, "dropout": 0.5},
        ("B T 3",),
        random=True,
    ),
    row("SimpleRNNCell", "B 3", "B 4", units=4),
    LayerRow("LSTMCell", {"units": 4}, ("B 3", "B 4", "B 4"), together=2),
    LayerRow(
        "StackedRNNCells",
        {"cells": [spec("GRUCell", units=4), spec("SimpleRNNCell", units=2)]},
        ("B 3", "B 4", "B 2"),
        together=2,
    ),
    row("GRUCell", "B 3", "B 4", units=4),
    row("GRUCell", "B 3", "B 2", units=2, reset_after=False, activation="relu"),
    row("RNN", "B T 3", cell=spec("GRUCell", units=3)),
    row(
        "RNN",
        "B T 3",
        cell=[spec("LSTMCell", units=3), spec("GRUCell", units=2)],
        return_sequences=True,
        return_state=True,
    ),
    LayerRow(
        "RNN",
        {
            "cell": [spec("SimpleRNNCell", units=3), spec("LSTMCell", units=2)],
            "return_sequences": True,
        },
        ("B T 3",),
        masks=(0,),
    ),
    row("RNN", "B 3 3", cell=spec("LSTMCell", units=3), unroll=True),
    row("Bidirectional", "B T 3", layer=spec("LSTM", units=2)),
    row(
        "Bidirectional",
        "B T 3",
        merge_mode="sum",
        layer=spec("GRU", units=2, return_sequences=True, return_state=True),
    ),
    row("Bidirectional", "B T 3", layer=spec("GRU", units=2), merge_mode="mul"),
    row(
        "Bidirectional",
        "B T 3",
        merge_mode="ave",
        layer=spec("RNN", cell=spec("LSTMCell", units=2), return_sequences=True),
    ),
    row(
        "Bidirectional",
        "B T 3",
        merge_mode=None,
        layer=spec("LSTM", units=2, return_sequences=True),
    ),
    row(
        "Bidirectional",
        "B T 3",
        layer=spec("SimpleRNN", units=2),
        backward_layer=MIRROR,
    ),
    LayerRow(
        "Bidirectional",
        {"layer": spec("LSTM", units=2, return_sequences=True)},
        ("B T 3",),
        masks=(0,),
    ),
    row("TimeDistributed", "B T 3", layer=spec("Dense", units=2)),
    row("TimeDistributed", "B T 4 3", layer=spec("LSTM", units=2)),
    row("TimeDistributed", "B 3 2", layer=spec("BatchNormalization")),
    row("Wrapper", "B 3", layer=spec("Dense", units=2)),
    row("ConvLSTM1D", "B T 5 2", filters=2, kernel_size=2),
    row(
        "ConvLSTM1D",
        "B T L 2",
        filters=2,
        kernel_size=3,
        padding="same",
        return_sequences=True,
        return_state=True,
    ),
    row("ConvLSTM1D", "B T 6 2", filters=2, kernel_size=2, strides=2, use_bias=False),
    row("ConvLSTM1D", "B T 6 2", filters=2, kernel_size=2, dilation_rate=2),
    LayerRow(
        "ConvLSTM1D",
        {"filters": 2, "kernel_size": 2, "dropout": 0.5, "recurrent_dropout": 0.5},
        ("B T 5 2",),
        random=True,
    ),
    LayerRow(
        "ConvLSTM1D",
        {"filters": 2, "kernel_size": 2, "return_sequences": True},
        ("B T 5 2",),
        masks=(0,),
    ),
    row("ConvLSTM2D", "B T 4 3 2", filters=1, kernel_size=2, go_backwards=True),
    row(
        "ConvLSTM2D",
        "B T 2 4 3",
        filters=2,
        kernel_size=[2, 1],
        data_format="channels_first",
        recurrent_activation="hard_sigmoid",
    ),
    row("ConvLSTM3D", "B 2 3 2 2 1", filters=1, kernel_size=2, padding="same"),
]
