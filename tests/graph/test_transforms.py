"""Gradient transforms against closed forms, finite differences and each other."""

import gc
import weakref

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.diagnostics import TensorTypeError

RNG = np.random.default_rng(3)


def array(*shape, dtype="float32"):
    return RNG.uniform(0.3, 1.2, shape).astype(dtype)


def scalar(x):
    return ops.sum(ops.exp(x) * ops.sin(x) / (1.0 + x * x))


def vector(x):
    return ops.matmul(ops.tanh(x), ops.exp(ops.transpose(x)))[:, 0]


def slope(function, x, way, step=1e-6):
    ahead, behind = function(x + step * way), function(x - step * way)
    return (np.asarray(ahead) - np.asarray(behind)) / (2 * step)


def both(function, *args):
    """The function eagerly and compiled, which agree."""
    eager = function(*args)
    compiled = tulle.function(function)(*args)
    np.testing.assert_allclose(compiled, eager, 2e-5, 1e-6)
    return np.asarray(eager)


def test_gradient_is_the_slope():
    x, way = array(5, dtype="float64"), array(5)
    found = both(tulle.grad(scalar), x)
    np.testing.assert_allclose(found @ way, slope(scalar, x, way), 1e-6)


@pytest.mark.parametrize(
    ("order", "wanted"), [(1, 32.0), (2, 48.0), (3, 48.0), (4, 24.0)]
)
def test_orders_of_a_power(order, wanted):
    function = lambda x: x * x * x * x  # noqa: E731
    for _ in range(order):
        function = tulle.grad(function)
    assert both(function, np.float32(2.0)) == wanted


def test_third_order_is_the_slope_of_the_hessian():
    x, way = array(3, dtype="float64"), array(3)
    hessian = tulle.hessian(scalar)
    third = both(tulle.jacobian(hessian), x)
    assert third.shape == (3, 3, 3)
    np.testing.assert_allclose(third @ way, slope(hessian, x, way), 1e-6, 1e-6)


def test_the_hessian_of_a_quadratic_form():
    matrix = array(4, 4)
    form = lambda x: ops.sum(x * ops.matmul(matrix, x))  # noqa: E731
    found = both(tulle.hessian(form), array(4))
    np.testing.assert_allclose(found, matrix + matrix.T, 1e-5)


def test_jacobian_of_a_product_is_its_matrix():
    matrix = array(3, 4)
    found = both(tulle.jacobian(lambda x: ops.matmul(matrix, x)), array(4))
    np.testing.assert_allclose(found, matrix, 1e-6)


def test_jacobian_without_elements_has_its_shape():
    found = tulle.jacobian(lambda x: x[:0])(array(4))
    assert found.shape == (0, 4)


def test_jvp_is_the_jacobian_times_the_direction_and_vjp_from_the_left():
    x, way = array(3, 4, dtype="float64"), array(3, 4, dtype="float64")
    matrix = both(tulle.jacobian(vector), x)
    value, pushed = tulle.jvp(vector, (x,), (way,))
    np.testing.assert_allclose(value, vector(x))
    np.testing.assert_allclose(pushed, np.tensordot(matrix, way, 2))
    np.testing.assert_allclose(pushed, slope(vector, x, way), 1e-6)
    weights = array(3, dtype="float64")
    value, pullback = tulle.vjp(vector, x)
    np.testing.assert_allclose(pullback(weights)[0], np.tensordot(weights, matrix, 1))


def test_jvp_compiled_and_of_a_gradient():
    x, way = array(4), array(4)
    found = both(lambda x, w: tulle.jvp(tulle.grad(scalar), (x,), (w,))[1], x, way)
    np.testing.assert_allclose(found, tulle.hessian(scalar)(x).numpy() @ way, 1e-4)


def test_gradient_of_a_jvp():
    x, way = array(4, dtype="float64"), array(4)
    total = lambda x: ops.sum(tulle.jvp(ops.exp, (x,), (way,))[1])  # noqa: E731
    np.testing.assert_allclose(tulle.grad(total)(x), np.exp(x) * way)


def test_what_to_differentiate_by():
    function = lambda a, b: ops.sum(a * a * b)  # noqa: E731
    a, b = array(3), array(3)
    wanted = [2 * a * b, a * a]
    for wrt, index in ((1, 1), ("b", 1), (-2, 0), ("a", 0)):
        np.testing.assert_allclose(tulle.grad(function, wrt)(a, b), wanted[index], 1e-6)
    found = tulle.grad(function, argnums=(0, 1))(a, b)
    assert isinstance(found, tuple)
    np.testing.assert_allclose(found, wanted, 1e-6)
    np.testing.assert_allclose(tulle.grad(function, "b")(a, b=b), wanted[1], 1e-6)
    with pytest.raises(TensorTypeError, match="argument 2"):
        tulle.grad(function, 2)(a, b)
    with pytest.raises(TensorTypeError, match="no argument `c`"):
        tulle.grad(function, "c")(a, b)


def test_nests_of_arguments_and_values():
    x, y = array(2), array(2)
    function = lambda p: ops.sum(p["a"] * p["b"][0])  # noqa: E731
    found = tulle.grad(function)({"a": x, "b": [y]})
    np.testing.assert_allclose(found["a"], y)
    np.testing.assert_allclose(found["b"][0], x)
    double = tulle.jacobian(lambda p: {"sum": p["a"] + p["b"][0]})
    matrices = double({"a": x, "b": [y]})
    np.testing.assert_array_equal(matrices["sum"]["a"], np.eye(2))
    np.testing.assert_array_equal(matrices["sum"]["b"][0], np.eye(2))


def test_variables_and_the_rest_that_is_returned():
    v, w = tulle.Variable(array(3)), tulle.Variable(array(3), trainable=False)
    function = lambda x: (ops.sum(v * v * x * w), {"seen": x + 1.0})  # noqa: E731
    x = array(3)
    whole = tulle.value_and_grad(function, wrt=(v, w), has_aux=True)
    (value, aux), (first, second) = whole(x)
    np.testing.assert_allclose(value, np.sum(v.numpy() ** 2 * x * w.numpy()), 1e-6)
    np.testing.assert_allclose(first, 2 * v.numpy() * x * w.numpy(), 1e-6)
    np.testing.assert_allclose(second, v.numpy() ** 2 * x, 1e-6)
    np.testing.assert_array_equal(aux["seen"], x + 1)
    compiled = tulle.function(tulle.grad(function, v, has_aux=True))(x)
    np.testing.assert_allclose(compiled[0], first, 1e-6)


def test_python_may_look_at_values():
    function = lambda x: x * x if x > 0 else -x  # noqa: E731
    assert float(tulle.grad(function)(3.0)) == 6.0
    assert float(tulle.grad(function)(-3.0)) == -1.0


def test_a_derivative_sees_its_own_argument_alone():
    """What was computed outside is a constant, even if it is the same node."""
    inner = lambda y: lambda z: z * (y * 2.0)  # noqa: E731
    outer = lambda y: tulle.grad(inner(y))(y * 2.0)  # noqa: E731
    assert both(outer, np.float32(5.0)) == 10.0
    assert both(tulle.grad(outer), np.float32(5.0)) == 2.0


def test_tapes_see_transforms_and_transforms_see_tapes():
    x = tulle.constant(2.0)
    with tulle.GradientTape() as tape:
        tape.watch(x)
        y = tulle.grad(lambda z: z * z * z)(x)
    assert float(tape.gradient(y, x)) == 12.0

    def taped(z):
        with tulle.GradientTape() as tape:
            tape.watch(z)
            value = z * z * z
        return tape.gradient(value, z)

    assert both(tulle.grad(taped), np.float32(2.0)) == 12.0


def test_refusals():
    with pytest.raises(TensorTypeError, match="float scalar"):
        tulle.grad(lambda x: x)(array(3))
    with pytest.raises(TensorTypeError, match="not float"):
        tulle.grad(lambda x: x)(3)
    with pytest.raises(TensorTypeError, match="tangent"):
        tulle.jvp(lambda x: x, (array(3),), (array(2),))
    with pytest.raises(TensorTypeError, match="1 cotangents and got 2"):
        tulle.vjp(lambda x: x, array(3))[1]((array(3), array(3)))
    with pytest.raises(TensorTypeError, match="two things"):
        tulle.grad(lambda x: x, has_aux=True)(1.0)
    with pytest.raises(TensorTypeError, match="no tensor"):
        tulle.grad(lambda x: None)(1.0)
    with pytest.raises(TensorTypeError, match="no number"):
        tulle.jacobian(lambda x: x)(tulle.Input((3,)))


def test_unconnected_arguments_get_zeros():
    found = tulle.grad(lambda a, b: ops.sum(a), (0, 1))(array(2), array(3))
    np.testing.assert_array_equal(found[0], np.ones(2))
    np.testing.assert_array_equal(found[1], np.zeros(3))
    _, pushed = tulle.jvp(lambda x: ops.argmax(x), (array(3),), (array(3),))
    assert pushed.numpy() == 0


def test_symbolic_sizes():
    tracings = tulle.function(tulle.grad(scalar))
    for size in (3, 4, 5, 6):
        x = array(size)
        np.testing.assert_allclose(tracings(x), tulle.grad(scalar)(x), 1e-5)
    assert tracings.traces == 2


# A tape's Jacobians.


def test_tape_jacobian():
    x = tulle.constant(array(3, 2))
    with tulle.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ops.exp(x) * x[:, :1]
    whole = tape.jacobian(y, x).numpy()
    wanted = tulle.jacobian(lambda x: ops.exp(x) * x[:, :1])(x)
    np.testing.assert_allclose(whole, wanted, 1e-6)
    rows = tape.batch_jacobian(y, x).numpy()
    np.testing.assert_allclose(rows, np.einsum("abac->abc", whole), 1e-6)
    other = tulle.constant(1.0)
    assert tape.jacobian(y, other) is None
    assert tape.jacobian(y, other, unconnected_gradients="zero").shape == (3, 2)


def test_batch_jacobian_in_a_program_of_any_batch():
    @tulle.function
    def rows(x):
        with tulle.GradientTape() as tape:
            tape.watch(x)
            y = ops.sin(x) * x[:, :1]
        return tape.batch_jacobian(y, x)

    for size in (2, 3, 4):
        x = array(size, 2)
        whole = tulle.jacobian(lambda x: ops.sin(x) * x[:, :1])(x).numpy()
        np.testing.assert_allclose(rows(x), np.einsum("abac->abc", whole), 1e-5)
    assert rows.traces == 2


def test_an_inner_tape_follows_what_an_outer_one_recorded():
    x = tulle.constant([1.0, 2.0])
    with tulle.GradientTape() as outer:
        outer.watch(x)
        double = x * 2.0
        with tulle.GradientTape() as inner:
            inner.watch(double)
            cube = double * double * double
        first = inner.gradient(cube, double)
    np.testing.assert_allclose(outer.gradient(first, x), [24.0, 48.0])


# Gradients of one's own.


@ops.custom_gradient
def softplus(x):
    e = ops.exp(x)

    def gradient(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1.0, e))

    return ops.log(1.0 + e), gradient


def test_custom_gradient_is_stable_and_differentiated_in_turn():
    assert both(tulle.grad(softplus), np.float32(100.0)) == 1.0
    s = 1 / (1 + np.exp(-0.5))
    x = np.float32(0.5)
    orders = [s, s * (1 - s), s * (1 - s) * (1 - 2 * s)]
    function = softplus
    for wanted in orders:
        function = tulle.grad(function)
        np.testing.assert_allclose(both(function, x), wanted, 1e-5)
    _, pushed = tulle.jvp(softplus, (x,), (2.0,))
    np.testing.assert_allclose(pushed, 2 * s, 1e-6)


def test_custom_gradient_under_a_tape_and_in_a_layer():
    class Reversed(tulle.Layer):
        def call(self, x):
            return tulle.custom_gradient(lambda x: (x + 0.0, lambda g: -g))(x)

    x = tulle.constant([1.0, 2.0])
    with tulle.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(Reversed()(x * 3.0))
    np.testing.assert_array_equal(tape.gradient(y, x), [-3.0, -3.0])
    inputs = tulle.Input((2,))
    model = tulle.Model(inputs, Reversed()(tulle.layers.Dense(1)(inputs)))
    weights = model.get_weights()[0]
    model.compile("sgd", lambda y_true, y_pred: ops.mean(y_pred))
    model.fit(np.ones((4, 2), "float32"), np.zeros((4, 1)), batch_size=4, verbose=0)
    assert np.all(model.get_weights()[0] > weights)


def test_custom_gradient_of_several_arguments_and_results():
    @tulle.custom_gradient
    def function(a, factor, b):
        def gradient(first, second):
            return first * 10.0, None, second * 100.0

        return (a * factor, b * factor), gradient

    a, b = array(2), array(3)
    total = lambda a, b: sum(map(ops.sum, function(a, 2.0, b)))  # noqa: E731
    first, second = tulle.grad(total, (0, 1))(a, b)
    np.testing.assert_array_equal(first, [10.0, 10.0])
    np.testing.assert_array_equal(second, [100.0] * 3)


def test_custom_gradient_that_looks_at_values():
    @tulle.custom_gradient
    def function(x):
        factor = 2.0 if x > 0 else 5.0
        return x * factor, lambda upstream: upstream * factor * 10.0

    assert float(tulle.grad(function)(1.0)) == 20.0
    assert float(tulle.grad(function)(-1.0)) == 50.0


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        (lambda g: (g, g, g), "3 gradients for 1 arguments"),
        (lambda g: ops.ones(3), r"f32\[3\] for an argument that is f32\[2\]"),
    ],
)
def test_custom_gradients_that_do_not_fit(gradient, message):
    with pytest.raises(TensorTypeError, match=message):
        tulle.custom_gradient(lambda x: (x, gradient))(array(2))


def test_custom_gradient_without_a_gradient():
    with pytest.raises(TensorTypeError, match="return its value and a gradient"):
        tulle.custom_gradient(lambda x: x)(array(2))


# Recomputation.


def chain(x):
    for _ in range(3):
        x = ops.tanh(ops.exp(ops.sin(x) * 0.1))
    return x


def test_remat_has_the_same_derivatives():
    x = array(4)
    for transform in (tulle.grad, tulle.hessian):
        plain = transform(lambda x: ops.sum(chain(x)))
        again = transform(lambda x: ops.sum(tulle.remat(chain)(x)))
        np.testing.assert_allclose(both(again, x), plain(x), 1e-5, 1e-7)
    plain = tulle.jvp(chain, (x,), (x,))[1]
    np.testing.assert_allclose(tulle.jvp(tulle.remat(chain), (x,), (x,))[1], plain)


def peak(wrap, weights, x):
    def block(weight):
        return wrap(lambda x: chain(x @ weight))

    def loss(x):
        for weight in weights:
            x = block(weight)(x)
        return ops.sum(x)

    compiled = tulle.function(tulle.grad(loss, (0, *weights)))
    found = compiled(x)
    (family,) = compiled._families.values()
    (traced,) = family.traces.values()
    return found, traced.program.plan([x.shape]).peak_bytes


def test_remat_takes_less_memory():
    weights = [tulle.Variable(array(32, 32) * 0.1) for _ in range(8)]
    x = array(128, 32)
    found, high = peak(lambda f: f, weights, x)
    again, low = peak(tulle.remat, weights, x)
    assert low < 0.75 * high
    for one, two in zip(found, again, strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6)


def test_remat_keeps_no_inner_values_on_a_tape():
    kept = []

    def function(x):
        found = ops.exp(x)
        kept.append(weakref.ref(found))
        return ops.sin(found)

    x = tulle.constant(array(3))
    with tulle.GradientTape() as tape:
        tape.watch(x)
        y = tulle.remat(function)(x)
    gc.collect()
    assert len(tape.values) == 2
    np.testing.assert_allclose(tape.gradient(y, x), np.cos(np.exp(x)) * np.exp(x), 1e-5)


def test_remat_of_a_layer_with_state_losses_and_random_numbers():
    class Noisy(tulle.Layer):
        def build(self, shape):
            self.scale = self.add_weight((), "ones", name="scale")
            self.calls = self.add_weight((), "zeros", trainable=False, name="calls")
            self.seed = tulle.random.SeedGenerator(3)

        def call(self, x):
            self.calls.assign_add(1.0)
            self.add_loss(ops.sum(self.scale) * 2.0)
            return x * self.scale + tulle.random.normal((3,), seed=self.seed)

    x = array(3)
    plain, layer = Noisy(), Noisy()
    wanted, found = plain(x), tulle.remat(layer)(x)
    np.testing.assert_allclose(found, wanted)
    assert layer.calls.numpy() == 1.0
    assert [float(loss) for loss in layer.losses] == [2.0]
    with tulle.GradientTape() as tape:
        y = ops.sum(tulle.remat(layer)(x)) + sum(layer.losses)
    np.testing.assert_allclose(tape.gradient(y, layer.scale), x.sum() + 2, 1e-6)
    inputs = tulle.Input((3,))
    model = tulle.Model(inputs, tulle.remat(layer)(inputs))
    assert model.trainable_variables == [layer.scale]
    model(x[None])
    assert layer.calls.numpy() == 3.0


def test_transforms_go_through_loops():
    power = lambda x: ops.fori_loop(0, 3, lambda i, y: y * x, x)  # noqa: E731
    x = np.float32(2.0)
    assert both(tulle.grad(power), x) == 32.0
    assert both(tulle.grad(tulle.remat(power)), x) == 32.0
    assert float(tulle.jvp(power, (x,), (1.0,))[1]) == 32.0
    product = lambda x: ops.scan(lambda c, y: (c * y, c), x[0], x)[0]  # noqa: E731
    found = both(tulle.hessian(product), np.array([2.0, 3.0], "float32"))
    np.testing.assert_allclose(found, [[6.0, 4.0], [4.0, 0.0]])
