"""The examples: text and Python are the same graph, and what trains learns."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import tulle
from tulle.graph.diagram import diagram_of
from tulle.graph.drawing import save
from tulle.graph.graph import graph_of, same_graph

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# What the last epoch must reach: a figure, and the bound that it is above or below.
LEARNS = {
    "communities": ("accuracy", ">", 0.9),
    "decoder": ("accuracy", ">", 0.75),
    "encoder": ("accuracy", ">", 0.9),
    "hypernetwork": ("error", "<", 0.05),
    "lenet": ("accuracy", ">", 0.9),
    "lstm": ("accuracy", ">", 0.85),
    "physics": ("loss", "<", 0.02),
    "resnet": ("accuracy", ">", 0.85),
    "siamese": ("accuracy", ">", 0.85),
    "unet": ("overlap", ">", 0.7),
    "vae": ("error", "<", 0.16),
}
ELSEWHERE = ("digits", "gan")  # tested below


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """Examples import what lies beside them."""
    monkeypatch.delitem(sys.modules, "run", raising=False)  # another folder's
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in set(sys.modules) - before:
        found = getattr(sys.modules[name], "__file__", None) or ""
        if Path(found).parent == EXAMPLES:
            del sys.modules[name]


def example(name):
    return importlib.import_module(name)


def text(name, **config):
    (plan,) = tulle.load(EXAMPLES / f"{name}.net", **config).trainings.values()
    return plan.model


def test_every_example_is_tested():
    texts = {path.stem for path in EXAMPLES.glob("*.net")}
    assert texts == {*LEARNS, *ELSEWHERE}


@pytest.mark.parametrize("name", sorted(set(LEARNS) - {"physics"}))
def test_twins(name):
    assert same_graph(graph_of(text(name)), graph_of(example(name).build()))


@pytest.mark.parametrize("name", sorted(LEARNS))
def test_training(name, tmp_path):
    model, figures = example("run").train(name, verbose=0)
    figure, sign, bound = LEARNS[name]
    assert figures[figure] > bound if sign == ">" else figures[figure] < bound

    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle")
    data = example(name).arrays()
    x = {key: data[key][:8] for key in model.input_names}
    one, two = (m.predict(x, verbose=0) for m in (model, again))
    for left, right in zip(_arrays(one), _arrays(two), strict=True):
        np.testing.assert_array_equal(left, right)
    save(diagram_of(again), tmp_path / "m.svg")
    assert "<svg" in (tmp_path / "m.svg").read_text()


def _arrays(outputs):
    return list(outputs.values()) if isinstance(outputs, dict) else [outputs]


def test_width_is_a_setting():
    assert same_graph(
        graph_of(text("unet", width=4)), graph_of(example("unet").build(channels=4))
    )
    assert not same_graph(graph_of(text("unet")), graph_of(example("unet").build(4)))


def test_a_unet_for_every_size_that_can_be_halved_twice():
    model = text("unet")
    for height, width in ((4, 4), (12, 20)):
        noisy = np.zeros((3, height, width, 1), "float32")
        assert model.predict(noisy, verbose=0).shape == (3, height, width, 1)
    with pytest.raises(tulle.RunShapeError, match="H % 4 == 0"):
        model.predict(np.zeros((3, 10, 12, 1), "float32"), verbose=0)


def test_a_network_that_obeys_an_equation():
    physics = example("physics")
    model, _ = example("run").train("physics", verbose=0)
    swing = next(layer for layer in model.layers if layer.name == "Swing")
    t = np.linspace(0, 3, 50, dtype="float32")
    found = swing.predict(t, verbose=0)
    assert np.abs(found - physics.solution(t)).max() < 0.15

    # In Python `grad` differentiates at once, in a text where the layers are expanded.
    python = physics.build()
    twin = next(layer for layer in python.layers if layer.name == "Swing")
    twin.set_weights(swing.get_weights())
    one, two = model.predict(t, verbose=0), python.predict(t, verbose=0)
    for name in ("residual", "height", "speed"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-4, atol=1e-4)


def test_the_game_of_two_networks():
    gan = example("gan")
    module = tulle.load(EXAMPLES / "gan.net")
    pairs = (
        (module.Generator, gan.generator),
        (module.Discriminator, gan.discriminator),
    )
    for net, build in pairs:
        assert same_graph(graph_of(net), graph_of(build()))

    image, _ = example("digits_data").digits()
    game, random = gan.play(steps=300), np.random.default_rng(1)
    made = game.maker.predict(
        random.normal(size=(200, gan.CODES)).astype("float32"), verbose=0
    )
    strange = random.random((200, 64)).astype("float32")
    assert _distance(image, made) < 0.6 * _distance(image, strange)
    judged = game.judge.predict(strange, verbose=0)
    assert game.judge.predict(image[:200], verbose=0).mean() > judged.mean()


def _distance(images, made):
    """How far the images that were made are from the nearest real ones."""
    return np.sqrt(((made[:, None] - images[None, ::5]) ** 2).sum(-1)).min(1).mean()


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
