"""An optimizer of one's own, gradients changed, accumulated and averaged."""

import numpy as np

import tulle as keras
from tulle import layers, ops


class GradientCentralizingRMSprop(keras.optimizers.RMSprop):
    def apply(self, grads, trainable_variables=None):
        centred = []
        for grad in grads:
            if len(grad.shape) > 1:
                axes = list(range(len(grad.shape) - 1))
                grad = grad - ops.mean(grad, axis=axes, keepdims=True)
            centred.append(grad)
        return super().apply(centred, trainable_variables)


class Plain(keras.optimizers.Optimizer):
    """Steps against the gradient, with a momentum of its own."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = []
        for variable in variables:
            self.momentums.append(
                self.add_variable_from_reference(variable, name="momentum")
            )

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


keras.utils.set_random_seed(39)
rng = np.random.default_rng(0)
x = rng.normal(size=(64, 4)).astype("float32")
y = x @ np.array([[1.0], [-2.0], [0.5], [0.0]], "float32")


def fitted(optimizer, epochs=4):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    history = model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, shuffle=False)
    return model, history.history["loss"]


for optimizer in (Plain(0.05), GradientCentralizingRMSprop(0.05)):
    model, losses = fitted(optimizer)
    assert losses[-1] < losses[0]
one, _ = fitted(Plain(0.05, momentum=0.9))
two, _ = fitted(keras.optimizers.SGD(0.05, momentum=0.9))
for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)

model, losses = fitted(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4), 8)
assert losses[-1] < losses[0]
model, losses = fitted(keras.optimizers.Adam(0.05, global_clipnorm=0.5, use_ema=True))
assert losses[-1] < losses[0]

# By hand, with variables made outside of any layer.
w = keras.Variable(np.zeros((4, 1), "float32"))
optimizer = keras.optimizers.Adam(0.1)
optimizer.build([w])
start = None
for _ in range(60):
    with keras.GradientTape() as tape:
        loss = ops.mean(ops.square(ops.matmul(x, w) - y))
    optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    start = float(loss) if start is None else start
assert float(loss) < 0.1 * start
assert len(optimizer.variables) >= 4
