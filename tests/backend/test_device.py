"""The same program on another array module, here a stand-in for CuPy."""

import sys

import fake_cupy
import numpy as np
import pytest
import steps

import tulle
from tulle.backend import compile_graph
from tulle.graph import device as devices
from tulle.graph.device import device
from tulle.graph.graph import Graph
from tulle.graph.registry import OPS, call
from tulle.graph.tensor import Tensor, constant_node, input_node
from tulle.graph.types import tensor_type
from tulle.graph.variable import SeedGenerator, Variable


@pytest.fixture
def cupy(monkeypatch):
    module = fake_cupy.make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    fake_cupy.refuse_conversion(monkeypatch)
    return module


def losses(kind, target, count=3):
    network = steps.dense_network([7, 5, 3], "relu")
    batch = steps.batch(network, target=target)
    program = compile_graph(steps.step_graph(network, kind, target))
    return [program(batch)["loss"] for _ in range(count)], network


@pytest.mark.parametrize("kind", [steps.Descent, steps.Adam])
@pytest.mark.parametrize("target", ["f32", "i32"])
def test_training_stays_on_the_device(cupy, kind, target):
    wanted, _ = losses(kind, target)
    with device("gpu:0"):
        found, network = losses(kind, target)
    assert all(isinstance(loss, cupy.ndarray) for loss in found)
    np.testing.assert_allclose([loss.get() for loss in found], wanted, rtol=1e-6)
    kernel = network.trainable_weights[0]
    assert isinstance(kernel.array, cupy.ndarray)
    assert kernel.numpy().shape == (7, 5)


def test_constants_and_keys_go_to_the_device(cupy):
    x = input_node("x", tensor_type("f32", (3,)))
    table = constant_node(np.arange(3, dtype="float32"))
    key = {"generator": SeedGenerator(3), "draw": 0}
    outputs = {"sum": x + call("tanh", table), "key": OPS["random_key"].apply((), key)}
    with device("gpu:0"):
        program = compile_graph(Graph((x,), outputs))
    found = program([np.ones(3, np.float32)])
    np.testing.assert_allclose(found["sum"].get(), 1 + np.tanh(np.arange(3)), 1e-6)
    assert found["key"].get().tolist() == [3, 0, 0, 0]


def test_a_model_moves_between_devices(cupy):
    network = steps.dense_network([7, 5, 2])
    batch = steps.batch(network)
    on_host = compile_graph(steps.step_graph(network, steps.Descent))
    first = on_host(batch)["loss"]
    with device("gpu:0"):
        on_device = compile_graph(steps.step_graph(network, steps.Descent))
    second = on_device(batch)["loss"].get()
    third = on_host(batch)["loss"]
    assert isinstance(third, np.ndarray)
    assert first > second > third


@pytest.mark.parametrize("homed", [False, True])
def test_a_variable_of_the_host_takes_a_value_of_the_device(cupy, homed):
    variable = Variable(np.zeros(3, np.float32))
    if homed:
        variable.rehome(np.zeros(3, np.float32))
    variable.assign(Tensor(cupy.asarray(np.arange(3, dtype=np.float32))))
    assert type(variable.array) is np.ndarray
    assert variable.array.tolist() == [0, 1, 2]


def test_what_fails_on_the_host_arrays_fails_here(cupy):
    array = cupy.asarray(np.ones(3))
    with pytest.raises(TypeError, match="NumPy's add"):
        np.add(array, array)
    with pytest.raises(TypeError, match="of the host"):
        cupy.add(array, np.ones(3))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("before", [1, 12])
def test_layers_take_tensors_of_the_host_on_a_device(cupy, training, before):
    """Calls that become programs take the variables to the device; tensors stay."""
    layer = tulle.layers.BatchNormalization()
    x = Tensor(np.arange(12, dtype=np.float32).reshape(4, 3))
    for _ in range(before):
        wanted = layer(x, training=training).numpy()
    for name in ("gpu:0", "cpu"):
        with device(name):
            for _ in range(12):
                with tulle.GradientTape() as tape:
                    tape.watch(x)
                    found = layer(x, training=training)
                    loss = call("sum", found * found)
                slopes = tape.gradient(loss, [x, layer.gamma])
        if training:
            np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-6)
        gamma = np.sum(2 * found.numpy() ** 2, 0)
        np.testing.assert_allclose(slopes[1].numpy(), gamma, rtol=1e-4, atol=1e-5)


def test_numbers_lie_where_the_tensor_beside_them_does(cupy):
    on_host, on_device = Tensor(np.ones(3)), Tensor(cupy.asarray(np.ones(3)))
    with device("gpu:0"):
        assert type((on_host * 2).array) is np.ndarray
        assert isinstance((on_host + on_device).array, cupy.ndarray)
    assert isinstance((on_device * 2).array, cupy.ndarray)
    assert type((on_host + on_device).array) is np.ndarray


def test_the_last_check_may_be_taken_by_another_thread(cupy, monkeypatch):
    class Taken(dict):
        def __len__(self):
            return 1  # while another thread takes it

    monkeypatch.setattr(devices, "_untold", Taken())
    assert devices.to_numpy(cupy.asarray(np.ones(2))).tolist() == [1, 1]
