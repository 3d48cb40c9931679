"""`freeze` and `clip`: which parameters, what is told, what a file keeps."""

import numpy as np
import pytest

from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source
from tulle.graph.selecting import fits
from tulle.training.saving import load_model

MODEL = """net 1
dim B
layer Encoder[K]()(x: f32[B, K]) -> f32[B, K] {
  return x |> repeat 2 { Dense(K) as hidden }
}
model M(x: f32[B, 4]) -> f32[B, 1] {
  return x |> Encoder() |> BatchNormalization() as norm |> Dense(1) as head
}
"""


def trained(sections):
    text = f"""{MODEL}train M(y: f32[B, 1]) {{
      loss mean_squared_error(y, output) optimizer adam(0.01) {sections}
    }}"""
    return loads(text).trainings["M"]


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("encoder", 4),
        ("encoder/*", 4),
        ("encoder/hidden[1]", 2),
        ("encoder/hidden[1]/kernel", 1),
        ("*/kernel", 3),
        ("*", 0),
        ("head", 2),
        ("*hidden*", 4),
        ("norm/moving_mean", 0),
        ("norm/*mma", 1),
    ],
)
def test_what_patterns_freeze(pattern, count):
    if not count and pattern == "*":
        with pytest.raises(Exception, match="nothing to train"):
            trained(f'freeze "{pattern}"')
        return
    plan = trained(f'freeze "{pattern}"')
    assert plan.frozen == (count, 8)
    assert plan.remark == f"froze {count} of 8 parameters"
    assert len(plan.model.trainable_weights) == 8 - count


def test_patterns():
    assert fits("a*c", "abc")
    assert fits("a*c", "ac")
    assert not fits("ab*ba", "aba")
    assert fits("a*/b*c", "a/x/b/y/c/d")
    assert not fits("a", "ab/c")
    assert fits("a[0]", "a[0]/kernel")
    assert not fits("", "a")
    assert fits("*", "")


def test_patterns_that_would_take_long():
    path = "a" * 5000
    assert not fits("*a" * 2000 + "*b", path)
    assert fits("*a" * 2000, path)
    many = ", ".join(f'"{i}*"' for i in range(3000))
    text = MODEL + "train M(y: f32[B, 1]) { loss mean_squared_error(y, output) "
    text += f"optimizer sgd(0.1) freeze {many} }}"
    assert [d.code for d in check(Source("a.net", text))] == ["T0604"]
    long = "x" * 500_000
    text = text.replace(many, f'"{long}"')
    assert [d.code for d in check(Source("a.net", text))] == ["T0607"]


def test_frozen_parameters_stay_as_they_are(tmp_path):
    plan = trained('freeze "encoder", "*/gamma" run { batch = 8 }')
    model, rng = plan.model, np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    y = x[:, :1]
    model.compile(**plan.compile_arguments)
    before = {v.path: v.numpy().copy() for v in model.variables}
    model.fit(x, y, epochs=2, verbose=0, **plan.fit_arguments)
    now = model.named_variables()
    same = [path for path, old in before.items() if np.array_equal(old, now[path])]
    frozen = [v.path for v in model.variables if v.path.startswith("encoder")]
    assert same == [*frozen, "norm/gamma"]
    model.save(tmp_path / "m.tulle")
    again = load_model(tmp_path / "m.tulle")
    assert [v.path for v in again.trainable_weights] == [
        v.path for v in model.trainable_weights
    ]
    again.get_layer("norm").trainable = True
    assert now["norm/gamma"].made_trainable
    assert again.named_variables()["norm/gamma"].trainable


@pytest.mark.parametrize(
    ("clip", "name", "value"),
    [
        ("norm = 1.0", "clipnorm", 1.0),
        ("value = 0.5", "clipvalue", 0.5),
        ("global_norm = 2", "global_clipnorm", 2.0),
    ],
)
def test_clipping(clip, name, value):
    plan = trained(f"clip {{ {clip} }}")
    assert getattr(plan.optimizer, name) == value
    assert plan.optimizer.get_config()[name] == value
    assert float(plan.optimizer.learning_rate.numpy()) == pytest.approx(0.01)


def test_clipping_bounds_a_step():
    plan = trained("clip { value = 0.001 }").optimizer
    from tulle.graph.variable import Variable
    from tulle.training.optimizers import SGD

    w = Variable([1.0, 2.0])
    SGD(1.0, clipvalue=plan.clipvalue).apply([[100.0, -100.0]], [w])
    np.testing.assert_allclose(w.numpy(), [0.999, 2.001], 1e-6)
