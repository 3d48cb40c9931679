"""What is particular to layers of core, merging, pooling and preprocessing."""

import numpy as np
import pytest

import tulle
from tulle import Input, Model, Sequential, layers, losses
from tulle.graph.diagnostics import DataError, TensorTypeError
from tulle.graph.masking import get_mask, set_mask
from tulle.graph.tensor import convert_to_tensor
from tulle.graph.variable import set_random_seed


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def masked(array, mask):
    x = convert_to_tensor(array)
    set_mask(x, convert_to_tensor(np.asarray(mask)))
    return x


# Dense and the embeddings.


def test_correction_of_low_rank():
    layer = layers.Dense(4, lora_rank=2, lora_alpha=6.0)
    x = floats(5, 3)
    before = layer(x).numpy()
    assert [v.name for v in layer.weights] == [
        "kernel", "bias", "lora_kernel_a", "lora_kernel_b",
    ]  # fmt: skip
    assert [v.name for v in layer.non_trainable_weights] == ["kernel"]
    np.testing.assert_allclose(before, x @ layer.kernel.numpy(), 1e-5)
    layer.lora_b.assign(floats(2, 4))
    kernel = layer.kernel.numpy() + 3 * layer.lora_a.numpy() @ floats(2, 4)
    np.testing.assert_allclose(layer(x), x @ kernel, 1e-4, 1e-5)
    layer.trainable = False
    layer.trainable = True
    assert [v.name for v in layer.non_trainable_weights] == ["kernel"]


def test_correction_later():
    layer = layers.Embedding(5, 3)
    with pytest.raises(TensorTypeError, match="has no weights yet"):
        layer.enable_lora(2)
    layer(np.array([1]))
    layer.enable_lora(2)
    assert (layer.lora_rank, layer.lora_alpha) == (2, 2)
    with pytest.raises(TensorTypeError, match="has a correction of low rank already"):
        layer.enable_lora(2)
    limited = layers.Dense(2, kernel_constraint="non_neg", lora_rank=1)
    with pytest.raises(TensorTypeError, match="with a `kernel_constraint`"):
        limited(floats(1, 2))


def test_first_rows_of_an_embedding():
    value = floats(5, 3)
    for weights in (value, [value], value.tolist()):
        layer = layers.Embedding(5, 3, weights=[np.asarray(weights).reshape(5, 3)])
        np.testing.assert_array_equal(layer(np.array([4])), value[[4]])
    assert "weights" not in layer.get_config()
    with pytest.raises(TensorTypeError, match=r"array of shape \(5, 3\)"):
        layers.Embedding(5, 3, weights=value.T)


def test_masks_of_embeddings():
    ids = np.array([[1, 0]])
    for kind in (layers.Embedding, layers.ReversibleEmbedding):
        layer = kind(5, 3, mask_zero=True)
        result = layer(ids)
        np.testing.assert_array_equal(get_mask(result), [[True, False]])
    assert get_mask(layer(convert_to_tensor(result.numpy()), reverse=True)) is None
    with pytest.raises(TensorTypeError, match="vectors of size 3, its `output_dim`"):
        layer(floats(2, 4), reverse=True)


def test_reversed_in_another_dtype():
    layer = layers.ReversibleEmbedding(5, 3, reverse_dtype="float64")
    assert layer(floats(2, 3), reverse=True).dtype == "float64"
    tied = floats(2, 3) @ layer.embeddings.numpy().T
    np.testing.assert_allclose(layer(floats(2, 3), reverse=True), tied, 1e-5)


def test_masking_hides_what_is_not_finite():
    layer = layers.Masking()
    result = layer(np.array([[[np.nan], [0.0]]], "float32"))
    np.testing.assert_array_equal(get_mask(result), [[True, False]])


# Activations.


@pytest.mark.parametrize(
    ("make", "shape", "code", "words"),
    [
        (lambda: layers.LeakyReLU(-0.1), None, "T0204", "of at least 0"),
        (lambda: layers.ReLU(max_value=-1.0), None, "T0204", "`max_value` of `ReLU`"),
        (lambda: layers.PReLU(shared_axes=[0]), None, "T0204", "from 1 on"),
        (lambda: layers.PReLU(shared_axes=[3]), (4,), "T0303", "(?, 4)"),
        (lambda: layers.PReLU(), (None, 4), "T0306", "`shared_axes=[1]`"),
        (lambda: layers.Softmax(axis=2), (4,), "T0303", "no axis 2"),
        (lambda: layers.RepeatVector(0), None, "T0204", "positive integer"),
        (lambda: layers.RepeatVector(2), (3, 4), "T0306", "`Flatten`"),
        (lambda: layers.MaxPooling2D(0), None, "T0204", "`pool_size`"),
        (lambda: layers.MaxPooling2D((1, 2, 3)), None, "T0204", "or 2 of them"),
        (lambda: layers.MaxPooling1D(padding="full"), None, "T0204", "`valid`"),
        (lambda: layers.MaxPooling2D(), (4, 4), "T0306", "height, width"),
        (lambda: layers.MaxPooling1D(5), (4, 1), "T0320", "does not fit"),
        (lambda: layers.AdaptiveMaxPooling1D(2), (None, 1), "T0306", "numbers"),
        (lambda: layers.GlobalMaxPooling3D(), (3, 4), "T0306", "depth"),
        (lambda: layers.Dot(0), None, "T0204", "batch axis 0"),
        (lambda: layers.Dot((1, 2, 3)), None, "T0204", "pair of axes"),
        (lambda: layers.GaussianDropout(1.0), None, "T0204", "below 1"),
        (lambda: layers.AlphaDropout(-0.5), None, "T0204", "from 0 to below 1"),
        (lambda: layers.Dropout(0.5, noise_shape=(None, 0)), None, "T0204", "None for"),
        (lambda: layers.Dropout(0.5, noise_shape=3), None, "T0204", "for each axis"),
        (lambda: layers.SpatialDropout1D(0.5), (4,), "T0306", "steps"),
        (lambda: layers.Normalization(mean=1.0), None, "T0203", "`variance` is"),
        (
            lambda: layers.Normalization(mean=[1.0], variance=[1.0, 2.0]),
            None, "T0204", "one shape",
        ),
        (
            lambda: layers.Normalization(axis=None, mean=[1.0], variance=[1.0]),
            None, "T0204", "at most",
        ),
        (lambda: layers.Normalization(axis=4), (3,), "T0303", "axis"),
        (lambda: layers.Normalization(axis=1), (None, 3), "T0306", "`axis=None`"),
        (
            lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0]),
            (3,), "T0302", "(2,)",
        ),
        (lambda: layers.CategoryEncoding(), None, "T0203", "`num_tokens`"),
        (lambda: layers.CategoryEncoding(3, "hot"), None, "T0204", "`one_hot`"),
        (lambda: layers.CategoryEncoding(3, sparse=True), None, "T0204", "dense"),
        (lambda: layers.Discretization(), None, "T0203", "`num_bins`"),
        (lambda: layers.Discretization([2.0, 1.0]), None, "T0204", "[1.0, 2.0]"),
        (lambda: layers.Discretization(num_bins=2), (3,), "T0606", "`layer.adapt"),
        (lambda: layers.Discretization([0.0], epsilon=2), None, "T0204", "`epsilon`"),
        (lambda: layers.Lambda(3), None, "T0204", "is a function"),
        (
            lambda: layers.Lambda(lambda x: x, output_shape=(4,)),
            (3,), "T0509", "(?, 3), and `output_shape` says (?, 4)",
        ),
    ],
)  # fmt: skip
def test_wrong(make, shape, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()(Input(shape))
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_core.py" in str(error.value)


# Merging.


def test_wrong_pairs():
    with pytest.raises(TensorTypeError) as error:
        layers.Dot(1)([Input((3,)), Input((4,))])
    assert error.value.diagnostics[0].code == "T0302"
    assert "3 is not 4" in str(error.value)
    with pytest.raises(TensorTypeError, match="names axis 2"):
        layers.Dot(2)([Input((3,)), Input((3,))])
    with pytest.raises(TensorTypeError, match="two tensors and got 3"):
        layers.Dot(1)([Input((3,))] * 3)


def test_a_merge_has_a_mask_if_all_have():
    x, mask = floats(1, 2, 3), [[True, False]]
    both = layers.Add()([masked(x, mask), masked(x, [[False, False]])])
    np.testing.assert_array_equal(get_mask(both), mask)
    assert get_mask(layers.Add()([masked(x, mask), convert_to_tensor(x)])) is None
    assert get_mask(layers.Dot(1)([masked(x, mask), masked(x, mask)])) is None


def test_masked_steps_of_a_merge():
    left = masked([[[5.0], [5.0], [5.0]]], [[True, False, False]])
    right = masked([[[3.0], [3.0], [3.0]]], [[True, True, False]])
    assert layers.Multiply()([left, right]).numpy().ravel().tolist() == [15, 3, 0]
    assert layers.Minimum()([left, right]).numpy().ravel().tolist() == [3, 3, 5]
    assert layers.Maximum()([left, right]).numpy().ravel().tolist() == [5, 3, 5]
    x = Input((3, 1))
    steps = layers.Masking(2.0)(x)
    model = Model(x, layers.Multiply()([steps, layers.Masking(7.0)(x)]))
    found = model(np.array([[[2.0], [7.0], [3.0]]], "float32"))
    assert found.numpy().ravel().tolist() == [2.0, 7.0, 9.0]


def test_merging_functions():
    x, y = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]])
    assert layers.add([x, y]).numpy().tolist() == [[4.0, 7.0]]
    assert layers.subtract([x, y]).numpy().tolist() == [[-2.0, -3.0]]
    assert layers.dot([x, y], axes=1).numpy().tolist() == [[13.0]]
    assert layers.concatenate([x, y], axis=0).shape == (2, 2)


# Pooling.


def test_masked_mean_of_steps_channels_first():
    x = masked([[[1.0, 3.0, np.nan]]], [[True, True, False]])
    layer = layers.GlobalAveragePooling1D("channels_first")
    assert layer(x).numpy().tolist() == [[2.0]]
    assert get_mask(layer(x)) is None


# Noise.


def test_noise_has_the_moments_it_says():
    set_random_seed(1)
    x = np.ones((400, 100), "float32")
    noisy = layers.GaussianDropout(0.2)(x, training=True).numpy()
    assert abs(noisy.mean() - 1) < 0.02
    assert abs(noisy.std() - 0.5) < 0.02
    normal = np.random.default_rng(0).normal(size=(400, 100)).astype("float32")
    kept = layers.AlphaDropout(0.3)(normal, training=True).numpy()
    assert abs(kept.mean()) < 0.03
    assert abs(kept.std() - 1) < 0.03


def test_channels_are_dropped_whole():
    x = np.ones((20, 4, 5, 6), "float32")
    last = layers.SpatialDropout2D(0.5, seed=1)(x, training=True).numpy()
    assert set(np.unique(last)) == {0.0, 2.0}
    assert (np.ptp(last, axis=(1, 2)) == 0).all()
    first = layers.SpatialDropout2D(0.5, "channels_first", seed=1)
    assert (np.ptp(first(x, training=True).numpy(), axis=(2, 3)) == 0).all()
    with pytest.raises(TensorTypeError, match="does not fit"):
        layers.Dropout(0.5, noise_shape=(None, 2))(floats(3, 4), training=True)


# Preprocessing.


def test_adapted_normalization(tmp_path):
    data = floats(30, 4, 3) * 3 + 1
    whole = layers.Normalization()
    whole.adapt(data)
    np.testing.assert_allclose(whole.adapt_mean, data.mean((0, 1)), 1e-4)
    np.testing.assert_allclose(whole.adapt_variance, data.var((0, 1)), 1e-4)
    parts = layers.Normalization()
    parts.adapt((batch, None) for batch in (data[:7], data[7:8], data[8:]))
    np.testing.assert_allclose(parts.adapt_variance, whole.adapt_variance, 1e-4)
    assert [v.name for v in whole.weights] == ["mean", "variance", "count"]
    assert whole.trainable_weights == []
    x = Input((4, 3))
    model = Model(x, whole(x))
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle")
    np.testing.assert_allclose(again(data), model(data), 1e-6)
    found = model(data).numpy()
    np.testing.assert_allclose(found.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std((0, 1)), 1, 1e-4)
    back = layers.Normalization(invert=True)
    back.adapt(data)
    np.testing.assert_allclose(back(found), data, 1e-4, 1e-5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "an array or batches"),
        ([], "got no batch"),
        ([None], "np.asarray"),
        ([[1.0], [2.0, 3.0]], "unequal lengths"),
        ([floats(2, 3), floats(2, 4)], "statistics for (3,)"),
    ],
)
def test_what_cannot_be_learned_from(data, words):
    with pytest.raises(TensorTypeError) as error:
        layers.Normalization().adapt(data)
    assert words in str(error.value)
    assert "test_layers_core.py" in str(error.value)


def test_given_settings_are_not_learned():
    with pytest.raises(TensorTypeError, match="cannot learn"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(floats(2, 3))
    with pytest.raises(TensorTypeError, match="cannot learn"):
        layers.Discretization([1.0]).adapt(floats(2, 3))


def test_adapted_discretization(tmp_path):
    layer = layers.Discretization(num_bins=4, epsilon=0.001)
    data = np.random.default_rng(0).uniform(size=10000)
    layer.adapt(np.split(data, 10), steps=9)
    np.testing.assert_allclose(layer.bin_boundaries, [0.25, 0.5, 0.75], atol=0.02)
    again = type(layer).from_config(layer.get_config())
    assert again.bin_boundaries == layer.bin_boundaries
    x = Input((1,))
    Model(x, layer(x)).save(tmp_path / "m.tulle")
    model = tulle.load_model(tmp_path / "m.tulle")
    assert model(np.array([[0.1], [0.9]])).numpy().tolist() == [[0], [3]]


def test_weighted_counts():
    layer = layers.CategoryEncoding(3, "count")
    ids, weights = np.array([[0, 2, 2]]), np.array([[0.5, 1.0, 2.0]])
    assert layer(ids, count_weights=weights).numpy().tolist() == [[0.5, 0.0, 3.0]]
    assert layer([0, 7]).numpy().tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(TensorTypeError, match="`count` only, and this is `multi_hot`"):
        layers.CategoryEncoding(3)(ids, count_weights=weights)


# Functions as layers.


def test_function_as_a_layer():
    layer = layers.Lambda(lambda x, training: x * 2 if training else x)
    assert layer(np.ones(1), training=True).numpy().tolist() == [2.0]
    assert layer(np.ones(1)).numpy().tolist() == [1.0]
    seen = layers.Lambda(lambda x, mask: mask, mask=lambda x, mask: mask)
    x = masked(floats(1, 2, 3), [[True, False]])
    np.testing.assert_array_equal(seen(x), [[True, False]])
    np.testing.assert_array_equal(get_mask(seen(x)), [[True, False]])
    assert get_mask(layers.Lambda(lambda x: x * 2)(x)) is None


def test_function_of_several_tensors_and_in_a_model():
    x, y = Input(("T", 3)), Input((3,))
    summed = layers.Lambda(lambda pair: pair[0] + pair[1][:, None])([x, y])
    assert str(summed.type) == "f32[batch, T, 3]"
    model = Model([x, y], summed)
    assert model([floats(2, 5, 3), floats(2, 3)]).shape == (2, 5, 3)


def test_function_on_values():
    """Raw NumPy in a function makes a Python step of it."""
    x = Input((3,))
    model = Model(x, layers.Lambda(lambda x: np.sort(np.asarray(x), axis=1))(x))
    found = model.predict(np.array([[3.0, 1.0, 2.0]], "float32"), verbose=0)
    assert found.tolist() == [[1.0, 2.0, 3.0]]


def test_a_mistake_in_the_function_is_told_where_it_is():
    with pytest.raises(TensorTypeError) as error:
        layers.Lambda(lambda x: x @ np.ones((4, 4), "float32"))(Input((3,)))
    assert "test_layers_core.py" in str(error.value)


def doubled(x, factor=2.0):
    return x * factor


def test_saved_functions(tmp_path):
    x = Input((3,))
    model = Model(x, layers.Lambda(doubled, arguments={"factor": 3.0})(x))
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle", custom_objects={"doubled": doubled})
    np.testing.assert_array_equal(again(floats(2, 3)), floats(2, 3) * 3.0)
    for target in (layers.Lambda(lambda x: x), layers.Dense(2, activation=lambda x: x)):
        with pytest.raises(DataError) as error:
            Model(x, target(x)).save(tmp_path / "n.tulle")
        assert error.value.diagnostics[0].code == "T0709"
        assert "has no name, and a file holds no code" in str(error.value)


def test_a_convolution_takes_a_correction_of_low_rank():
    layer = layers.Conv2D(4, 3, lora_rank=2, lora_alpha=6.0)
    x = floats(1, 5, 5, 3)
    plain = layer(x).numpy()
    assert [w.name for w in layer.trainable_weights] == [
        *("bias", "lora_kernel_a", "lora_kernel_b")
    ]
    assert layer.lora_a.shape == (3, 3, 3, 2)
    layer.lora_b.assign(floats(2, 4))
    kernel = layer.kernel.numpy() + 3 * layer.lora_a.numpy() @ floats(2, 4)
    same = layers.Conv2D(4, 3, use_bias=False)
    same.build((1, 5, 5, 3))
    same.kernel.assign(kernel)
    np.testing.assert_allclose(layer(x), same(x), rtol=1e-4, atol=1e-5)
    assert np.abs(layer(x).numpy() - plain).max() > 1e-3
    with pytest.raises(TensorTypeError, match="no argument `lora_rank`"):
        layers.DepthwiseConv2D(3, lora_rank=2)


def test_the_shape_of_the_input_in_a_first_layer():
    one = Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(1)])
    two = Sequential([layers.Dense(4, input_dim=3)])
    assert (one.input_shape, two.output_shape) == ((None, 3), (None, 4))
    assert layers.Embedding(input_dim=7, output_dim=2).input_dim == 7


def test_class_numbers_as_floats():
    scores = floats(4, 3)
    whole = np.array([0, 2, 1, 1])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_array_equal(loss(whole, scores), loss(whole * 1.0, scores))
    with pytest.raises(TensorTypeError, match="T0402"):
        loss(whole + 0.5, scores)
