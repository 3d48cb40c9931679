"""Categories by `StringLookup`, wide and deep, and crossed with each other."""

import math

import numpy as np

import tulle as keras
from tulle import layers

rng = np.random.default_rng(0)
n = 200
CAT = {"soil": list("ABCD"), "area": ["x", "y", "z"]}
NUM = ["elevation", "slope"]
data = {
    "soil": rng.choice(CAT["soil"], n),
    "area": rng.choice(CAT["area"], n),
    "elevation": rng.normal(size=n).astype("float32"),
    "slope": rng.normal(size=n).astype("float32"),
}
target = rng.integers(0, 3, n)
FEATURES = list(data)
lookups = {
    k: layers.StringLookup(
        vocabulary=v, mask_token=None, num_oov_indices=0, output_mode="int"
    )
    for k, v in CAT.items()
}
encoded = {k: np.asarray(lookups[k](v)) if k in CAT else v for k, v in data.items()}


def create_model_inputs():
    inputs = {}
    for f in FEATURES:
        if f in NUM:
            inputs[f] = layers.Input(name=f, shape=(), dtype="float32")
        else:
            inputs[f] = layers.Input(name=f, shape=(), dtype="int64")
    return inputs


def encode_inputs(inputs, use_embedding=False):
    encoded_features = []
    for feature_name in inputs:
        if feature_name in CAT:
            vocabulary = CAT[feature_name]
            value_index = inputs[feature_name]
            if use_embedding:
                embedding_dims = int(math.sqrt(len(vocabulary)))
                embedding = layers.Embedding(
                    input_dim=len(vocabulary), output_dim=embedding_dims
                )
                encoded_feature = embedding(value_index)
            else:
                encoded_feature = layers.CategoryEncoding(
                    num_tokens=len(vocabulary), output_mode="one_hot"
                )(keras.ops.expand_dims(value_index, -1))
        else:
            encoded_feature = keras.ops.expand_dims(inputs[feature_name], -1)
        encoded_features.append(encoded_feature)
    return layers.concatenate(encoded_features)


def create_wide_and_deep_model():
    inputs = create_model_inputs()
    wide = encode_inputs(inputs)
    wide = layers.BatchNormalization()(wide)
    deep = encode_inputs(inputs, use_embedding=True)
    for units in [32, 32]:
        deep = layers.Dense(units)(deep)
        deep = layers.BatchNormalization()(deep)
        deep = layers.ReLU()(deep)
        deep = layers.Dropout(0.1)(deep)
    merged = layers.concatenate([wide, deep])
    outputs = layers.Dense(units=3, activation="softmax")(merged)
    return keras.Model(inputs=inputs, outputs=outputs)


def create_deep_and_cross_model():
    inputs = create_model_inputs()
    x0 = encode_inputs(inputs, use_embedding=True)
    cross = x0
    for _ in [32, 32]:
        units = cross.shape[-1]
        x = layers.Dense(units)(cross)
        cross = x0 * x + cross
    cross = layers.BatchNormalization()(cross)
    outputs = layers.Dense(units=3, activation="softmax")(cross)
    return keras.Model(inputs=inputs, outputs=outputs)


for make in (create_wide_and_deep_model, create_deep_and_cross_model):
    model = make()
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    ds = keras.data.Dataset.from_tensor_slices((encoded, target)).batch(32)
    h = model.fit(ds, epochs=3, verbose=0)
    model.fit(encoded, target, epochs=1, verbose=0)
    _, accuracy = model.evaluate(ds, verbose=0)
    assert 0 <= accuracy <= 1
