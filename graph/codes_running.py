"""Codes of data, files, devices and limits: T07, T08, T09."""

from .code import entry

# Data and files.

entry(
    "T0701",
    "data of another shape than declared",
    """Data are compared with the declared types before anything runs. The message names
    the input, the axis, and the sizes found so far.""",
    """
    import numpy as np
    import tulle

    x = tulle.Input((784,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    model.predict(np.zeros((32, 783), "float32"), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    x = tulle.Input((784,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    model.predict(np.zeros((32, 784), "float32"), verbose=0)
    """,
    "python",
)
entry(
    "T0702",
    "data of another element type than declared",
    """The array holds another kind of element than the input is declared with.
    Fractions are never cut to whole numbers in silence.""",
    """
    import numpy as np
    import tulle

    x = tulle.Input((16,), dtype="int32")
    model = tulle.Model(x, tulle.layers.Embedding(1000, 8)(x))
    model.predict(np.full((32, 16), 0.5, "float32"), verbose=0)
    """,
    """
    import numpy as np
    import tulle

    x = tulle.Input((16,), dtype="int32")
    model = tulle.Model(x, tulle.layers.Embedding(1000, 8)(x))
    model.predict(np.zeros((32, 16), "int32"), verbose=0)
    """,
    "python",
)
entry(
    "T0703",
    "a file or array that is not there",
    """No file is at the path, or the data hold no array of the name. Arrays of a data
    file are bound to the inputs and targets of a model by their names.""",
    "tulle check digit.net",
    "tulle check digits.net",
    "shell",
)
entry(
    "T0704",
    "a file that cannot be read",
    "The file is of another kind than expected, or damaged.",
    "tulle train digits.net --data picture.png -o digits.tulle",
    "tulle train digits.net --data digits.npz -o digits.tulle",
    "shell",
)
entry(
    "T0705",
    "an output that cannot be written",
    "The folder does not exist, or nothing may be written there.",
    "tulle render digits.net -o missing/digits.svg",
    "mkdir -p missing && tulle render digits.net -o missing/digits.svg",
    "shell",
)
entry(
    "T0706",
    "data that are not finite",
    """The data hold NaN or infinity, and everything computed from them would too. Leave
    these samples out, or put numbers in their place (`np.nan_to_num`).""",
    """
    import numpy as np
    import tulle

    images, labels = np.ones((10, 4), "float32"), np.arange(10)
    images[0, 0] = np.nan
    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images, labels, verbose=0)
    """,
    """
    import numpy as np
    import tulle

    images, labels = np.ones((10, 4), "float32"), np.arange(10)
    images[0, 0] = 0.5
    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images, labels, verbose=0)
    """,
    "python",
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
    """
    import numpy as np
    import tulle

    images, labels = np.ones((10, 4), "float32"), np.arange(1, 11)
    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images, labels, verbose=0)
    """,
    """
    import numpy as np
    import tulle

    images, labels = np.ones((10, 4), "float32"), np.arange(0, 10)
    x = tulle.Input((4,))
    model = tulle.Model(x, tulle.layers.Dense(10)(x))
    loss = tulle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images, labels, verbose=0)
    """,
    "python",
)

entry(
    "T0709",
    "a setting that has no form in a file",
    """A model file holds numbers, text, lists and layers, never code. A layer with
    other settings says in `get_config` how they are written.""",
    """
    import tulle

    x = tulle.Input((4,))
    y = tulle.layers.Dense(3, activation=lambda x: x * x)(x)
    tulle.Model(x, y).save("squares.tulle")
    """,
    """
    import tulle

    x = tulle.Input((4,))
    y = tulle.layers.Dense(3, activation="relu")(x)
    tulle.Model(x, y).save("squares.tulle")
    """,
    "python",
)

entry(
    "T0710",
    "a model that cannot be written as a text",
    """`to_net` writes a model of the library's layers and ops. A text holds no code
    and no large arrays: a layer of your own, a function of Python or an array of more
    than a thousand numbers have no form in it. Save the model as a file, or write that
    part in the text.""",
    """
    import tulle

    x = tulle.Input((4,))
    tulle.to_net(tulle.Model(x, tulle.layers.Lambda(lambda x: x * x)(x)))
    """,
    """
    import tulle

    x = tulle.Input((4,))
    tulle.to_net(tulle.Model(x, x * x))
    """,
    "python",
)

# Devices.

entry(
    "T0801",
    "a device that is not there",
    "`tulle.devices()` lists the devices of this machine; `cpu` is always among them.",
    "tulle train digits.net --data digits.npz -o digits.tulle --device gpu:7",
    "tulle train digits.net --data digits.npz -o digits.tulle --device cpu",
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
    """A file has at most 1 MiB. `repeat`, `fold` and `layer` say shortly what a
    generated file writes out.""",
    """
    (echo 'net 1'; yes '# the same words again') | head -c 2000000 > generated.net
    tulle check generated.net
    """,
    """
    (echo 'net 1'; yes '# the same words again') | head -c 1000000 > generated.net
    tulle check generated.net
    """,
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
    """A file makes at most 100 000 applications of ops and layers, those of every turn
    of a `repeat` counted. They are counted before they are made.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] {
      return x |> repeat 1000 { repeat 1000 { relu } }
    }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 10 { Dense(4) } }
    """,
)
entry(
    "T0906",
    "definitions or turns that are too many or too deep",
    """Definitions are nested at most 64 deep and used at most 10 000 times, a `repeat`
    has at most 4096 turns, and `grad` of `grad` goes at most 8 deep.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 5000 { Dense(4) } }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 4] { return x |> repeat 50 { Dense(4) } }
    """,
)
entry(
    "T0907",
    "a size that is too large",
    "A size lies below 2³¹, a parameter has at most 2⁴⁰ elements.",
    "dim B\nmodel M(x: f32[B, 4294967296]) -> f32[B] { return sum(x, axis = 1) }",
    "dim B\nmodel M(x: f32[B, 4096]) -> f32[B] { return sum(x, axis = 1) }",
)
