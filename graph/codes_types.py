"""Codes of shapes and element types: T03, T04."""

from .code import entry

# Shapes.

entry(
    "T0301",
    "inner sizes of a matrix product differ",
    """In `a @ b` the last axis of `a` and the last but one of `b` are summed over, so
    they have one size. The labels show both types and where both sizes were born.""",
    """
    dim B
    model M(x: f32[B, 400]) -> f32[B, 10] {
      param w: f32[512, 10] = he_normal()
      return x @ w
    }
    """,
    """
    dim B
    model M(x: f32[B, 400]) -> f32[B, 10] {
      param w: f32[400, 10] = he_normal()
      return x @ w
    }
    """,
)
entry(
    "T0302",
    "shapes that do not fit element by element",
    """Shapes are compared from the last axis on. Sizes are equal, or one of them is a
    literal 1; a size that merely could be 1 is never stretched.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] { return x + Dense(3)(x) }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] { return x + Dense(4)(x) }
    """,
)
entry(
    "T0303",
    "an axis or item that does not exist",
    "Axes count from 0, or from -1 backwards.",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B] { return sum(x, axis = 2) }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B] { return sum(x, axis = 1) }
    """,
)
entry(
    "T0304",
    "a reshape that changes the number of elements",
    """A reshape keeps all elements. With -1 the missing size is computed, and the
    division has to be exact for every admissible size.""",
    """
    dim B
    model M(x: f32[B, 10]) -> f32[B, 3, 4] { return reshape(x, (B, 3, 4)) }
    """,
    """
    dim B
    model M(x: f32[B, 12]) -> f32[B, 3, 4] { return reshape(x, (B, 3, 4)) }
    """,
)
entry(
    "T0305",
    "sizes beside the axis of a concatenation differ",
    "Tensors are joined along one axis; all other sizes agree.",
    """
    dim B
    model M(x: f32[B, 4], y: f32[B, 3]) -> f32[B, 4] {
      return concatenate([x, y], axis = 0)[:B]
    }
    """,
    """
    dim B
    model M(x: f32[B, 4], y: f32[B, 3]) -> f32[B, 7] {
      return concatenate([x, y], axis = 1)
    }
    """,
)
entry(
    "T0306",
    "the wrong number of axes, or a symbolic size where a number is needed",
    """An op or layer wants another number of axes, or, for the sizes of weights,
    numbers instead of free sizes.""",
    """
    dim B
    model M(x: f32[B]) -> f32[B, 3] { return x |> Dense(3) }
    """,
    """
    dim B
    model M(x: f32[B, 1]) -> f32[B, 3] { return x |> Dense(3) }
    """,
)
entry(
    "T0307",
    "a free size forced to a number",
    """A declared `dim` stands for every size. What holds only for one size would fail
    with the next batch, so it is refused now.""",
    """
    dim B
    model M(x: f32[B, 4, 4]) -> f32[32, 16] { return reshape(x, (32, 16)) }
    """,
    """
    dim B
    model M(x: f32[B, 4, 4]) -> f32[B, 16] { return reshape(x, (B, 16)) }
    """,
)
entry(
    "T0308",
    "a relation between sizes that cannot be decided",
    """The rule needs two sizes to be equal, and from what is declared this follows
    neither for all values nor for none; or a generic size follows from no
    parameter. Bounds or a `where` clause say what is missing; in Python a size may have
    bounds as well, `Input(("T in 1..256", 8))`.""",
    """
    dim B
    dim T
    model M(x: f32[B, T, 8]) -> f32[B, T, 8] {
      param table: f32[256, 8] = zeros()
      return x + table[:T]
    }
    """,
    """
    dim B
    dim T in 1..256
    model M(x: f32[B, T, 8]) -> f32[B, T, 8] {
      param table: f32[256, 8] = zeros()
      return x + table[:T]
    }
    """,
)
entry(
    "T0309",
    "a computed type that is not the declared one",
    """What a body returns, a `let` binds or an argument brings has another type than
    the declaration says. The labels show where the sizes were born.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 10] { return x |> Dense(12) }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 12] { return x |> Dense(12) }
    """,
)
entry(
    "T0310",
    "a division of whole numbers that does not come out even",
    "`/` of whole numbers has to be exact; `//` rounds down.",
    "const half: int = 7 / 2",
    "const half: int = 7 // 2",
)
entry(
    "T0311",
    "an index outside of an axis",
    "An index has to lie within its axis for every admissible size; ranges are cut.",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B] { return x[:, 4] }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B] { return x[:, 3] }
    """,
)
entry(
    "T0390",
    "a size with too many terms",
    """A size is a sum of products of dimensions; it has at most 64 of them with at most
    64 factors each, and a `where` clause at most 64 conditions.""",
    """
    dim A
    dim B
    dim C
    dim D
    model M(x: f32[(A + B + C + D) ** 6]) -> f32[] { return sum(x) }
    """,
    """
    dim A
    dim B
    model M(x: f32[(A + B) ** 6]) -> f32[] { return sum(x) }
    """,
)
entry(
    "T0391",
    "a size divided by zero",
    "The divisor of a size or of a static number is zero.",
    "const none: int = 7 // 0",
    "const none: int = 7 // 1",
)

# Element types.

entry(
    "T0401",
    "an element type that does not exist",
    """The element types are `bool`, `i8` to `i64`, `u8` to `u64`, `f16`, `bf16`, `f32`
    and `f64`; settings are `int`, `bool`, `str` or a floating-point type.""",
    "dim B\nmodel M(x: float[B]) -> f32[B] { return x |> relu }",
    "dim B\nmodel M(x: f32[B]) -> f32[B] { return x |> relu }",
)
entry(
    "T0402",
    "element types that differ",
    """Element types are never converted in silence: whole numbers become fractions, and
    widths change, by `cast` alone.""",
    "dim B\nmodel M(n: i32[B], x: f32[B]) -> f32[B] { return n * x }",
    "dim B\nmodel M(n: i32[B], x: f32[B]) -> f32[B] { return cast(n, f32) * x }",
)
entry(
    "T0403",
    "whole numbers where fractions are needed",
    """Weights multiply quantities. Ids are looked up in an embedding; counts are
    converted by `cast`.""",
    "dim B\nmodel M(n: i32[B, 4]) -> f32[B, 3] { return n |> Dense(3) }",
    "dim B\nmodel M(n: i32[B, 4]) -> f32[B, 3] { return cast(n, f32) |> Dense(3) }",
)

entry(
    "T0404",
    "a number that its dtype cannot hold",
    "A literal takes the dtype of the tensor beside it, and has to fit in there.",
    "dim B\nmodel M(x: f32[B, 4]) -> f32[B, 4] { return x * 1e39 }",
    "dim B\nmodel M(x: f32[B, 4]) -> f32[B, 4] { return x * 1e38 }",
)
