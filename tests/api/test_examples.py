"""The examples: text and Python are the same graph, and train to the same model."""

import importlib.util
from pathlib import Path

import numpy as np

import tulle
from tulle.graph.graph import graph_of, same_graph

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_text_and_python_make_the_identical_graph():
    text = tulle.load(EXAMPLES / "digits.net").Digits
    python = example("digits").build()
    assert same_graph(graph_of(text), graph_of(python))
    assert not same_graph(graph_of(text), graph_of(example("digits").build(width=64)))
    wider = tulle.load(EXAMPLES / "digits.net", width=64).Digits
    assert same_graph(graph_of(wider), graph_of(example("digits").build(width=64)))


def test_text_and_python_train_to_the_same_weights():
    data = np.load(EXAMPLES / "digits.npz")
    image, label = data["image"][:200], data["label"][:200]
    tulle.utils.set_random_seed(7)
    module = tulle.load(EXAMPLES / "digits.net")
    plan = module.trainings["Digits"]
    text = module.Digits
    text.compile(**plan.compile_arguments)
    text.fit(image, label, verbose=0, **(plan.fit_arguments | {"epochs": 2}))

    tulle.utils.set_random_seed(7)
    python = example("digits").build()
    python.compile(
        optimizer=tulle.optimizers.Adam(1e-3),
        loss=tulle.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[tulle.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    python.fit(image, label, batch_size=32, epochs=2, verbose=0)
    for one, two in zip(text.get_weights(), python.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_python_example_runs(capsys):
    example("digits").main()
    out = capsys.readouterr().out
    accuracy = float(out.split("digits it has not seen: ")[1].split("%")[0])
    assert accuracy >= 96
    assert len(out.splitlines()[-1].split()) == 4 + 10
