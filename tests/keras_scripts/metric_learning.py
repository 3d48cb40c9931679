"""Similarities within a batch, and a distiller by `compute_loss`."""

import numpy as np

import tulle as keras
from tulle import layers, ops

rng = np.random.default_rng(0)
height_width, num_classes = (16, 5)
x_train = rng.random((100, 16, 16, 3)).astype("float32")
y_train = np.arange(100) % 5
class_idx_to_train_idxs = {
    c: [i for i in range(100) if y_train[i] == c] for c in range(5)
}


class AnchorPositivePairs(keras.utils.Sequence):
    def __init__(self, num_batches):
        super().__init__()
        self.count = num_batches

    def __len__(self):
        return self.count

    def __getitem__(self, _idx):
        x = np.empty((2, num_classes, height_width, height_width, 3), dtype="float32")
        for class_idx in range(num_classes):
            examples_for_class = class_idx_to_train_idxs[class_idx]
            x[0, class_idx] = x_train[rng.choice(examples_for_class)]
            x[1, class_idx] = x_train[rng.choice(examples_for_class)]
        return x


class EmbeddingModel(keras.Model):
    def train_step(self, data):
        if isinstance(data, tuple):
            data = data[0]
        anchors, positives = (data[0], data[1])
        with keras.GradientTape() as tape:
            anchor_embeddings = self(anchors, training=True)
            positive_embeddings = self(positives, training=True)
            similarities = ops.einsum(
                "ae,pe->ap", anchor_embeddings, positive_embeddings
            )
            temperature = 0.2
            similarities /= temperature
            sparse_labels = ops.arange(num_classes)
            loss = self.compute_loss(y=sparse_labels, y_pred=similarities)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_variables, strict=False)
        )
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(sparse_labels, similarities)
        return {m.name: m.result() for m in self.metrics}


inputs = layers.Input(shape=(height_width, height_width, 3))
x = layers.Conv2D(filters=8, kernel_size=3, strides=2, activation="relu")(inputs)
x = layers.GlobalAveragePooling2D()(x)
embeddings = layers.Dense(units=8, activation=None)(x)
embeddings = layers.UnitNormalization()(embeddings)
model = EmbeddingModel(inputs, embeddings)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
history = model.fit(AnchorPositivePairs(num_batches=20), epochs=2, verbose=0)
emb = model.predict(x_train, verbose=0)
gram_matrix = np.einsum("ae,be->ab", emb, emb)
near_neighbours = np.argsort(gram_matrix.T)[:, -5:]


class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def compile(
        self,
        optimizer,
        metrics,
        student_loss_fn,
        distillation_loss_fn,
        alpha=0.1,
        temperature=3,
    ):
        super().compile(optimizer=optimizer, metrics=metrics)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn
        self.alpha = alpha
        self.temperature = temperature

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, allow_empty=False
    ):
        teacher_pred = self.teacher(x, training=False)
        student_loss = self.student_loss_fn(y, y_pred)
        distillation_loss = (
            self.distillation_loss_fn(
                ops.softmax(teacher_pred / self.temperature, axis=1),
                ops.softmax(y_pred / self.temperature, axis=1),
            )
            * self.temperature**2
        )
        return self.alpha * student_loss + (1 - self.alpha) * distillation_loss

    def call(self, x):
        return self.student(x)


def net(f, name):
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(f, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.MaxPooling2D((2, 2), strides=(1, 1), padding="same"),
            layers.Flatten(),
            layers.Dense(5),
        ],
        name=name,
    )


teacher, student = (net(16, "teacher"), net(4, "student"))
student_scratch = keras.models.clone_model(student)
teacher.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
teacher.fit(x_train, y_train, epochs=2, verbose=0)
distiller = Distiller(student=student, teacher=teacher)
distiller.compile(
    optimizer=keras.optimizers.Adam(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
    student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    distillation_loss_fn=keras.losses.KLDivergence(),
    alpha=0.1,
    temperature=10,
)
w = teacher.get_weights()[0].copy()
h = distiller.fit(x_train, y_train, epochs=3, verbose=0)
assert h.history["loss"][-1] < h.history["loss"][0]
student_scratch.compile(
    "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
)
student_scratch.fit(x_train, y_train, epochs=1, verbose=0)
