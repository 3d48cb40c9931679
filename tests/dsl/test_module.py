"""Loading: modules, settings, plans; the text and Python make the identical graph."""

from pathlib import Path

import numpy as np
import pytest

from tulle.dsl import check, load, loads
from tulle.dsl.plans import TrainingPlan
from tulle.graph.diagnostics import (
    DataError,
    LanguageError,
    TensorTypeError,
    TulleError,
)
from tulle.graph.graph import Graph, same_graph
from tulle.graph.layers import Dense, Dropout
from tulle.graph.network import Input
from tulle.graph.registry import call
from tulle.training.model import Model

DIGITS = Path(__file__).parents[2] / "examples" / "digits.net"
HEAD = "net 1\ndim B\n"


def graph(model):
    outputs = {f"output_{i}": node for i, node in enumerate(model.output_nodes)}
    return Graph(model.input_nodes, outputs)


def test_digits_in_text_and_python():
    image = Input((64,), name="image")
    hidden = Dense(128, activation="relu", name="hidden")(image)
    logits = Dense(10, name="logits")(Dropout(0.2)(hidden))
    made = load(DIGITS).Digits
    assert same_graph(graph(made), graph(Model(image, logits, name="Digits")))


def test_a_difference_is_seen():
    image = Input((64,), name="image")
    hidden = Dense(127, activation="relu", name="hidden")(image)
    logits = Dense(10, name="logits")(Dropout(0.2)(hidden))
    assert not same_graph(graph(load(DIGITS).Digits), graph(Model(image, logits)))


def test_branches_and_shared_layers():
    text = """
    model M(a: f32[B, 4], b: f32[B, 4]) -> (left: f32[B, 3], gap: f32[B, 3]) {
      let encode = Dense(3)
      let (x, y) = (encode(a), encode(b))
      return (x, 0.5 * (x - y))
    }
    """
    a, b = Input((4,), name="a"), Input((4,), name="b")
    encode = Dense(3, name="encode")
    x, y = encode(a), encode(b)
    model = loads(HEAD + text).M
    outputs = {"left": x, "gap": 0.5 * (x - y)}
    assert same_graph(graph(model), graph(Model([a, b], outputs)))
    assert [v.path for v in model.variables] == ["encode/kernel", "encode/bias"]
    ones, zeros = np.ones((2, 4), "float32"), np.zeros((2, 4), "float32")
    assert sorted(model([ones, zeros])) == ["gap", "left"]


def test_ops_with_lists_and_starred_parameters():
    text = """
    model M(x: f32[B, 5, 6]) -> f32[B, 5, 5] {
      let (a, b) = split(x, 2, axis = 2)
      return einsum("btc,bsc->bts", a, b)
    }
    """
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    wanted = x[..., :3] @ x[..., 3:].swapaxes(1, 2)
    np.testing.assert_allclose(loads(HEAD + text).M(x).numpy(), wanted, 1e-5)
    for wrong, code in (
        ('einsum("btc,bsc->bts", x)', "T0204"),
        ("split(x, 4, axis = 2)[0]", "T0304"),
        ("einsum()", "T0203"),
    ):
        body = f"model M(x: f32[B, 5, 6]) -> f32[B, 5, 5] {{ return {wrong} }}"
        with pytest.raises(TulleError) as caught:
            loads(HEAD + body)
        assert caught.value.diagnostics[0].code == code


def test_params_and_pure_functions():
    text = """
    fn half[..S](x: f32[..S]) -> f32[..S] = x * 0.5
    layer Scale[K]()(x: f32[B, K]) -> f32[B, K] {
      param factor: f32[K] = ones()
      return x * factor |> half
    }
    model M(x: f32[B, 3]) -> f32[B, 3] { return x |> Scale() as scale }
    """
    module = loads(HEAD + text)
    x = np.arange(6, dtype="float32").reshape(2, 3)
    assert [v.path for v in module.M.variables] == ["scale/factor"]
    assert np.array_equal(module.M(x).numpy(), x * 0.5)
    assert np.array_equal(module.half(x).numpy(), x * 0.5)
    layer = module.Scale()
    assert np.array_equal(layer(x).numpy(), x * 0.5)
    assert len(layer.trainable_weights) == 1


def test_two_constructors_do_not_share():
    text = "model M(x: f32[B, 3]) -> f32[B, 3] { return Dense(3)(Dense(3)(x)) }"
    assert len(loads(HEAD + text).M.variables) == 4


def test_settings():
    assert load(DIGITS, width=32).Digits.get_layer("hidden").units == 32
    assert load(DIGITS).config == {"width": 128, "rate": 0.2}
    assert load(DIGITS, rate=0).config["rate"] == 0.0


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("width", 4, "T0204"),
        ("width", 8.5, "T0204"),
        ("width", True, "T0204"),
        ("rate", 0.95, "T0204"),
        ("rate", "high", "T0204"),
        ("widht", 16, "T0202"),
    ],
)
def test_wrong_settings(name, value, code):
    with pytest.raises((LanguageError, TensorTypeError)) as caught:
        load(DIGITS, **{name: value})
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_errors_carry_all_diagnostics():
    text = "model M(x: f32[B, 3]) -> f32[B, 4] { let y = x @ x return z }"
    with pytest.raises(LanguageError) as caught:
        loads(HEAD + text)
    assert [d.code for d in caught.value.diagnostics] == ["T0301", "T0201"]
    with pytest.raises(TensorTypeError):
        loads(HEAD + "model M(x: f32[B, 3]) -> f32[B, 4] { return x }")
    with pytest.raises(LanguageError, match="never closed"):
        loads("net 1 const a: int = (1")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"digits\.net"):
        load(DIGITS.with_name("digit.net"))
    with pytest.raises(DataError, match="folder"):
        load(tmp_path)
    binary = tmp_path / "binary.net"
    binary.write_bytes(b"\xff\xfe\x00net 1")
    assert [d.code for d in check(binary)] == ["T0704"]
    marked = tmp_path / "marked.net"
    marked.write_bytes(b"\xef\xbb\xbfnet 1\r\ndim B\r\n")
    assert check(marked) == []


def test_a_large_file_is_not_read(tmp_path):
    large = tmp_path / "large.net"
    with large.open("wb") as stream:
        stream.truncate(2**40)  # a hole: it takes no space, and no memory holds it
    (told,) = check(large)
    assert told.code == "T0901"
    assert f"{2**40} bytes" in told.message
    with pytest.raises(LanguageError):
        load(large)
    just = tmp_path / "just.net"
    just.write_text("net 1 #" + "x" * (2**20 - 7))
    assert check(just) == []


def test_unknown_attribute_lists_what_there_is():
    with pytest.raises(AttributeError, match="did you mean `Digits`"):
        _ = load(DIGITS).Digit


def test_plan():
    plan = load(DIGITS).trainings["Digits"]
    assert plan.seed is not None
    assert set(plan.fit_arguments) == {"batch_size", "epochs"}
    assert [str(t) for t in plan.targets.values()] == ["i32[B]"]
    assert type(plan.loss).__name__ == "SparseCategoricalCrossentropy"
    assert plan.loss.from_logits
    assert [m.name for m in plan.metrics] == ["accuracy"]
    assert type(plan.optimizer).__name__ == "Adam"


def trained(loss, more=""):
    text = f"""
    model M(x: f32[B, 4]) -> f32[B, 1] {{ return x |> Dense(1) }}
    train M(y: f32[B, 1]) {{ loss {loss} optimizer sgd(0.1) {more} }}
    """
    plan = loads(HEAD + text).trainings["M"]
    assert isinstance(plan, TrainingPlan)
    return plan


def test_a_loss_as_a_formula():
    plan = trained("0.5 * mean(square(y - output)) + 1.0")
    y, p = np.zeros((2, 1), "float32"), np.full((2, 1), 2, "float32")
    assert float(plan.loss(y, p)) == 3.0


def test_a_loss_of_the_library_with_arguments_by_name():
    plan = trained("huber(y_pred = output, y_true = y, delta = 0.5)")
    y, p = np.zeros((2, 1), "float32"), np.full((2, 1), 2, "float32")
    assert float(plan.loss(y, p)) == pytest.approx(0.5 * 2 - 0.125)


def test_a_metric_as_a_formula():
    plan = trained("mean_squared_error(y, output)", "metrics { gap = abs(y - output) }")
    assert [metric.name for metric in plan.metrics] == ["gap"]
    y, p = np.zeros((2, 1), "float32"), np.full((2, 1), 2, "float32")
    plan.metrics[0].update_state(y, p)
    assert float(plan.metrics[0].result()) == 2.0


def test_ops_speak_tensors():
    x = np.ones((2, 3), "float32")
    text = "model M(x: f32[B, 3]) -> f32[B] { return sum(x ** 2, axis = 1) / 3 }"
    assert np.allclose(loads(HEAD + text).M(x).numpy(), call("sum", x, axis=1) / 3)


def test_a_whole_number_alone_is_a_fraction_where_one_is_needed():
    model = loads(
        "net 1\ndim B\n"
        "model M(x: f32[B, 8]) -> f32[B, 8] { return x / sqrt(8 // 2) + log(B) }"
    ).M
    found = model.predict(np.ones((3, 8), "float32"), verbose=0)
    np.testing.assert_allclose(found, 0.5 + np.log(3), rtol=1e-6)
