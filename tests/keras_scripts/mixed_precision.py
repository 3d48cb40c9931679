"""Mixed precision: 16-bit computation, 32-bit weights, a scaled loss."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(14)
keras.mixed_precision.set_global_policy("mixed_float16")
policy = keras.mixed_precision.dtype_policy()
assert policy.name == "mixed_float16"
assert policy.compute_dtype == "float16"
assert policy.variable_dtype == "float32"
try:
    inputs = keras.Input(shape=(16,), name="digits")
    dense1 = layers.Dense(32, activation="relu", name="dense_1")
    x = dense1(inputs)
    assert dense1.dtype_policy.name == "mixed_float16"
    assert keras.backend.standardize_dtype(x.dtype) == "float16"
    assert keras.backend.standardize_dtype(dense1.kernel.dtype) == "float32"
    x = layers.Dense(4, name="dense_logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="predictions")(x)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    model = keras.Model(inputs=inputs, outputs=outputs)
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.Adam(0.01),
        metrics=["accuracy"],
    )
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    rng = np.random.default_rng(9)
    y = rng.integers(0, 4, 128)
    x = (np.eye(16)[4 * y] + 0.1 * rng.normal(size=(128, 16))).astype("float32")
    history = model.fit(x, y, batch_size=32, epochs=5, verbose=0)
    assert history.history["accuracy"][-1] > 0.8
    assert model.predict(x[:2], verbose=0).dtype == np.float32
finally:
    keras.mixed_precision.set_global_policy("float32")

single = layers.Dense(3, dtype="mixed_bfloat16")
assert keras.backend.standardize_dtype(single(np.ones((2, 4))).dtype) == "bfloat16"
assert single.compute_dtype == "bfloat16"
assert single.variable_dtype == "float32"
assert keras.config.dtype_policy().name == "float32"
keras.config.set_floatx("float64")
assert keras.backend.standardize_dtype(layers.Dense(1)(np.ones((1, 1))).dtype) in (
    "float64",
    "float32",
)
keras.config.set_floatx("float32")
