"""All diagnostic codes: what each means, with a failing and a mended example.

`tulle explain T0301` prints an entry. An example is a `.net` text unless `form` says
that it is Python or a command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Code:
    """One code: a title, an explanation in plain words, two examples."""

    title: str
    explanation: str
    failing: str
    mended: str
    form: str = "net"  # or python, shell


CODES: dict[str, Code] = {}


def _code(
    code: str,
    title: str,
    explanation: str,
    failing: str,
    mended: str,
    form: str = "net",
) -> None:
    texts = [dedent(text).strip("\n") for text in (failing, mended)]
    if form == "net" and code != "T0105":
        texts = [f"net 1\n\n{text}" for text in texts]
    words = " ".join(explanation.split())
    CODES[code] = Code(title, words, texts[0], texts[1], form)


def explain(code: str) -> str:
    """The page of a code.

    >>> print(explain("T0301").split(chr(10))[0])
    T0301: inner sizes of a matrix product differ
    """
    entry = CODES[code]
    parts = (
        f"{code}: {entry.title}",
        entry.explanation,
        "This fails:",
        _indented(entry.failing),
        "This works:",
        _indented(entry.mended),
    )
    return "\n\n".join(parts)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))


def families() -> Mapping[str, str]:
    """What the first two digits of a code stand for."""
    return {
        "T01": "syntax",
        "T02": "names and arguments",
        "T03": "shapes",
        "T04": "element types",
        "T05": "layers, models, gradients",
        "T06": "training",
        "T07": "data and files",
        "T08": "devices",
        "T09": "limits",
    }


# Syntax.

_code(
    "T0100",
    "something is missing or out of place",
    """The text breaks off or goes on in a way that the grammar has no meaning for. The
    label says what belongs at the marked place.""",
    "const half: f32 0.5",
    "const half: f32 = 0.5",
)
_code(
    "T0101",
    "a character or number without meaning",
    """Names consist of letters, digits and `_`; numbers have a digit before and behind
    their point; strings stand in double quotes; statements need no `;`.""",
    "const half: f32 = .5",
    "const half: f32 = 0.5",
)
_code(
    "T0102",
    "a string that does not end",
    """A string begins and ends with `"` on one line and has no backslashes.""",
    'const kind: str = "same',
    'const kind: str = "same"',
)
_code(
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
_code(
    "T0104",
    "a bracket that closes nothing",
    "There is one closing bracket too many, or one of another kind than is open.",
    "const two: int = (1 + 1))",
    "const two: int = (1 + 1)",
)
_code(
    "T0105",
    "a file without its edition",
    """The first words of a file name the edition of the language that it is written in,
    so that later editions can change the language and still read the file.""",
    "dim B",
    "net 1\n\ndim B",
)
_code(
    "T0106",
    "a reserved word where a name belongs",
    """Words of the language, and some that later editions want, cannot be names of
    tensors, sizes or layers.""",
    "const loss: f32 = 0.5",
    "const loss_: f32 = 0.5",
)
_code(
    "T0107",
    "a word that begins no statement, section or declaration",
    """Every statement begins with a reserved word: `let`, `param`, `return` in a body;
    `loss`, `optimizer`, `metrics`, `run` in `train`; `dim`, `config`, `const`, `fn`,
    `layer`, `model`, `train` at the top level.""",
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
_code(
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

_code(
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
_code(
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
_code(
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
_code(
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
_code(
    "T0205",
    "a name that is declared twice",
    "Two declarations of one file cannot share a name.",
    "dim B\nconst B: int = 3",
    "dim B\nconst count: int = 3",
)
_code(
    "T0207",
    "a definition that needs itself",
    """Functions, layers and models do not recurse: every text describes a finite
    graph.""",
    "fn f(x: f32[]) -> f32[] = f(x) + 1.0",
    "fn f(x: f32[]) -> f32[] = x + 1.0",
)
_code(
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
_code(
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
_code(
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

# Shapes.

_code(
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
_code(
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
_code(
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
_code(
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
_code(
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
_code(
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
_code(
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
_code(
    "T0308",
    "a relation between sizes that cannot be decided",
    """The rule needs two sizes to be equal, and from what is declared this follows
    neither for all values nor for none; or a generic size follows from no
    parameter.""",
    """
    layer F[K, N]()(x: f32[K]) -> f32[K] { return x }
    dim B
    model M(x: f32[4]) -> f32[4] { return x |> F() }
    """,
    """
    layer F[K]()(x: f32[K]) -> f32[K] { return x }
    dim B
    model M(x: f32[4]) -> f32[4] { return x |> F() }
    """,
)
_code(
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
_code(
    "T0310",
    "a division of whole numbers that does not come out even",
    "`/` of whole numbers has to be exact; `//` rounds down.",
    "const half: int = 7 / 2",
    "const half: int = 7 // 2",
)
_code(
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
_code(
    "T0390",
    "a size with too many terms",
    "A size is a sum of products of dimensions; it has at most 64 of them.",
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
_code(
    "T0391",
    "a size divided by zero",
    "The divisor of a size or of a static number is zero.",
    "const none: int = 7 // 0",
    "const none: int = 7 // 1",
)

# Element types.

_code(
    "T0401",
    "an element type that does not exist",
    """The element types are `bool`, `i8` to `i64`, `u8` to `u64`, `f16`, `bf16`, `f32`
    and `f64`; settings are `int`, `bool`, `str` or a floating-point type.""",
    "dim B\nmodel M(x: float[B]) -> f32[B] { return x |> relu }",
    "dim B\nmodel M(x: f32[B]) -> f32[B] { return x |> relu }",
)
_code(
    "T0402",
    "element types that differ",
    """Element types are never converted in silence: whole numbers become fractions, and
    widths change, by `cast` alone.""",
    "dim B\nmodel M(n: i32[B], x: f32[B]) -> f32[B] { return n * x }",
    "dim B\nmodel M(n: i32[B], x: f32[B]) -> f32[B] { return cast(n, f32) * x }",
)
_code(
    "T0403",
    "whole numbers where fractions are needed",
    """Weights multiply quantities. Ids are looked up in an embedding; counts are
    converted by `cast`.""",
    "dim B\nmodel M(n: i32[B, 4]) -> f32[B, 3] { return n |> Dense(3) }",
    "dim B\nmodel M(n: i32[B, 4]) -> f32[B, 3] { return cast(n, f32) |> Dense(3) }",
)

# Layers, models, gradients.

_code(
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
_code(
    "T0502",
    "an operation without a gradient",
    """Nothing flows back through whole numbers, comparisons and the position of a
    maximum, nor through a layer that computes in Python without its own `vjp`.""",
    """
    with tulle.GradientTape() as tape:
        tape.watch(x)
        y = tulle.ops.cast(tulle.ops.argmax(x), "float32")
    tape.gradient(y, x)
    """,
    """
    with tulle.GradientTape() as tape:
        tape.watch(x)
        y = tulle.ops.max(x)
    tape.gradient(y, x)
    """,
    "python",
)
_code(
    "T0503",
    "a symbolic tensor asked for its value",
    """While a model is defined its tensors have types and no values, so Python cannot
    branch on them or turn them into arrays. Use an op, such as `ops.where`.""",
    """
    x = tulle.Input((4,))
    y = x if x > 0 else -x
    """,
    """
    x = tulle.Input((4,))
    y = tulle.ops.where(x > 0, x, -x)
    """,
    "python",
)
_code(
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
_code(
    "T0505",
    "inputs and outputs of a model that are not connected",
    "A model is what leads from its inputs to its outputs.",
    """
    x, y = tulle.Input((4,)), tulle.Input((4,))
    model = tulle.Model(x, x + y)
    """,
    """
    x, y = tulle.Input((4,)), tulle.Input((4,))
    model = tulle.Model([x, y], x + y)
    """,
    "python",
)

_code(
    "T0506",
    "a tape asked for a second gradient",
    "A `GradientTape` gives one gradient; a persistent one gives any number.",
    """
    x = tulle.Variable(3.0)
    with tulle.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)
    """,
    """
    x = tulle.Variable(3.0)
    with tulle.GradientTape(persistent=True) as tape:
        y = x * x
    tape.gradient(y, x)
    tape.gradient(y, x)
    """,
    "python",
)

_code(
    "T0506",
    "a tape that is asked twice",
    "A gradient tape gives one gradient unless it is persistent.",
    """
    with tulle.GradientTape() as tape:
        y = w * w
    tape.gradient(y, w), tape.gradient(y, w)
    """,
    """
    with tulle.GradientTape(persistent=True) as tape:
        y = w * w
    tape.gradient(y, w), tape.gradient(y, w)
    """,
    "python",
)

_code(
    "T0507",
    "a layer whose type depends on the mode",
    """A layer's `call` runs in training and in inference, and the rest of the model is
    built on one type for both.""",
    """
    class Double(tulle.Layer):
        def call(self, x, training=False):
            return tulle.ops.concatenate([x, x], axis=1) if training else x
    """,
    """
    class Double(tulle.Layer):
        def call(self, x, training=False):
            return x * 2 if training else x
    """,
    "python",
)

_code(
    "T0508",
    "parameters without influence",
    """A warning. No output depends on a layer or parameter, so it is not part of the
    model and training will not change it. Perhaps a result was meant to be used.""",
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

# Training.

_TRAIN = """
dim B
model M(x: f32[B, 4]) -> f32[B, 1] {{ return x |> Dense(1) }}
train M(y: f32[{0}]) {{
  loss      {1}
  optimizer {2}
}}
"""
_code(
    "T0601",
    "target and prediction of different shapes",
    """A loss compares element by element. Broadcasting `[B, 1]` against `[B]` would
    compare each prediction with the targets of all other samples.""",
    _TRAIN.format("B", "mean_squared_error(y, output)", "adam(1e-3)"),
    _TRAIN.format("B", "mean_squared_error(y, squeeze(output, -1))", "adam(1e-3)"),
)
_PROBABLE = """
dim B
model M(x: f32[B, 4]) -> f32[B, 3] {{ return x |> Dense(3{0}) }}
train M(y: i32[B]) {{
  loss      sparse_categorical_crossentropy(y, output, from_logits = true)
  optimizer adam(1e-3)
}}
"""
_code(
    "T0602",
    "probabilities where a loss takes logits",
    """With `from_logits` the loss applies softmax itself. Twice is wrong: training goes
    on, and never becomes good.""",
    _PROBABLE.format(", activation = softmax"),
    _PROBABLE.format(""),
)
_code(
    "T0603",
    "a loss that is not one floating-point number",
    "Training makes one number small. `mean` or `sum` makes one of many.",
    _TRAIN.format("B, 1", "square(y - output)", "adam(1e-3)"),
    _TRAIN.format("B, 1", "mean(square(y - output))", "adam(1e-3)"),
)
_code(
    "T0604",
    "a `train` block with a missing, doubled or wrong section",
    """A training has one `loss` and one `optimizer`, and perhaps `metrics` and `run`;
    no entry stands twice.""",
    _TRAIN.format("B, 1", "mean_squared_error(y, output)", "0.001"),
    _TRAIN.format("B, 1", "mean_squared_error(y, output)", "adam(0.001)"),
)
_code(
    "T0605",
    "a model that `train` cannot handle yet",
    "A `train` block handles models with one output and one target.",
    """
    dim B
    model M(x: f32[B, 4]) -> (a: f32[B, 1], b: f32[B, 1]) {
      return (x |> Dense(1), x |> Dense(1))
    }
    train M(y: f32[B, 1]) {
      loss      mean_squared_error(y, a) + mean_squared_error(y, b)
      optimizer adam(1e-3)
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 2] { return x |> Dense(2) }
    train M(y: f32[B, 2]) {
      loss      mean_squared_error(y, output)
      optimizer adam(1e-3)
    }
    """,
)

_code(
    "T0606",
    "a model that was not compiled",
    "Before `compile` nothing says what to make small, or how.",
    """
    model = tulle.Model(x, y)
    model.fit(images, labels)
    """,
    """
    model = tulle.Model(x, y)
    model.compile("adam", "mse")
    model.fit(images, labels)
    """,
    "python",
)

# Data and files.

_code(
    "T0701",
    "data of another shape than declared",
    """Data are compared with the declared types before anything runs. The message names
    the input, the axis, and the sizes found so far.""",
    "model.predict(np.zeros((32, 783), 'float32'))  # declared f32[batch, 784]",
    "model.predict(np.zeros((32, 784), 'float32'))",
    "python",
)
_code(
    "T0702",
    "data of another element type than declared",
    "The array holds another kind of element than the input is declared with.",
    "model.predict(np.zeros((32, 16), 'float32'))  # declared i32[batch, 16]",
    "model.predict(np.zeros((32, 16), 'int32'))",
    "python",
)
_code(
    "T0703",
    "a file or array that is not there",
    "Arrays of a data file are bound to inputs and targets by their names.",
    "tulle check digit.net",
    "tulle check digits.net",
    "shell",
)
_code(
    "T0704",
    "a file that cannot be read",
    "The file is of another kind than expected, or damaged.",
    "tulle train digits.net --data picture.png",
    "tulle train digits.net --data digits.npz",
    "shell",
)
_code(
    "T0705",
    "an output that cannot be written",
    "The place does not exist or does not let itself be written.",
    "tulle render digits.net -o missing/digits.svg",
    "tulle render digits.net -o digits.svg",
    "shell",
)
_code(
    "T0706",
    "data that are not finite",
    "The data hold NaN or infinity, and everything computed from them would too.",
    "tulle train digits.net --data broken.npz",
    "tulle train digits.net --data digits.npz",
    "shell",
)
_code(
    "T0707",
    "an ending that names no kind of file",
    "The ending of an output chooses its kind; pictures are .svg, .png, .pdf and .dot.",
    "tulle render digits.net -o digits.jpeg",
    "tulle render digits.net -o digits.png",
    "shell",
)
_code(
    "T0708",
    "class numbers without a score",
    """Class numbers count from 0, and each needs an output of the last layer: ten
    outputs are for the classes 0 to 9.""",
    "tulle train digits.net --data counted_from_one.npz",
    "tulle train digits.net --data digits.npz",
    "shell",
)

_code(
    "T0709",
    "a setting that has no form in a file",
    """A model file holds numbers, text, lists and layers, never code. A layer with
    other settings says in `get_config` how they are written.""",
    "tulle.Model(x, Dense(3, activation=lambda x: x * x)(x)).save('m.tulle')",
    "tulle.Model(x, Dense(3, activation='relu')(x)).save('m.tulle')",
    "python",
)

# Devices.

_code(
    "T0801",
    "a device that is not there",
    "`tulle.devices()` lists the devices of this machine.",
    "tulle train digits.net --data digits.npz --device gpu:7",
    "tulle train digits.net --data digits.npz --device cpu",
    "shell",
)

_code(
    "T0802",
    "a package that is not installed",
    "Some work is done by other packages, which are imported when they are needed.",
    "tulle render digits.net -o digits.svg  # in an environment without pygraphviz",
    "pip install pygraphviz && tulle render digits.net -o digits.svg",
    "shell",
)

# Limits.

_DEEP = 101
_code(
    "T0901",
    "a text that is too large",
    "A file has at most 1 MiB.",
    "tulle check large.net  # two megabytes",
    "tulle check digits.net",
    "shell",
)
_code(
    "T0902",
    "brackets that are nested too deeply",
    "Brackets are nested at most 100 deep.",
    f"const one: int = {'(' * _DEEP}1{')' * _DEEP}",
    "const one: int = (1)",
)
_code(
    "T0903",
    "a whole number with too many digits",
    "Whole numbers have at most 18 digits.",
    "const many: int = 1234567890123456789",
    "const many: int = 123456789",
)
_code(
    "T0904",
    "a name that is too long",
    "Names have at most 255 characters.",
    f"dim {'n' * 256}",
    "dim n",
)
_code(
    "T0905",
    "a graph with too many nodes",
    "A file makes at most 100 000 applications of ops and layers.",
    "tulle check generated.net  # a layer applied a million times",
    "tulle check digits.net",
    "shell",
)
_code(
    "T0906",
    "definitions that use each other too deeply or too often",
    "Definitions are nested at most 64 deep and used at most 10 000 times.",
    "tulle check generated.net  # 65 functions, each calling the next",
    "tulle check digits.net",
    "shell",
)
_code(
    "T0907",
    "a size that is too large",
    "A size lies below 2³¹, a parameter has at most 2⁴⁰ elements.",
    "dim B\nmodel M(x: f32[B, 4294967296]) -> f32[B] { return sum(x, axis = 1) }",
    "dim B\nmodel M(x: f32[B, 4096]) -> f32[B] { return sum(x, axis = 1) }",
)
