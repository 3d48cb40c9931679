"""The public names: complete, nothing twice, and fetched only when used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tulle
from tulle.graph import (
    activations,
    associative,
    control,
    functions,
    initializers,
    inquiry,
    layers,
    rearranging,
)
from tulle.graph.layers import LAYERS
from tulle.graph.layers.text import TEXT
from tulle.graph.registry import ALIASES, OPS
from tulle.training import losses, metrics, optimizers, schedules

SOURCE = Path(tulle.__file__)
MODULES = [*tulle._MODULES, "optimizers.schedules"]


def names_for_type_checkers():
    """What the block under TYPE_CHECKING imports: name, and the module it is from."""
    for statement in ast.parse(SOURCE.read_text()).body:
        if isinstance(statement, ast.If):
            for item in statement.body:
                if isinstance(item, ast.ImportFrom):
                    yield from ((a.asname, item.module) for a in item.names)


def test_type_checkers_and_python_see_the_same_names():
    seen = dict(names_for_type_checkers())
    assert {n: m for n, m in seen.items() if m} == tulle._HOMES
    assert {n for n, m in seen.items() if m is None} == set(tulle._MODULES)


@pytest.mark.parametrize("name", tulle.__all__)
def test_every_name_can_be_fetched(name):
    assert getattr(tulle, name) is not None
    assert name in dir(tulle)


def test_a_name_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(AttributeError, match="did you mean `Sequential`"):
        tulle.Sequental  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_all_of_a_module_is_there_once(name):
    module = importlib.import_module(f"tulle.{name}")
    assert len(module.__all__) == len(set(module.__all__))
    for item in module.__all__:
        assert getattr(module, item) is not None


@pytest.mark.parametrize("name", tulle._MODULES)
def test_modules_are_attributes(name):
    assert getattr(tulle, name) is importlib.import_module(f"tulle.{name}")


def test_every_registered_thing_has_a_public_name():
    public = {
        "layers": {*LAYERS, *TEXT, *layers.ALIASES, *layers.functions.__all__}
        | {"Input", "InputLayer", "InputSpec", "Layer", "deserialize", "serialize"},
        "ops": {n for n, op in OPS.items() if op.public}
        | {"convert_to_numpy", "convert_to_tensor", "custom_gradient"}
        | {*associative.__all__, *control.__all__, *functions.__all__}
        | {*inquiry.__all__, *rearranging.__all__, *ALIASES},
        "losses": {*losses.BY_NAME, *(k.__name__ for k in losses.CLASSES.values())}
        | {"Loss", "deserialize", "get", "serialize"},
        "metrics": {k.__name__ for k in metrics.CLASSES.values()}
        | {n for n in metrics.BY_NAME if n in vars(metrics) and n != "accuracy"}
        | {f.__name__ for f in metrics.FUNCTIONS}
        | {"Mean", "MeanMetricWrapper", "Metric", "Sum", "get"}
        | {"deserialize", "serialize"},
        "optimizers": {k.__name__ for k in optimizers.CLASSES.values()}
        | {"Optimizer", "OptimizerMap", "get", "schedules", "deserialize", "serialize"},
        "optimizers.schedules": {k.__name__ for k in schedules.BY_NAME.values()}
        | {"LearningRateSchedule", "deserialize", "serialize"},
        "initializers": {k.__name__ for k in initializers.KINDS}
        | {"Initializer", "deserialize", "get", "serialize", *initializers.BY_NAME}
        | {f"{name}Initializer" for name in ("Identity", "Orthogonal", "STFT")},
        "activations": {*activations.NAMES, *activations.ALIASES}
        | {"deserialize", "get", "serialize"},
    }
    for name, expected in public.items():
        module = importlib.import_module(f"tulle.{name}")
        assert set(module.__all__) == expected, name


def test_ops_are_those_of_the_registry():
    assert all(getattr(tulle.ops, n) is op for n, op in OPS.items() if op.public)
    hidden = {n for n, op in OPS.items() if not op.public} - {*inquiry.__all__}
    assert not any(hasattr(tulle.ops, name) for name in hidden)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("activations", "activation"),
        ("initializers", "initializer"),
        ("losses", "loss"),
        ("metrics", "metric"),
        ("optimizers", "optimizer"),
    ],
)
def test_a_wrong_name_is_told_to_its_user(module, kind):
    with pytest.raises(tulle.TulleError) as caught:
        importlib.import_module(f"tulle.{module}").get("nonsense")
    (told,) = caught.value.diagnostics
    assert kind in told.message
    assert told.span.source.name == __file__


def modules_after(code):
    printed = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(printed.stdout.split())


def test_importing_tulle_imports_nothing_else():
    loaded = modules_after("import tulle")
    assert {m for m in loaded if m.startswith("tulle.")} == set()
    assert "numpy" not in loaded


@pytest.mark.parametrize(
    ("code", "kept_away"),
    [
        (
            "import tulle.layers, tulle.ops",
            {"lark", "rich", "networkx", "graphviz", "pygraphviz", "tulle.dsl"},
        ),
        ("import tulle; tulle.Model", {"lark", "rich", "networkx", "safetensors"}),
        ("import tulle.cli", {"numpy", "lark", "rich", "tulle.graph"}),
        (
            "from tulle.cli import main; main(['check', 'no.net'])",
            {"rich", "networkx", "graphviz", "pygraphviz", "safetensors"},
        ),
    ],
)
def test_what_is_not_needed_is_not_imported(code, kept_away):
    assert modules_after(code) & kept_away == set()


def test_an_ordinary_keras_script_runs():
    keras = tulle
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss="mse",
        metrics=[keras.metrics.MeanAbsoluteError(name="mae")],
    )
    x = keras.ops.ones((8, 4))
    history = model.fit(x, keras.ops.zeros((8, 1)), epochs=2, verbose=0)
    assert set(history.history) == {"loss", "mae"}
    assert model.predict(x, verbose=0).shape == (8, 1)


def test_constant():
    assert tulle.constant([1, 2, 3, 4], shape=(2, 2)).numpy().tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert tulle.constant(5, dtype="float32", shape=(2,)).numpy().tolist() == [5.0, 5.0]
    assert tulle.constant(5).dtype == "int32"


def test_names_are_listed():
    assert set(dir(tulle)) == set(tulle.__all__) > {"Model", "Sequential", "layers"}


def test_scalars_are_shown_on_one_line():
    shown = str([tulle.ops.sum(np.ones(3, "float32")), tulle.constant([1, 2])])
    assert shown == "[<Tensor f32[]: 3.0>, <Tensor i32[2]>\n[1 2]]"


def test_class_numbers_may_be_floats():
    found = tulle.ops.one_hot(np.array([1.0, 2.7, 0.0], "float32"), 3)
    assert found.numpy().tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    model = tulle.Sequential([tulle.Input((2,)), tulle.layers.Lambda(one_hot)])
    assert model.predict([[1.0, 0.0]], verbose=0)[0, 0].tolist() == [0, 1, 0]


def one_hot(x):
    return tulle.ops.one_hot(x, 3)


def test_what_is_learned_from_may_be_lists():
    numbers = tulle.layers.IntegerLookup()
    numbers.adapt([[10], [20], [20]])
    assert numbers.get_vocabulary() == [-1, 20, 10]
    words = tulle.layers.StringLookup()
    words.adapt([["a", "c"], ["c", "d"]])
    assert words.get_vocabulary()[:2] == ["[UNK]", "c"]
    scale = tulle.layers.Normalization()
    assert scale.mean is None
    scale.adapt([[1.0, 2.0], [3.0, 6.0]])
    assert scale.mean.numpy().tolist() == [[2.0, 4.0]]
    assert scale.variance.numpy().tolist() == [[1.0, 4.0]]
