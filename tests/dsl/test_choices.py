"""`if` on settings, and parameters that exist under a condition."""

import numpy as np
import pytest

from tulle.dsl import check, loads
from tulle.graph.diagnostics import LanguageError, Source, TensorTypeError
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.layers import Dense
from tulle.graph.network import Input
from tulle.training.model import Model

HEAD = "net 1\ndim B\n"
AFFINE = """
layer Affine[K](units: int, bias: bool = true)(x: f32[B, K]) -> f32[B, units] {
  param w: f32[K, units] = glorot_uniform()
  param b: f32[units] = zeros() if bias
  let y = x @ w
  return if bias { y + b } else { y }
}
"""


def codes(text):
    return [d.code for d in check(Source("a.net", HEAD + text))]


def model(text, more="", **config):
    head = "model M(x: f32[B, 4]) -> f32[B, 4]"
    return loads(f"{HEAD}{more}{head} {{ {text} }}", **config).M


def test_only_the_chosen_branch_makes_parameters():
    more = 'config deep: bool = true\nconfig kind: str = "relu"\n'
    text = """
    return if deep and kind == "relu" { x |> Dense(8) |> Dense(4) }
           else if kind == "none" { x }
           else { x |> Dense(4) as only }
    """
    x = Input((4,), name="x")
    assert same_graph(
        graph_of(model(text, more)), graph_of(Model(x, Dense(4)(Dense(8)(x))))
    )
    assert model(text, more, deep=False, kind="none").variables == []
    only = model(text, more, deep=False)
    assert [v.path for v in only.variables] == ["only/kernel", "only/bias"]


def test_parameters_under_a_condition():
    text = "return x |> Affine(3, bias = false) |> Affine(4) as affine"
    made = model(text, AFFINE)
    assert [v.path for v in made.variables] == ["affine_1/w", "affine/w", "affine/b"]
    x = np.ones((2, 4), "float32")
    assert made(x).shape == (2, 4)


def test_a_branch_is_a_layer_or_a_setting():
    more = "config soft: bool = false\n"
    text = (
        "return x |> Dense(if soft { 8 } else { 4 }) |> if soft { relu } else { tanh }"
    )
    made = model(text, more)
    x = np.full((1, 4), 3.0, "float32")
    assert np.abs(made(x).numpy()).max() <= 1
    with pytest.raises(TensorTypeError, match="declared f32"):
        model(text, more, soft=True)


def test_the_other_branch_may_not_fit_but_its_names_exist():
    more = "config even: bool = true\n"
    taken, other = "{ x }", "{ reshape(x, [B, 3]) |> Dense(4, bogus = 1) }"
    assert model(f"return if even {taken} else {other}", more).variables == []
    with pytest.raises(LanguageError, match="`bogus`"):
        model(f"return if even {taken} else {other}", more, even=False)
    with pytest.raises(LanguageError, match="did you mean `Dense`"):
        model("return if even { x } else { x |> Dens(4) }", more)
    names = "{ x |> fold n in [3, 4] { Dense(n, kernel_initializer = he_normal()) } }"
    assert model(f"return if even {taken} else {names}", more).variables == []


def test_long_chains_of_conditions():
    chain = "".join(f"if {i} == -1 {{ x }} else " for i in range(3000))
    assert (
        codes(f"model M(x: f32[B, 4]) -> f32[B, 4] {{ return {chain}{{ x }} }}") == []
    )


def test_deep_nests_of_conditions():
    deep = "if true { " * 90 + "x" + " } else { x }" * 90
    assert codes(f"model M(x: f32[B, 4]) -> f32[B, 4] {{ return {deep} }}") == []
    deep = "match mode { train => " * 90 + "x" + ", infer => x }" * 90
    assert codes(f"model M(x: f32[B, 4]) -> f32[B, 4] {{ return {deep} }}") == []
