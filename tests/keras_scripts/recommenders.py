"""Embeddings that share rows, by quotient and remainder, and a dot of two."""

import numpy as np

import tulle as keras
from tulle import layers, ops

rng = np.random.default_rng(0)
n_users, n_movies = (50, 30)
users = rng.integers(0, n_users, 400)
movies = rng.integers(0, n_movies, 400)
ratings = rng.random(400).astype("float32")


class QREmbedding(keras.layers.Layer):
    def __init__(self, vocabulary_size, embedding_dim, num_buckets, name=None):
        super().__init__(name=name)
        self.num_buckets = num_buckets
        self.q_embeddings = layers.Embedding(num_buckets, embedding_dim)
        self.r_embeddings = layers.Embedding(num_buckets, embedding_dim)

    def call(self, embedding_index):
        quotient_index = embedding_index // self.num_buckets
        remainder_index = ops.mod(embedding_index, self.num_buckets)
        return self.q_embeddings(quotient_index) * self.r_embeddings(remainder_index)


class MDEmbedding(keras.layers.Layer):
    def __init__(
        self, blocks_vocabulary, blocks_embedding_dims, base_embedding_dim, name=None
    ):
        super().__init__(name=name)
        self.num_blocks = len(blocks_vocabulary)
        self.embedding_encoders = []
        self.projectors = []
        for idx in range(self.num_blocks):
            self.embedding_encoders.append(
                layers.Embedding(
                    blocks_vocabulary[idx],
                    blocks_embedding_dims[idx],
                    embeddings_initializer="random_normal",
                )
            )
            if blocks_embedding_dims[idx] == base_embedding_dim:
                self.projectors.append(layers.Lambda(lambda x: x))
            else:
                self.projectors.append(layers.Dense(units=base_embedding_dim))

    def call(self, input_index):
        embeddings = 0
        for idx in range(self.num_blocks):
            e = self.embedding_encoders[idx](
                input_index % self.embedding_encoders[idx].input_dim
            )
            embeddings += self.projectors[idx](e)
        return embeddings


class RecommenderNet(keras.Model):
    def __init__(self, num_users, num_movies, embedding_size, **kwargs):
        super().__init__(**kwargs)
        self.num_users = num_users
        self.user_embedding = layers.Embedding(
            num_users,
            embedding_size,
            embeddings_initializer="he_normal",
            embeddings_regularizer=keras.regularizers.l2(1e-06),
        )
        self.user_bias = layers.Embedding(num_users, 1)
        self.movie_embedding = layers.Embedding(
            num_movies,
            embedding_size,
            embeddings_initializer="he_normal",
            embeddings_regularizer=keras.regularizers.l2(1e-06),
        )
        self.movie_bias = layers.Embedding(num_movies, 1)

    def call(self, inputs):
        user_vector = self.user_embedding(inputs[:, 0])
        user_bias = self.user_bias(inputs[:, 0])
        movie_vector = self.movie_embedding(inputs[:, 1])
        movie_bias = self.movie_bias(inputs[:, 1])
        dot_user_movie = ops.tensordot(user_vector, movie_vector, 2)
        x = dot_user_movie + user_bias + movie_bias
        return ops.nn.sigmoid(x)


model = RecommenderNet(n_users, n_movies, 8)
model.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
)
xx = np.stack([users, movies], axis=1)
history = model.fit(
    x=xx, y=ratings, batch_size=64, epochs=3, validation_data=(xx, ratings), verbose=0
)


def create_baseline(kind):
    user = layers.Input(name="user_id", shape=(), dtype="int32")
    movie = layers.Input(name="movie_id", shape=(), dtype="int32")
    if kind == "qr":
        ue, me = (
            QREmbedding(n_users, 8, 10)(user),
            QREmbedding(n_movies, 8, 10)(movie),
        )
    elif kind == "md":
        ue, me = (
            MDEmbedding([20, 30], [8, 4], 8)(user),
            MDEmbedding([20, 10], [8, 4], 8)(movie),
        )
    else:
        ue, me = (
            layers.Embedding(n_users, 8, name="ue")(user),
            layers.Embedding(n_movies, 8, name="me")(movie),
        )
    logits = layers.Dot(axes=1, name="dot_similarity")([ue, me])
    prediction = keras.activations.sigmoid(logits)
    return keras.Model(inputs=[user, movie], outputs=prediction, name="baseline_model")


for kind in ("base", "qr", "md"):
    m = create_baseline(kind)
    m.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss=keras.losses.MeanSquaredError(),
        metrics=[keras.metrics.MeanAbsoluteError()],
    )
    h = m.fit(
        {"user_id": users, "movie_id": movies},
        ratings,
        epochs=3,
        batch_size=64,
        verbose=0,
    )
    assert h.history["loss"][-1] < h.history["loss"][0]
