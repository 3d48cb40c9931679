"""Files that nobody should trust: a diagnostic for each, and nothing else happens."""

import io
import json
import random
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import tulle
from tulle import layers

RECORDED = Path(__file__).parents[1] / "data" / "keras"
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "hostile.keras"


def refused(place, code="T0704", load=tulle.load_model):
    """The message of the diagnostic that loading a file ends with."""
    with pytest.raises(tulle.DataError) as caught:
        load(place)
    assert caught.value.diagnostics[0].code == code, str(caught.value)
    return str(caught.value)


def members(name="branches"):
    with zipfile.ZipFile(RECORDED / f"{name}.keras") as archive:
        return {item: archive.read(item) for item in archive.namelist()}


def written(place, content, **options):
    with zipfile.ZipFile(place, "w", **options) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return place


def changed(place, change, name="branches"):
    """A file of Keras with its configuration changed."""
    content = members(name)
    config = json.loads(content[CONFIG])
    change(config)
    return written(place, {**content, CONFIG: json.dumps(config).encode()})


# Archives.


@pytest.mark.parametrize("ending", [".keras", ".tulle"])
def test_archives_that_are_none(tmp_path, ending):
    place = tmp_path / f"m{ending}"
    for content in (b"", b"hello", b"PK\x05\x06" + bytes(18), b"\x89HDF\r\n\x1a\n"):
        place.write_bytes(content)
        refused(place)


def test_members_twice_outside_and_bombs(place):
    content = members()
    with zipfile.ZipFile(place, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(CONFIG, b"{}")
    assert "twice" in refused(place)
    for name in ("../evil", "/etc/evil", "a/../../evil", "C:evil", "a\\..\\evil"):
        assert "leads out" in refused(written(place, {**content, name: b"x"}))
    assert not (place.parent.parent / "evil").exists()
    bomb = {**content, WEIGHTS: bytes(50_000_000)}
    written(place, bomb, compression=zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    assert "not stored" in refused(place)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_what_was_packed_again_is_read(place):
    written(place, members(), compression=zipfile.ZIP_DEFLATED)
    assert tulle.load_model(place).name == "branches"


def test_members_that_are_missing_or_damaged(place):
    content = members()
    for name in (CONFIG, WEIGHTS):
        left = {k: v for k, v in content.items() if k != name}
        assert name in refused(written(place, left)) or name == CONFIG
    written(place, content)
    data = bytearray(place.read_bytes())
    data[data.index(b'"branches"')] ^= 1
    place.write_bytes(data)
    assert "damaged" in refused(place)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{}", "1", "nonsense", '"x"'])
def test_configurations_that_are_none(place, text):
    refused(written(place, {**members(), CONFIG: text.encode()}))


# Configurations.


def layer_named(config, name):
    return next(x for x in config["config"]["layers"] if x["name"] == name)


def test_code_in_a_file_never_runs(place, tmp_path):
    import base64
    import marshal

    evidence = tmp_path / "evidence"
    code = compile(f"open({str(evidence)!r}, 'w')", "x", "exec")
    marshalled = base64.b64encode(marshal.dumps(code)).decode()
    forms = (
        {"class_name": "__lambda__", "config": {"value": [marshalled, None, None]}},
        {"class_name": "__lambda__", "config": {"code": marshalled}},
        [marshalled, None, None],
        marshalled,
    )
    for form in forms:

        def change(config, form=form):
            record = layer_named(config, "norm")
            record["class_name"] = "Lambda"
            record["config"] = {"name": "norm", "function": form, "arguments": {}}

        for safe in (True, False):
            message = refused(
                changed(place, change),
                load=lambda p, safe=safe: tulle.load_model(p, safe_mode=safe),
            )
            assert "never run" in message
    assert not evidence.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("keras.src.utils.python_utils", "func_load"),
        ("keras.utils", "get_file"),
        ("keras.layers", "TFSMLayer"),
        ("tulle.saving", "load_model"),
        (None, "Nothing"),
        (3, "Nothing"),
    ],
)
def test_classes_that_are_none(place, module, name):
    def change(config):
        record = layer_named(config, "norm")
        record.update(module=module, class_name=name, registered_name=None)

    assert name in refused(changed(place, change), "T0201")


def test_graphs_that_are_none(place):
    def circle(config):
        calls = layer_named(config, "norm")["inbound_nodes"]
        history = calls[0]["args"][0]["config"]["keras_history"]
        history[:] = ["inner", 0, 0]

    assert "never comes" in refused(changed(place, circle))

    def stranger(config):
        config["config"]["output_layers"]["first"][0] = "nobody"

    assert "nobody" in refused(changed(place, stranger))

    def twice(config):
        config["config"]["layers"].append(config["config"]["layers"][0])

    assert "or two" in refused(changed(place, twice))


def test_a_layer_that_claims_to_be_huge_takes_no_memory(place):
    def enlarge(config):
        layer_named(config, "last")["config"]["units"] = 2**30

    tracemalloc.start()
    refused(changed(place, enlarge))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.filterwarnings("ignore")
def test_nonsense_anywhere_in_a_configuration(place):
    """Each part in turn becomes something else; every third one, for time's sake."""
    content = members()
    config = json.loads(content[CONFIG])
    refusals = 0
    for number, _ in enumerate(mutations(config)):
        if number % 29:
            continue
        written(place, {**content, CONFIG: json.dumps(config).encode()})
        try:
            tulle.load_model(place)
        except tulle.DataError:
            refusals += 1
    assert refusals > 20


def mutations(config):
    stack = [(config, key) for key in config]
    while stack:
        parent, key = stack.pop()
        old = parent[key]
        for wrong in (None, -1, 2**40, "x", [], {}, [[[]]], {"class_name": 3}):
            parent[key] = wrong
            yield config
        parent[key] = old
        if isinstance(old, dict):
            stack += [(old, inner) for inner in old]
        elif isinstance(old, list):
            stack += [(old, inner) for inner in range(len(old))]


# HDF5.


def model():
    x = tulle.Input((3,))
    return tulle.Model(x, layers.Dense(2, name="d")(x))


def hdf5(change):
    """A file of weights with something wrong in it."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.ones((3, 2), "float32")
        group["1"] = np.ones(2, "float32")
        change(file, group)
    return content.getvalue()


def replaced(group, **options):
    del group["0"]
    group.create_dataset("0", **options)


HOSTILE = {
    "external link": lambda f, g: g.__setitem__("2", h5py.ExternalLink("/etc/x", "/")),
    "soft link": lambda f, g: g.__setitem__("2", h5py.SoftLink("/layers")),
    "circle": lambda f, g: g.__setitem__("2", f["layers"]),
    "array outside": lambda f, g: f.__setitem__("stray", np.ones(3)),
    "named type": lambda f, g: g.__setitem__("2", np.dtype("float32")),
    "text": lambda f, g: replaced(g, data=b"words"),
    "strings": lambda f, g: replaced(g, data=["a", "b"], dtype=h5py.string_dtype()),
    "compound": lambda f, g: replaced(g, shape=(3,), dtype=[("a", "f4")]),
    "empty space": lambda f, g: replaced(g, data=h5py.Empty("f4")),
    "huge": lambda f, g: replaced(g, shape=(2**40,), dtype="f4"),
    "huge pieces": lambda f, g: replaced(
        g, shape=(2**40,), dtype="f4", chunks=(2**10,), compression="gzip"
    ),
    "compressed": lambda f, g: replaced(
        g, data=np.ones((3, 2), "f4"), compression="gzip"
    ),
    "other file": lambda f, g: replaced(
        g, shape=(3, 2), dtype="f4", external=[("/etc/passwd", 0, 24)]
    ),
    "other shape": lambda f, g: replaced(g, data=np.ones((2, 3), "f4")),
    "another weight": lambda f, g: g.__setitem__("2", np.ones(3)),
    "missing weight": lambda f, g: g.__delitem__("1"),
    "missing group": lambda f, g: f["layers"].__delitem__("dense"),
    "strange group": lambda f, g: f.create_group("layers/x/vars").create_dataset(
        "0", data=np.ones(2)
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_weights_that_are_wrong(tmp_path, name):
    place = tmp_path / "w.weights.h5"
    place.write_bytes(hdf5(HOSTILE[name]))
    one = model()
    before = [weight.copy() for weight in one.get_weights()]
    refused(place, load=one.load_weights)
    for old, new in zip(before, one.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_virtual_datasets(tmp_path):
    def change(file, group):
        layout = h5py.VirtualLayout((3, 2), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
        del group["0"]
        group.create_virtual_dataset("0", layout)

    place = tmp_path / "w.weights.h5"
    place.write_bytes(hdf5(change))
    assert "another file" in refused(place, load=model().load_weights)


def test_good_weights_are_taken(tmp_path):
    place = tmp_path / "w.weights.h5"
    place.write_bytes(hdf5(lambda f, g: None))
    one = model()
    one.load_weights(place)
    assert one.get_weights()[0].tolist() == [[1.0, 1.0]] * 3


def test_cut_weights(tmp_path):
    place = tmp_path / "w.weights.h5"
    whole = hdf5(lambda f, g: None)
    for size in range(8, len(whole) - 1, 211):
        place.write_bytes(whole[:size])
        refused(place, load=model().load_weights)


# Random changes; `tools/fuzz_files.py` does it for as long as one likes.


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["keras", "tulle", "weights.h5", "safetensors"])
def test_random_changes(tmp_path, kind):
    import fuzz_files

    stream = random.Random(5)
    source = fuzz_files.sources(tmp_path)[kind]
    for _ in range(60):
        fuzz_files.tried(kind, fuzz_files.changed(source, kind, stream), tmp_path)


# Settings that cost time or memory by themselves.

HUGE = 2**31 - 1
COSTLY = [
    ("metrics", "AUC", {"num_thresholds": HUGE}),
    ("metrics", "PrecisionAtRecall", {"recall": 0.5, "num_thresholds": HUGE}),
    ("metrics", "MeanIoU", {"num_classes": HUGE}),
    ("metrics", "IoU", {"num_classes": HUGE, "target_class_ids": [0]}),
    ("metrics", "OneHotMeanIoU", {"num_classes": HUGE}),
    ("optimizers", "Muon", {"ns_steps": HUGE}),
    ("layers", "IntegerLookup", {"num_oov_indices": HUGE, "vocabulary": [1]}),
    ("layers", "IntegerLookup", {"max_tokens": HUGE, "vocabulary": [1]}),
    ("layers", "MelSpectrogram", {"fft_length": HUGE}),
    ("layers", "MelSpectrogram", {"num_mel_bins": HUGE}),
    ("layers", "RandAugment", {"num_ops": HUGE}),
    ("layers", "AugMix", {"num_chains": HUGE}),
    ("layers", "AugMix", {"chain_depth": HUGE}),
    ("layers", "SpectralNormalization", {"power_iterations": HUGE}),
]


@pytest.mark.parametrize(("space", "name", "config"), COSTLY)
def test_settings_of_files_that_would_cost_too_much(space, name, config):
    """Refused when the object is made, before it does anything."""
    inner = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}
    if name == "SpectralNormalization":
        config = {**config, "layer": inner}
    record = {"module": f"keras.{space}", "class_name": name, "config": config}
    tracemalloc.start()
    with pytest.raises(tulle.DataError, match="at most"):
        tulle.saving.deserialize_keras_object(record)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_steps_that_are_written_out_are_counted():
    x = tulle.Input((HUGE, 2))
    with pytest.raises(tulle.TulleError, match="T0306"):
        layers.SimpleRNN(1, unroll=True)(x)
    each = layers.TimeDistributed(layers.BatchNormalization())
    with pytest.raises(tulle.TulleError, match="T0306"):
        each(x, training=True)
