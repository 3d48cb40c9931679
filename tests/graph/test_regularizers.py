"""Regularizers and constraints against Keras's numbers; their settings and names."""

import numpy as np
import pytest

import tulle
from tulle.graph import constraints, regularizers
from tulle.graph.diagnostics import TensorTypeError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("l1", regularizers.L1),
        ("L2", regularizers.L2),
        ("l1_l2", regularizers.L1L2),
        ({"class_name": "L1", "config": {"l1": 0.5}}, regularizers.L1),
        (regularizers.L2, regularizers.L2),
    ],
)
def test_regularizers_by_name(name, kind):
    assert type(tulle.regularizers.get(name)) is kind
    assert tulle.regularizers.get(None) is None
    assert tulle.regularizers.get(np.sum) is np.sum


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", constraints.MaxNorm])
def test_constraints_by_name(name):
    assert type(tulle.constraints.get(name)) is constraints.MaxNorm


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tulle.regularizers.get("l3"), "no regularizer"),
        (lambda: tulle.constraints.get(3), "no constraint"),
        (lambda: tulle.regularizers.L1(-1.0), "at least 0"),
        (lambda: tulle.regularizers.L2(float("inf")), "at least 0"),
        (lambda: tulle.activations.get(7), "a name or a function"),
        (lambda: tulle.regularizers.OrthogonalRegularizer(mode="x"), "rows or columns"),
        (lambda: tulle.regularizers.OrthogonalRegularizer()([1.0]), "a matrix"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(TensorTypeError, match=message):
        make()


def test_training_with_both_and_a_saved_model(tmp_path):
    model = tulle.Sequential(
        [
            tulle.Input((3,)),
            tulle.layers.Dense(
                2,
                kernel_regularizer=tulle.regularizers.L2(0.5),
                bias_constraint="non_neg",
            ),
        ]
    )
    model.compile(tulle.optimizers.SGD(0.1), "mse")
    x, y = np.ones((4, 3), "float32"), -np.ones((4, 2), "float32")
    kernel = model.get_weights()[0]
    error = np.mean((x @ kernel - y) ** 2)
    history = model.fit(x, y, epochs=1, batch_size=4, verbose=0)
    wanted = error + 0.5 * np.sum(kernel**2)
    np.testing.assert_allclose(history.history["loss"], [wanted], 1e-5)
    assert np.all(model.get_weights()[1] >= 0)
    model.save(tmp_path / "m.tulle")
    layer = tulle.load_model(tmp_path / "m.tulle").layers[0]
    assert layer.kernel_regularizer.get_config() == {"l2": 0.5}
    assert isinstance(layer.kernel.regularizer, regularizers.L2)
    assert isinstance(layer.bias.constraint, constraints.NonNeg)


def test_numbers_of_numpy_are_numbers():
    assert tulle.constraints.MaxNorm(np.float32(2.0)).max_value == 2.0
    assert tulle.regularizers.L1(None).get_config() == {"l1": 0.01}


@pytest.mark.parametrize(
    ("module", "made"),
    [
        (tulle.regularizers, regularizers.OrthogonalRegularizer(0.5, "columns")),
        (tulle.constraints, constraints.MinMaxNorm(0.5, rate=0.1, axis=1)),
    ],
)
def test_to_a_configuration_and_back(module, made):
    again = module.deserialize(module.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()

    class Own(type(made).__base__):
        pass

    own = module.deserialize({"class_name": "Own", "config": {}}, {"Own": Own})
    assert type(own) is Own


def test_bases_change_nothing():
    assert constraints.Constraint()(3.0) == 3.0
    assert regularizers.Regularizer()(3.0) == 0.0


def test_activations_by_name():
    assert tulle.activations.get(None) is tulle.activations.linear
    for name in tulle.activations.NAMES:
        function = tulle.activations.get(name)
        assert tulle.activations.serialize(function) == name
        assert tulle.activations.deserialize(name) is function
    own = tulle.activations.deserialize("own", {"own": np.sum})
    assert own is np.sum


def test_orthogonal_rows_of_a_symbolic_size():
    x = tulle.Input((3,))
    function = tulle.regularizers.OrthogonalRegularizer(1.0)
    model = tulle.Model(x, function(x))
    value = np.array([[1.0, 0, 0], [1, 1, 0], [0, 1, 0]], "float32")
    np.testing.assert_allclose(model(value), 2 * np.sqrt(0.5) / 3, rtol=1e-6)
