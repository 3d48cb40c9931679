"""Programs of generated kernels on the stand-in for CuPy."""

import logging
import sys

import cuda_host
import fake_cupy
import numpy as np
import pytest
import steps

from tulle.backend import compile_graph
from tulle.backend.array_code import ArrayCode
from tulle.backend.gpu.code import GpuCode
from tulle.graph.device import device
from tulle.graph.graph import Graph
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import Variable

on_host = pytest.mark.skipif(cuda_host.COMPILER is None, reason=cuda_host.REASON)
RawModule = cuda_host.RawModule


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def training(kind=steps.Adam, target="i32"):
    network = steps.dense_network([7, 5, 3], "relu")
    with device("gpu:0"):
        return network, compile_graph(steps.step_graph(network, kind, target))


@on_host
def test_fused_steps_are_launches_of_one_module(cupy):
    count = RawModule.count
    network, program = training()
    assert isinstance(program.code, GpuCode)
    assert RawModule.count == count + 2  # one asks whether kernels compile at all
    forms = [program.code.form(s.node) for s in program.schedule.steps if not s.copy]
    kernels = [form.kernel for form in forms if form.kernel]
    checks = [form for form in forms if form.special]
    program(steps.batch(network, target="i32"))
    before = RawModule.launches
    program(steps.batch(network, target="i32"))
    nests = sum(len(kernel.nests) for kernel in kernels)
    assert RawModule.launches - before == nests + len(checks) > 4
    assert "kernel loops_" in program.source()


@on_host
def test_a_new_size_compiles_nothing(cupy):
    network, program = training()
    modules = RawModule.count
    for count in (12, 5, 40):
        x, y = steps.batch(network, count, target="i32")
        assert np.isfinite(program([x, y])["loss"].get())
    assert RawModule.count == modules


@on_host
def test_runs_repeat_to_the_bit(cupy):
    def train():
        network, program = training()
        batch = steps.batch(network, 100, target="i32")
        losses = [program(batch)["loss"].get().tobytes() for _ in range(5)]
        return losses, [weight.tobytes() for weight in network.get_weights()]

    assert train() == train()


@on_host
def test_variables_that_take_each_others_values(cupy):
    one, two = (Variable(np.full(3, v, np.float32)) for v in (1, 2))
    x = SymbolicTensor(input_node("x", tensor_type("f32", (3,))))
    updates = ((one, two.node), (two, one.node))
    outputs = {
        "sum": (SymbolicTensor(one.node) + x).node,
        "old": one.node,
        "given": x.node,
    }
    with device("gpu:0"):
        program = compile_graph(Graph((x.node,), outputs, updates))
    for k in range(3):
        found = program([np.full(3, k, np.float32)])
        assert found["old"].get().tolist() == [1 + k % 2] * 3
        assert found["sum"].get().tolist() == [1 + k % 2 + k] * 3
        assert found["given"].get().tolist() == [k] * 3
    assert one.numpy().tolist() == [2, 2, 2]


def test_an_input_waits_for_its_place(cupy):
    types = [tensor_type("f32", shape) for shape in ((8, 9), (9, 9), (9, 8), (8, 8))]
    nodes = [input_node(f"x{k}", type) for k, type in enumerate(types)]
    found = nodes[0]
    for node in nodes[1:]:
        found = call("matmul", found, node)
    random = np.random.default_rng(0)
    arrays = [random.normal(size=[d.value for d in t.shape]) for t in types]
    arrays = [array.astype("float32") for array in arrays]
    with device("gpu:0"):
        program = compile_graph(Graph(tuple(nodes), {"product": found}))
    storages = {value.storage for value in program.schedule.values} - {None}
    plan = program.plan([array.shape for array in arrays])
    assert len({plan.offsets[storage] for storage in storages}) < len(storages)
    wanted = np.linalg.multi_dot(arrays)
    np.testing.assert_allclose(program(arrays)["product"].get(), wanted, 1e-4, 1e-4)


def refusing(message, times):
    """A module class whose compiler refuses from some call on."""

    class Module(RawModule):
        calls = 0

        def compile(self):
            Module.calls += 1
            if Module.calls > times:
                raise cuda_host.CompileException(message)
            super().compile()

    return Module


def trained(network, program):
    x, y = steps.batch(network, target="i32")
    return [float(program([x, y])["loss"].get()) for _ in range(3)]


def test_cupy_runs_what_no_compiler_takes(cupy, caplog):
    wanted = steps.dense_network([7, 5, 3], "relu")
    on_cpu = compile_graph(steps.step_graph(wanted, steps.Adam, "i32"))
    x, y = steps.batch(wanted, target="i32")
    losses = [float(on_cpu([x, y])["loss"]) for _ in range(3)]
    cupy.RawModule = refusing("no such architecture\nline 2", 0)
    with caplog.at_level(logging.WARNING, "tulle"):
        network, program = training()
        training()
    assert isinstance(program.code, ArrayCode)
    assert [r.getMessage().count("no such architecture") for r in caplog.records] == [1]
    np.testing.assert_allclose(trained(network, program), losses, 1e-5)


@on_host
def test_ops_run_one_by_one_if_a_module_is_refused(cupy, caplog):
    network, program = training()
    losses = trained(network, program)
    other = fake_cupy.make()
    other.RawModule = refusing("too many registers", 1)
    sys.modules["cupy"] = other
    with caplog.at_level(logging.WARNING, "tulle"):
        network, program = training()
    assert isinstance(program.code, GpuCode)
    assert "too many registers" in caplog.text
    np.testing.assert_allclose(trained(network, program), losses, 1e-5)


def test_generated_kernels_can_be_switched_off(cupy, monkeypatch):
    monkeypatch.setenv("TULLE_KERNELS", "numpy")
    _, program = training()
    assert isinstance(program.code, ArrayCode)


def test_a_sum_over_nothing_known(cupy):
    x = input_node("x", tensor_type("f32", (3, 4)))
    with device("gpu:0"):
        program = compile_graph(Graph((x,), {"sum": call("sum", x)}))
    assert program([np.ones((3, 4), np.float32)])["sum"].get() == 12
