"""What is particular to attention: masks, paths, shared heads, refusals."""

import numpy as np
import pytest

import tulle
from tulle import layers
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.masking import get_mask, set_mask

RANDOM = np.random.default_rng(7)


def drawn(*shape):
    return RANDOM.normal(size=shape).astype("float32")


def test_both_ways_to_compute_agree():
    """With scores the sum over keys is done in steps, without them by one op."""
    x, y = drawn(2, 4, 6), drawn(2, 5, 6)
    keys = RANDOM.random((2, 5)) > 0.3
    keys[:, 0] = True
    for layer in (
        layers.MultiHeadAttention(2, 3, value_dim=4),
        layers.GroupQueryAttention(3, 4, 2),
    ):
        plain = layer(x, y, value_mask=keys, use_causal_mask=True)
        stepwise, scores = layer(
            x, y, value_mask=keys, use_causal_mask=True, return_attention_scores=True
        )
        np.testing.assert_allclose(plain, stepwise, 1e-5, 1e-5)
        allowed = np.tril(np.ones((4, 5), bool)) & keys[:, None]
        hidden = ~np.broadcast_to(allowed[:, None], scores.shape)
        assert np.all(scores.numpy()[hidden] == 0)
    for mode in ("dot", "concat"):
        layer = layers.Attention(use_scale=True, score_mode=mode)
        plain = layer([x, y], mask=[None, keys])
        stepwise, scores = layer(
            [x, y], mask=[None, keys], return_attention_scores=True
        )
        np.testing.assert_allclose(plain, stepwise, 1e-5, 1e-5)
        np.testing.assert_allclose(scores.numpy().sum(-1), 1.0, 1e-5)


def test_a_mask_for_pairs_and_for_heads():
    x = drawn(2, 4, 6)
    layer = layers.MultiHeadAttention(2, 3)
    pairs = RANDOM.random((2, 4, 4)) > 0.4
    pairs[..., 0] = True
    same = np.repeat(pairs[:, None], 2, axis=1)
    found = layer(x, x, attention_mask=pairs)
    np.testing.assert_allclose(found, layer(x, x, attention_mask=same), 1e-6)
    one = layer(x, x, attention_mask=pairs[0])
    again = layer(x, x, attention_mask=np.stack([pairs[0]] * 2))
    np.testing.assert_allclose(one, again, 1e-6)


def test_a_mask_of_the_values_has_an_argument_of_its_own():
    x = drawn(2, 5, 4)
    with pytest.raises(TensorTypeError) as error:
        layers.MultiHeadAttention(2, 3)(x, x, attention_mask=np.ones((2, 5), bool))
    assert "`value_mask`" in error.value.diagnostics[0].help[0]


def test_windows_hide_what_is_far():
    x = drawn(1, 5, 6)
    layer = layers.MultiHeadAttention(1, 3, sliding_window=2)
    scores = layer(x, x, return_attention_scores=True)[1].numpy()[0, 0]
    far = np.abs(np.subtract.outer(np.arange(5), np.arange(5))) >= 2
    np.testing.assert_array_equal(scores == 0, far)


def test_the_query_takes_its_mask_along():
    x, mask = tulle.constant(drawn(2, 3, 6)), np.array([[True, True, False]] * 2)
    set_mask(x, tulle.constant(mask))
    layer = layers.MultiHeadAttention(2, 3)
    np.testing.assert_array_equal(get_mask(layer(x, x)), mask)
    scores = layer(x, x, return_attention_scores=True)[1]
    assert np.all(scores.numpy()[:, :, :, 2] == 0)
    bare = layers.Attention()([x, x])
    np.testing.assert_array_equal(get_mask(bare), mask)
    assert not bare.numpy()[:, 2].any()


def test_masks_reach_attention_in_a_model():
    ids = np.array([[1, 2, 0], [3, 0, 0]], "int32")
    inputs = tulle.Input((3,), dtype="int32")
    x = layers.Embedding(5, 4, mask_zero=True)(inputs)
    found, scores = layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)
    model = tulle.Model(inputs, [found, scores])
    shares = model.predict(ids, verbose=0)[1]
    assert np.all(shares[0, :, :, 2] == 0)
    assert np.all(shares[1, :, :, 1:] == 0)


def test_lengths_that_change():
    query, value = tulle.Input(("T", 6)), tulle.Input(("S", 4))
    out = layers.MultiHeadAttention(2, 3, output_shape=5)(query, value)
    assert str(out.type) == "f32[batch, T, 5]"
    model = tulle.Model([query, value], out)
    for lengths in ((2, 5), (7, 3)):
        arrays = [drawn(2, lengths[0], 6), drawn(2, lengths[1], 4)]
        found = model.predict(arrays, verbose=0)
        np.testing.assert_allclose(found, model(arrays), 1e-5, 1e-5)


def test_weights_are_named_as_in_keras():
    layer = layers.MultiHeadAttention(2, 3, value_dim=4, use_gate=True, name="mha")
    layer(drawn(2, 4, 6), drawn(2, 5, 7))
    shapes = {weight.path: tuple(weight.shape) for weight in layer.weights}
    assert list(shapes.items()) == [
        ("mha/query/kernel", (6, 2, 3)),
        ("mha/query/bias", (2, 3)),
        ("mha/key/kernel", (7, 2, 3)),
        ("mha/key/bias", (2, 3)),
        ("mha/gate/kernel", (6, 2, 4)),
        ("mha/gate/bias", (2, 4)),
        ("mha/value/kernel", (7, 2, 4)),
        ("mha/value/bias", (2, 4)),
        ("mha/attention_output/kernel", (2, 4, 6)),
        ("mha/attention_output/bias", (6,)),
    ]


def test_kernels_start_with_the_fans_of_their_axes():
    layer = layers.EinsumDense("abc,cde->abde", (None, 40, 50))
    layer(drawn(2, 3, 30))
    limit = np.sqrt(6 / (30 + 40 * 50))
    found = np.abs(layer.kernel.numpy()).max()
    assert 0.99 * limit < found <= limit


HEADS = {"num_heads": 2, "key_dim": 3}


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: layers.EinsumDense("ab,bc", 3), "T0204", "form `ab,bc->ac`"),
        (lambda: layers.EinsumDense("ab,bc->ad", 3), "T0204", "`d` stands in the out"),
        (lambda: layers.EinsumDense("ab,bcd->ac", 3), "T0204", "`d` stands in the ker"),
        (lambda: layers.EinsumDense("aa,ab->ab", 3), "T0204", "twice in `aa`"),
        (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="b"), "T0204", "no axis"),
        (lambda: layers.EinsumDense("ab,bc->ac", -3), "T0204", "positive"),
        (lambda: layers.Attention(score_mode="cosine"), "T0204", "'cosine'"),
        (lambda: layers.Attention(dropout=2), "T0204", "from 0 to 1"),
        (lambda: layers.MultiHeadAttention(0, 3), "T0204", "num_heads"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape=0), "T0204", "output_sh"),
        (
            lambda: layers.MultiHeadAttention(2, 3, dropout=0.1, flash_attention=True),
            "T0204",
            "no weights to drop",
        ),
        (
            lambda: layers.MultiHeadAttention(2, 3, attention_axes=[1, 1]),
            "T0204",
            "different ones",
        ),
        (lambda: layers.GroupQueryAttention(3, 4, 3), "T0204", "not shared evenly"),
    ],
)
def test_wrong_settings(make, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("apply", "code", "words"),
    [
        (
            lambda: layers.EinsumDense("abc,cd->abd", (None, 3))(drawn(2, 3)),
            "T0306",
            "the axes `a`, `b`, `c`",
        ),
        (
            lambda: layers.EinsumDense("abc,cd->abd", 3)(drawn(2, 3, 4)),
            "T0204",
            "a size for each of `b`, `d`",
        ),
        (
            lambda: layers.EinsumDense("abc,bcd->abd", (5, 3))(drawn(2, 3, 4)),
            "T0302",
            "both 3 and 5",
        ),
        (
            lambda: layers.EinsumDense("abc,cd->abd", (None, None))(drawn(2, 3, 4)),
            "T0306",
            "along `d`",
        ),
        (
            lambda: layers.Attention()([drawn(2, 3, 4), drawn(2, 5, 6)]),
            "T0301",
            "4 of f32[2, 3, 4], and 6",
        ),
        (
            lambda: layers.Attention()(
                [drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 6, 4)]
            ),
            "T0302",
            "a value for each key",
        ),
        (lambda: layers.Attention()(drawn(2, 3, 4)), "T0203", "at least 2 tensors"),
        (
            lambda: layers.Attention()(
                [drawn(2, 3, 4)] * 2, mask=np.ones((2, 3), bool)
            ),
            "T0203",
            "a list of the masks",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS)(drawn(2, 3), drawn(2, 3)),
            "T0303",
            "between the batch and the features",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS)(
                drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 6, 4)
            ),
            "T0302",
            "a value for each key",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS)(
                *[drawn(2, 3, 4)] * 2, attention_mask=np.ones((2, 3, 5), bool)
            ),
            "T0302",
            "bool[2, 3, 3]",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS)(
                *[drawn(2, 3, 3, 4)] * 2, use_causal_mask=True
            ),
            "T0204",
            "2 axes at once",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS, attention_axes=2)(
                *[drawn(2, 3, 4)] * 2
            ),
            "T0303",
            "between the batch and the features",
        ),
        (
            lambda: layers.GroupQueryAttention(3, 4, 2)(*[drawn(2, 3, 3, 4)] * 2),
            "T0306",
            "[batch, length, features]",
        ),
        (
            lambda: layers.MultiHeadAttention(**HEADS, flash_attention=True)(
                *[drawn(2, 3, 4)] * 2, return_attention_scores=True
            ),
            "T0204",
            "leaves no scores",
        ),
    ],
)
def test_wrong_calls(apply, code, words):
    with pytest.raises(TensorTypeError) as error:
        apply()
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_attention.py" in str(error.value)
