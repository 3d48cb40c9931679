"""Models on disk: what is read back is what was saved; bad files are told."""

import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest

from tulle.graph.diagnostics import DataError, TulleError
from tulle.graph.dim import Dim, Symbol
from tulle.graph.graph import graph_of, same_graph
from tulle.graph.layer import Layer
from tulle.graph.layers import BatchNormalization, Dense, Dropout
from tulle.graph.layers import ReLU as ReLUOfTulle
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, Tensor
from tulle.graph.variable import Variable, set_random_seed
from tulle.training import losses, optimizers, saving, schedules
from tulle.training.decoding import Formula
from tulle.training.model import Functional, Model, Sequential
from tulle.training.registration import custom_object_scope

CROSSENTROPY = losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "model.tulle"


def reloaded(model, place, **options):
    model.save(place)
    return saving.load_model(place, **options)


def same_outputs(one, two, data):
    left, right = (model.predict(data, verbose=0) for model in (one, two))
    np.testing.assert_array_equal(left, right)


def rich():
    """A model with sharing, a nested model, ops between layers, state and chance."""
    inner_x = Input((6,), name="inner_input")
    inner = Model(inner_x, Dense(6, name="deep")(inner_x), name="inner")
    x = Input((6,), name="x")
    shared = Dense(6, activation="tanh", name="shared")
    h = shared(inner(shared(x)))
    h = BatchNormalization()(h * 0.5 + x[:, ::-1])
    h = Dropout(0.3)(call("concatenate", [h, x], axis=-1))
    return Model(x, Dense(3, name="scores")(h), name="rich")


def data(count=20):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 6)).astype("float32")
    return x, random.integers(0, 3, count).astype("int32")


def test_a_model_comes_back_whole(place):
    model = rich()
    again = reloaded(model, place)
    assert isinstance(again, Functional)
    assert again.name == "rich"
    assert same_graph(graph_of(model), graph_of(again))
    assert list(model.named_variables()) == list(again.named_variables())
    same_outputs(model, again, data()[0])
    inner = again.get_layer("inner")
    assert [layer.name for layer in inner.called] == ["deep"]


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.Adam(0.01),
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=1.0),
        optimizers.RMSprop(schedules.ExponentialDecay(0.1, 5, 0.5)),
        optimizers.AdamW(0.01),
    ],
)
def test_training_goes_on_identically(place, optimizer):
    model = rich()
    model.compile(optimizer, CROSSENTROPY, metrics=["accuracy"])
    model.fit(*data(), epochs=2, batch_size=8, verbose=0)
    again = reloaded(model, place)
    for one in (model, again):
        set_random_seed(3)
        one.history = one.fit(*data(), epochs=2, batch_size=8, verbose=0).history
    assert model.history == again.history
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(again.optimizer.iterations.numpy()) == 12


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "mixed_bfloat16"])
def test_weights_of_each_dtype_come_back(place, dtype):
    model = Sequential([Input((4,)), Dense(3, dtype=dtype, name="a")])
    model.compile(optimizers.Adam(0.01), "mse")
    x = data()[0][:, :4]
    model.fit(x, x[:, :3], verbose=0)
    again = reloaded(model, place)
    for one in (model, again):
        one.fit(x, x[:, :3], verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_saving_twice_gives_the_same_bytes(place, tmp_path):
    model = rich()
    model.compile("adam", CROSSENTROPY)
    model.fit(*data(), verbose=0)
    model.save(place)
    saving.load_model(place).save(tmp_path / "again.tulle")
    contents = [
        zipfile.ZipFile(p).read("weights.safetensors")
        for p in (place, tmp_path / "again.tulle")
    ]
    assert contents[0] == contents[1]


def test_symbolic_sizes_keep_their_bounds(place):
    from tulle.graph.tensor import input_node
    from tulle.graph.types import F32, TensorType

    batch, time = Symbol("B"), Symbol("T", lower=2, upper=64)
    dims = (Dim.from_symbol(batch), Dim.from_symbol(time) * 2 + 1, Dim.of(3))
    x = SymbolicTensor(input_node("x", TensorType(F32, dims)))
    again = reloaded(Model(x, Dense(2)(x)), place)
    assert str(again.input_types[0]) == "f32[B, 2 * T + 1, 3]"
    assert again.predict(np.ones((4, 7, 3)), verbose=0).shape == (4, 7, 2)
    with pytest.raises(TulleError, match="T0701"):
        again.predict(np.ones((4, 3, 3)), verbose=0)
    (symbol,) = again.input_types[0].shape[1].symbols()
    assert (symbol.lower, symbol.upper) == (2, 64)


def test_plain_parameters_and_constants(place):
    """What a text elaborates to: networks with parameters of their own."""
    weight = Variable(np.arange(6.0, dtype="float32").reshape(3, 2), name="w")
    fixed = Variable(np.ones(2, "float32"), name="b", trainable=False)
    inner_x = Input((3,), name="v")
    body = call("matmul", inner_x, SymbolicTensor(weight.node))
    inner = Network(inner_x, body + SymbolicTensor(fixed.node), name="affine")
    x = Input((3,), name="x")
    table = Tensor(np.arange(100.0, dtype="float32").reshape(50, 2))
    model = Model(x, call("matmul", inner(x), call("transpose", table)))
    again = reloaded(model, place)
    assert {n: v.trainable for n, v in again.named_variables().items()} == {
        "affine/w": True,
        "affine/b": False,
    }
    same_outputs(model, again, np.ones((2, 3)))


def test_inputs_and_outputs_keep_their_structure(place):
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = Model({"a": a, "b": b}, {"sum": a + b, "both": (a * b, a - b)})
    again = reloaded(model, place)
    found = again.predict({"a": np.ones((1, 2)), "b": np.ones((1, 2))}, verbose=0)
    assert found["sum"].tolist() == [[2.0, 2.0]]
    assert found["both"][1].tolist() == [[0.0, 0.0]]


def test_sequential_models(place):
    model = Sequential([Input((3,)), Dense(2, name="one"), Dense(1)], name="line")
    again = reloaded(model, place)
    assert type(again) is Sequential
    assert [layer.name for layer in again.layers] == ["one", "dense"]
    same_outputs(model, again, np.ones((2, 3)))


class Scaled(Layer):
    """A layer of the user's own."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x):
        return x * self.scale * self.factor


def own_layer():
    x = Input((3,))
    return Model(x, Scaled(3.0, name="mine")(x))


def scaling(factor):
    """A class of layers, another one each time."""

    class Scaling(Layer):
        def call(self, x):
            return x * factor

    return Scaling


def test_two_own_classes_of_one_name_are_not_taken_for_one(place):
    x = Input((2,))
    model = Model(x, scaling(3.0)()(scaling(2.0)()(x)))
    with pytest.raises(DataError, match="are called `Scaling`") as caught:
        model.save(place)
    assert caught.value.diagnostics[0].code == "T0709"
    assert not place.exists()
    own = {"one": scaling(2.0), "other": scaling(3.0)}
    for package, kind in own.items():
        saving.register_serializable(package)(kind)
    Model(x, own["other"]()(own["one"]()(x))).save(place)
    again = saving.load_model(place)
    assert again(np.ones((1, 2), "float32")).numpy().tolist() == [[6.0, 6.0]]


def test_an_own_class_is_not_taken_for_the_librarys(place):
    class ReLU(Layer):
        def call(self, x):
            return x * 2.0

    x = Input((2,))
    Model(x, ReLU()(ReLUOfTulle()(x))).save(place)
    with pytest.raises(DataError, match="`Custom>ReLU`, which is not known"):
        saving.load_model(place)
    again = saving.load_model(place, custom_objects={"ReLU": ReLU})
    assert again(np.float32([[-1, 1]])).numpy().tolist() == [[0.0, 2.0]]


def test_own_layers_come_by_custom_objects(place):
    model = own_layer()
    model.save(place)
    with pytest.raises(DataError, match="custom_objects") as caught:
        saving.load_model(place)
    assert caught.value.diagnostics[0].code == "T0201"
    again = saving.load_model(place, custom_objects={"Scaled": Scaled})
    assert again.get_layer("mine").factor == 3.0
    same_outputs(model, again, np.ones((2, 3)))


@saving.register_serializable("tests")
class Doubled(Layer):
    """A registered layer."""

    def call(self, x):
        return x * 2.0


@saving.register_serializable("tests")
def gap(y_true, y_pred):
    """A registered loss."""
    return call("mean", call("abs", y_true - y_pred), axis=-1)


def test_registered_classes_and_functions(place):
    x = Input((2,))
    model = Model(x, Dense(1)(Doubled()(x)))
    model.compile("sgd", gap)
    again = reloaded(model, place)
    pair = np.ones((4, 2)), np.zeros((4, 1))
    found = again.evaluate(*pair, verbose=0)
    assert found == model.evaluate(*pair, verbose=0)


class Own(Model):
    """A model given by its `call`."""

    def __init__(self, width=4, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.hidden, self.end = Dense(width, activation="relu"), Dense(1)

    def call(self, x):
        return self.end(self.hidden(x))


def test_subclassed_models(place):
    model = Own(5, name="own")
    with pytest.raises(DataError, match="has not been called"):
        model.save(place)
    assert not place.exists()
    x = np.ones((3, 2), "float32")
    model.predict(x, verbose=0)
    again = reloaded(model, place, custom_objects={"Own": Own})
    assert again.width == 5
    same_outputs(model, again, x)


def test_formulas_of_a_text(place):
    x = Input((2,))
    model = Model(x, Dense(1, name="d")(x))
    target, output = Input((1,), name="t"), Input((1,), name="o")
    square = call("mean", call("square", target - output))
    model.compile("sgd", Formula(Network([target, output], square)))
    again = reloaded(model, place)
    pair = np.ones((4, 2)), np.zeros((4, 1))
    assert again.evaluate(*pair, verbose=0) == model.evaluate(*pair, verbose=0)


def test_weights_alone(place, tmp_path):
    model, other = rich(), rich()
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    same_outputs(model, other, data()[0])
    third = rich()
    model.save(place)
    third.load_weights(place)
    same_outputs(model, third, data()[0])
    x = Input((6,))
    stranger = Model(x, Dense(2, name="scores")(x))
    with pytest.raises(DataError, match="another model"):
        stranger.load_weights(place)


def test_loops_and_branches_between_layers(place):
    from tulle import ops

    x, y = Input((5, 3)), Input(("T", 3))
    steps = call("moveaxis", x, 1, 0)
    chosen = ops.cond(call("sum", x) > 0, lambda: x * 2, lambda: x - 1)
    last, every = ops.scan(lambda c, e: (c + e, c * e), call("sum", steps, 0), steps)
    _, grown = ops.while_loop(
        lambda i, v: i < 3,
        lambda i, v: (i + 1, v * 1.5),
        (call("zeros", (), "int32"), x),
    )
    each = ops.map(lambda e: ops.cond(call("sum", e) > 0, lambda: e, lambda: -e), x)
    total, _ = ops.scan(
        lambda c, e: (c + e, c), call("sum", y, 1), call("moveaxis", y, 1, 0)
    )
    found = [chosen, last, call("moveaxis", every, 0, 1), grown, each, total]
    model = Model([x, y], found)
    again = reloaded(model, place)
    random = np.random.default_rng(0)
    for length in (2, 7):
        data = [random.normal(size=(4, n, 3)).astype("float32") for n in (5, length)]
        pairs = zip(
            model.predict(data, verbose=0), again.predict(data, verbose=0), strict=True
        )
        for one, two in pairs:
            np.testing.assert_array_equal(one, two)


@pytest.mark.filterwarnings("ignore")
def test_a_body_that_is_not_closed_is_refused(place, tmp_path):
    from tulle import ops

    x = Input((3,))
    Model(x, ops.cond(call("sum", x) > 0, lambda: x * 2, lambda: x - 1)).save(place)
    with zipfile.ZipFile(place) as archive:
        config = json.loads(archive.read("config.json"))
    nodes = config["tables"]["layers"][0]["nodes"]
    bodies = next(n for n in nodes if n["op"] == "branch")["attributes"]["bodies"]
    body = bodies["tuple"][0]["body"]
    for key, wrong in (("inputs", []), ("outputs", [99]), ("symbols", [0, 0])):
        before, body[key] = body[key], wrong
        target = tmp_path / "loose.tulle"
        rewritten(place, target, lambda _, config=config: config)
        refused(target)
        body[key] = before


def test_a_model_as_json():
    from tulle.models import model_from_json

    model = rich()
    again = model_from_json(model.to_json(indent=1))
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.predict(data()[0], verbose=0), again.predict(data()[0], verbose=0)
    )
    for text in ("{", "[]", '{"class_name": "Dense"}', "[" * 10_000):
        with pytest.raises(DataError, match="T0704"):
            model_from_json(text)


def test_configurations_of_models():
    model = rich()
    again = Model.from_config(model.get_config())
    assert isinstance(again, Functional)
    assert [x.name for x in again.layers] == [x.name for x in model.layers]
    line = Sequential([Input((3,)), Dense(2, name="one"), Dense(1)], name="line")
    again = Sequential.from_config(line.get_config())
    assert type(again) is Sequential
    assert again.input_shape == (None, 3)
    json.dumps([model.get_config(), line.get_config()])

    class Wide(Sequential):
        def __init__(self, width, name=None):
            super().__init__([Dense(width)], name=name)

    assert Wide.from_config(Wide(3).get_config()).layers[0].units == 3


def test_objects_as_configurations():
    from tulle.saving import deserialize_keras_object, serialize_keras_object

    kept = optimizers.Adam(schedules.ExponentialDecay(0.1, 5, 0.5), clipnorm=1.0)
    record = serialize_keras_object({"kept": [kept, None, 1.5]})
    again = deserialize_keras_object(json.loads(json.dumps(record)))["kept"][0]
    assert record["kept"][0]["module"] == "keras.optimizers"
    assert again.get_config()["clipnorm"] == 1.0
    assert type(again.get_config()["learning_rate"]) is schedules.ExponentialDecay
    both = serialize_keras_object([CROSSENTROPY, losses.mean_squared_error, gap])
    assert both[1] == "mean_squared_error"
    assert both[2]["registered_name"] == "tests>gap"
    assert deserialize_keras_object(both[2]) is gap
    with custom_object_scope({"Scaled": Scaled}):
        found = deserialize_keras_object(serialize_keras_object(Scaled(4.0)))
    assert found.factor == 4.0
    with pytest.raises(DataError, match="T0709"):
        serialize_keras_object(lambda x: x)


def test_members_are_checked(saved):
    content = saved.read_bytes()
    for name in ("config.json", "weights.safetensors", "checksums.json"):
        with zipfile.ZipFile(saved) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
        members[name] = members[name].replace(b"0", b"1", 1)
        with zipfile.ZipFile(saved, "w") as archive:
            for key, value in members.items():
                archive.writestr(key, value)
        assert "checksum" in refused(saved)
        saved.write_bytes(content)


# Files that are not what they should be.


def refused(place, code="T0704"):
    with pytest.raises(DataError) as caught:
        saving.load_model(place)
    assert caught.value.diagnostics[0].code == code, str(caught.value)
    return str(caught.value)


def rewritten(source, target, change):
    """A copy of a model file with its configuration changed, checksums included."""
    with zipfile.ZipFile(source) as old:
        config = json.loads(old.read("config.json"))
        weights = old.read("weights.safetensors")
    config = change(config) or config
    written(target, json.dumps(config).encode(), weights)


def written(target, config, weights):
    """A model file whose checksums fit."""
    members = {"config.json": config, "weights.safetensors": weights}
    sums = {name: sha256(content).hexdigest() for name, content in members.items()}
    with zipfile.ZipFile(target, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
        new.writestr("checksums.json", json.dumps(sums))


@pytest.fixture
def saved(place):
    x = Input((3,), name="x")
    model = Model(x, Dense(2, name="d")(x) * 2.0)
    model.compile("adam", "mse")
    model.save(place)
    return place


def test_a_place_that_cannot_be_written(saved, tmp_path):
    before = saved.read_bytes()
    model = rich()
    for wrong in (tmp_path, tmp_path / "none" / "m.tulle"):
        with pytest.raises(DataError) as caught:
            model.save(wrong)
        assert caught.value.diagnostics[0].code == "T0705"
    with pytest.raises(DataError, match="exists already"):
        model.save(saved, overwrite=False)
    assert saved.read_bytes() == before


def test_an_error_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(DataError, match="no space left"):
        rich().save(saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_missing_files(tmp_path, saved):
    assert "model.tulle" in refused(tmp_path / "modle.tulle", "T0703")
    refused(tmp_path, "T0703")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04" + bytes(60), b"\x80\x04N." * 9]
)
def test_other_files(place, content):
    place.write_bytes(content)
    refused(place)


def test_a_zip_of_something_else(place):
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "zip file, but not" in refused(place)


def test_every_cut_is_noticed(saved, tmp_path):
    whole = saved.read_bytes()
    for size in range(0, len(whole), 41):
        (tmp_path / "cut.tulle").write_bytes(whole[:size])
        refused(tmp_path / "cut.tulle")


def test_every_changed_byte_is_noticed_or_harmless(saved, tmp_path):
    whole = saved.read_bytes()
    weights = saving.load_model(saved).get_weights()
    for place in range(0, len(whole), 13):
        changed = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        (tmp_path / "changed.tulle").write_bytes(changed)
        found = loaded_or_none(tmp_path / "changed.tulle")
        if found is not None:
            for a, b in zip(weights, found.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


def loaded_or_none(path):
    try:
        return saving.load_model(path)
    except DataError:
        return None


def mutations(config):
    """The configuration with each part in turn replaced by nonsense."""
    stack = [(config, key) for key in config]
    while stack:
        parent, key = stack.pop()
        old = parent[key]
        for wrong in (None, -1, 2**40, "x", [], {}, [[[]]], {"tuple": 3}):
            parent[key] = wrong
            yield config
        parent[key] = old
        if isinstance(old, dict):
            stack += [(old, inner) for inner in old]
        elif isinstance(old, list):
            stack += [(old, inner) for inner in range(len(old))]


def test_hostile_configurations_end_as_diagnostics(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    target, refusals = tmp_path / "hostile.tulle", 0
    for changed in mutations(config):
        rewritten(saved, target, lambda _, changed=changed: changed)
        refusals += loaded_or_none(target) is None
    assert refusals > 400


def test_a_deep_configuration(saved, tmp_path):
    target = tmp_path / "deep.tulle"
    with zipfile.ZipFile(saved) as archive:
        weights = archive.read("weights.safetensors")
    written(target, b"[" * 200_000, weights)
    refused(target)


def test_another_version(saved, tmp_path):
    target = tmp_path / "new.tulle"
    rewritten(saved, target, lambda c: {**c, "version": 99})
    assert "version 99" in refused(target)
    assert "install a newer Tulle" in refused(target)
    for strange in (0, -1, True, "2", None, 1.0):
        rewritten(saved, target, lambda c, strange=strange: {**c, "version": strange})
        assert "save it anew" in refused(target)


def test_a_layer_that_claims_to_be_huge_takes_no_memory(saved, tmp_path):
    target = tmp_path / "huge.tulle"

    def enlarge(config):
        config["tables"]["layers"][0]["config"]["units"] = 2**31 - 1

    rewritten(saved, target, enlarge)
    assert "shape" in refused(target)


def test_weights_whose_header_lies(saved, tmp_path):
    target = tmp_path / "lie.safetensors"
    header = json.dumps(
        {"d/kernel": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}
    ).encode()
    target.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(DataError, match="T0704"):
        saving.load_model(saved).load_weights(target)


@pytest.mark.parametrize("ending", [".h5", ".pkl", ".H5", ".safetensors"])
def test_endings_of_other_files_are_refused(tmp_path, ending):
    x = Input((3,))
    model, place = Model(x, Dense(2)(x)), tmp_path / f"m{ending}"
    with pytest.raises(DataError) as caught:
        model.save(place)
    assert caught.value.diagnostics[0].code == "T0707"
    assert "`.tulle`" in caught.value.diagnostics[0].help[0]
    assert not place.exists()
    if ending != ".safetensors":
        with pytest.raises(DataError) as caught:
            model.save_weights(place)
        assert "`.safetensors`" in caught.value.diagnostics[0].help[0]


@pytest.mark.parametrize("name", ["m.tulle", "m", "m.v2"])
def test_other_names_are_names(tmp_path, name):
    x = Input((3,))
    Model(x, Dense(2)(x)).save(tmp_path / name)
    assert saving.load_model(tmp_path / name).count_params() == 8


class Unlike(Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {"scale": self.factor}


class Spread(Layer):
    def __init__(self, *factors):
        super().__init__()
        self.factors = factors

    def call(self, x):
        return x * sum(self.factors)


@pytest.mark.parametrize("layer", [Unlike(2.0), Spread(2.0, 3.0)])
def test_layers_that_could_not_be_loaded_are_not_saved(place, layer):
    x = Input((3,))
    with pytest.raises(DataError) as caught:
        Model(x, layer(x)).save(place)
    (found,) = caught.value.diagnostics
    assert found.code == "T0709"
    assert f"`{type(layer).__name__}`" in found.message
    assert "write `get_config`" in found.help[0]
    assert not place.exists()


class Resized(Layer):
    def __init__(self, factor=2.0, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor


def test_a_class_that_changed_is_not_blamed_on_the_file(place):
    x = Input((3,))
    Model(x, Resized()(x)).save(place)

    class Changed(Layer):
        def __init__(self, other):
            super().__init__()

    with pytest.raises(DataError) as caught:
        saving.load_model(place, custom_objects={"Resized": Changed})
    (found,) = caught.value.diagnostics
    assert found.code == "T0704"
    assert "`model.save` wrote" not in str(caught.value)
    assert "classes" in found.help[0]


class Plain(Layer):
    """Takes no name."""

    def __init__(self, units):
        super().__init__()
        self.dense = Dense(units)

    def call(self, x):
        return self.dense(x)


class Whole(Model):
    """A subclass with a plain constructor, called eagerly."""

    def __init__(self):
        super().__init__()
        self.dense = Dense(2)

    def call(self, x):
        return self.dense(x)


def test_plain_constructors_come_back(tmp_path):
    x, data = Input((3,)), np.ones((2, 3), "float32")
    network = Model(x, Plain(4)(x))
    network.save(tmp_path / "network.tulle")
    again = saving.load_model(
        tmp_path / "network.tulle", custom_objects={"Plain": Plain}
    )
    np.testing.assert_array_equal(again(data), network(data))
    whole = Whole()
    expected = whole(data)
    whole.save(tmp_path / "whole.tulle")
    again = saving.load_model(tmp_path / "whole.tulle", custom_objects={"Whole": Whole})
    np.testing.assert_array_equal(again(data), expected)
