"""Columns of a table: dictionaries of inputs, preprocessing layers, wide and deep."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(37)
rng = np.random.default_rng(0)
size = 200
table = {
    "age": rng.normal(50.0, 12.0, (size, 1)).astype("float32"),
    "pressure": rng.normal(120.0, 20.0, (size, 1)).astype("float32"),
    "kind": rng.integers(10, 14, (size, 1)),
    "level": rng.integers(0, 3, (size, 1)),
}
target = ((table["age"][:, 0] > 50) ^ (table["kind"][:, 0] == 11)).astype("int32")
dataset = keras.data.Dataset.from_tensor_slices((table, target))
dataset = dataset.shuffle(buffer_size=size, seed=1).batch(32)
for features, labels in dataset.take(1):
    assert set(features) == set(table)
    assert labels.shape == (32,)

inputs, encoded = {}, []
for name in ("age", "pressure"):
    inputs[name] = keras.Input(shape=(1,), name=name)
    normalizer = layers.Normalization()
    normalizer.adapt(table[name])
    encoded.append(normalizer(inputs[name]))
inputs["kind"] = keras.Input(shape=(1,), name="kind", dtype="int64")
lookup = layers.IntegerLookup(output_mode="binary")
lookup.adapt(table["kind"])
encoded.append(lookup(inputs["kind"]))
inputs["level"] = keras.Input(shape=(1,), name="level", dtype="int64")
encoding = layers.CategoryEncoding(num_tokens=3, output_mode="one_hot")
encoded.append(encoding(inputs["level"]))

all_features = layers.concatenate(encoded)
wide = layers.BatchNormalization()(all_features)
deep = layers.Dense(16, activation="relu")(all_features)
deep = layers.Dropout(0.1)(deep)
deep = layers.Dense(16, activation="relu")(deep)
merged = layers.concatenate([wide, deep])
output = layers.Dense(1, activation="sigmoid")(merged)
model = keras.Model(inputs, output)
model.compile(
    keras.optimizers.Adam(0.02),
    "binary_crossentropy",
    metrics=[
        "accuracy",
        keras.metrics.AUC(name="auc"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
        keras.metrics.PrecisionAtRecall(0.8, name="par"),
    ],
)
logs = model.fit(dataset, epochs=12, verbose=0, validation_data=dataset).history
assert logs["loss"][-1] < logs["loss"][0]
assert logs["val_auc"][-1] > 0.7
sample = {name: column[:1] for name, column in table.items()}
assert model.predict(sample, verbose=0).shape == (1, 1)
tensors = {name: keras.ops.convert_to_tensor(v) for name, v in sample.items()}
assert model(tensors).shape == (1, 1)
discretized = layers.Discretization(bin_boundaries=[40.0, 60.0])(table["age"])
assert set(np.asarray(discretized).ravel().tolist()) <= {0, 1, 2}
