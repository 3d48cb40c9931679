"""Training steps as graphs, with optimizers written by hand."""

import numpy as np

from tulle.backend import arenas
from tulle.graph.graph import Graph, Objective
from tulle.graph.layers import Dense
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.graph.tensor import SymbolicTensor, input_node
from tulle.graph.variable import Variable, set_random_seed


class Descent:
    """Plain gradient descent."""

    rate = 0.1

    def __init__(self, variables):
        pass

    def apply(self, pairs):
        for gradient, variable in pairs:
            variable.assign(variable.value - gradient * self.rate)


class Adam:
    """Adam (Kingma and Ba 2014), with the epsilon outside of the root's correction."""

    rate, beta_1, beta_2, epsilon = 0.01, 0.9, 0.999, 1e-7

    def __init__(self, variables):
        self.step = Variable(np.float32(0), name="step")
        homes = [arena.variable for arena in arenas(variables)]
        self.first = {v: Variable("zeros", v.shape, name="m") for v in homes}
        self.second = {v: Variable("zeros", v.shape, name="v") for v in homes}

    def apply(self, pairs):
        self.step.assign_add(1.0)
        step = self.step.value
        for gradient, variable in pairs:
            first, second = self.first[variable], self.second[variable]
            first.assign(first.value + (gradient - first.value) * (1 - self.beta_1))
            square = call("square", gradient)
            second.assign(second.value + (square - second.value) * (1 - self.beta_2))
            left = call("sqrt", 1 - call("power", self.beta_2, step))
            rate = self.rate * left / (1 - call("power", self.beta_1, step))
            change = rate * first.value / (call("sqrt", second.value) + self.epsilon)
            variable.assign(variable.value - change)


def dense_network(sizes, activation="tanh", seed=1):
    """Dense layers, linear at the end."""
    set_random_seed(seed)
    x = h = Input((sizes[0],), name="x")
    for units in sizes[1:-1]:
        h = Dense(units, activation=activation)(h)
    return Network(x, Dense(sizes[-1])(h))


def step_graph(network, kind, target="f32"):
    """Inputs, targets, mean squared error or crossentropy, and a step of `kind`."""
    (x,), (out,) = network.inputs, network.outputs
    if target == "f32":
        y = SymbolicTensor(input_node("y", out.type))
        loss = call("mean", call("square", out - y))
    else:
        shape = out.type.with_shape(out.type.shape[:-1])
        y = SymbolicTensor(input_node("y", shape.with_dtype("int32")))
        each = call("sparse_categorical_crossentropy", y, out, from_logits=True)
        loss = call("mean", each)
    variables = tuple(network.trainable_weights)
    objective = Objective("loss", variables, kind(variables).apply)
    return Graph((x.node, y.node), {"loss": loss.node}, (), True, objective)


def batch(network, count=12, seed=0, target="f32"):
    """Random inputs and targets for a network."""
    random = np.random.default_rng(seed)
    wide = network.inputs[0].shape[-1]
    classes = network.outputs[0].shape[-1]
    x = random.standard_normal((count, wide), np.float32)
    if target == "f32":
        return x, random.standard_normal((count, classes), np.float32)
    return x, random.integers(0, classes, count, np.int32)


def dense_step(x, y, weights):
    """Loss and gradients of `dense_network` with tanh, by hand."""
    hidden = [x]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden.append(np.tanh(hidden[-1] @ kernel + bias))
    out = hidden[-1] @ weights[-2] + weights[-1]
    error = out - y
    slope, found = 2 * error / error.size, []
    for index in range(len(hidden) - 1, -1, -1):
        found[:0] = [hidden[index].T @ slope, slope.sum(0)]
        if index:
            slope = (slope @ weights[2 * index].T) * (1 - hidden[index] ** 2)
    return np.mean(error**2), found
