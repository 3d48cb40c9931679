"""Attributes as text: an index reads as it was written."""

import pytest

from tulle.graph.diagram import diagram_of
from tulle.graph.graph import graph_of
from tulle.graph.listing import listing
from tulle.graph.network import Input, Network
from tulle.graph.notation import attribute_texts
from tulle.graph.registry import call


@pytest.mark.parametrize(
    "text",
    [
        "[:, ::-1, :]",
        "[:, 2:5, :]",
        "[:, 1:, :3]",
        "[:, ::2, 3]",
        "[:, 1:7:3, :]",
        "[:, 6:2:-2, :]",
        "[:, 3::-1, :]",
        "[:, None, 0, :]",
        "[0, 8:, :]",
    ],
)
def test_an_index_is_drawn_and_listed_as_it_was_written(text):
    x = Input(batch_shape=(2, 9, 7), name="x")
    model = Network(x, eval(f"x{text}", {"x": x}) * 2.0)
    assert f"getitem(%0) index={text} :" in listing(graph_of(model))
    assert text in [box.detail for box in diagram_of(model).boxes]


def test_sizes_stand_by_their_names():
    x = Input((None, 7), name="x")
    rows = x.type.shape[1]
    model = Network(x, x[:, rows - 1 :])
    (box,) = (box for box in diagram_of(model).boxes if box.title == "getitem")
    assert box.detail == f"[:, {rows - 1}:, :]"


def test_a_step_that_is_a_size_stands_by_its_name():
    for size, text in ((5, "[::6]"), (None, "[0:{0}**2 + {0}:{0} + 1]")):
        x = Input((size,), name="x").as_node()
        square = call("diagonal", call("matmul", call("transpose", x), x))
        found = attribute_texts(square.op.expand(square))["index"]
        assert found == text.format(x.shape[1])
