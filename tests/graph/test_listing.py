"""Graphs as text."""

from networks import digits

from tulle.graph.graph import Graph, graph_of
from tulle.graph.listing import listing
from tulle.graph.network import Input
from tulle.graph.registry import call
from tulle.graph.variable import Variable


def test_layers():
    assert listing(graph_of(digits())).splitlines() == [
        "%0 = input image : f32[batch, 64]",
        "%1 = Dense hidden(%0) : f32[batch, 128]",
        "%2 = Dropout dropout(%1) : f32[batch, 128]",
        "%3 = Dense logits(%2) : f32[batch, 10]",
        "output_0 = %3",
    ]


def test_updates_attributes_and_unused_inputs():
    x, unused = Input((3,), name="x"), Input((2,), name="unused")
    count = Variable(0.0, name="count")
    total = call("sum", x.node, axis=1)
    graph = Graph((unused.node, x.node), {"total": total}, ((count, count.node),))
    assert listing(graph).splitlines() == [
        "%0 = input unused : f32[batch, 2]",
        "%1 = input x : f32[batch, 3]",
        "%2 = sum(%1) axis=[1] keepdims=False : f32[batch]",
        "%3 = variable count : f32[]",
        "total = %2",
        "count := %3",
    ]
