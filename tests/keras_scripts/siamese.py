"""A Siamese network: one encoder for two inputs, and a contrastive loss."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(8)
rng = np.random.default_rng(5)
centres = rng.normal(size=(4, 10)).astype("float32")
labels = rng.integers(0, 4, 400)
points = centres[labels] + 0.2 * rng.normal(size=(400, 10)).astype("float32")
left, right = points[:200], points[200:]
different = (labels[:200] != labels[200:]).astype("float32")

source = keras.Input((10,))
h = layers.Dense(16, activation="tanh")(source)
h = layers.BatchNormalization()(h)
embedding_network = keras.Model(source, layers.Dense(4)(h), name="tower")


def euclidean_distance(vectors):
    x, y = vectors
    squared = ops.sum(ops.square(x - y), axis=1, keepdims=True)
    return ops.sqrt(ops.maximum(squared, keras.backend.epsilon()))


input_1, input_2 = keras.Input((10,), name="left"), keras.Input((10,), name="right")
towers = [embedding_network(input_1), embedding_network(input_2)]
distance = layers.Lambda(euclidean_distance, output_shape=(1,))(towers)
normal = layers.BatchNormalization()(distance)
output = layers.Dense(1, activation="sigmoid")(normal)
siamese = keras.Model(inputs=[input_1, input_2], outputs=output)
assert len(siamese.trainable_weights) == 2 + 2 + 2 + 2 + 2


def contrastive(margin=1):
    def contrastive_loss(y_true, y_pred):
        square_pred = ops.square(y_pred)
        margin_square = ops.square(ops.maximum(margin - (y_pred), 0))
        return ops.mean((1 - y_true) * square_pred + (y_true) * margin_square)

    return contrastive_loss


siamese.compile(
    loss=contrastive(margin=1),
    optimizer=keras.optimizers.RMSprop(0.01),
    metrics=["accuracy"],
)
history = siamese.fit(
    [left, right], different, batch_size=32, epochs=12, verbose=0
).history
assert history["loss"][-1] < 0.6 * history["loss"][0]
results = siamese.evaluate([left, right], different, verbose=0)
assert len(results) == 2
assert results[1] > 0.65
same = siamese.predict([left[:6], left[:6]], verbose=0)
assert same.shape == (6, 1)
