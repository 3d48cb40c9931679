"""Class weights, sample weights and weighted metrics."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(17)
rng = np.random.default_rng(12)
x = rng.normal(size=(120, 4)).astype("float32")
y = (x[:, 0] > 1.0).astype("int32")


def fresh():
    keras.utils.set_random_seed(17)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(2)]
    )
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
        weighted_metrics=["sparse_categorical_accuracy"],
    )
    return model


class_weight = {0: 1.0, 1: 5.0}
by_class = fresh()
one = by_class.fit(
    x, y, class_weight=class_weight, batch_size=40, epochs=3, verbose=0, shuffle=False
).history
weights = np.where(y == 1, 5.0, 1.0)
by_sample = fresh()
two = by_sample.fit(
    x, y, sample_weight=weights, batch_size=40, epochs=3, verbose=0, shuffle=False
).history
np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-4)
assert set(one) == {
    *("loss", "sparse_categorical_accuracy", "weighted_sparse_categorical_accuracy")
}

dataset = keras.data.Dataset.from_tensor_slices((x, y, weights)).batch(40)
three = fresh().fit(dataset, epochs=3, verbose=0).history
np.testing.assert_allclose(one["loss"], three["loss"], rtol=1e-4)

results = by_sample.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
right = by_sample.predict(x, verbose=0).argmax(axis=1) == y
np.testing.assert_allclose(
    results["weighted_sparse_categorical_accuracy"],
    np.average(right, weights=weights),
    rtol=1e-5,
)
np.testing.assert_allclose(
    results["sparse_categorical_accuracy"], right.mean(), rtol=1e-5
)
validated = (
    fresh().fit(x, y, epochs=1, verbose=0, validation_data=(x, y, weights)).history
)
assert "val_weighted_sparse_categorical_accuracy" in validated
