"""A training loop by hand: tape, optimizer, metrics, validation."""

import numpy as np

import tulle as keras

keras.utils.set_random_seed(3)
rng = np.random.default_rng(2)
x = rng.normal(size=(256, 8)).astype("float32")
y = (x[:, :4].sum(axis=1) > 0).astype("int32") + (x[:, 4] > 0.5)
train = keras.data.Dataset.from_tensor_slices((x[:192], y[:192]))
train = train.shuffle(buffer_size=192).batch(32)
valid = keras.data.Dataset.from_tensor_slices((x[192:], y[192:])).batch(32)

inputs = keras.Input(shape=(8,))
hidden = keras.layers.Dense(32, activation="relu")(inputs)
outputs = keras.layers.Dense(3, name="predictions")(hidden)
model = keras.Model(inputs=inputs, outputs=outputs)

optimizer = keras.optimizers.Adam(learning_rate=1e-2)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_acc = keras.metrics.SparseCategoricalAccuracy()
valid_acc = keras.metrics.SparseCategoricalAccuracy()


@keras.function
def train_step(x, y):
    with keras.GradientTape() as tape:
        logits = model(x, training=True)
        loss_value = loss_fn(y, logits)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights, strict=True))
    train_acc.update_state(y, logits)
    return loss_value


@keras.function
def test_step(x, y):
    valid_acc.update_state(y, model(x, training=False))


losses = []
for _epoch in range(5):
    for x_batch, y_batch in train:
        loss_value = train_step(x_batch, y_batch)
        losses.append(float(loss_value))
    accuracy = float(train_acc.result())
    train_acc.reset_state()
    for x_batch, y_batch in valid:
        test_step(x_batch, y_batch)
    validation = float(valid_acc.result())
    valid_acc.reset_state()
assert len(losses) == 30
assert np.mean(losses[-6:]) < 0.7 * np.mean(losses[:6])
assert accuracy > 0.75
assert validation > 0.6
assert int(optimizer.iterations) == 30

# The same loop, step by step in Python, with gradients changed on the way.
with keras.GradientTape(persistent=True) as tape:
    logits = model(x[:16])
    loss = loss_fn(y[:16], logits)
grads = tape.gradient(loss, model.trainable_variables)
clipped = [keras.ops.clip(g, -0.01, 0.01) for g in grads]
optimizer.apply(clipped, model.trainable_variables)
assert int(optimizer.iterations) == 31
