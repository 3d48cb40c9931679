"""Codes of syntax, names and arguments: T01, T02."""

from .code import entry

# Syntax.

entry(
    "T0100",
    "something is missing or out of place",
    """The text breaks off or goes on in a way that the grammar has no meaning for. The
    label says what belongs at the marked place.""",
    "const half: f32 0.5",
    "const half: f32 = 0.5",
)
entry(
    "T0101",
    "a character or number without meaning",
    """Names consist of letters, digits and `_`; numbers have a digit before and behind
    their point; strings stand in double quotes; statements need no `;`.""",
    "const half: f32 = .5",
    "const half: f32 = 0.5",
)
entry(
    "T0102",
    "a string that does not end",
    """A string begins and ends with `"` on one line and has no backslashes.""",
    'const kind: str = "same',
    'const kind: str = "same"',
)
entry(
    "T0103",
    "a bracket that is never closed",
    """The first label shows where the missing bracket belongs, the second the bracket
    that is still open there.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      return x |> Dense(3
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] {
      return x |> Dense(3)
    }
    """,
)
entry(
    "T0104",
    "a bracket that closes nothing",
    "There is one closing bracket too many, or one of another kind than is open.",
    "const two: int = (1 + 1))",
    "const two: int = (1 + 1)",
)
entry(
    "T0105",
    "a file without its edition",
    """The first words of a file name the edition of the language that it is written in,
    so that later editions can change the language and still read the file.""",
    "dim B",
    "net 1\n\ndim B",
)
entry(
    "T0106",
    "a reserved word where a name belongs",
    """Words of the language, and some that later editions want, cannot be names of
    tensors, sizes or layers.""",
    "const loss: f32 = 0.5",
    "const loss_: f32 = 0.5",
)
entry(
    "T0107",
    "a word that begins no statement, section or declaration",
    """Every statement begins with a reserved word: `let`, `param`, `state`, `update`,
    `loss`, `return` in a body; `loss`, `optimizer`, `metrics`, `freeze`, `clip`, `run`
    in `train`; `import`, `dim`, `config`, `const`, `fn`, `layer`, `extern layer`,
    `model`, `train` at the top level.""",
    """
    fn twice(x: f32[]) -> f32[] {
      y = x + x
      return y
    }
    """,
    """
    fn twice(x: f32[]) -> f32[] {
      let y = x + x
      return y
    }
    """,
)
entry(
    "T0108",
    "a layer with one list of parameters",
    """A layer has two lists: the settings that are fixed when it is made, then the
    tensors that it is applied to. Without settings the first list is empty.""",
    """
    dim B
    layer Twice(x: f32[B]) -> f32[B] { return x + x }
    """,
    """
    dim B
    layer Twice()(x: f32[B]) -> f32[B] { return x + x }
    """,
)

# Names and arguments.

entry(
    "T0201",
    "a name that is not defined",
    """Names come from the file (`let`, `param`, `dim`, `config`, `const`, `fn`,
    `layer`, `model`) or from the library. A size is never declared by using it:
    otherwise a misspelt size would be a new one.""",
    """
    dim Batch
    model M(x: f32[Bacth, 4]) -> f32[Batch, 4] { return x |> relu }
    """,
    """
    dim Batch
    model M(x: f32[Batch, 4]) -> f32[Batch, 4] { return x |> relu }
    """,
)
entry(
    "T0202",
    "an argument or setting that does not exist",
    "The note lists the arguments that there are, with their defaults.",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return x |> Dense(3, activaton = relu) }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return x |> Dense(3, activation = relu) }
    """,
)
entry(
    "T0203",
    "an argument that is missing",
    "Arguments without a default have to be given.",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return x |> Dense() }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return x |> Dense(3) }
    """,
)
entry(
    "T0204",
    "an argument with a value it cannot have",
    """The argument exists, but not with this value: it is of another kind, out of
    bounds, or the name of nothing.""",
    """
    dim B
    config width: int = 4 in 8..64
    model M(x: f32[B, 4]) -> f32[B, width] { return x |> Dense(width) }
    """,
    """
    dim B
    config width: int = 32 in 8..64
    model M(x: f32[B, 4]) -> f32[B, width] { return x |> Dense(width) }
    """,
)
entry(
    "T0205",
    "a name that is declared twice",
    """Two declarations of one file cannot share a name, nor can the sizes, settings and
    inputs of one definition, its outputs, or the names of one `let`. In Python, the
    inputs of one model cannot bound one name of a size in two ways.""",
    "dim B\nconst B: int = 3",
    "dim B\nconst count: int = 3",
)
entry(
    "T0207",
    "a definition that needs itself",
    """Functions, layers and models do not recurse: every text describes a finite
    graph.""",
    "fn f(x: f32[]) -> f32[] = f(x) + 1.0",
    "fn f(x: f32[]) -> f32[] = x + 1.0",
)
entry(
    "T0208",
    "a body without its `return` at the end",
    "A body ends with one `return`; nothing behind it would be reached.",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      let y = x |> relu
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      let y = x |> relu
      return y
    }
    """,
)
entry(
    "T0209",
    "names and values that differ in number",
    "`let (a, b) = …` takes exactly as many values as it has names.",
    """
    fn f(x: f32[]) -> f32[] {
      let (a, b) = (x, x, x)
      return a + b
    }
    """,
    """
    fn f(x: f32[]) -> f32[] {
      let (a, b) = (x, x)
      return a + b
    }
    """,
)
entry(
    "T0210",
    "a parameter in a function",
    "Functions are pure. What owns parameters is a layer or a model.",
    """
    fn f(x: f32[3]) -> f32[3] {
      param w: f32[3] = zeros()
      return x + w
    }
    """,
    """
    layer F()(x: f32[3]) -> f32[3] {
      param w: f32[3] = zeros()
      return x + w
    }
    """,
)
