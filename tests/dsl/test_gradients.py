"""`grad` in a text: of functions, of functions that call models, of any order."""

import numpy as np
import pytest

import tulle
from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source
from tulle.graph.graph import Graph, same_graph

CUBES = """net 1
dim B
fn cubes[..S](x: f32[..S], scale: f32[] = 1.0) -> f32[] = sum(scale * x ** 3)
fn slope[..S](x: f32[..S]) -> f32[] = sum(grad(cubes)(x, 1.0))
model First(x: f32[B, 2]) -> f32[B, 2] { return x |> grad(cubes)(2.0) }
model Second(x: f32[B, 2]) -> f32[B, 2] { return grad(slope)(x) }
model Both(x: f32[B, 2], s: f32[]) -> (a: f32[B, 2], b: f32[]) {
  let (a, b) = grad(cubes, wrt = ["x", "scale"])(x, s)
  return (a, b)
}
model Scalar(x: f32[]) -> f32[] { return grad(grad(sin))(x) }
"""
LOOP = "fn loop(x: f32[B]) -> f32[] = sum(grad(loop)(x))"
HEAT = """net 1
dim B
model Net(t: f32[B, 1]) -> f32[B, 1] {
  return t |> Dense(8, activation = tanh) as hidden |> Dropout(0.5) |> Dense(1) as last
}
fn total(t: f32[B, 1]) -> f32[] = sum(Net(t))
fn rate(t: f32[B, 1]) -> f32[] = sum(grad(total)(t))
model Residual(t: f32[B, 1]) -> f32[B, 1] {
  return grad(rate)(t) + grad(total)(t) + Net(t)
}
train Residual(zero: f32[B, 1]) {
  loss mean_squared_error(zero, output)
  optimizer adam(1e-2)
}
"""


def graph(model):
    outputs = {f"output_{i}": node for i, node in enumerate(model.output_nodes)}
    return Graph(model.input_nodes, outputs)


def codes(text):
    return [diagnostic.code for diagnostic in check(Source("a.net", text))]


def test_values():
    module = loads(CUBES)
    x = np.array([[1, 2], [3, -1]], "float32")
    np.testing.assert_allclose(module.First(x).numpy(), 6 * x**2)
    np.testing.assert_allclose(module.Second(x).numpy(), 6 * x)
    both = module.Both([x, np.float32(2)])
    np.testing.assert_allclose(both["a"].numpy(), 6 * x**2)
    np.testing.assert_allclose(both["b"].numpy(), (x**3).sum())
    np.testing.assert_allclose(module.Scalar(np.float32(1)), -np.sin(1), 1e-6)


def test_the_graph_is_that_of_python():
    x = tulle.Input((2,), name="x")
    made = tulle.grad(lambda x: tulle.ops.sum(2.0 * x**3))(x)
    text = CUBES.replace("x |> grad(cubes)(2.0)", "x |> grad(doubled)")
    text += "fn doubled[..S](x: f32[..S]) -> f32[] = sum(2.0 * x ** 3)"
    assert same_graph(graph(loads(text).First), graph(tulle.Model(x, made)))


def test_of_a_model_by_its_input(tmp_path):
    module = loads(HEAT)
    plan = module.trainings["Residual"]
    model, net = plan.model, module.Net
    t = np.linspace(-1, 1, 5, dtype="float32").reshape(-1, 1)
    w1, b1, w2, b2 = (np.float64(w) for w in net.get_weights())
    h = np.tanh(t @ w1 + b1)
    first = ((1 - h**2) * w1) @ w2
    second = (-2 * h * (1 - h**2) * w1**2) @ w2
    wanted = second + first + h @ w2 + b2
    np.testing.assert_allclose(model(t).numpy(), wanted, 1e-4, 1e-5)
    np.testing.assert_allclose(model.predict(t, verbose=0), wanted, 1e-4, 1e-5)
    assert len(model.trainable_weights) == 4
    model.compile(**plan.compile_arguments)
    zeros = np.zeros_like(t)
    before = model.evaluate(t, zeros, verbose=0)
    model.fit(t, zeros, epochs=60, verbose=0)
    assert np.min(model.evaluate(t, zeros, verbose=0)) < np.min(before)
    model.save(tmp_path / "heat.tulle")
    again = tulle.load_model(tmp_path / "heat.tulle")
    np.testing.assert_allclose(again(t).numpy(), model(t).numpy(), 1e-6)


def test_ops_alone_are_saved_too(tmp_path):
    module, x = loads(CUBES), np.ones((2, 2), "float32")
    module.Second.save(tmp_path / "second.tulle")
    again = tulle.load_model(tmp_path / "second.tulle")
    np.testing.assert_array_equal(again(x).numpy(), module.Second(x).numpy())


def test_of_a_layer_of_the_body_in_both_modes():
    text = """net 1 dim B
    layer Energy()(x: f32[B, 3]) -> f32[] { return x |> Dense(1) |> sum }
    model Force(x: f32[B, 3]) -> f32[B, 3] {
      let energy = Energy()
      return -grad(energy)(x)
    }"""
    model = loads(text).Force
    kernel = model.get_weights()[0]
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(model(x).numpy(), -np.tile(kernel.T, (2, 1)), 1e-6)


def test_diagrams(tmp_path):
    from tulle.graph.diagram import diagram_of
    from tulle.graph.drawing import save

    for text, name in ((CUBES, "Second"), (HEAT, "Residual")):
        target = tmp_path / f"{name}.svg"
        save(diagram_of(getattr(loads(text), name)), target)
        assert b"<svg" in target.read_bytes()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("grad(f)(x)", []),
        ("grad(f, 0)(x)", []),
        ('grad(f, wrt = "x")(x)', []),
        ("grad(f, wrt = 1)(x)", ["T0202"]),
        ("grad(f, wrt = -1)(x)", ["T0202"]),
        ('grad(f, wrt = "y")(x)', ["T0202"]),
        ("grad(f, wrt = 0.5)(x)", ["T0202"]),
        ("grad(f, wrt = true)(x)", ["T0202"]),
        ("grad(f, by = 0)(x)", ["T0202"]),
        ("grad()(x)", ["T0203"]),
        ("grad(x)(x)", ["T0501"]),
        ("grad(f(x))(x)", ["T0501"]),
        ("grad(f)", ["T0501"]),
        ("grad", ["T0501"]),
        ("grad(Dense)(x)", ["T0501"]),
        ("grad(3)(x)", ["T0501"]),
        ("grad(g)(x)", ["T0502"]),
        ("grad(h)(tokens)", ["T0502"]),
        ("grad(f)(x, x)", ["T0202"]),
        ("grad(f)()", ["T0203"]),
        ("grad(grad(f))(x)", ["T0502"]),
        ("grad(sum)(x)", []),
        ("grad(relu)(x)", ["T0502"]),
        ("grad(sum, wrt = 3)(x)", ["T0202"]),
        ("grad(f)(missing)", ["T0201"]),
        ("grad(loop)(x)", ["T0207"]),
        ("grad(" * 9 + "sum" + ")" * 9 + "(x)", ["T0906"]),
        ("grad(f) + x", ["T0501"]),
        ("grad(flat)(x)", []),
    ],
)
def test_mistakes(body, wanted):
    text = f"""net 1 dim B
    fn f(x: f32[B]) -> f32[] = sum(x ** 2)
    fn g(x: f32[B]) -> f32[B] = x ** 2
    fn h(x: i32[B]) -> f32[] = sum(cast(x, f32))
    fn flat(x: f32[B]) -> f32[] = 1.0
    {LOOP if "loop" in body else ""}
    model M(x: f32[B], tokens: i32[B]) -> f32[B] {{ return {body} }}
    """
    assert [code for code in codes(text) if code != "T0213"] == wanted  # of inputs


@pytest.mark.parametrize(("order", "wanted"), [(8, []), (9, ["T0906"])])
def test_orders_add_up_through_functions(order, wanted):
    text = "net 1 dim B\nfn f0(x: f32[B, 4]) -> f32[] = sum(exp(x))\n"
    for i in range(1, order):
        text += f"fn f{i}(x: f32[B, 4]) -> f32[] = sum(grad(f{i - 1})(x))\n"
    body = f"return grad(f{order - 1})(x)"
    text += f"model M(x: f32[B, 4]) -> f32[B, 4] {{ {body} }}"
    assert [one.code for one in check(Source("m.net", text))] == wanted
