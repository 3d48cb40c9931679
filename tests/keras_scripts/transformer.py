"""A transformer block as layers of one's own, saved by configuration."""

import numpy as np

import tulle as keras
from tulle import layers, ops


@keras.saving.register_keras_serializable(package="scripts")
class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.ff_dim, self.rate = ff_dim, rate
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential(
            [layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)]
        )
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, inputs, training=None):
        attn_output = self.att(inputs, inputs)
        attn_output = self.dropout1(attn_output, training=training)
        out1 = self.layernorm1(inputs + attn_output)
        ffn_output = self.ffn(out1)
        ffn_output = self.dropout2(ffn_output, training=training)
        return self.layernorm2(out1 + ffn_output)

    def get_config(self):
        config = super().get_config()
        config.update(
            embed_dim=self.embed_dim,
            num_heads=self.num_heads,
            ff_dim=self.ff_dim,
            rate=self.rate,
        )
        return config


@keras.saving.register_keras_serializable(package="scripts")
class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.maxlen, self.vocab_size = maxlen, vocab_size
        self.embed_dim = embed_dim
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        maxlen = ops.shape(x)[-1]
        positions = ops.arange(start=0, stop=maxlen, step=1)
        positions = self.pos_emb(positions)
        x = self.token_emb(x)
        return x + positions

    def get_config(self):
        sizes = {"maxlen": self.maxlen, "vocab_size": self.vocab_size}
        return {**super().get_config(), **sizes, "embed_dim": self.embed_dim}


keras.utils.set_random_seed(11)
vocab_size, maxlen, embed_dim = 30, 8, 16
rng = np.random.default_rng(8)
x = rng.integers(0, vocab_size, size=(160, maxlen))
y = (x == 5).any(axis=1).astype("int32")
x[::2, 3], y[::2] = 5, 1

inputs = layers.Input(shape=(maxlen,))
h = TokenAndPositionEmbedding(maxlen, vocab_size, embed_dim)(inputs)
h = TransformerBlock(embed_dim, num_heads=2, ff_dim=16)(h)
h = layers.GlobalAveragePooling1D()(h)
h = layers.Dropout(0.1)(h)
outputs = layers.Dense(2, activation="softmax")(h)
model = keras.Model(inputs=inputs, outputs=outputs)
assert len(model.trainable_weights) == 2 + (8 + 4 + 4) + 2
model.compile(
    optimizer=keras.optimizers.AdamW(0.01),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(x, y, batch_size=32, epochs=5, verbose=0).history
assert history["loss"][-1] < history["loss"][0]

block = TransformerBlock.from_config(model.layers[2].get_config())
assert block.ff_dim == 16
again = keras.Model.from_config(model.get_config())
again.set_weights(model.get_weights())
np.testing.assert_allclose(
    again.predict(x[:8], verbose=0), model.predict(x[:8], verbose=0), rtol=1e-5
)

# Attention with its scores, a causal mask, and cross attention.
attention = layers.MultiHeadAttention(num_heads=2, key_dim=4, dropout=0.1)
query, value = rng.normal(size=(2, 5, 8)), rng.normal(size=(2, 7, 8))
result, scores = attention(query, value, return_attention_scores=True, training=False)
assert result.shape == (2, 5, 8)
assert scores.shape == (2, 2, 5, 7)
causal = layers.MultiHeadAttention(2, 4)
first = causal(query, query, use_causal_mask=True)
changed = np.array(query)
changed[:, -1] += 1.0
second = causal(changed, changed, use_causal_mask=True)
np.testing.assert_allclose(first[:, :-1], second[:, :-1], rtol=1e-4, atol=1e-5)
