"""Optimizers in `fit`: compiled and op by op, saved and gone on with, frozen layers."""

import numpy as np
import pytest

from tulle.graph import constraints, layers
from tulle.graph.layer import Layer
from tulle.graph.network import Input
from tulle.graph.notices import TulleWarning
from tulle.graph.variable import set_random_seed
from tulle.training import optimizers, schedules
from tulle.training.model import Sequential
from tulle.training.saving import load_model

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(48, 5)).astype("float32")
Y = RANDOM.normal(size=(48, 2)).astype("float32")

KINDS = {
    "accumulation": lambda: optimizers.Adam(0.05, gradient_accumulation_steps=2),
    "average": lambda: optimizers.RMSprop(0.05, use_ema=True, ema_momentum=0.5),
    "overwriting": lambda: optimizers.SGD(
        0.1, momentum=0.5, use_ema=True, ema_overwrite_frequency=2
    ),
    "both": lambda: optimizers.Ftrl(
        0.1, use_ema=True, gradient_accumulation_steps=2, clipnorm=0.5
    ),
    "scaled": lambda: optimizers.Nadam(0.05, loss_scale_factor=64.0),
    "dynamic": lambda: optimizers.LossScaleOptimizer(
        optimizers.Adam(0.05), 8.0, dynamic_growth_steps=2
    ),
    "several": lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(
            optimizers.Adam(0.01), {".*bias": optimizers.SGD(0.1, momentum=0.5)}
        )
    ),
    "matrices": lambda: optimizers.Muon(0.01, global_clipnorm=0.5),
    "norms": lambda: optimizers.Lamb(
        schedules.CosineDecay(0.1, 10), gradient_accumulation_steps=2
    ),
    "rows": lambda: optimizers.Adafactor(0.05, weight_decay=0.1),
    "free": lambda: optimizers.ScheduleFreeAdamW(0.05, warmup_steps=3),
}


def small(optimizer, **settings):
    set_random_seed(3)
    model = Sequential(
        [
            Input((5,)),
            layers.Dense(7, "tanh", kernel_constraint=constraints.MaxNorm(1.0)),
            layers.Dense(2),
        ]
    )
    model.compile(optimizer, "mse", **settings)
    return model


def train(model, epochs=1):
    return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def everything(model):
    return {
        **{v.path: v.numpy() for v in model.weights},
        **model.optimizer.state(model.variable_names()),
    }


def check_equal(one, two):
    assert set(one) == set(two)
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=2e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_and_op_by_op_agree(kind):
    compiled, plain = small(KINDS[kind]()), small(KINDS[kind](), run_eagerly=True)
    losses = [train(model, 2).history["loss"] for model in (compiled, plain)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    check_equal(everything(plain), everything(compiled))


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_training_goes_on_as_if_nothing_had_been(kind, tmp_path):
    """Three batches, saved and loaded, then three more: as six at once."""
    model = small(KINDS[kind]())
    for start in (0, 8, 16):
        model.train_on_batch(X[start : start + 8], Y[start : start + 8])
    model.save(tmp_path / "m.tulle")
    loaded = load_model(tmp_path / "m.tulle")
    assert type(loaded.optimizer) is type(model.optimizer)
    for start in (24, 32, 40):
        for each in (model, loaded):
            each.train_on_batch(X[start : start + 8], Y[start : start + 8])
    check_equal(everything(model), everything(loaded))


def test_averages_take_the_place_of_weights_at_the_end():
    model = small(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    train(model)
    for variable in model.trainable_weights:
        average = model.optimizer.slot(variable, "average")
        np.testing.assert_array_equal(variable, average)


def test_slots_are_those_of_single_weights_after_a_compiled_step():
    model = small(optimizers.Adam(0.01))
    train(model)
    shapes = [v.shape for v in model.optimizer.variables]
    assert shapes == [
        (), (), (5, 7), (5, 7), (7,), (7,), (7, 2), (7, 2), (2,), (2,)
    ]  # fmt: skip
    before = model.optimizer.variables[2].numpy()
    train(model)
    assert (model.optimizer.variables[2].numpy() != before).any()


def test_a_step_by_hand_goes_on_with_the_slots_of_fit():
    fitted, by_hand = (small(optimizers.SGD(0.1, momentum=0.5)) for _ in range(2))
    for model in (fitted, by_hand):
        model.train_on_batch(X, Y)
    grads = [np.ones(v.shape, "float32") for v in by_hand.trainable_weights]
    before = [v.numpy() for v in by_hand.trainable_weights]
    slots = [
        by_hand.optimizer.slot(v, "momentum").numpy() for v in by_hand.trainable_weights
    ]
    by_hand.optimizer.apply(grads, by_hand.trainable_weights)
    for variable, old, slot in zip(
        by_hand.trainable_weights, before, slots, strict=True
    ):
        wanted = old + 0.5 * slot - 0.1
        if variable.constraint is not None:
            wanted = np.asarray(variable.constraint(wanted))
        np.testing.assert_allclose(variable, wanted, rtol=1e-5, atol=1e-6)


def test_the_scaled_loss_is_not_what_is_told():
    plain, scaled = (
        small(optimizers.SGD(0.1, loss_scale_factor=f)) for f in (None, 256.0)
    )
    told = [train(model).history["loss"] for model in (plain, scaled)]
    np.testing.assert_allclose(*told, rtol=1e-5)
    check_equal(everything(plain), everything(scaled))


def test_a_growing_scale_changes_nothing_but_rounding():
    """The gradients are unscaled by the scale that the loss had."""
    plain = small(optimizers.SGD(0.1))
    dynamic = small(
        optimizers.LossScaleOptimizer(optimizers.SGD(0.1), 8.0, dynamic_growth_steps=1)
    )
    for model in (plain, dynamic):
        train(model)
    assert float(dynamic.optimizer.dynamic_scale) == 8.0 * 2**6
    for one, two in zip(plain.weights, dynamic.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_a_new_schedule_and_new_exclusions_reach_the_compiled_step():
    model = small(optimizers.SGD(0.5, weight_decay=1.0))
    hidden, bias = model.layers[0].kernel, model.layers[1].bias
    train(model)
    before = hidden.numpy()
    model.optimizer.learning_rate = schedules.ExponentialDecay(0.0, 1, 0.5)
    train(model)
    np.testing.assert_allclose(hidden, before, rtol=1e-3)  # the constraint rounds
    model.optimizer.learning_rate = schedules.ExponentialDecay(0.5, 1, 1.0)
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    bias.assign([1.0, 2.0])
    outputs = model.predict(X, verbose=0)
    model.train_on_batch(X, outputs)  # no gradient: all that moves is decay
    np.testing.assert_allclose(bias, [1.0, 2.0], rtol=1e-5)
    assert (hidden.numpy() != before).any()


def test_frozen_layers_keep_their_slots_until_they_thaw():
    model = small(optimizers.SGD(0.1, momentum=0.9))
    first = model.layers[0]
    train(model)
    first.trainable = False
    frozen = first.kernel.numpy()
    train(model)
    np.testing.assert_array_equal(first.kernel, frozen)
    first.trainable = True
    train(model)
    assert (first.kernel.numpy() != frozen).any()


class Aside(Layer):
    """Has a weight that the output does not depend on."""

    def build(self, input_shape):
        self.unused = self.add_weight(shape=(3,), initializer="ones", name="unused")

    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_weight_without_a_gradient_is_not_decayed(run_eagerly):
    aside = Aside()
    model = Sequential([Input((5,)), aside, layers.Dense(2)])
    optimizer = optimizers.Ftrl(0.1, weight_decay=0.5, use_ema=True)
    with pytest.warns(TulleWarning, match="does not depend on"):
        model.compile(optimizer, "mse", run_eagerly=run_eagerly)
    train(model)
    np.testing.assert_array_equal(aside.unused, [1.0, 1.0, 1.0])
