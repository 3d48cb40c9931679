"""Recurrent layers: state between calls, masks, users' cells, refusals."""

import numpy as np
import pytest

import tulle
from tulle.graph import layers
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.layer import Layer
from tulle.graph.masking import get_mask
from tulle.graph.registry import call

X = np.linspace(-1, 1, 2 * 5 * 3, dtype="float32").reshape(2, 5, 3)
MASK = np.array([[True, False, True, False, False], [False, True, True, True, True]])


class Sum(Layer):
    """A user's cell: the running sum, scaled."""

    state_size = 3

    def call(self, inputs, states):
        total = states[0] + inputs
        return total * 2.0, [total]


def test_a_users_cell_runs_along_the_sequence():
    output, state = layers.RNN(Sum(), return_sequences=True, return_state=True)(X)
    np.testing.assert_allclose(output.numpy(), 2 * np.cumsum(X, 1), rtol=1e-5)
    np.testing.assert_allclose(state.numpy(), X.sum(1), rtol=1e-5, atol=1e-6)


def test_state_is_kept_between_calls_and_reset():
    layer = layers.LSTM(4, stateful=True, return_sequences=True)
    first = layer(X).numpy()
    assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    layer.reset_state()
    halves = [layer(X[:, :2]).numpy(), layer(X[:, 2:]).numpy()]
    np.testing.assert_allclose(np.concatenate(halves, 1), first, rtol=1e-5, atol=1e-6)


def test_state_is_kept_in_compiled_functions():
    layer = layers.GRU(4, stateful=True)
    layer(X)
    layer.reset_state()
    step = tulle.function(lambda x: layer(x))
    step(X[:, :2])
    found = step(X[:, 2:]).numpy()
    layer.reset_state()
    np.testing.assert_allclose(found, layer(X).numpy(), rtol=1e-5, atol=1e-6)


def test_last_states_continue_a_sequence():
    layer = layers.LSTM(4, return_state=True)
    whole = layer(X)
    _, *states = layer(X[:, :3])
    rest = layer(X[:, 3:], initial_state=states)
    for one, other in zip(whole, rest, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_keep_state_and_repeat_the_output(unroll):
    layer = layers.RNN(Sum(), return_sequences=True, unroll=unroll)
    found = layer(X, mask=MASK).numpy()
    counted = np.cumsum(X * MASK[..., None], 1) * 2
    np.testing.assert_allclose(found, counted, rtol=1e-5, atol=1e-6)
    layer.zero_output_for_mask = True
    zeroed = layer(X, mask=MASK).numpy()
    np.testing.assert_allclose(zeroed, counted * MASK[..., None], rtol=1e-5, atol=1e-6)


def test_the_output_carries_the_mask_where_it_is_a_sequence():
    masked = layers.Masking()(X * MASK[..., None])
    output, state = layers.GRU(2, return_sequences=True, return_state=True)(masked)
    assert (get_mask(output).numpy() == MASK).all()
    assert get_mask(state) is None
    assert get_mask(layers.GRU(2)(masked)) is None


def test_channels_first_is_channels_last_turned():
    last = layers.ConvLSTM1D(2, 2, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    want = last(x).numpy()
    first = layers.ConvLSTM1D(2, 2, return_sequences=True, data_format="channels_first")
    turned = np.moveaxis(x, -1, 2)
    first(turned)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(np.moveaxis(first(turned).numpy(), 2, -1), want, 1e-5)


def test_a_copy_shares_no_weights():
    layer = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)])
    again = layers.RNN.from_config(layer.get_config())
    assert not {*map(id, layer.sublayers)} & {*map(id, again.sublayers)}


def refused(make) -> str:
    with pytest.raises(TensorTypeError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.LSTM(2)(X[0]), "goes along the steps of (batch, steps, feat"),
        (lambda: layers.LSTM(2)(X, initial_state=[np.ones((2, 2))]), "starts with 2"),
        (lambda: layers.GRU(2)(X, initial_state=np.ones((2, 3))), "a state of `gru`"),
        (lambda: layers.GRU(2)(X, initial_state=3), "is a tensor or a list of tensors"),
        (lambda: layers.RNN(layers.Dense(2)), "`state_size`, and `dense` is none"),
        (lambda: layers.Bidirectional(layers.LSTMCell(2)), "`RNN(cell)`"),
        (lambda: layers.Bidirectional(layers.LSTM(2), "add"), "`merge_mode`"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(X[0]), "has 2 axes"),
        (lambda: layers.GRU(2, dropout=2.0), "`dropout` of `GRU` is a number from"),
        (lambda: layers.LSTM(0), "`units` of `LSTM` is a positive integer"),
        (
            lambda: layers.LSTM(2, unroll=True)(tulle.Input(("T", 3))),
            "cannot `unroll`",
        ),
        (
            lambda: layers.LSTM(2, stateful=True)(tulle.Input((4, 3))),
            "`Input(…, batch_size=32)`",
        ),
    ],
)  # fmt: skip
def test_refusals(make, words):
    assert words in refused(make)


def test_a_users_cell_without_next_states():
    class Forgetful(layers.Layer):
        state_size = 3

        def call(self, x, states):
            return x

    words = "`Forgetful` gives an output and the next states"
    assert words in refused(lambda: layers.RNN(Forgetful())(tulle.Input((4, 3))))


def test_dropout_is_the_same_in_all_steps():
    layer = layers.SimpleRNN(
        3, None, use_bias=False, kernel_initializer="identity", dropout=0.5,
        recurrent_initializer="zeros", return_sequences=True,
    )  # fmt: skip
    kept = layer(np.ones((4, 6, 3), "float32"), training=True).numpy() != 0
    assert (kept == kept[:, :1]).all()


def test_cells_refuse_another_number_of_states():
    cell = layers.LSTMCell(2)
    assert "has 2 states and got 1" in refused(
        lambda: cell(X[:, 0], [call("zeros", (2, 2), "float32")])
    )
