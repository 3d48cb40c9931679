"""Optimizers and schedules: Keras's numbers, arenas, exclusions, state, refusals."""

import inspect
import json
import warnings

import numpy as np
import oracle_cases
import pytest

from tulle.backend.arena import arenas
from tulle.backend.function import function
from tulle.graph.configuration import floatx, set_floatx
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.notices import TulleWarning
from tulle.graph.registry import call
from tulle.graph.tensor import Tensor
from tulle.graph.variable import Variable
from tulle.training import optimizers, optimizers_wrapping, schedules
from tulle.training.bounds import bounds_of
from tulle.training.optimizers import deserialize, serialize


def build(space, spec):
    arguments = {
        key: build(schedules, value) if isinstance(value, dict) else value
        for key, value in spec["config"].items()
    }
    return getattr(space, spec["class"])(**arguments)


def optimizer_of(case):
    return build(optimizers, {"class": case.name, "config": case.config})


def variables_of(case):
    return [
        Variable(case.given[f"var.{i}"], name=f"var{i}")
        for i in range(case.entry["variables"])
    ]


def gradients_of(case, step):
    count = case.entry["variables"]
    return [Tensor(case.given[f"grad.{step}.{i}"]) for i in range(count)]


def check_step(case, k, optimizer, variables):
    for i, variable in enumerate(variables):
        case.check(f"after.{k}.{i}", variable)
    for slot in case.entry["slots"]:
        index, _, name = slot.rpartition(".")
        path = f"{variables[int(index)].path}/{name}" if index else name  # or shared
        case.check(f"slot.{k}.{slot}", optimizer.state()[path])


def packed_step(optimizer, variables, gradients):
    """A step as the compiled one does it: flat where the optimizer allows."""
    groups = optimizer.packable(variables)
    homes = [home for group in groups for home in arenas(group)]
    optimizer.pack(homes)
    of = dict(zip(variables, gradients, strict=True))
    pairs = []
    for home in homes:
        flat = [of.pop(v).numpy().reshape(-1) for v in home.variables]
        pairs.append((Tensor(np.concatenate(flat)), home.variable))
    optimizer.apply_gradients([*pairs, *((g, v) for v, g in of.items())])


@oracle_cases.each("optimizer")
def test_an_arena_gives_the_same_numbers(case_id):
    case = oracle_cases.case(case_id)
    optimizer, variables = optimizer_of(case), variables_of(case)
    optimizer.build(variables)
    for k in range(case.entry["steps"]):
        packed_step(optimizer, variables, gradients_of(case, k))
        check_step(case, k, optimizer, variables)


def two_variables(**settings):
    start = np.array([[1.0, -2.0, 3.0], [0.5, 1.5, -1.0]], "float32")
    kernel = Variable(start, name="kernel", **settings)
    return [kernel, Variable(np.array([2.0, -1.0], "float32"), name="bias")]


def some_gradients(count, seed=0):
    random = np.random.default_rng(seed)
    return [
        [Tensor(random.normal(size=s).astype("float32")) for s in ((2, 3), (2,))]
        for _ in range(count)
    ]


PLAIN = [
    kind
    for name, kind in optimizers.CLASSES.items()
    if name not in ("lossscaleoptimizer", "multioptimizer")
]
WRAPPED = [
    lambda **s: optimizers.LossScaleOptimizer(
        optimizers.Adam(0.1, **s), 4.0, dynamic_growth_steps=2
    ),
    lambda **s: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(
            optimizers.Adam(0.1, **s), {"kernel": optimizers.Lamb(0.1, **s)}
        )
    ),
]
SETTINGS = [
    {"clipnorm": 0.5},
    {"global_clipnorm": 0.5, "weight_decay": 0.25},
    {"clipvalue": 0.25, "use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2, "use_ema": True, "loss_scale_factor": 2.0},
    {"learning_rate": schedules.ExponentialDecay(0.5, 2, 0.5)},
]


def made(kind, settings):
    settings = {"learning_rate": 0.1} | settings
    if kind in WRAPPED:
        settings = {k: v for k, v in settings.items() if k != "learning_rate"}
    return kind(**settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(s))
@pytest.mark.parametrize("kind", [*PLAIN, *WRAPPED])
def test_eager_flat_traced_and_stateless_steps_agree(kind, settings):
    """The four ways in which a step runs, over several steps, state included."""
    names = ("eager", "flat", "traced", "stateless")
    every = {name: two_variables() for name in names}
    makers = {name: made(kind, settings) for name in names}
    for name, optimizer in makers.items():
        optimizer.build(every[name])

    def traced(grads):
        makers["traced"].apply(grads, every["traced"])

    compiled = function(traced)
    for grads in some_gradients(5):
        makers["eager"].apply(grads, every["eager"])
        packed_step(makers["flat"], every["flat"], grads)
        compiled(grads)
        after = makers["stateless"].stateless_apply(
            makers["stateless"].variables, grads, every["stateless"]
        )
        groups = every["stateless"], makers["stateless"].variables
        for variables, values in zip(groups, after, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        for name in names[1:]:
            pairs = [*every[name], *makers[name].variables]
            wanted = [*every["eager"], *makers["eager"].variables]
            for found, want in zip(pairs, wanted, strict=True):
                np.testing.assert_allclose(found, want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [*PLAIN, *WRAPPED])
def test_variables_keep_their_dtypes(kind):
    settings = {"global_clipnorm": 0.5, "use_ema": True}
    after = []
    for step in (packed_step, lambda o, v, g: o.apply(g, v)):
        kernel, bias = two_variables()
        variables = [Variable(kernel.numpy(), dtype="float16", name="kernel"), bias]
        optimizer = made(kind, settings)
        optimizer.build(variables)
        for grads in some_gradients(3):
            step(optimizer, variables, [call("cast", grads[0], "float16"), grads[1]])
        dtypes = [v.dtype for v in optimizer.variables if v.name.startswith("kernel")]
        assert set(dtypes) == {"float16"}
        after.append([v.numpy() for v in variables])
    for flat, single in zip(*after, strict=True):
        assert flat.dtype == single.dtype
        np.testing.assert_allclose(flat, single, rtol=5e-3, atol=5e-3)


def adam_in_double(value, gradients, rate, nesterov):
    """Adam's formula, or Nadam's, in NumPy's doubles."""
    mean, power, product = 0.0, 0.0, 1.0
    for step, gradient in enumerate(gradients, 1):
        mean = 0.9 * mean + 0.1 * gradient
        power = 0.999 * power + 0.001 * gradient**2
        ahead = mean / (1 - 0.9**step)
        if nesterov:
            beta, following = (
                0.9 * (1 - 0.5 * 0.96**turn) for turn in (step, step + 1)
            )
            product *= beta
            ahead = following * mean / (1 - product * following)
            ahead += (1 - beta) * gradient / (1 - product)
        root = np.sqrt(power / (1 - 0.999**step))
        if not nesterov:  # Keras adds epsilon before it corrects the root
            root = np.sqrt(power) + 1e-7
            root /= np.sqrt(1 - 0.999**step)
        value = value - rate * ahead / (root + 1e-7 * nesterov)
    return value


@pytest.mark.parametrize("kind", ["Adam", "Nadam"])
def test_doubles_are_corrected_in_double(kind):
    random = np.random.default_rng(0)
    start, *gradients = random.normal(size=(11, 3, 5))
    rate = 2.0**-7  # the same number in float32
    variable = Variable(start, dtype="float64")
    optimizer = getattr(optimizers, kind)(rate)
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    wanted = adam_in_double(start, gradients, rate, kind == "Nadam")
    np.testing.assert_allclose(variable.numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("rate", "moved"),
    [(0.1, 0.2), (schedules.ExponentialDecay(0.1, 3, 0.9), 0.1 + 0.1 * 0.9 ** (1 / 3))],
)
def test_rates_are_doubles_where_floatx_is(rate, moved):
    before = floatx()
    set_floatx("float64")
    try:
        variable, optimizer = Variable([1.0]), optimizers.SGD(rate)
        for _ in range(2):
            optimizer.apply([[1.0]], [variable])
    finally:
        set_floatx(before)
    np.testing.assert_allclose(variable.numpy(), [1.0 - moved], rtol=1e-14)
    assert optimizer.get_config()["learning_rate"] is rate


def test_weight_decay_spares_what_it_is_told_to():
    kernel = Variable(np.ones((2, 2), "float32"), name="kernel")
    bias = Variable(np.ones(2, "float32"), name="bias")
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([kernel, bias])
    zeros = [Tensor(np.zeros(v.shape, "float32")) for v in (kernel, bias)]
    packed_step(optimizer, [kernel, bias], zeros)
    np.testing.assert_allclose(kernel, np.full((2, 2), 0.95), rtol=1e-6)
    np.testing.assert_array_equal(bias, [1.0, 1.0])
    optimizer.exclude_from_weight_decay(var_list=[kernel])  # instead of the bias
    packed_step(optimizer, [kernel, bias], zeros)
    np.testing.assert_allclose(kernel, np.full((2, 2), 0.95), rtol=1e-6)
    np.testing.assert_allclose(bias, [0.95, 0.95], rtol=1e-6)


def test_constraints_hold_for_single_variables():
    low = Variable([1.0, 1.0], name="low", constraint=lambda x: x * 0.0)
    free = Variable([1.0, 1.0], name="free")
    optimizer = optimizers.SGD(1.0)
    optimizer.build([low, free])
    packed_step(optimizer, [low, free], [Tensor(np.full(2, -1.0, "float32"))] * 2)
    np.testing.assert_array_equal(low, [0.0, 0.0])
    np.testing.assert_array_equal(free, [2.0, 2.0])


@pytest.mark.parametrize("kind", [*PLAIN, *WRAPPED])
def test_state_goes_on_in_another_optimizer(kind):
    settings = {"use_ema": True, "gradient_accumulation_steps": 2}
    steps = some_gradients(6)
    whole, optimizer = two_variables(), made(kind, settings)
    for grads in steps:
        optimizer.apply(grads, whole)
    halves, first = two_variables(), made(kind, settings)
    for grads in steps[:3]:
        first.apply(grads, halves)
    second = deserialize(json.loads(json.dumps(serialize(first))))
    second.build(halves)
    second.restore(first.state())
    for grads in steps[3:]:
        packed_step(second, halves, grads)
    for one, two in zip(whole, halves, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    third = made(kind, settings)
    third.build(halves)
    store = {}
    second.save_own_variables(store)
    third.load_own_variables(store)
    third.set_weights([v.numpy() for v in third.variables])
    for one, two in zip(third.variables, second.variables, strict=True):
        np.testing.assert_array_equal(one, two)


def test_slots_have_the_names_of_keras():
    optimizer = optimizers.RMSprop(momentum=0.5, centered=True, use_ema=True)
    kernel, bias = two_variables()
    kernel.path = "dense/kernel"
    optimizer.build([kernel, bias])
    assert [v.path for v in optimizer.variables] == [
        f"rm_sprop/{name}"
        for name in (
            "iteration", "learning_rate",
            "dense_kernel_average", "bias_average",
            "dense_kernel_velocity", "bias_velocity",
            "dense_kernel_momentum", "bias_momentum",
            "dense_kernel_average_gradient", "bias_average_gradient",
        )
    ]  # fmt: skip
    assert optimizer.slot(bias, "momentum").shape == (2,)


def test_thawed_variables_get_slots_and_others_keep_theirs():
    kernel, bias = two_variables()
    optimizer = optimizers.Nadam(0.1)
    optimizer.apply([some_gradients(1)[0][0]], [kernel])
    before = {name: value.copy() for name, value in optimizer.state().items()}
    optimizer.rebuild([kernel, bias])
    after = optimizer.state()
    assert set(after) == {*before, "bias/momentum", "bias/velocity"}
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)
    assert float(after["u_product"]) < 1


def test_whole_steps_are_told_apart_however_many():
    schedule = schedules.PiecewiseConstantDecay([2**25], [1.0, 0.5])
    assert [float(schedule(step)) for step in (2**25, 2**25 + 1)] == [1.0, 0.5]


@pytest.mark.parametrize("kind", list(schedules.BY_NAME.values()))
def test_a_schedule_comes_back_from_json(kind):
    own = {
        "PiecewiseConstantDecay": ([1, 3], [0.5, 0.25, 0.1]),
        "ExponentialDecay": (0.5, 3, 0.5),
        "InverseTimeDecay": (0.5, 3, 0.5),
    }
    schedule = kind(*own.get(kind.__name__, (0.5, 3)))
    config = json.loads(json.dumps(schedules.serialize(schedule)))
    again = schedules.deserialize(config)
    rates = [[float(each(step)) for step in range(8)] for each in (schedule, again)]
    assert rates[0] == rates[1]
    assert len(set(rates[0])) > 2


class Falling(schedules.LearningRateSchedule):
    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / (step + 1)


def test_a_users_own_schedule_comes_back_with_the_optimizer():
    config = serialize(optimizers.SGD(Falling(0.5)))
    again = deserialize(json.loads(json.dumps(config)), {"Falling": Falling})
    assert float(again.learning_rate) == 0.5
    again.apply([[1.0]], [Variable([1.0])])
    assert float(again.learning_rate) == 0.25


def test_the_rate_can_be_set():
    optimizer = optimizers.SGD(0.5)
    assert optimizer.get_config()["learning_rate"] == 0.5
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    assert optimizer.get_config()["learning_rate"] == 0.25
    optimizer.learning_rate = schedules.InverseTimeDecay(1.0, 1, 1.0)
    assert float(optimizer.learning_rate) == 1.0
    assert [v.name for v in optimizer.variables] == ["iteration"]
    with pytest.raises(TensorTypeError, match="follows InverseTimeDecay") as caught:
        optimizer.learning_rate = 0.1
    assert caught.value.diagnostics[0].span.source.name == __file__


def test_a_rate_may_be_a_function():
    rates = iter([1.0, 0.5])
    variable, optimizer = Variable([1.0]), optimizers.SGD(lambda: next(rates))
    for want in (0.0, -0.5):
        optimizer.apply([[1.0]], [variable])
        np.testing.assert_array_equal(variable, [want])


class Momentum(optimizers.Optimizer):
    """As a user of Keras writes an optimizer of their own."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = []
        for variable in variables:
            slot = self.add_variable_from_reference(
                reference_variable=variable, name="momentum"
            )
            self.momentums.append(slot)
        self.calls = Variable(0.0, name="calls")

    def update_step(self, gradient, variable, learning_rate):
        slot = self.momentums[self._get_variable_index(variable)]
        self.assign(slot, slot * self.momentum - gradient * learning_rate)
        self.assign_add(variable, slot)
        self.assign_add(self.calls, 1.0)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


def test_an_optimizer_of_a_users_own():
    mine, library = Momentum(clipnorm=0.5), optimizers.SGD(0.1, 0.5, clipnorm=0.5)
    left, right = two_variables(), two_variables()
    mine.build(left)
    assert mine.packable(left) == []  # it may look at single variables
    for grads in some_gradients(3):
        packed_step(mine, left, grads)
        library.apply(grads, right)
    for one, two in zip(left, right, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)
    assert float(mine.state()["calls"]) == 6.0
    again = Momentum.from_config(mine.get_config())
    assert (again.momentum, again.clipnorm) == (0.5, 0.5)


class Halved(optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        norm = abs(variable.value).sum()
        variable.assign(variable.value - gradient * learning_rate / norm)


def test_a_subclass_claims_anew_that_it_works_element_by_element():
    assert optimizers.SGD().packable([1]) == [[1]]
    assert Halved().packable([1]) == []
    assert type("Named", (optimizers.SGD,), {})().packable([1]) == [[1]]


def test_a_missing_gradient_leaves_its_variable_alone():
    kernel, bias = two_variables()
    optimizer = optimizers.SGD(0.1, weight_decay=0.5, use_ema=True)
    with pytest.warns(TulleWarning, match="no gradient for `bias`"):
        optimizer.apply([np.ones((2, 3), "float32"), None], [kernel, bias])
    np.testing.assert_array_equal(bias, [2.0, -1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it has been told
        optimizer.apply([np.ones((2, 3), "float32"), None], [kernel, bias])
    optimizer.finalize_variable_values([kernel, bias])
    np.testing.assert_array_equal(bias, [2.0, -1.0])


def test_averages_before_the_first_step_replace_nothing():
    kernel, bias = two_variables()
    optimizer = optimizers.SGD(0.1, use_ema=True)
    optimizer.build([kernel, bias])
    optimizer.finalize_variable_values([kernel, bias])
    np.testing.assert_array_equal(bias, [2.0, -1.0])


def test_a_step_that_overflows_is_left_out():
    kernel, bias = two_variables()
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.5, momentum=0.5), 8.0, dynamic_growth_steps=2
    )
    assert float(optimizer.scale_loss(2.0)) == 16.0
    optimizer.build([kernel, bias])
    step = function(lambda grads: optimizer.apply(grads, [kernel, bias]))
    scales, counts = [], []
    for worst in (1.0, np.inf, 1.0, 1.0, np.nan, 1.0):
        grads = [np.zeros((2, 3), "float32"), np.array([worst, 4.0], "float32")]
        step(grads)
        scales.append(float(optimizer.dynamic_scale))
        counts.append(int(optimizer.iterations))
    assert scales == [8.0, 4.0, 4.0, 8.0, 4.0, 4.0]
    assert counts == [1, 1, 2, 3, 3, 4]
    assert np.isfinite(bias.numpy()).all()


def test_each_variable_may_have_a_rate_of_its_own():
    kernel, bias = two_variables()
    rates = optimizers.OptimizerMap(optimizers.SGD(0.5), {"b.*": optimizers.SGD(0.25)})
    optimizer = optimizers.MultiOptimizer(rates)
    optimizer.apply([np.ones((2, 3), "float32"), np.ones(2, "float32")], [kernel, bias])
    np.testing.assert_array_equal(kernel, [[0.5, -2.5, 2.5], [0.0, 1.0, -1.5]])
    np.testing.assert_array_equal(bias, [1.75, -1.25])
    assert [float(o.learning_rate) for o in optimizer.optimizers] == [0.25, 0.5]
    assert optimizer.packable([kernel, bias]) == [[bias], [kernel]]


def test_a_map_of_optimizers_is_a_mapping():
    sgd, adam = optimizers.SGD(), optimizers.Adam()
    chosen = optimizers.OptimizerMap(sgd)
    chosen["a/.*"] = adam
    assert (chosen["a/b"], chosen["b"], len(chosen)) == (adam, sgd, 1)
    chosen["a/b"] = sgd  # a whole path goes before patterns
    assert chosen["a/b"] is sgd
    assert list(chosen) == ["a/.*", "a/b"]
    del chosen["a/.*"]
    assert chosen["a/c"] is sgd
    assert chosen.default_optimizer is sgd


def test_adafactor_leaves_alone_what_no_gradient_arrives_at():
    """Neither a row and a column without one, as of dead units, nor all of a matrix."""
    for gradient in (np.float32([[0, 0], [0, 1e-3]]), np.zeros((2, 2), np.float32)):
        kernel = Variable(np.ones((2, 2), np.float32))
        optimizer = optimizers.Adafactor(0.1)
        for _ in range(3):
            optimizer.apply_gradients([(gradient, kernel)])
        left = kernel.numpy()[gradient == 0]
        np.testing.assert_array_equal(left, np.ones_like(left))
        assert np.isfinite(kernel.numpy()).all()


def test_muon_moves_kernels_as_matrices():
    muon = optimizers.Muon(exclude_layers=["head"])
    names = {"kernel": True, "head_kernel": False, "embeddings": False}
    for name, is_matrix in names.items():
        variable = Variable(np.ones((2, 3), "float32"), name=name)
        assert muon.takes_adam(variable) is not is_matrix
    embeddings = Variable(np.ones((2, 3), "float32"), name="embeddings")
    assert not optimizers.Muon(exclude_embeddings=False).takes_adam(embeddings)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (lambda: optimizers.get("adem"), "did you mean `adam`"),
        (lambda: optimizers.Adam(learnin_rate=1.0), "learning_rate"),
        (lambda: optimizers.SGD(momentum=2.0), "0..1"),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "exclude"),
        (lambda: optimizers.SGD(clipnorm=-1.0), "positive"),
        (lambda: optimizers.get(3), "no optimizer"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "values"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1.0, 0.5, 0.1]), "rise"),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps`"),
        (lambda: schedules.CosineDecayRestarts(0.1, -1), "`first_decay_steps`"),
        (lambda: schedules.PolynomialDecay(0.1, "many"), "not 'many'"),
        (lambda: optimizers.SGD().apply([], [Variable([1.0])]), "gradients"),
        (lambda: optimizers.SGD().apply([[1.0]]), "which variables"),
        (lambda: optimizers.SGD().apply([None], [Variable([1.0])]), "all of them are"),
        (lambda: optimizers.SGD().apply([1.0], [Variable([1.0])]), "gradient of `var"),
        (
            lambda: optimizers.SGD().apply_gradients(
                [(Variable([1.0]), Tensor(np.ones(1)))]
            ),
            "in that order",
        ),
        (lambda: optimizers.SGD().exclude_from_weight_decay(var_names="("), "is none"),
        (lambda: optimizers.Muon(exclude_layers=["*"]), "regular expressions"),
        (lambda: optimizers.OptimizerMap("sgd", {"*": "sgd"}), "regular expressions"),
        (lambda: optimizers.SGD("fast"), "is a number, a schedule"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=2.0), "ema_momentum"),
        (lambda: optimizers.SGD(ema_overwrite_frequency=0.5), "at least 1"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), "at least 2"),
        (lambda: optimizers.SGD(loss_scale_factor=0.0), "above 0, not 0.0"),
        (lambda: optimizers.AdamW(weight_decay=None), "take `Adam`"),
        (lambda: optimizers.Lion(beta_1=0.0), "above 0"),
        (lambda: optimizers.ScheduleFreeAdamW(beta_1=0.0), "above 0"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "at most 0, not 0.5"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-1.0), "from 0 on"),
        (lambda: optimizers.LossScaleOptimizer(3), "no optimizer"),
        (lambda: optimizers.LossScaleOptimizer(None), "is an optimizer"),
        (lambda: optimizers.LossScaleOptimizer("sgd", 0.0), "above 0"),
        (lambda: optimizers.MultiOptimizer(3), "function of a variable"),
        (lambda: optimizers.OptimizerMap(3), "no optimizer"),
        (lambda: optimizers.OptimizerMap("sgd", 3), "dictionary"),
        (lambda: optimizers.OptimizerMap("sgd", {3: "sgd"}), "path is text"),
        (lambda: optimizers.OptimizerMap(WRAPPED[0]()), "not LossScaleOptimizer"),
        (
            lambda: optimizers.OptimizerMap("sgd", {"a.": "sgd", ".b": "sgd"})["ab"],
            "fits several",
        ),
        (lambda: WRAPPED[1]().learning_rate, "no learning rate of its own"),
        (lambda: setattr(WRAPPED[1](), "learning_rate", 1.0), "no learning rate"),
        (lambda: optimizers.deserialize({"name": "sgd"}), "describes no optimizer"),
        (lambda: optimizers.SGD().set_weights([]), "no slots yet"),
        (lambda: optimizers.SGD().stateless_apply([], [], []), "has 0 values"),
        (lambda: optimizers.Optimizer(0.1).apply([[1.0]], [Variable([1.0])]), "has no"),
    ],
)
def test_refusals(wrong, word):
    with pytest.raises(TensorTypeError, match=word) as caught:
        wrong()
    assert caught.value.diagnostics[0].span.source.name == __file__


def test_a_strange_variable_is_refused():
    optimizer = optimizers.SGD()
    optimizer.build([Variable([1.0], name="one")])
    with pytest.raises(TensorTypeError, match="`two` is not among"):
        optimizer.apply([Tensor(np.ones(1))], [Variable([1.0], name="two")])


OUTSIDE = [
    ("Adam", {"learning_rate": -1.0}),
    ("Adam", {"learning_rate": float("nan")}),
    ("SGD", {"learning_rate": float("inf")}),
    ("SGD", {"learning_rate": np.float32(-0.1)}),
    ("Adam", {"beta_1": 1.0}),
    ("Nadam", {"beta_2": -0.1}),
    ("AdamW", {"weight_decay": -0.01}),
    ("Adamax", {"epsilon": -1e-7}),
    ("SGD", {"momentum": 1.5}),
    ("RMSprop", {"rho": 1.0}),
    ("RMSprop", {"momentum": -0.5}),
    ("Adadelta", {"rho": 2.0}),
    ("Adagrad", {"initial_accumulator_value": -0.1}),
    ("Lion", {"beta_2": 1.1}),
    ("Muon", {"adam_beta_1": 1.0}),
    ("Adafactor", {"clip_threshold": 0.0}),
    ("Adafactor", {"beta_2_decay": 0.8}),
    ("ScheduleFreeAdamW", {"warmup_steps": -1}),
]


@pytest.mark.parametrize(("name", "given"), OUTSIDE)
def test_numbers_outside_their_bounds(name, given):
    with pytest.raises(TensorTypeError, match=f"`{next(iter(given))}` is a number"):
        getattr(optimizers, name)(**given)


def test_a_number_outside_is_pointed_at():
    with pytest.raises(TensorTypeError) as caught:
        optimizers.Adam(1e-3, 1.5)
    span = caught.value.diagnostics[0].span
    assert span.source.line(span.line)[span.column - 1 : span.end_column - 1] == "1.5"


@pytest.mark.parametrize("kind", sorted(optimizers.CLASSES.values(), key=repr))
def test_defaults_are_within_bounds_and_bounds_are_of_arguments(kind):
    parameters = inspect.signature(kind.__init__).parameters
    for name, bounds in bounds_of(kind).items():
        if name not in parameters:
            assert issubclass(kind, optimizers_wrapping.Wrapping)
        elif isinstance(parameters[name].default, (int, float)):
            assert parameters[name].default in bounds


def test_a_rate_that_is_set_later_has_the_same_bounds():
    optimizer = optimizers.SGD(0.0)
    with pytest.raises(TensorTypeError, match="from 0 on, not -") as caught:
        optimizer.learning_rate = -0.5
    assert "train on its negative" in caught.value.diagnostics[0].help[0]


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: schedules.ExponentialDecay(-0.1, 10, 0.5), "initial_learning_rate"),
        (lambda: schedules.ExponentialDecay(0.1, 10, -0.5), "decay_rate"),
        (lambda: schedules.CosineDecay(0.1, 10, alpha=-1.0), "alpha"),
        (lambda: schedules.PolynomialDecay(0.1, 10, -1.0), "end_learning_rate"),
        (lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.0), "t_mul"),
    ],
)
def test_rates_of_schedules_are_not_negative(make, argument):
    with pytest.raises(TensorTypeError, match=f"`{argument}` is a number"):
        make()


def test_a_global_norm_of_doubles_is_a_double():
    start, slope = np.zeros(2), np.array([3.0, 1.0]) / 3
    variable = Variable(start)
    maker = optimizers.SGD(1.0, global_clipnorm=0.5)
    maker.apply([Tensor(slope)], [variable])
    wanted = -slope * 0.5 / np.sqrt(np.sum(slope**2))
    np.testing.assert_allclose(variable.numpy(), wanted, rtol=1e-14)
