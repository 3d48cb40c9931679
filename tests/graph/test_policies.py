"""Dtype policies: names, casts in every way of running, configuration, refusals."""

import numpy as np
import pytest

import tulle
from tulle import Model, Sequential, TensorTypeError, layers, load_model
from tulle.graph import configuration, policies
from tulle.graph.input_spec import InputSpec
from tulle.graph.layer import Layer
from tulle.graph.layers import Dense
from tulle.graph.network import Input
from tulle.graph.policies import DTypePolicy

X = np.random.default_rng(3).uniform(-1, 1, (8, 3)).astype("float32")


@pytest.fixture(autouse=True)
def settings():
    yield
    policies.set_dtype_policy(None)
    configuration.set_floatx("float32")
    configuration.set_epsilon(1e-7)
    configuration.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("name", "compute", "stored"),
    [
        ("mixed_float16", "float16", "float32"),
        ("float16", "float16", "float16"),
        ("float64", "float64", "float64"),
        ("f32", "float32", "float32"),
    ],
)
def test_dtypes_of_a_policy(name, compute, stored):
    policy = DTypePolicy(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, stored)
    assert policies.deserialize(policies.serialize(policy)) == policy
    layer = Dense(2, dtype=policy)
    found = layer(X)
    assert (found.dtype, layer.kernel.dtype) == (compute, stored)
    assert layer(Input((3,))).dtype == compute
    assert tulle.function(layer)(X).dtype == compute


def test_a_mixed_layer_computes_on_rounded_weights():
    layer = Dense(2, dtype="mixed_float16")
    found = layer(X).numpy()
    want = X.astype("float16").astype("f") @ layer.kernel.numpy().astype("float16")
    np.testing.assert_array_equal(found, want.astype("float16"))


def test_training_keeps_weights_in_32_bits_and_scales_the_loss(tmp_path):
    policies.set_dtype_policy("mixed_float16")
    model = Sequential([Input((3,)), Dense(4), Dense(1, dtype="float32")])
    model.compile("adam", "mse")
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    losses = model.fit(X, X[:, :1], epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]
    assert {v.dtype for v in model.weights} == {"float32"}
    model.save(tmp_path / "m.tulle")
    policies.set_dtype_policy(None)
    again = load_model(tmp_path / "m.tulle")
    assert [str(x.dtype_policy.name) for x in again.layers] == [
        "mixed_float16",
        "float32",
    ]
    np.testing.assert_array_equal(
        again.predict(X, verbose=0), model.predict(X, verbose=0)
    )


def test_a_weight_that_is_not_cast():
    class Two(Layer):
        def build(self, input_shape):
            self.cast = self.add_weight((), "ones")
            self.kept = self.add_weight((), "ones", autocast=False)
            self.whole = self.add_weight((), dtype="int32")

        def call(self, x):
            self.seen = [v.dtype for v in (self.cast, self.kept, self.whole)]
            self.cast.assign_add(1.0 / 4096)
            return x

    layer = Two(dtype="mixed_float16")
    layer(X)
    assert layer.seen == ["float16", "float32", "int32"]
    assert layer.cast.dtype == "float32"


def test_floats_that_are_ids_are_not_rounded():
    policies.set_dtype_policy("mixed_bfloat16")
    ids = np.arange(970, 1000, dtype="float32").reshape(1, 30)
    embedding = layers.ReversibleEmbedding(1000, 4)
    given = Input((30,))
    model = Model(given, embedding(given))
    rows = embedding.get_weights()[0][None, 970:]
    timed = layers.TimeDistributed(embedding)(ids.reshape(1, 3, 10))
    vectors = embedding(ids)
    for found in (model.predict(ids, verbose=0), vectors, timed):
        found = np.asarray(found).astype("float32").reshape(1, 30, 4)
        np.testing.assert_allclose(found, rows, rtol=0.01)
    assert vectors.dtype == "bfloat16"
    scores = embedding(np.ones((2, 4), "float32"), reverse=True)
    assert scores.dtype == "bfloat16"
    counted = layers.CategoryEncoding(1000, "count")(ids).numpy()
    np.testing.assert_array_equal(np.flatnonzero(counted[0]), ids[0])
    cut = layers.Discretization([998.5])(np.array([998.0, 999.0], "float32"))
    assert cut.numpy().tolist() == [0, 1]


def test_inner_layers_follow_their_own_policy():
    class Outer(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Dense(2, dtype="float32")

        def call(self, x):
            self.seen = x.dtype
            return self.inner(x)

    outer = Outer(dtype="mixed_float16")
    assert outer(X).dtype == "float32"
    assert outer.seen == "float16"


def test_floatx_makes_whole_models_double():
    configuration.set_floatx("float64")
    model = Sequential([Input((3,)), Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], verbose=0)
    assert {v.dtype for v in model.weights} == {"float64"}
    assert model(X).dtype == model.predict(X, verbose=0).dtype.name == "float64"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Dense(1, dtype="mixed_flaot16"), "`mixed_flaot16` is no dtype"),
        (lambda: DTypePolicy(3), "has a name"),
        (lambda: policies.set_dtype_policy(16), "a name"),
        (lambda: configuration.set_floatx("int32"), "dtype of floats"),
        (lambda: configuration.set_epsilon(-1), "positive number"),
        (lambda: configuration.set_image_data_format("last"), "channels_last"),
        (lambda: InputSpec(ndim=2, axes={2: 3}), "there are 2 axes"),
    ],
)
def test_refusals(wrong, words):
    with pytest.raises(TensorTypeError, match=words) as error:
        wrong()
    assert error.value.diagnostics[0].span.source.name == __file__


class Specified(Layer):
    def __init__(self, spec):
        super().__init__()
        self.input_spec = spec

    def call(self, inputs):
        return inputs if not isinstance(inputs, list) else inputs[0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (InputSpec(ndim=3), "needs 3 axes, and it is f32\\[8, 3\\]"),
        (InputSpec(min_ndim=3), "at least 3 axes"),
        (InputSpec(max_ndim=1), "at most 1 axes"),
        (InputSpec(axes={-1: 4}), "size 4 at axis -1"),
        (InputSpec(dtype="int32"), "elements of int32"),
        (InputSpec(shape=(None, 5)), "shape \\(None, 5\\)"),
        ([InputSpec(), InputSpec()], "takes 2 inputs and got 1"),
    ],
)
def test_input_specs_are_checked(spec, words):
    with pytest.raises(TensorTypeError, match=words):
        Specified(spec)(X)


def test_a_last_axis_of_size_1_may_be_squeezed():
    layer = Specified(InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True))
    assert layer(X).shape == (8, 3)


class Pair(Layer):
    def build(self, query_shape, value_shape):
        self.shapes = query_shape, value_shape

    def call(self, query, value, query_mask=None, value_mask=None):
        self.masks = query_mask, value_mask
        return query


def test_several_inputs_have_shapes_and_masks_by_name():
    query, value = tulle.convert_to_tensor(X), tulle.convert_to_tensor(X[:, :2])
    tulle.utils.set_mask(value, tulle.convert_to_tensor(X[:, 0] > 0))
    layer = Pair()
    layer(query, value=value)
    assert layer.shapes == ((8, 3), (8, 2))
    assert layer.masks[0] is None
    np.testing.assert_array_equal(layer.masks[1].numpy(), X[:, 0] > 0)
    assert layer.get_build_config() == {
        "shapes_dict": {"query_shape": (8, 3), "value_shape": (8, 2)}
    }
    assert layer.compute_output_shape((8, 3), value_shape=(8, 2)) == (8, 3)


def test_a_layer_that_was_built_by_hand_is_not_built_again():
    layer = Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    layer(X)
    assert layer.kernel is kernel
    assert len(layer.weights) == 2
    other = Dense(2)
    other.build_from_config(layer.get_build_config())
    store = {}
    layer.save_own_variables(store)
    other.load_own_variables(store)
    np.testing.assert_array_equal(other(X), layer(X))


def test_ends_of_a_layer():
    inner = Dense(2)
    with pytest.raises(TensorTypeError, match="before it is called"):
        _ = inner.output
    x = Input((3,))
    Dense(1)(inner(x))
    assert Model(inner.input, inner.output)(X).shape == (8, 2)


def test_a_wrong_call_is_told():
    with pytest.raises(TensorTypeError, match="has no argument `trainig`"):
        Dense(2)(X, trainig=True)
    layer = Dense(2)
    layer.build((None, 3))
    with pytest.raises(TensorTypeError, match="has 2 weights and got 1 values"):
        layer.set_weights([X])


def test_the_mode_is_that_of_the_signature_if_nobody_says():
    class Mode(Layer):
        def call(self, x, training=True):
            self.mode = training
            return x

    layer = Mode()
    layer(X)
    assert layer.mode is True
    layer(X, training=False)
    assert layer.mode is False
