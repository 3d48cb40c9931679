"""Layers of a user's own that random models are made of."""

from typing import Any

from tulle import layers, ops, saving


class Own(layers.Layer):
    """One that has a width."""

    def __init__(self, width: int = 4, **more: Any) -> None:
        super().__init__(**more)
        self.width = width

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@saving.register_serializable()
class Gate(Own):
    """A weight that is read twice, and a normalization by hand."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight((shape[-1], self.width), name="kernel")
        self.scale = self.add_weight((self.width,), "ones", name="scale")

    def call(self, x: Any) -> Any:
        y = ops.tanh(x @ self.kernel)
        y = y - ops.mean(y, axis=-1, keepdims=True)
        y = y / ops.sqrt(ops.mean(ops.square(y), axis=-1, keepdims=True) + 1e-2)
        return ops.sigmoid(x) * ops.matmul(y * self.scale, ops.transpose(self.kernel))


@saving.register_serializable()
class Turns(Own):
    """A loop of Python over layers, and one of the language over steps."""

    def __init__(self, width: int = 4, **more: Any) -> None:
        super().__init__(width, **more)
        self.parts = [
            layers.Dense(width, "tanh", dtype=self.dtype_policy) for _ in range(3)
        ]

    def call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        turned = ops.moveaxis(x, 1, 0) if x.ndim > 2 else ops.stack([x, x * 0.5])

        def step(kept: Any, row: Any) -> Any:
            new = ops.tanh(kept * 0.9 + row)
            return new, new * row

        last, each = ops.scan(step, ops.zeros_like(turned[0]), turned)
        return ops.moveaxis(each, 0, 1) if x.ndim > 2 else each[1] + last


@saving.register_serializable()
class Penalty(Own):
    """Losses of its own, and something else in training."""

    def call(self, x: Any, training: bool = False) -> Any:
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        total = ops.sum(x, axis=tuple(range(1, x.ndim)), keepdims=True)
        self.add_loss(0.01 * ops.mean(ops.abs(total)))
        return x * 1.5 if training else x


@saving.register_serializable()
class Running(Own):
    """A mean that it keeps, and sets to a new value in training."""

    def build(self, shape: Any) -> None:
        self.mean = self.add_weight((shape[-1],), "zeros", trainable=False, name="mean")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            now = ops.mean(x, axis=tuple(range(x.ndim - 1)))
            self.mean.assign(self.mean * 0.9 + ops.stop_gradient(now) * 0.1)
        return x - self.mean


@saving.register_serializable()
class Folds(Own):
    """Reductions over several axes of one operand, side by side."""

    def call(self, x: Any) -> Any:
        x = ops.reshape(x, (-1, 1, *x.shape[1:])) if x.ndim < 3 else x
        rows = ops.sum(ops.exp(ops.tanh(x)), axis=-1, keepdims=True)
        columns = ops.max(x, axis=1, keepdims=True)
        whole = ops.mean(ops.square(x), axis=(1, -1), keepdims=True)
        return ops.log(rows) * columns + x / ops.sqrt(whole + 0.1)


OWN = {"Gate": Gate, "Turns": Turns, "Penalty": Penalty, "Running": Running}
OWN["Folds"] = Folds
