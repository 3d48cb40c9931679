"""`Model.source` and `Function.source`: what was compiled, as people read it."""

import re

import numpy as np
import pytest

import tulle
from tulle import Input, Model, Sequential, layers
from tulle.graph.diagnostics import TensorTypeError

DATA = np.ones((8, 4), "float32"), np.ones((8, 2), "float32")


def small() -> Sequential:
    hidden = layers.Dense(3, activation="relu", name="hidden")
    model = Sequential([Input((4,), name="x"), hidden, layers.Dense(2, name="out")])
    model.compile("sgd", "mean_squared_error")
    return model


def steps(text: str) -> list[str]:
    return text.split("\n\n")[0].splitlines()


@pytest.fixture
def by_kernels():
    pytest.importorskip("llvmlite")


def test_a_prediction_is_told_before_it_is_asked_for(by_kernels):
    assert steps(small().source()) == [
        "x0 = input x : f32[batch, 4]",
        "w1 = variable hidden/kernel : f32[4, 3]",
        "w3 = variable hidden/bias : f32[3]",
        "w5 = variable out/kernel : f32[3, 2]",
        "w7 = variable out/bias : f32[2]",
        "0: b2 = matmul(x0, w1) : f32[batch, 3]",
        "1: b4 = add+relu(b2, w3) : f32[batch, 3]",
        "2: b6 = matmul(b4, w5) : f32[batch, 2]",
        "3: b8 = add(b6, w7) : f32[batch, 2]",
        "output_0 = b8",
    ]


def test_weights_in_their_arena_and_gradients_have_their_names(by_kernels):
    model = small()
    model.fit(*DATA, verbose=0)
    told = steps(model.source("train"))
    places = [line.strip() for line in told if " in w1 :" in line]
    assert places == [
        "c2 = hidden/kernel in w1 : f32[4, 3]",
        "c4 = hidden/bias in w1 : f32[3]",
        "c6 = out/kernel in w1 : f32[3, 2]",
        "c8 = out/bias in w1 : f32[2]",
    ]
    assert any("= pack(" in line and line.endswith(": f32[23]") for line in told)
    assert not any("…" in line for line in told)
    assert told[-2] == "loss = b17"


def test_every_name_is_told_before_it_is_read(by_kernels):
    model = small()
    model.fit(*DATA, verbose=0)
    known: set[str] = set()
    for line in steps(model.source("train"))[:-2]:
        names, text = re.sub(r"^ *\d+: ", "", line).split(" = ", 1)
        if "(" in text.split(" : ")[0]:
            operands = text[text.index("(") + 1 : text.index(")")].split(", ")
            assert known.issuperset(operands), line
        known.update(names.strip().split(", "))


def test_equal_kernels_are_printed_once(by_kernels):
    x = Input((4,))
    text = Model(x, layers.Dense(4)(layers.Dense(4)(x))).source()
    assert text.count("kernel loops_") == 1
    assert "b4, b8:\nkernel loops_" in text or "b3, b6:\nkernel loops_" in text


def test_a_test_step_and_a_step_of_ones_own():
    model = small()
    model.evaluate(*DATA, verbose=0)
    assert "loss" in model.source("test")

    class Own(Sequential):
        def train_step(self, data):
            return {"sum": tulle.ops.sum(data[0])}

    own = Own([Input((4,)), layers.Dense(2)])
    own.compile("sgd", "mse")
    own.fit(*DATA, verbose=0)
    assert "sum" in own.source("train")


def test_what_is_compiled_for_a_function():
    double = tulle.function(lambda x: x * 2.0)
    assert double.source() == ""
    double(np.ones(3, "float32"))
    assert "multiply" in double.source()


def test_an_eager_model_tells_its_ops():
    model = small()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(*DATA, verbose=0)
    assert "= relu(" in model.source("train")


def test_nothing_is_told_before_the_types_are_known():
    with pytest.raises(TensorTypeError, match=r"first: `model.fit\(x, y\)`"):
        small().source("train")
    for wrong in ([], {}, None, 3, np.zeros(2)):
        with pytest.raises(TensorTypeError, match="`kind` is") as error:
            small().source(wrong)
        assert error.value.diagnostics[0].code == "T0204"
    with pytest.raises(TensorTypeError, match="one of 'predict', 'test', 'train', not"):
        small().source("trian")

    class Lazy(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    lazy = Lazy()
    with pytest.raises(TensorTypeError, match="before data tell the types"):
        lazy.source()
    lazy(DATA[0])
    assert "dense/kernel" in lazy.source()
