"""Two inputs, two outputs; losses, weights and metrics by the outputs' names."""

import numpy as np

import tulle as keras
from tulle import layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(1)
words = rng.integers(1, 50, size=(128, 10))
tags = rng.integers(0, 2, size=(128, 6)).astype("float32")
priority = tags.mean(axis=1, keepdims=True)
department = (words[:, 0] % 3).astype("int32")

text_input = keras.Input(shape=(None,), name="text")
tag_input = keras.Input(shape=(6,), name="tags")
text = layers.Embedding(50, 16)(text_input)
text = layers.LSTM(8)(text)
x = layers.concatenate([text, tag_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(3, name="department")(x)
model = keras.Model(
    inputs=[text_input, tag_input],
    outputs={"priority": priority_pred, "department": department_pred},
)
assert [tuple(i.shape) for i in model.inputs] == [(None, None), (None, 6)]

model.compile(
    optimizer=keras.optimizers.RMSprop(1e-2),
    loss={
        "priority": keras.losses.MeanSquaredError(),
        "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 2.0, "department": 0.5},
    metrics={"department": ["accuracy"], "priority": ["mae"]},
)
history = model.fit(
    {"text": words, "tags": tags},
    {"priority": priority, "department": department},
    epochs=4,
    batch_size=32,
    verbose=0,
)
logs = history.history
assert {"loss", "priority_loss", "department_loss"} <= set(logs)
assert {"department_accuracy", "priority_mae"} <= set(logs)
assert logs["loss"][-1] < logs["loss"][0]

results = model.evaluate(
    {"text": words, "tags": tags},
    {"priority": priority, "department": department},
    verbose=0,
    return_dict=True,
)
total = 2.0 * results["priority_loss"] + 0.5 * results["department_loss"]
assert abs(results["loss"] - total) < 1e-4

found = model.predict({"text": words[:5], "tags": tags[:5]}, verbose=0)
assert found["priority"].shape == (5, 1)
assert found["department"].shape == (5, 3)

# The same model with its outputs by position.
listed = keras.Model([text_input, tag_input], [priority_pred, department_pred])
listed.compile(
    optimizer="adam",
    loss=["mse", keras.losses.SparseCategoricalCrossentropy(from_logits=True)],
    loss_weights=[1.0, 0.2],
)
listed.fit([words, tags], [priority, department], epochs=1, verbose=0)
first, second = listed.predict([words[:4], tags[:4]], verbose=0)
assert first.shape == (4, 1)
assert second.shape == (4, 3)
