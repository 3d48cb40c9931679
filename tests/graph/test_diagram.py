"""Diagrams: what becomes a box, what a link, what a cluster."""

import networkx
import numpy as np
import pytest
from networks import digits, nested, siamese

from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.diagram import diagram_of, to_networkx
from tulle.graph.layer import Layer
from tulle.graph.layers import Concatenate, Dense
from tulle.graph.network import Input, Network
from tulle.graph.registry import call
from tulle.training.model import Model, Sequential


def boxes(network, **options):
    return {box.key: box for box in diagram_of(network, **options).boxes}


def links(network, **options):
    found = diagram_of(network, **options).links
    return [(link.source, link.target, str(link.type)) for link in found]


def test_a_chain():
    found = boxes(digits())
    kinds = {key: (box.kind, box.title, box.parameters) for key, box in found.items()}
    assert kinds == {
        "image": ("input", "image", 0),
        "hidden": ("layer", "Dense", 64 * 128 + 128),
        "dropout": ("layer", "Dropout", 0),
        "logits": ("layer", "Dense", 128 * 10 + 10),
        "output": ("output", "output", 0),
    }
    assert found["hidden"].detail == "relu"
    assert found["logits"].detail == ""
    assert links(digits()) == [
        ("image", "hidden", "f32[batch, 64]"),
        ("hidden", "dropout", "f32[batch, 128]"),
        ("dropout", "logits", "f32[batch, 128]"),
        ("logits", "output", "f32[batch, 10]"),
    ]


def test_a_shared_layer_is_one_box_a_call_and_says_so():
    found = boxes(siamese())
    assert found["encoder"].remarks == ("shared, call 1 of 2",)
    assert found["encoder (2)"].remarks == ("shared, call 2 of 2",)
    assert found["score"].remarks == ()
    assert diagram_of(siamese()).parameters == 32 * 16 + 16 + 32 + 1


def test_ops_between_layers_fold_numbers_and_name_operands():
    diagram = diagram_of(siamese())
    found = {box.key: box for box in diagram.boxes}
    assert found["multiply"].title == "multiply(·, 0.5)"
    assert found["mean"].detail == "axis = [1]"
    roles = {
        link.source: link.role for link in diagram.links if link.target == "subtract"
    }
    assert len(set(roles.values())) == 2
    assert "" not in roles.values()
    assert not any(box.kind == "constant" for box in diagram.boxes)


def test_outputs_have_the_names_of_a_dictionary():
    outputs = [key for key, box in boxes(siamese()).items() if box.kind == "output"]
    assert sorted(outputs) == ["distance", "score (2)"]


def test_nested_networks_are_clusters():
    diagram = diagram_of(nested())
    frames = [(c.number, c.name, c.parent, c.remarks) for c in diagram.clusters]
    assert frames == [
        (0, "block", None, ("shared, call 1 of 2",)),
        (1, "head", None, ()),
        (2, "block", 1, ("shared, call 2 of 2",)),
    ]
    where = {box.key: box.cluster for box in diagram.boxes}
    assert where["block/mix"] == 0
    assert where["head/in"] == 1
    assert where["head/block/mix"] == 2
    assert where["outer"] is None
    # What is shared because its network is shared does not say it again.
    assert boxes(nested())["block/mix"].remarks == ()


def test_links_pass_through_the_frame_of_a_nested_network():
    found = {link[:2] for link in links(nested())}
    assert {("outer", "block/norm"), ("outer", "block/add")} <= found
    assert ("block/add", "head/in") in found
    assert ("head/block/add", "output") in found


def test_nested_networks_can_stay_closed():
    diagram = diagram_of(nested(), expand_nested=False)
    assert [box.title for box in diagram.boxes if box.kind == "layer"] == [
        "Network"
    ] * 2
    assert diagram.clusters == ()


def test_types_inside_a_nested_network_are_those_of_the_call():
    x = Input(batch_shape=("n", "m"), name="x")
    inner = Network(x, call("abs", x), name="inner")
    y = Input(batch_shape=(7, "k"), name="y")
    found = links(Network(y, inner(y)))
    assert found == [
        ("y", "inner/abs", "f32[7, k]"),
        ("inner/abs", "output", "f32[7, k]"),
    ]


def test_a_network_with_several_outputs_inside():
    x = Input((4,), name="x")
    inner = Network(x, [call("abs", x), Dense(2, name="d")(x)], name="inner")
    y = Input((4,), name="y")
    one, two = inner(y)
    found = links(Network(y, [two, one]))
    assert found[-2:] == [
        ("inner/d", "output_0", "f32[batch, 2]"),
        ("inner/abs", "output_1", "f32[batch, 4]"),
    ]


def test_inputs_go_by_name_where_the_inner_network_wants_it():
    a, b = Input((1,), name="a"), Input((2,), name="b")
    inner = Network({"p": a, "q": b}, Concatenate()([a, b]), name="inner")
    c, d = Input((1,), name="c"), Input((2,), name="d")
    found = links(Network([d, c], inner({"q": d, "p": c})))
    assert found[:2] == [
        ("c", "inner/concatenate", "f32[batch, 1]"),
        ("d", "inner/concatenate", "f32[batch, 2]"),
    ]


def test_parameters_and_arrays_outside_of_layers():
    class Holder(Layer):
        pass

    weight = Holder().add_weight((4,), "ones", name="scale")
    x = Input((4,), name="x")
    network = Network(x, x * weight + np.arange(4, dtype="float32"))
    found = boxes(network)
    assert found["scale"].kind == "parameter"
    assert found["scale"].parameters == 4
    assert found["constant"].kind == "constant"
    assert ("scale", "multiply", "f32[4]") in links(network)


def test_frozen_and_opaque_layers_say_so():
    class Numpy(Layer):
        def call(self, x):
            return np.tanh(x.numpy())

    x = Input((4,))
    network = Network(x, Dense(2, name="d", trainable=False)(Numpy(name="n")(x)))
    found = boxes(network)
    assert found["d"].remarks == ("frozen",)
    assert found["n"].remarks == ("runs in Python",)


def test_long_constants_are_cut():
    x = Input((3,))
    network = Network(x, call("reshape", x, (-1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3)))
    assert len(boxes(network)["reshape"].detail) == 40


def test_a_chain_of_ten_thousand_layers():
    x = Input((1,), name="x")
    y = x
    for _ in range(10_000):
        y = call("abs", y + 1.0)
    assert len(diagram_of(Network(x, y)).links) == 20_001


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Dense(3), "its `call` is Python code"),
        (lambda: type("Own", (Model,), {})(name="own"), "its `call` is Python code"),
        (lambda: Sequential([Dense(3)]), "it has not been built"),
    ],
)
def test_what_has_no_graph_of_layers_is_refused(make, reason):
    with pytest.raises(TensorTypeError, match=reason) as caught:
        diagram_of(make())
    assert caught.value.diagnostics[0].code == "T0204"


def test_a_model_of_ones_own_is_drawn_as_its_refusal_advises():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(3, name="inner")

        def call(self, x):
            return call("tanh", self.dense(x))

    own = Own()
    with pytest.raises(TensorTypeError) as refused:
        diagram_of(own)
    assert "`Model(x, model.call(x))`" in refused.value.diagnostics[0].help[0]
    x = Input((4,))
    found = boxes(Model(x, own.call(x)))
    assert [box.title for box in found.values()] == ["input", "Dense", "tanh", "output"]


def test_networkx():
    graph = to_networkx(siamese())
    assert networkx.is_directed_acyclic_graph(graph)
    assert networkx.has_path(graph, "left", "score (2)")
    assert graph.nodes["encoder"]["title"] == "Dense"
    assert graph.nodes["encoder"]["type"] == "f32[batch, 16]"
    assert graph.nodes["encoder"]["parameters"] == 32 * 16 + 16
    assert graph.edges["left", "encoder"]["type"] == "f32[batch, 32]"
    assert graph.graph["name"] == "Siamese"
    x = Input((3,), name="x")
    squared = to_networkx(Network(x, x * x))
    assert squared.edges["x", "multiply"]["operands"] == (0, 1)
    assert to_networkx(nested()).nodes["head/in"]["network"] == "head"
