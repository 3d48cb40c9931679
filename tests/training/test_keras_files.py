"""Keras's files: what Keras wrote is loaded, what is written is as Keras writes it.

`tests/data/keras/` has files that Keras 3 wrote, with what it predicts:
`tools/record_keras_files.py` made them. That Keras loads what is written here is what
`make compare-keras` asks it.
"""

import json
import zipfile
from pathlib import Path

import h5py
import keras_models
import numpy as np
import pytest

import tulle
from tulle import layers, ops, saving
from tulle.training.keras_files.archive import optimizer_arrays
from tulle.training.notices import TulleWarning

RECORDED = Path(__file__).parents[1] / "data" / "keras"
NAMES = sorted(path.stem for path in RECORDED.glob("*.keras"))
# What Keras's files say and is not said here: it is the default, or follows.
UNSAID = {
    "quantization_config", "activity_regularizer", "mask", "shared_object_id",
    "rms_scaling", "zero_output_for_mask", "training",
}  # fmt: skip
MORE = {  # said only here
    "seed", "dtype", "delta", "shared_object_id", "build_config", "input_shape",
}  # fmt: skip


def recorded(name, start):
    """What Keras found for a model, by the name of an output."""
    with np.load(RECORDED / f"{name}.npz") as file:
        found = {k: file[k] for k in file.files if k.startswith(start)}
    return {key.removeprefix(start).strip(): value for key, value in found.items()}


def agrees(model, name, start, given, rtol=2e-5):
    found = model.predict(given, verbose=0)
    found = found if isinstance(found, dict) else {"": found}
    wanted = recorded(name, start)
    assert found.keys() == wanted.keys()
    for key, array in wanted.items():
        np.testing.assert_allclose(found[key], array, rtol=rtol, atol=1e-6)


def built(name):
    tulle.utils.set_random_seed(1)
    return keras_models.MODELS[name](tulle)


def data_of(name):
    return built(name)[1:]


@pytest.mark.parametrize("name", NAMES)
def test_what_keras_saved_predicts_the_same(name):
    model = tulle.load_model(RECORDED / f"{name}.keras")
    assert model.name == name
    agrees(model, name, "predicted", data_of(name)[0])


@pytest.mark.parametrize("name", ["branches", "images", "sequence"])
def test_training_goes_on_where_keras_stopped(name):
    model = tulle.load_model(RECORDED / f"{name}.keras")
    given, targets = data_of(name)
    history = model.fit(given, targets, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], recorded(name, "loss")[""], rtol=1e-5)
    agrees(model, name, "trained", given, rtol=1e-4)


def test_what_was_compiled_is_compiled():
    model = tulle.load_model(RECORDED / "branches.keras")
    compiled = model.compiled
    assert type(compiled.optimizer) is tulle.optimizers.Adam
    assert compiled.optimizer.clipnorm == 1.0
    assert compiled.loss["first"] == "mse"
    assert type(compiled.loss["last"]) is tulle.losses.Huber
    assert compiled.loss_weights == {"first": 1.0, "last": 0.5}
    assert compiled.metrics["last"][0].name == "far"
    assert len(compiled.optimizer.variables) == 1 + 1 + 2 * len(model.trainable_weights)
    bare = tulle.load_model(RECORDED / "branches.keras", compile=False)
    assert bare.compiled is None


def test_shared_layers_nested_models_and_frozen_ones_stay_so():
    model = tulle.load_model(RECORDED / "branches.keras")
    assert model.input_names == ("left", "right")
    assert model.output_names == ("first", "last")
    assert [x.name for x in model.get_layer("inner").layers] == ["inner_x", "deep"]
    images = tulle.load_model(RECORDED / "images.keras")
    assert not images.get_layer("base").trainable
    assert [v.path for v in images.trainable_weights] == [
        "classes/kernel",
        "classes/bias",
    ]


# Written files.


def members(place):
    with zipfile.ZipFile(place) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def arrays_in(content):
    """Path, shape and kind of each array, and the names of groups."""
    import io

    found, names = {}, {}

    def note(path, item):
        if isinstance(item, h5py.Dataset):
            found[path] = (item.shape, item.dtype.kind)
        elif "name" in item.attrs:
            names[path] = item.attrs["name"]

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(note)
    return found, names


def same_keys(ours, theirs, path="model"):
    """The same configuration keys, everywhere; values of references as well."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        inside = path.endswith(".layer") or ".cell" in path  # built with the outer one
        missing = theirs.keys() - ours.keys() - UNSAID
        missing -= {"build_config"} if inside else set()
        assert not missing, f"{path} lacks {missing}"
        assert ours.keys() <= theirs.keys() | MORE, path
        for key in ours.keys() & theirs.keys():
            same_keys(ours[key], theirs[key], f"{path}.{key}")
        if "keras_history" in theirs:
            assert ours["keras_history"][1:] == theirs["keras_history"][1:], path
        for key in ("class_name", "module", "registered_name"):
            assert ours.get(key) == theirs.get(key), path
    elif isinstance(theirs, list) and isinstance(ours, list):
        assert len(ours) == len(theirs), path
        for index, (one, two) in enumerate(zip(ours, theirs, strict=True)):
            same_keys(one, two, f"{path}[{index}]")


@pytest.mark.parametrize("name", NAMES)
def test_files_are_built_as_keras_builds_them(name, tmp_path):
    place = tmp_path / "ours.keras"
    built(name)[0].save(place)
    ours, theirs = members(place), members(RECORDED / f"{name}.keras")
    assert list(ours) == list(theirs)
    same_keys(json.loads(ours["config.json"]), json.loads(theirs["config.json"]))
    (mine, names), (other, known) = (
        arrays_in(x["model.weights.h5"]) for x in (ours, theirs)
    )
    assert mine == other
    assert {k: v for k, v in names.items() if k in known} == known


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_keras_comes_back_from_here(name, tmp_path):
    place = tmp_path / "again.keras"
    first = tulle.load_model(RECORDED / f"{name}.keras")
    first.save(place)
    second = tulle.load_model(place)
    agrees(second, name, "predicted", data_of(name)[0])
    if first.compiled is not None:
        one, two = (optimizer_arrays(m, m.optimizer) for m in (first, second))
        assert one.keys() == two.keys()
        for key, array in one.items():
            np.testing.assert_array_equal(array, two[key])
    native = tmp_path / "again.tulle"
    second.save(native)
    agrees(tulle.load_model(native), name, "predicted", data_of(name)[0])


@pytest.mark.parametrize("name", ["branches", "own"])
def test_weights_alone(name, tmp_path):
    model, given, _ = built(name)
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape, weight.numpy().dtype))
    model.load_weights(RECORDED / f"{name}.weights.h5")
    agrees(model, name, "predicted", given)
    model.save_weights(tmp_path / "w.weights.h5")
    ours, theirs = (
        arrays_in(path.read_bytes())[0]
        for path in (tmp_path / "w.weights.h5", RECORDED / f"{name}.weights.h5")
    )
    assert ours == theirs


def test_weights_of_a_whole_file():
    model, given, _ = built("images")
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.load_weights(RECORDED / "images.keras")
    agrees(model, "images", "predicted", given)


def other_model():
    """Like `images`, but with another last layer."""
    model = tulle.load_model(RECORDED / "images.keras", compile=False)
    x = model.get_layer("flat").output
    return tulle.Model(model.input, layers.Dense(5, name="classes")(x), name="images")


def test_skip_mismatch():
    model = other_model()
    with pytest.raises(tulle.DataError, match="another model"):
        model.load_weights(RECORDED / "images.keras")
    kernel = model.get_layer("classes").kernel.numpy()
    with pytest.warns(UserWarning, match="not all weights came from"):
        model.load_weights(RECORDED / "images.keras", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_layer("classes").kernel.numpy(), kernel)


def test_skip_mismatch_of_our_own_weights(tmp_path):
    tulle.load_model(RECORDED / "images.keras").save_weights(tmp_path / "w.safetensors")
    model = other_model()
    with pytest.raises(tulle.DataError, match="another model"):
        model.load_weights(tmp_path / "w.safetensors")
    with pytest.warns(UserWarning, match="not all weights came from"):
        model.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)


# What models may be made of.


def back(model, tmp_path, **options):
    model.save(tmp_path / "m.keras")
    return tulle.load_model(tmp_path / "m.keras", **options)


def equal_outputs(one, two, *given):
    left, right = one(*given), two(*given)
    np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=1e-6)


@pytest.mark.parametrize(
    "slicing",
    [
        lambda x: x[:, 2:],
        lambda x: x[:, :-1],
        lambda x: x[:, -3:],
        lambda x: x[:, ::-1],
        lambda x: x[:, 1:5:2],
        lambda x: x[:, -1],
        lambda x: x[:, None, ::2],
        lambda x: x[:, 5:2:-1],
        lambda x: x[..., 0],
    ],
)
def test_slices_of_sizes_that_are_not_known(slicing, tmp_path):
    x = tulle.Input((None, 6))
    model = tulle.Model(x, slicing(x) * 2.0)
    again = back(model, tmp_path)
    for steps in (3, 8):
        equal_outputs(model, again, keras_models.numbers(2, steps, 6))


def test_operations_with_constants_and_several_results(tmp_path):
    x = tulle.Input((4, 4))
    table = np.arange(16.0, dtype="float32").reshape(4, 4)
    sign, log = ops.slogdet(ops.matmul(x, table) + 3.0 * ops.eye(4))
    model = tulle.Model(x, ops.stack([sign, ops.clip(log, -9.0, 9.0)], axis=-1))
    equal_outputs(model, back(model, tmp_path), keras_models.numbers(2, 4, 4))


def test_slices_at_places_that_are_tensors(tmp_path):
    x = tulle.Input(batch_shape=(4, 6))
    at = tulle.Input(batch_shape=(2,), dtype="int32")
    part = ops.slice(x, at, (3, 2))
    model = tulle.Model([x, at], ops.slice_update(x, at, part * 2.0))
    given = [keras_models.numbers(4, 6), np.array([1, 3], "int32")]
    equal_outputs(model, back(model, tmp_path), given)


def test_what_keras_cannot_say_is_told_before_anything_is_written(tmp_path):
    x = tulle.Input((4,))
    for y in (ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x), ops.fft((x, x))[0]):
        with pytest.raises(tulle.DataError) as caught:
            tulle.Model(x, y).save(tmp_path / "m.keras")
        assert caught.value.diagnostics[0].code == "T0709"
        assert "between layers" in str(caught.value)
        assert "`.tulle`" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_has_no_class_or_name_in_keras(tmp_path):
    (tmp_path / "a.net").write_text(
        "net 1 dim B layer Own()(x: f32[B, 4]) -> f32[B, 4] { return x |> Dense(4) } "
        "model M(x: f32[B, 4]) -> f32[B, 4] { return x |> Own() as own }"
    )
    x = tulle.Input((4,))
    for model, words in (
        (tulle.load(tmp_path / "a.net").M, "`own` is a layer of a `.net` text"),
        (tulle.Model(x, layers.Lambda(lambda v: v * 2)(x)), "a `lambda` has no name"),
    ):
        with pytest.raises(tulle.DataError, match="T0709") as caught:
            model.save(tmp_path / "m.keras")
        assert words in str(caught.value)
    assert not (tmp_path / "m.keras").exists()


@saving.register_keras_serializable("tests")
class Scaling(layers.Layer):
    """A layer of the user's own."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.offset = self.add_weight((input_shape[-1],), "ones", name="offset")

    def call(self, x):
        return x * self.factor + self.offset

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Whole(tulle.Model):
    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.inner = layers.Dense(width)

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def test_classes_of_the_user(tmp_path):
    x = tulle.Input((3,))
    model = tulle.Model(x, Scaling(3.0, name="mine")(x))
    again = back(model, tmp_path)
    assert again.get_layer("mine").factor == 3.0
    equal_outputs(model, again, keras_models.numbers(2, 3))
    whole = Whole(4, name="whole")
    whole(keras_models.numbers(2, 3))
    whole.save(tmp_path / "m.keras")
    with pytest.raises(tulle.DataError, match="custom_objects") as caught:
        tulle.load_model(tmp_path / "m.keras")
    assert caught.value.diagnostics[0].code == "T0201"
    again = tulle.load_model(tmp_path / "m.keras", {"Whole": Whole})
    assert again.width == 4
    equal_outputs(whole, again, keras_models.numbers(2, 3))


@pytest.mark.parametrize("suffix", ["tulle", "keras"])
def test_two_classes_of_a_name_are_not_saved(tmp_path, suffix):
    def doubled(factor):
        def call(self, x):
            return x * factor

        return type("Doubled", (tulle.layers.Layer,), {"call": call})

    x, place = tulle.Input((3,)), tmp_path / f"m.{suffix}"
    model = tulle.Model(x, doubled(2.0)()(doubled(3.0)()(x)))
    with pytest.raises(tulle.DataError, match="are called `Doubled`") as caught:
        model.save(place)
    assert caught.value.diagnostics[0].code == "T0709"
    assert not place.exists()
    one, other = (tulle.layers.Dense(2, activation=scaled) for scaled in two_of_one())
    with pytest.raises(tulle.DataError, match="are called `scaled`"):
        tulle.Model(x, other(one(x))).save(place)


def two_of_one():
    for factor in (2.0, 3.0):

        def scaled(x, factor=factor):
            return x * factor

        yield scaled


def test_corrections_of_low_rank_are_merged(tmp_path):
    x = tulle.Input((3,))
    dense = layers.Dense(4, name="dense")
    model = tulle.Model(x, dense(x))
    dense.enable_lora(2)
    dense.lora_b.assign(np.ones(dense.lora_b.shape))
    again = back(model, tmp_path)
    equal_outputs(model, again, keras_models.numbers(2, 3))
    corrected = model(keras_models.numbers(2, 3)).numpy()
    model.load_weights(tmp_path / "m.keras")
    assert not dense.lora_b.numpy().any()
    np.testing.assert_allclose(model(keras_models.numbers(2, 3)), corrected, rtol=1e-6)


def test_vocabularies_of_lookups(tmp_path):
    """Learned ones stand beside the configuration, given ones in it."""
    again = back(tulle.load_model(RECORDED / "lookups.keras"), tmp_path)
    assert again.get_layer("learned").get_vocabulary() == [-1, 7, 9, -3]
    assert again.get_layer("masked").get_vocabulary() == [0, -1, -1, 4, 12, 5]
    assert again.get_layer("told").get_vocabulary() == [-1, 12, 7, 100, 3]
    weights = again.get_layer("rare").idf_weights
    np.testing.assert_allclose(weights[1:], np.log(1 + 3 / np.array([4, 3, 2])))
    content, theirs = (
        members(p) for p in (tmp_path / "m.keras", RECORDED / "lookups.keras")
    )
    texts = [name for name in content if name.startswith("assets/")]
    assert [content[name] for name in texts] == [theirs[name] for name in texts]
    again.get_layer("learned").adapt(np.array([5]))  # may learn anew, the given not
    with pytest.raises(tulle.TulleError, match="cannot learn"):
        again.get_layer("told").adapt(np.array([5]))


def test_vocabularies_that_do_not_fit(tmp_path):
    content = members(RECORDED / "lookups.keras")
    first = "assets/layers/integer_lookup/vocabulary.txt"

    def refused(change, words):
        changed = {**content, **change}
        with zipfile.ZipFile(tmp_path / "n.keras", "w") as archive:
            for name, data in changed.items():
                if data is not None:
                    archive.writestr(name, data)
        with pytest.raises(tulle.DataError, match=words) as caught:
            tulle.load_model(tmp_path / "n.keras")
        assert caught.value.diagnostics[0].code == "T0704"

    refused({first: None}, "lacks the vocabulary of `learned`")
    refused({first: b"-1\n7"}, "a vocabulary of 4, and there are 2 lines")
    refused({first: b"-1\n7\na\nb"}, "holds words")
    refused({first: b"-1\n7\n9\n7"}, "each value once")
    refused({first: b"-1\n\xff"}, "is no text")
    for wrong in (2**31, -1, 0, 1, "4", 4.0, True):
        config = json.loads(content["config.json"])
        layers = config["config"]["layers"]
        layer = next(x for x in layers if x["config"]["name"] == "learned")
        layer["config"]["vocabulary_size"] = wrong
        refused({"config.json": json.dumps(config).encode()}, "which it lacks")


def test_half_precision(tmp_path):
    x = tulle.Input((3,))
    model = tulle.Model(x, layers.Dense(2, dtype="bfloat16", name="d")(x))
    again = back(model, tmp_path)
    kernel = again.get_layer("d").kernel
    assert kernel.dtype == "bfloat16"
    np.testing.assert_array_equal(kernel.numpy(), model.get_layer("d").kernel.numpy())


def test_without_h5py(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    model = tulle.Sequential([tulle.Input((2,)), layers.Dense(1)])
    with pytest.raises(tulle.DataError, match=r"tulle\[keras-files\]"):
        model.save(tmp_path / "m.keras")


class Compiled(tulle.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def compile(self, optimizer, extra):
        super().compile(optimizer, "mse")
        self.extra = extra


def test_a_compile_of_ones_own_is_left_out_with_a_warning(tmp_path):
    model = Compiled()
    model.compile("sgd", 3)
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "m.keras")
    with pytest.warns(TulleWarning, match="has a `compile` of its own"):
        again = tulle.load_model(tmp_path / "m.keras", {"Compiled": Compiled})
    assert again.compiled is None
    equal_outputs(model, again, np.ones((2, 3), "float32"))
