"""Codes of repeated stages, choices, modes, state and frozen parameters."""

from .code import entry

entry(
    "T0211",
    "a parameter that is not there",
    """`param w: … if condition` makes a parameter only where the condition holds.
    Elsewhere its name stands for nothing, so it is used under the same condition.""",
    """
    layer Shift[K](on: bool = false)(x: f32[K]) -> f32[K] {
      param b: f32[K] = zeros() if on
      return x + b
    }
    model M(x: f32[3]) -> f32[3] { return x |> Shift() }
    """,
    """
    layer Shift[K](on: bool = false)(x: f32[K]) -> f32[K] {
      param b: f32[K] = zeros() if on
      return if on { x + b } else { x }
    }
    model M(x: f32[3]) -> f32[3] { return x |> Shift() }
    """,
)
entry(
    "T0212",
    "an update of something that is no state",
    """`update m := …` gives a state of the same body its next value. A parameter is
    changed by the optimizer, and what `let` names never changes.""",
    """
    layer Count()(x: f32[3]) -> f32[3] {
      param seen: f32[] = zeros()
      update seen := seen + 1.0
      return x
    }
    """,
    """
    layer Count()(x: f32[3]) -> f32[3] {
      state seen: f32[] = zeros()
      update seen := seen + 1.0
      return x
    }
    """,
)
entry(
    "T0213",
    "a name that nothing uses",
    """A warning. A `dim`, a setting, a `let` or an input of a model changes nothing
    where it is not named again; perhaps something else stands where it was meant. A
    value that is of no interest may have a name that begins with `_`.""",
    """
    dim B
    config width: int = 64
    model M(x: f32[B, 4]) -> f32[B, 128] { return x |> Dense(128) }
    """,
    """
    dim B
    config width: int = 64
    model M(x: f32[B, 4]) -> f32[B, width] { return x |> Dense(width) }
    """,
)
entry(
    "T0510",
    "a repeated block that does not give back the type it takes",
    """What goes around a `repeat` is the operand of the next turn: the stages between
    its braces give back the type that they take. Where the type changes from turn to
    turn, `fold` goes through a list of settings.""",
    """
    dim B
    model M(x: f32[B, 64]) -> f32[B, 128] { return x |> repeat 2 { Dense(128) } }
    """,
    """
    dim B
    model M(x: f32[B, 64]) -> f32[B, 128] {
      return x |> fold units in [96, 128] { Dense(units) }
    }
    """,
)
entry(
    "T0511",
    "arms of `match` that are missing, unknown or differ in type",
    """`match mode` has one arm for `train` and one for `infer`. Whichever runs, what
    follows gets a tensor of the same type.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      return match mode { train => x |> Dropout(0.5) }
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      return match mode { train => x |> Dropout(0.5), infer => x }
    }
    """,
)
entry(
    "T0512",
    "a choice that data would have to make",
    """`if` chooses before anything runs: its condition is made of settings, constants
    and sizes. `where(condition, a, b)` chooses element by element as it runs.""",
    """
    fn positive(x: f32[3]) -> f32[3] = if x > 0.0 { x } else { 0.0 * x }
    """,
    """
    fn positive(x: f32[3]) -> f32[3] = where(x > 0.0, x, 0.0)
    """,
)
entry(
    "T0607",
    "a pattern of `freeze` that fits no parameter",
    """A pattern is the path of a parameter, or the beginning of one up to a `/`; `*`
    stands for anything. One that fits nothing would freeze nothing, unnoticed.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 1] { return x |> Dense(3) as encoder |> Dense(1) }
    train M(y: f32[B, 1]) {
      loss      mean_squared_error(y, output)
      optimizer sgd(0.1)
      freeze    "encodr/*"
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 1] { return x |> Dense(3) as encoder |> Dense(1) }
    train M(y: f32[B, 1]) {
      loss      mean_squared_error(y, output)
      optimizer sgd(0.1)
      freeze    "encoder/*"
    }
    """,
)
