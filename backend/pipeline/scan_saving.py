"""What a loop computed and a later one would compute again is stacked in place of that.

The gradient of a loop goes through its turns once more. Values of a turn that it needs,
gates and activations of a recurrent layer, are those of the loop itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.node import Node, topological
from ...graph.registry import call
from ...graph.tensor import input_node
from ...graph.types import F32, TupleType
from .fusible import MOVES, SOURCES, computes, cost, moves, weight
from .scan_forms import Carry, Form, Given, added

CHEAP = 8  # additions an element for which nothing is stacked
FACTOR = 32  # how many times what a turn carries and reads may be stacked
DEAR = 10**6
LINEAR = MOVES | {"place"}  # a sum of what they give is what they give of a sum


def save(first: Form, second: Form, own: dict[Node, Node]) -> bool:
    """Stack values of a loop for another that would compute them again.

    `own` says which node of the first body each of its stacks is. True if it changed.
    """
    if first.length != second.length:
        return False
    images = _images(first, second, own)
    order = topological(second.outputs)
    done = set(topological(first.outputs))
    effort = _effort(order, images, ())
    read = {s for node in order if node not in images for s in node.inputs}
    stack = [node for node in order if node in read or node in second.outputs]
    saved: list[Node] = []
    seen: set[Node] = set()
    while stack:
        node = stack.pop()
        if node in seen or node not in images or not node.inputs:
            continue
        seen.add(node)
        if _is_known(images[node], done) and effort[node] > CHEAP:
            saved.append(node)
        else:
            stack += node.inputs
    effort = _effort(order, images, saved)
    saved = [node for node in saved if effort[node] > CHEAP]
    inside = first.inputs[: len(first.carries) + len(first.slices)]
    room = FACTOR * sum(map(weight, inside))
    if not saved or sum(map(weight, saved)) > room:
        return False
    new: dict[Node, Node] = {}
    for node in saved:
        new[node] = input_node("saved", node.tensor_type)
        stacked = first.stacked(images[node])
        own[stacked] = images[node]
        second.slices.append(Given(stacked, new[node]))
    second.substitute(new)
    return True


def _is_known(image: Node, done: set[Node]) -> bool:
    """Whether a turn of the first loop computes a value, if only as one of several.

    Several results are no value that can be stacked; each of them is.
    """
    if isinstance(image.type, TupleType):
        return False
    parts = [s for s in image.inputs if isinstance(s.type, TupleType)]
    return image in done or any(source in done for source in parts)


def _images(first: Form, second: Form, own: dict[Node, Node]) -> dict[Node, Node]:
    """What of the second body follows from a turn of the first, in that one's nodes."""
    scanned = {given.outside: given.inside for given in first.slices}
    whole = {given.outside: given.inside for given in first.others}
    images: dict[Node, Node] = {}
    for given in second.slices:
        known = own.get(given.outside, scanned.get(given.outside))
        if known is not None:
            images[given.inside] = known
    for given in second.others:
        if given.outside in whole:
            images[given.inside] = whole[given.outside]
    for node in topological(second.outputs):
        if node in images or node.op.name == "input":
            continue
        if node.op.name in SOURCES:
            images[node] = node
        elif node.inputs and all(source in images for source in node.inputs):
            inputs = tuple(images[source] for source in node.inputs)
            images[node] = node.op.apply(inputs, node.attributes, node)
    return images


def _effort(
    order: list[Node], images: dict[Node, Node], saved: Sequence[Node]
) -> dict[Node, int]:
    """What it takes to compute each image again from what is scanned and saved."""
    found: dict[Node, int] = {}
    free = set(saved)
    for node in order:
        if node not in images:
            continue
        sources = [source for source in node.inputs if source not in free]
        known = min(sum(found.get(source, 0) for source in sources), DEAR)
        own = 0
        if node.inputs and not moves(node) and node.op.name != "getitem":
            own = cost(node) if computes(node) else DEAR
        found[node] = own + known
        if found[node] <= CHEAP:
            free.discard(node)
    return found


def sum_after(form: Form) -> dict[Node, Node]:
    """Sums of products that a loop adds up, turn by turn, as one product after it.

    The result says what stands for the last value of each such carry.
    """
    found: dict[Node, Node] = {}
    whole = {given.inside for given in form.others}
    terms = [(carry, _terms(carry, whole)) for carry in form.carries]
    # Products first: sums are then taken over what these have stacked.
    for carry, parts in sorted(terms, key=_sums):
        reading = {n for n in topological(form.outputs) if carry.inside in n.inputs}
        if parts is None or len(reading) != 1 or carry not in form.ends:
            continue
        if carry.inside in form.outputs:
            continue
        form.carries.remove(carry)
        total = carry.start
        for part in parts:
            total = added(total, _whole(form, part))
        # What turns add may be one number for many places of the carry.
        if total.shape != carry.inside.shape:
            total = call("broadcast_to", total, carry.inside.shape)
        end = form.ends.pop(carry)
        equal = [alias for alias, same in form.aliases.items() if same is end]
        found.update(dict.fromkeys([end, *equal], total))
    return found


def _sums(one: tuple[Carry, list[Node] | None]) -> bool:
    return all(_bare(part).op.name == "sum" for part in one[1] or ())


def _terms(carry: Carry, whole: set[Node]) -> list[Node] | None:
    """What a turn adds to a carry, if those are products and sums over rows.

    `whole` are the nodes of the body that are the same in all turns.
    """
    found: list[Node] = []
    stack, times = [carry.out], 0
    while stack:
        node = stack.pop()
        if node is carry.inside:
            times += 1
        elif node.op.name == "add" and node.type == carry.out.type:
            stack += node.inputs
        elif _summable(_bare(node), whole):
            found.append(node)
        else:
            return None
    return found if times == 1 and found else None


def _bare(node: Node) -> Node:
    """What only moves, or is rounded to bfloat16, before a turn adds it.

    What all turns add is then moved once, and rounded once at most, where each turn's
    was. In float16 it may be too large.
    """
    while node.op.name in LINEAR or (
        node.op.name == "cast"
        and node.dtype == F32
        and node.inputs[0].dtype.short == "bf16"
    ):
        (node,) = node.inputs
    return node


def _summable(node: Node, whole: set[Node]) -> bool:
    if node.op.name != "matmul":
        return node.op.name == "sum"
    left, right = node.inputs
    return (
        left.op.name == "transpose"
        and left.ndim == right.ndim == 2
        and left.inputs[0] not in whole
        and right not in whole
    )


def _whole(form: Form, part: Node) -> Node:
    """The sum over all turns of what one adds."""
    if _bare(part) is not part:
        whole = _whole(form, part.inputs[0])
        return part.op.apply((whole,), part.attributes, part)
    if part.op.name == "sum":
        source = part.inputs[0]
        if source not in form.stacks:
            return call("sum", form.stacked(part), axis=0)  # type: ignore[no-any-return]
        axes = (0, *(axis + 1 for axis in part.attributes["axis"]))
        keep = part.attributes["keepdims"]
        total = call("sum", form.stacked(source), axis=axes, keepdims=keep)
        return call("reshape", total, part.shape)  # type: ignore[no-any-return]
    left, right = part.inputs
    rows = form.stacked(left.inputs[0]), form.stacked(right)
    flat = [
        call("reshape", stack, (stack.shape[0] * stack.shape[1], stack.shape[2]))
        for stack in rows
    ]
    return call("matmul", call("transpose", flat[0]), flat[1])  # type: ignore[no-any-return]
