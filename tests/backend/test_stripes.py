"""Loops cut into stripes of rows: which are, and that no number changes by it."""

import platform
import subprocess
import sys

import numpy as np
import pytest

import tulle
from tulle import layers, ops
from tulle.backend.cpu import engine
from tulle.training.batches import prepare

if not engine.available():
    pytest.skip("needs llvmlite and SciPy", allow_module_level=True)

from tulle.backend import Program
from tulle.backend.cpu import scan, stripes
from tulle.backend.cpu.building import vector_bytes
from tulle.backend.cpu.take_products import take_products

RANDOM = np.random.default_rng(0)


def run_of(network, *shape):
    """The prediction of a network of samples of a shape, whose number is a symbol."""
    x = tulle.Input(shape)
    model = tulle.Model(x, network(x))
    given = RANDOM.standard_normal((4, *shape), np.float32)
    signature = prepare(model, given, scored=False).signature
    return model.steps.program("predict", signature)


def loop_of(program):
    """The native form of the only loop of a program."""
    (loop,) = (n for n in program.graph.nodes if n.op.name == "loop")
    return program.code.form(loop)


def lstm(x):
    return layers.LSTM(9)(x)


def half_lstm(x):
    return layers.LSTM(9, dtype="mixed_bfloat16")(x)


def backward_half_gru(x):
    h = layers.GRU(9, dtype="mixed_float16", go_backwards=True, return_sequences=True)
    return h(x)


def masked(x):
    h = layers.Masking()(x)
    return layers.Bidirectional(layers.GRU(5, return_sequences=True))(h)


def counting(x):
    """A loop that carries a number beside its samples."""

    def step(carry, row):
        turn, state = carry
        state = ops.tanh(state + row * turn)
        return (turn + 1.0, state), state

    steps = ops.transpose(x, (1, 0, 2))
    (turn, last), every = ops.scan(step, (ops.ones(()), steps[0]), steps)
    return last * turn + ops.sum(every, axis=0)


def in_loop(x):
    """A loop within another one, along samples that both share."""

    def outer(carry, row):
        carry, _ = ops.scan(lambda c, _: (ops.sin(c + row), ()), carry, None, 3)
        return carry, carry

    steps = ops.transpose(x, (1, 0, 2))
    last, every = ops.scan(outer, steps[0], steps)
    return last + ops.mean(every, axis=0)


def stepping(function):
    """A loop whose turns compute a function of the state of all samples."""

    def network(x):
        def step(state, row):
            return ops.tanh(function(state) + row), ()

        last, _ = ops.scan(step, ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))
        return last

    return network


TABLE = RANDOM.standard_normal((4, 4), np.float32)


def ranks(s):
    """How many of a sample's numbers are smaller, for each of them; at most 3."""
    return ops.sum(ops.cast(s[:, :, None] > s[:, None], "int32"), axis=2)


ALONE = {
    "product": lambda s: ops.matmul(s, np.eye(4, dtype=np.float32)),
    "softmax": lambda s: ops.softmax(s, axis=1),
    "parts": lambda s: ops.concatenate([s[:, 2:], s[:, :2]], axis=1),
    "counted": lambda s: s * ops.cast(ops.arange(ops.shape(s)[0]), "float32")[:, None],
    "table": lambda s: ops.take(TABLE, ops.argmax(s, axis=1), axis=0),
    "picked": lambda s: ops.take_along_axis(s, ranks(s), axis=1),
    "columns": lambda s: ops.take(s, [2, 0, 0, 3], axis=1),
    "heads": lambda s: ops.sum(ops.reshape(s, (-1, 2, 2)), axis=2, keepdims=True)[:, 0],
}
TOGETHER = {
    "mean": lambda s: s - ops.mean(s, axis=0),
    "normal": lambda s: ops.softmax(s, axis=0),
    "turned": lambda s: s[::-1],
    "sample": lambda s: s + ops.take(s, 0, axis=0),
    "order": lambda s: ops.take_along_axis(s, ops.argsort(s, axis=0), axis=0),
    "others": lambda s: ops.take(s, ops.argmax(s, axis=1) % ops.shape(s)[0], axis=0),
    "best": lambda s: s + ops.cast(ops.argmax(s, axis=0), "float32"),
    "pairs": lambda s: ops.matmul(ops.matmul(s, ops.transpose(s)), s),
    "running": lambda s: ops.cumsum(s, axis=0),
}


@pytest.mark.parametrize("name", ALONE)
def test_rows_that_need_no_other(name):
    assert loop_of(run_of(stepping(ALONE[name]), 3, 4)).stripes is not None


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_that_need_others(name):
    program = run_of(stepping(TOGETHER[name]), 3, 4)
    assert loop_of(program).stripes is None


def in_stripes(monkeypatch, rows):
    """Let loops be cut into stripes of so many rows, or of all."""

    def counted(whole, *_):
        many = rows or max(1, whole)
        return max(1, -(-whole // many)), many

    monkeypatch.setattr(stripes, "counted", stripes.jointly(counted))


NETWORKS = [lstm, half_lstm, masked, counting, in_loop, *map(stepping, ALONE.values())]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("rows", [3, 31])
def test_stripes_have_the_bits_of_the_whole(network, rows, monkeypatch):
    program = run_of(network, 7, 4)
    for count in (1, 2, 33, 6):
        given = (RANDOM.standard_normal((count, 7, 4), np.float32),)
        in_stripes(monkeypatch, 0)
        (wanted,) = Program(program.graph)(given).values()
        in_stripes(monkeypatch, rows)
        (found,) = Program(program.graph)(given).values()
        np.testing.assert_array_equal(found, wanted)


COPIED = {
    "one row": lambda s: ops.matmul(s[:, ::-1], np.eye(4, dtype=np.float32)),
    "best of some": lambda s: (
        s + ops.cast(ops.argmax(s[:, ::2], axis=1), "float32")[:, None]
    ),
}


@pytest.mark.parametrize("name", [*ALONE, *COPIED])
def test_stripes_write_nothing_together(name, monkeypatch):
    """Where a turn copies an operand there is one copy, so there is one stripe."""
    turn, others, call = {**ALONE, **COPIED}[name], [], scan.loop_call
    program = run_of(stepping(turn), 7, 4)
    assert loop_of(program).stripes is not None
    monkeypatch.setattr(
        scan, "loop_call", lambda *given: others.append(given[2]) or call(*given)
    )
    given = (RANDOM.standard_normal((33, 7, 4), np.float32),)
    found = []
    for rows in (1, 0):
        in_stripes(monkeypatch, rows)
        found += Program(program.graph)(given).values()
    np.testing.assert_array_equal(*found)
    assert max(others) == (32 if name in ALONE else 0)


@pytest.mark.parametrize("rows", [5, 16])
def test_training_by_stripes_has_the_bits_of_the_whole(rows, monkeypatch):
    x = tulle.Input((6, 3))
    h = layers.LSTM(5, return_sequences=True)(x)
    model = tulle.Model(x, layers.Dense(1)(layers.GRU(4)(h)))
    model.compile(optimizer=tulle.optimizers.SGD(0.1), loss="mse")
    given = [RANDOM.standard_normal(s, np.float32) for s in ((37, 6, 3), (37, 1))]
    signature = prepare(model, *given, scored=True).signature
    program, start = model.steps.program("train", signature), model.get_weights()
    found = []
    for many in (0, rows):
        in_stripes(monkeypatch, many)
        model.set_weights(start)
        loss = Program(program.graph)(given)["loss"]
        found.append([loss.tobytes(), *(w.tobytes() for w in model.get_weights())])
    assert found[0] == found[1]


def test_how_many_stripes_follows_from_sizes():
    assert stripes.counted(256, 1 << 18, 15000, 28) == (16, 16)
    assert stripes.counted(31, 1 << 18, 15000, 28) == (2, 16)
    assert stripes.counted(15, 1 << 18, 15000, 28) == (1, 15)
    assert stripes.counted(47, 1 << 18, 15000, 28) == (2, 24)
    assert stripes.counted(256, 1 << 24, 15000, 28) == (1, 256)
    assert stripes.counted(256, 0, 1, 1) == (1, 256)
    assert stripes.counted(0, 0, 1, 1) == (1, 1)


@pytest.mark.parametrize("network", [lstm, half_lstm, backward_half_gru])
def test_a_layers_product_is_made_in_turns_or_at_once(network, monkeypatch):
    """By the same bits, and of the input as it lies."""
    program = run_of(network, 7, 4)
    products = stripes.PRODUCTS
    assert not any(n.op.name in products for n in program.graph.nodes)
    inside = [n.op.name for n in loop_of(program).graph.nodes]
    assert sum(name in products for name in inside) == 2
    assert inside.count("fused") == 1
    for count in (1, 5, 40):
        given = (RANDOM.standard_normal((count, 7, 4), np.float32),)
        found = []
        for few, much in ((1, 0), (1000, 1 << 40)):
            monkeypatch.setattr(scan, "FEW", few)
            monkeypatch.setattr(scan, "MUCH", much)
            found += Program(program.graph)(given).values()
        np.testing.assert_array_equal(found[0], found[1])


def test_products_that_others_read_stay_outside():
    x = tulle.Input((7, 4))
    product = ops.matmul(x, np.ones((4, 6), np.float32))
    steps = ops.transpose(product, (1, 0, 2))
    last, _ = ops.scan(lambda c, s: (ops.tanh(c + s), ()), steps[0], steps)
    model = tulle.Model(x, last)
    given = RANDOM.standard_normal((3, 7, 4), np.float32)
    signature = prepare(model, given, scored=False).signature
    graph = model.steps.program("predict", signature).graph
    assert take_products(graph) is graph or take_products(graph).nodes == graph.nodes


THREADS = """
import hashlib, sys
if sys.argv[1] == "avx2":
    import llvmlite.binding as llvm
    features = llvm.get_host_cpu_features()
    for name in features:
        features[name] &= not name.startswith(("avx512", "amx"))
    llvm.get_host_cpu_features = lambda: features
    llvm.get_host_cpu_name = lambda: "haswell"
import numpy as np, tulle
x = tulle.Input((9, 8))
tulle.utils.set_random_seed(1)
h = tulle.layers.LSTM(24, dtype=sys.argv[2])(tulle.layers.Masking()(x))
model = tulle.Model(x, h)
model.compile(tulle.optimizers.SGD(0.1), "mse")
random = np.random.default_rng(0)
given = random.random((200, 9, 8), np.float32)
given[::3, 5:] = 0
model.train_on_batch(given, random.random((200, 24), np.float32))
found = model.predict(given, batch_size=200, verbose=0)
print(hashlib.sha256(found.tobytes()).hexdigest(), float(found.astype("f4").mean()))
"""
HASWELL = "avx2" if vector_bytes() >= 32 and platform.machine() == "x86_64" else "own"


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_any_number_of_threads_gives_the_same_bits(dtype, monkeypatch):
    """Those of the processor's own vectors, and those of AVX2."""
    monkeypatch.setenv("TULLE_CACHE_DIR", "")
    means = []
    for vectors in ("own", HASWELL):
        found = set()
        for threads in ("1", "5"):
            monkeypatch.setenv("TULLE_NUM_THREADS", threads)
            run = [sys.executable, "-c", THREADS, vectors, dtype]
            done = subprocess.run(run, capture_output=True, text=True, check=True)
            found.add(done.stdout.strip())
        (one,) = found
        means.append(float(one.split()[1]))
    np.testing.assert_allclose(*means, 1e-3, 1e-4)


def looked_up(x):
    """A loop whose turns read rows of a table by the numbers that samples have."""
    table = ops.convert_to_tensor(RANDOM.standard_normal((6, 3)).astype(np.float32))

    def step(state, row):
        return ops.tanh(state + ops.take(table, ops.cast(row, "int32"), axis=0)), ()

    start = ops.zeros_like(ops.matmul(x[:, 0, :, None], np.ones((1, 3), np.float32)))
    last, _ = ops.scan(step, start, ops.transpose(x, (1, 0, 2)))
    return last


def test_a_stripe_tells_of_data_at_fault(monkeypatch):
    """Of the first one that met some, and of none afterwards."""
    in_stripes(monkeypatch, 3)
    program = run_of(looked_up, 5, 2)
    assert loop_of(program).stripes is not None
    right = RANDOM.integers(0, 6, (11, 5, 2)).astype(np.float32)
    wanted = program((right,))
    for wrong, told in (((4, 7, 10), 64), ((10,), 70)):
        given = right.copy()
        for sample in wrong:
            given[sample, 2, 1] = 60 + sample
        with pytest.raises(tulle.TulleError, match=f"{told}"):
            program((given,))
        for name, found in program((right,)).items():
            np.testing.assert_array_equal(found, wanted[name])


def test_any_number_of_stripes_follows_from_one_recording(monkeypatch):
    """Few rows in the last one ask for no other, unless it is a single one."""
    in_stripes(monkeypatch, 30)
    program, bound = run_of(lstm, 7, 4), []
    calls = scan.Scan.calls
    monkeypatch.setattr(
        scan.Scan, "calls", lambda *given: bound.append(1) or calls(*given)
    )
    for count in (64, 35, 129, 60, 193, 320):
        program((RANDOM.standard_normal((count, 7, 4), np.float32),))
    assert len(bound) == 1
