"""Attention along the edges of a graph, trained by steps of the model's own."""

import numpy as np

import tulle as keras
from tulle import layers, ops

rng = np.random.default_rng(0)
N, F, E, C = (30, 8, 90, 4)
node_states = rng.normal(size=(N, F)).astype("float32")
edges = rng.integers(0, N, (E, 2)).astype("int32")
train_indices = np.arange(20)
test_indices = np.arange(20, 30)
train_labels = rng.integers(0, C, 20)
test_labels = rng.integers(0, C, 10)


class GraphAttention(layers.Layer):
    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[0][-1], self.units),
            trainable=True,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel",
        )
        self.kernel_attention = self.add_weight(
            shape=(self.units * 2, 1),
            trainable=True,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="kernel_attention",
        )
        self.built = True

    def call(self, inputs):
        node_states, edges = inputs
        node_states_transformed = ops.matmul(node_states, self.kernel)
        node_states_expanded = ops.take(node_states_transformed, edges, axis=0)
        node_states_expanded = ops.reshape(
            node_states_expanded, (ops.shape(edges)[0], -1)
        )
        attention_scores = ops.leaky_relu(
            ops.matmul(node_states_expanded, self.kernel_attention)
        )
        attention_scores = ops.squeeze(attention_scores, -1)
        attention_scores = ops.exp(ops.clip(attention_scores, -2, 2))
        attention_scores_sum = ops.segment_sum(
            attention_scores, edges[:, 0], num_segments=ops.shape(node_states)[0]
        )
        attention_scores_sum = ops.take(attention_scores_sum, edges[:, 0])
        attention_scores_norm = attention_scores / attention_scores_sum
        node_states_neighbors = ops.take(node_states_transformed, edges[:, 1], axis=0)
        return ops.segment_sum(
            node_states_neighbors * attention_scores_norm[:, None],
            edges[:, 0],
            num_segments=ops.shape(node_states)[0],
        )


class MultiHeadGraphAttention(layers.Layer):
    def __init__(self, units, num_heads=8, merge_type="concat", **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.merge_type = merge_type
        self.attention_layers = [GraphAttention(units) for _ in range(num_heads)]

    def call(self, inputs):
        atom_features, pair_indices = inputs
        outputs = [
            attention_layer([atom_features, pair_indices])
            for attention_layer in self.attention_layers
        ]
        if self.merge_type == "concat":
            outputs = ops.concatenate(outputs, axis=-1)
        else:
            outputs = ops.mean(ops.stack(outputs, axis=-1), axis=-1)
        return ops.relu(outputs)


class GraphAttentionNetwork(keras.Model):
    def __init__(
        self,
        node_states,
        edges,
        hidden_units,
        num_heads,
        num_layers,
        output_dim,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.node_states = ops.convert_to_tensor(node_states)
        self.edges = ops.convert_to_tensor(edges)
        self.preprocess = layers.Dense(hidden_units * num_heads, activation="relu")
        self.attention_layers = [
            MultiHeadGraphAttention(hidden_units, num_heads) for _ in range(num_layers)
        ]
        self.output_layer = layers.Dense(output_dim)

    def call(self, inputs):
        node_states, edges = inputs
        x = self.preprocess(node_states)
        for attention_layer in self.attention_layers:
            x = attention_layer([x, edges]) + x
        return self.output_layer(x)

    def train_step(self, data):
        indices, labels = data
        with keras.GradientTape() as tape:
            outputs = self([self.node_states, self.edges])
            loss = self.compute_loss(
                y=labels, y_pred=ops.take(outputs, indices, axis=0)
            )
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=False))
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(loss)
            else:
                m.update_state(labels, ops.take(outputs, indices, axis=0))
        return {m.name: m.result() for m in self.metrics}

    def predict_step(self, data):
        indices = data
        outputs = self([self.node_states, self.edges])
        return ops.softmax(ops.take(outputs, indices, axis=0))

    def test_step(self, data):
        indices, labels = data
        outputs = self([self.node_states, self.edges])
        loss = self.compute_loss(y=labels, y_pred=ops.take(outputs, indices, axis=0))
        for m in self.metrics:
            if m.name == "loss":
                m.update_state(loss)
            else:
                m.update_state(labels, ops.take(outputs, indices, axis=0))
        return {m.name: m.result() for m in self.metrics}


loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
accuracy_fn = keras.metrics.SparseCategoricalAccuracy(name="acc")
early_stopping = keras.callbacks.EarlyStopping(
    monitor="val_acc", min_delta=1e-05, patience=5, restore_best_weights=True
)
gat_model = GraphAttentionNetwork(node_states, edges, 4, 2, 2, C)
gat_model.compile(loss=loss_fn, optimizer=optimizer, metrics=[accuracy_fn])
gat_model.fit(
    x=train_indices,
    y=train_labels,
    validation_split=0.1,
    batch_size=10,
    epochs=3,
    callbacks=[early_stopping],
    verbose=0,
)
_, test_accuracy = gat_model.evaluate(x=test_indices, y=test_labels, verbose=0)
p = gat_model.predict(x=test_indices, verbose=0)
assert p.shape == (10, 4)
