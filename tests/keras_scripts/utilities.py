"""`keras.utils`, `keras.backend`, `keras.config`: the small helpers."""

import numpy as np

import tulle as keras

found = keras.utils.to_categorical([0, 1, 2, 3], num_classes=4)
np.testing.assert_array_equal(found, np.eye(4))
assert keras.utils.to_categorical([[0, 2], [1, 1]]).shape == (2, 2, 3)
np.testing.assert_allclose(
    keras.utils.normalize(np.array([[3.0, 4.0], [0.0, 2.0]]), axis=1),
    [[0.6, 0.8], [0.0, 1.0]],
)
keras.utils.set_random_seed(42)
one = keras.random.normal((3,))
keras.utils.set_random_seed(42)
two = keras.random.normal((3,))
np.testing.assert_array_equal(np.asarray(one), np.asarray(two))

padded = keras.preprocessing.sequence.pad_sequences([[1, 2], [3]])
assert padded.tolist() == [[1, 2], [0, 3]]

assert keras.backend.floatx() == "float32"
assert keras.backend.epsilon() == 1e-7
assert keras.backend.image_data_format() == "channels_last"
assert keras.config.floatx() == keras.backend.floatx()
assert isinstance(keras.backend.backend(), str)
assert isinstance(keras.config.backend(), str)
keras.backend.clear_session()
keras.utils.clear_session()
model = keras.Sequential([keras.layers.Dense(1)])
assert model.layers[0].name == "dense"
assert keras.backend.is_keras_tensor(keras.Input((2,)))
assert not keras.backend.is_keras_tensor(np.ones(2))
assert keras.backend.standardize_dtype("float32") == "float32"
assert keras.backend.result_type("int32", "float32") == "float32"
assert keras.backend.is_float_dtype("bfloat16")
assert keras.backend.is_int_dtype("uint8")
assert isinstance(keras.Input((2,)), keras.KerasTensor)
assert isinstance(keras.__version__, str)

bar = keras.utils.Progbar(3, verbose=0)
for step in range(3):
    bar.update(step + 1, values=[("loss", 0.5)])

assert keras.tree.map_structure(lambda v: v + 1, {"a": 1, "b": (2, 3)}) == {
    "a": 2,
    "b": (3, 4),
}
assert keras.tree.flatten({"b": 1, "a": [2, 3]}) == [2, 3, 1]
keras.config.disable_interactive_logging()
keras.config.enable_interactive_logging()
assert keras.config.is_interactive_logging_enabled()
keras.config.enable_traceback_filtering()
assert keras.config.is_traceback_filtering_enabled()

for name in ("relu", "gelu", "silu", "mish", "softmax", "log_softmax", "hard_sigmoid"):
    function = keras.activations.get(name)
    assert function(np.ones((1, 2), "float32")).shape == (1, 2)
    assert keras.activations.serialize(function) == name
assert keras.losses.get("mae")(np.ones((1, 1)), np.zeros((1, 1))).shape == (1,)
assert isinstance(keras.optimizers.get("adam"), keras.optimizers.Adam)
assert isinstance(keras.optimizers.get("adam"), keras.Optimizer)
assert isinstance(keras.losses.MeanSquaredError(), keras.Loss)
assert isinstance(keras.metrics.Mean(), keras.Metric)
assert isinstance(keras.initializers.get("glorot_uniform"), keras.Initializer)
assert isinstance(keras.regularizers.L2(0.1), keras.Regularizer)
