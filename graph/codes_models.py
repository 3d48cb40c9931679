"""Codes of layers, models, gradients and training: T05, T06."""

from .code import entry

# Layers, models, gradients.

entry(
    "T0501",
    "a layer or function where a tensor is needed",
    """`Dense(3)` is a layer: it owns parameters and is applied to a tensor, with a pipe
    or with a second pair of parentheses.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      let h = Dense(3)
      return relu(h)
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      let h = x |> Dense(3)
      return relu(h)
    }
    """,
)
entry(
    "T0502",
    "an operation without a gradient",
    """Nothing flows back through whole numbers, comparisons and the position of a
    maximum, nor through a layer that computes with NumPy and has no `vjp` of its own.
    Behind such a layer nothing before it could be trained.""",
    """
    import numpy as np
    import tulle

    class Squared(tulle.layers.Layer):
        def call(self, x):
            return np.square(np.asarray(x))

    x = tulle.Input((4,))
    model = tulle.Model(x, Squared()(tulle.layers.Dense(1)(x)))
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    class Squared(tulle.layers.Layer):
        def call(self, x):
            return tulle.ops.square(x)

    x = tulle.Input((4,))
    model = tulle.Model(x, Squared()(tulle.layers.Dense(1)(x)))
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    "python",
)
entry(
    "T0503",
    "a symbolic tensor asked for its value",
    """While a model is defined its tensors have types and no values, so Python cannot
    branch on them or turn them into arrays. Use an op, such as `ops.where`.""",
    """
    import tulle

    x = tulle.Input((4,))
    y = x if x > 0 else -x
    """,
    """
    import tulle

    x = tulle.Input((4,))
    y = tulle.ops.where(x > 0, x, -x)
    """,
    "python",
)
entry(
    "T0504",
    "layer names that collide, or a name for something that is no layer",
    """Names of layers are unique within a model, since the paths of parameters are made
    of them. `as` names a layer; a function owns nothing that could be named.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      return x |> Dense(4) as first |> Dense(4) as first
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      return x |> Dense(4) as first |> Dense(4) as second
    }
    """,
)
entry(
    "T0505",
    "inputs and outputs of a model that are not connected",
    """A model is what leads from its inputs to its outputs: whatever the outputs are
    computed from stands among its inputs, and each of these comes from `Input`.""",
    """
    import tulle

    x, y = tulle.Input((4,)), tulle.Input((4,))
    model = tulle.Model(x, x + y)
    """,
    """
    import tulle

    x, y = tulle.Input((4,)), tulle.Input((4,))
    model = tulle.Model([x, y], x + y)
    """,
    "python",
)

entry(
    "T0506",
    "a tape asked for a second gradient",
    """A `GradientTape` forgets what it watched once it has given a gradient; with
    `persistent=True` it gives any number.""",
    """
    import tulle

    x = tulle.Variable(3.0)
    with tulle.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)
    """,
    """
    import tulle

    x = tulle.Variable(3.0)
    with tulle.GradientTape(persistent=True) as tape:
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)
    """,
    "python",
)

entry(
    "T0507",
    "a layer whose type depends on the mode",
    """A layer's `call` runs in training and in inference, and the rest of the model is
    built on one shape and element type for both.""",
    """
    import numpy as np
    import tulle

    class Double(tulle.layers.Layer):
        def call(self, x, training=False):
            return tulle.ops.concatenate([x, x], axis=1) if training else x

    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(1)(Double()(x)))
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    class Double(tulle.layers.Layer):
        def call(self, x, training=False):
            return x * 2 if training else x

    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(1)(Double()(x)))
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    "python",
)

entry(
    "T0508",
    "parameters without influence",
    """A warning. No output depends on a layer or parameter, so it is not part of the
    model and training will not change it. Perhaps a result was meant to be used. Or
    the loss does not reach a parameter, because an op on the way, such as
    `stop_gradient` or `argmax`, lets no gradient pass.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      let h = x |> Dense(8)
      return x |> Dense(3)
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      let h = x |> Dense(8)
      return h |> Dense(3)
    }
    """,
)

entry(
    "T0509",
    "an opaque layer that returns another type than expected",
    """A layer whose `call` computes in NumPy is opaque: only running it tells what it
    returns. So its type is declared by `compute_output_shape` or
    `compute_output_spec`, or told by two trial calls, and it has to hold for all values
    that come.""",
    """
    import numpy as np
    import tulle

    class Positive(tulle.layers.Layer):
        def call(self, x):
            x = np.asarray(x)
            return x[x[:, 0] > 0]

    x = tulle.Input((4,))
    model = tulle.Model(x, Positive()(x))
    model.predict(np.array([[1.0] * 4, [-1.0] * 4], "float32"), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    class Positive(tulle.layers.Layer):
        def call(self, x):
            x = np.asarray(x)
            return x * (x[:, :1] > 0)

    x = tulle.Input((4,))
    model = tulle.Model(x, Positive()(x))
    model.predict(np.array([[1.0] * 4, [-1.0] * 4], "float32"), verbose=0)
    """,
    "python",
)

# Training.

_TRAIN = """
dim B
model M(x: f32[B, 4]) -> f32[B, 1] {{ return x |> Dense(1) }}
train M(y: f32[{0}]) {{
  loss      {1}
  optimizer {2}
}}
"""
entry(
    "T0601",
    "target and prediction of different shapes",
    """A loss compares element by element. Broadcasting `[B, 1]` against `[B]` would
    compare each prediction with the targets of all other samples. In Python, where
    nobody has declared shapes, a last axis of size 1 that only one of the two has is
    dropped, or given to a vector; all else is refused there too.""",
    _TRAIN.format("B", "mean_squared_error(y, output)", "adam(1e-3)"),
    _TRAIN.format("B", "mean_squared_error(y, squeeze(output, -1))", "adam(1e-3)"),
)
_PROBABLE = """
dim B
model M(x: f32[B, 4]) -> f32[B, 3] {{ return x |> Dense(3{0}) }}
train M(y: i32[B]) {{
  loss      sparse_categorical_crossentropy(y, output{1})
  optimizer adam(1e-3)
}}
"""
entry(
    "T0602",
    "probabilities where a loss takes logits",
    """With `from_logits` the loss applies softmax itself. Twice is wrong: training goes
    on, and never becomes good.""",
    _PROBABLE.format(", activation = softmax", ", from_logits = true"),
    _PROBABLE.format("", ", from_logits = true"),
)
entry(
    "T0603",
    "a loss that is not one floating-point number",
    "Training makes one number small. `mean` or `sum` makes one of many.",
    _TRAIN.format("B, 1", "square(y - output)", "adam(1e-3)"),
    _TRAIN.format("B, 1", "mean(square(y - output))", "adam(1e-3)"),
)
entry(
    "T0604",
    "a `train` block with a missing, doubled or wrong section",
    """A training has one `loss` and one `optimizer`, and perhaps `metrics`, `freeze`,
    `clip` and `run`; no entry stands twice.""",
    _TRAIN.format("B, 1", "mean_squared_error(y, output)", "0.001"),
    _TRAIN.format("B, 1", "mean_squared_error(y, output)", "adam(0.001)"),
)
entry(
    "T0605",
    "a target that nothing looks at",
    "A target of `train` is there for the loss or for a metric.",
    """
    dim B
    model M(x: f32[B, 4]) -> (a: f32[B, 1], b: f32[B, 1]) {
      return (x |> Dense(1), x |> Dense(1))
    }
    train M(y: f32[B, 1], z: f32[B, 1]) {
      loss      mean_squared_error(y, a) + mean_squared_error(y, b)
      optimizer adam(1e-3)
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> (a: f32[B, 1], b: f32[B, 1]) {
      return (x |> Dense(1), x |> Dense(1))
    }
    train M(y: f32[B, 1], z: f32[B, 1]) {
      loss      mean_squared_error(y, a) + mean_squared_error(z, b)
      optimizer adam(1e-3)
    }
    """,
)

entry(
    "T0608",
    "scores where a loss takes probabilities",
    """A warning. Without `from_logits` a crossentropy takes probabilities,
    cuts what lies outside of 0 to 1, and no gradient passes there. What a layer without
    an activation gives are scores: `from_logits = true` takes them as they are.
    `from_logits = false` says that they are probabilities all the same.""",
    _PROBABLE.format("", ""),
    _PROBABLE.format("", ", from_logits = true"),
)
entry(
    "T0606",
    "a model that was not compiled, or a layer that was not adapted",
    """Before `compile` nothing says what training shall make small, or how. A layer
    that learns from data before training, such as `TextVectorization`, needs `adapt`
    first.""",
    """
    import numpy as np
    import tulle

    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(1)(x))
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(1)(x))
    model.compile("adam", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    """,
    "python",
)
