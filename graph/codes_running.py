"""Codes of data, files, devices and limits: T07, T08, T09."""

from .code import entry

# Data and files.

entry(
    "T0701",
    "data of another shape than declared",
    """Data are compared with the declared types before anything runs. The message names
    the input, the axis, and the sizes found so far.""",
    "model.predict(np.zeros((32, 783), 'float32'))  # declared f32[batch, 784]",
    "model.predict(np.zeros((32, 784), 'float32'))",
    "python",
)
entry(
    "T0702",
    "data of another element type than declared",
    "The array holds another kind of element than the input is declared with.",
    "model.predict(np.zeros((32, 16), 'float32'))  # declared i32[batch, 16]",
    "model.predict(np.zeros((32, 16), 'int32'))",
    "python",
)
entry(
    "T0703",
    "a file or array that is not there",
    "Arrays of a data file are bound to inputs and targets by their names.",
    "tulle check digit.net",
    "tulle check digits.net",
    "shell",
)
entry(
    "T0704",
    "a file that cannot be read",
    "The file is of another kind than expected, or damaged.",
    "tulle train digits.net --data picture.png",
    "tulle train digits.net --data digits.npz",
    "shell",
)
entry(
    "T0705",
    "an output that cannot be written",
    "The place does not exist or does not let itself be written.",
    "tulle render digits.net -o missing/digits.svg",
    "tulle render digits.net -o digits.svg",
    "shell",
)
entry(
    "T0706",
    "data that are not finite",
    "The data hold NaN or infinity, and everything computed from them would too.",
    "tulle train digits.net --data broken.npz",
    "tulle train digits.net --data digits.npz",
    "shell",
)
entry(
    "T0707",
    "an ending that names no kind of file",
    "The ending of an output chooses its kind; pictures are .svg, .png, .pdf and .dot.",
    "tulle render digits.net -o digits.jpeg",
    "tulle render digits.net -o digits.png",
    "shell",
)
entry(
    "T0708",
    "class numbers without a score",
    """Class numbers count from 0, and each needs an output of the last layer: ten
    outputs are for the classes 0 to 9.""",
    "tulle train digits.net --data counted_from_one.npz",
    "tulle train digits.net --data digits.npz",
    "shell",
)

entry(
    "T0709",
    "a setting that has no form in a file",
    """A model file holds numbers, text, lists and layers, never code. A layer with
    other settings says in `get_config` how they are written.""",
    "tulle.Model(x, Dense(3, activation=lambda x: x * x)(x)).save('m.tulle')",
    "tulle.Model(x, Dense(3, activation='relu')(x)).save('m.tulle')",
    "python",
)

entry(
    "T0710",
    "a model that cannot be written as a text",
    """`to_net` writes a model of the library's layers and ops. A text holds no code
    and no arrays: a layer of your own, a function of Python or an array of numbers
    have no name in it. Save the model as a file, or write that part in the text.""",
    "tulle.to_net(tulle.Model(x, tulle.layers.Lambda(lambda x: x * x)(x)))",
    "tulle.to_net(tulle.Model(x, x * x))",
    "python",
)

# Devices.

entry(
    "T0801",
    "a device that is not there",
    "`tulle.devices()` lists the devices of this machine.",
    "tulle train digits.net --data digits.npz --device gpu:7",
    "tulle train digits.net --data digits.npz --device cpu",
    "shell",
)

entry(
    "T0802",
    "a package that is not installed",
    "Some work is done by other packages, which are imported when they are needed.",
    "tulle render digits.net -o digits.svg  # in an environment without pygraphviz",
    "pip install pygraphviz && tulle render digits.net -o digits.svg",
    "shell",
)

# Limits.

_DEEP = 101
entry(
    "T0901",
    "a text that is too large",
    "A file has at most 1 MiB.",
    "tulle check large.net  # two megabytes",
    "tulle check digits.net",
    "shell",
)
entry(
    "T0902",
    "brackets that are nested too deeply",
    "Brackets are nested at most 100 deep.",
    f"const one: int = {'(' * _DEEP}1{')' * _DEEP}",
    "const one: int = (1)",
)
entry(
    "T0903",
    "a number that is too large",
    "Whole numbers have at most 18 digits, and fractions are those of 64 bits. `inf` "
    "is infinity.",
    "const many: int = 1234567890123456789",
    "const many: int = 123456789",
)
entry(
    "T0904",
    "a name that is too long",
    "Names have at most 255 characters.",
    f"dim {'n' * 256}",
    "dim n",
)
entry(
    "T0905",
    "a graph with too many nodes",
    "A file makes at most 100 000 applications of ops and layers.",
    "tulle check generated.net  # a layer applied a million times",
    "tulle check digits.net",
    "shell",
)
entry(
    "T0906",
    "definitions that use each other too deeply or too often",
    "Definitions are nested at most 64 deep and used at most 10 000 times.",
    "tulle check generated.net  # 65 functions, each calling the next",
    "tulle check digits.net",
    "shell",
)
entry(
    "T0907",
    "a size that is too large",
    "A size lies below 2³¹, a parameter has at most 2⁴⁰ elements.",
    "dim B\nmodel M(x: f32[B, 4294967296]) -> f32[B] { return sum(x, axis = 1) }",
    "dim B\nmodel M(x: f32[B, 4096]) -> f32[B] { return sum(x, axis = 1) }",
)
