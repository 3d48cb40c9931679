"""`:?`: what is checked when it runs, in both ways of running, and what it tells."""

import numpy as np
import pytest

import tulle
from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source, TulleError

HALVES = """net 1
dim B
dim T
model Halves(x: f32[B, T]) -> f32[B, 2] {
  let known = x :? f32[B, 4 * K]
  let rows = reshape(known, [B, 4, K]) |> sum(axis = -1)
  return rows |> Dense(2)
}
model Exact(x: f32[B, T, 6]) -> f32[B, T, 3, 2] {
  return (x :? f32[B, T, 3 * K]) |> reshape([B, T, 3, K])
}
train Halves(y: f32[B, 2]) { loss mean_squared_error(y, output) optimizer sgd(0.1) }
"""
HEAD = "net 1\ndim B\ndim T\n"


def codes(text):
    return [diagnostic.code for diagnostic in check(Source("a.net", text))]


def test_it_runs_and_trains_and_is_saved(tmp_path):
    module = loads(HALVES)
    model = module.Halves
    x = np.arange(24, dtype="float32").reshape(3, 8)
    wanted = x.reshape(3, 4, 2).sum(-1) @ model.get_weights()[0]
    np.testing.assert_allclose(model(x).numpy(), wanted, 1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, 1e-5)
    model.compile(**module.trainings["Halves"].compile_arguments)
    model.fit(x / 24, np.ones((3, 2), "float32"), verbose=0)
    model.save(tmp_path / "m.tulle")
    again = tulle.load_model(tmp_path / "m.tulle")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
    with pytest.raises(TulleError, match=r"`x :\? f32\[B, 4 \* K\]"):
        again(x[:, :7])


def test_data_that_does_not_fit_is_refused_with_the_line():
    model, x = loads(HALVES, "halves.net").Halves, np.ones((3, 7), "float32")
    for run in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(TulleError) as caught:
            run(x)
        (found,) = caught.value.diagnostics
        assert found.code == "T0701"
        assert "got the shape [3, 7] and would need [3, 4]" in found.message
        assert str(found.span) == "halves.net:5:15"


def test_it_is_written_as_a_text():
    model = loads(HALVES).Halves
    again = loads(tulle.to_net(model)).Halves
    again.set_weights(model.get_weights())
    x = np.arange(24, dtype="float32").reshape(3, 8)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
    with pytest.raises(TulleError, match="got the shape"):
        again(x[:, :7])


def test_no_check_where_it_cannot_fail():
    nodes = loads(HALVES).Exact.nodes
    assert "ensure" not in [node.op.name for node in nodes]


def test_gradients_pass():
    text = """
    fn f(x: f32[T]) -> f32[] = sum((x :? f32[2 * K]) ** 2)
    model M(x: f32[T]) -> f32[T] { return grad(f)(x) }
    """
    x = np.arange(4, dtype="float32")
    np.testing.assert_allclose(loads(HEAD + text).M(x).numpy(), 2 * x)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("x :? f32[B, T]", []),
        ("(x :? f32[B, K]) : f32[B, T]", []),
        ("(x :? f32[B, K + 3]) : f32[B, T]", []),
        ("x :? f32[B, K * K]", ["T0308"]),
        ("x :? f32[B, K + L]", ["T0308"]),
        ("x :? f32[L, K + L]", []),
        ("x :? f32[B, K // 2]", ["T0308"]),
        ("x :? f32[B, min(K, 2)]", ["T0308"]),
        ("x :? f32[B, 0 * K]", ["T0308"]),
        ("x :? f32[B]", ["T0309"]),
        ("x :? i32[B, T]", ["T0309"]),
        ("x :? f16", ["T0306"]),
        ("x :? f32[B, ..S]", ["T0201"]),
        ("x :? f32[B, T + 1]", ["T0309"]),
        ("x :? f32[B, 8]", []),
        ("3 :? f32[]", ["T0501"]),
        ("Dense :? f32[B, T]", ["T0501"]),
        ("missing :? f32[B, K]", ["T0201"]),
        ("x :? f32[B, missing.K]", ["T0201"]),
    ],
)
def test_mistakes(body, wanted):
    text = f"model M(x: f32[B, T]) -> f32[B, T] {{ let _y = {body} return x }}"
    assert codes(HEAD + text) == wanted
