"""Loops that do the same are one; carries that are the same, or only added, are one."""

from __future__ import annotations

from ...graph.node import Node, topological, users
from ...graph.tensor import input_node
from .fusible import MOVES, SOURCES
from .scan_forms import Carry, Form, Given, added, replaced


def merge(one: Form, other: Form) -> dict[Node, Node] | None:
    """Let a loop do what another does too, if all that is carried agrees.

    The result says what stands for the other's stand-ins; None if they differ.
    """
    if (one.length, one.reverse) != (other.length, other.reverse):
        return None
    if [c.start for c in one.carries] != [c.start for c in other.carries]:
        return None
    same = {
        two.inside: first.inside
        for first, two in zip(one.carries, other.carries, strict=True)
    }
    slices = _matched(one.slices, other.slices, same)
    others = _matched(one.others, other.others, same)
    outs = replaced(other.outputs, same)
    pairs = zip(one.carries, other.carries, strict=True)
    if any(first.out is not outs[two.out] for first, two in pairs):
        return None
    one.slices += slices
    one.others += others
    found = {
        other.ends[two]: one.end(first)
        for first, two in zip(one.carries, other.carries, strict=True)
    }
    found |= {stack: one.stacked(outs[node]) for node, stack in other.stacks.items()}
    return found | {alias: found[same] for alias, same in other.aliases.items()}


def _matched(
    known: list[Given], wanted: list[Given], same: dict[Node, Node]
) -> list[Given]:
    """What is read besides; what both read is one in `same`."""
    inside = {given.outside: given.inside for given in known}
    more = []
    for given in wanted:
        if given.outside in inside:
            same[given.inside] = inside[given.outside]
        else:
            # Loops with one body read other things in the same place of it.
            fresh = input_node("x", given.inside.tensor_type)
            same[given.inside] = fresh
            more.append(Given(given.outside, fresh))
    return more


def join_equal_carries(form: Form) -> None:
    """Carries that start alike and go on alike are one."""
    first: dict[Node, Carry] = {}
    for carry in list(form.carries):
        twin = first.setdefault(carry.start, carry)
        if twin is carry or twin.inside.type != carry.inside.type:
            continue
        outs = replaced([twin.out, carry.out], {carry.inside: twin.inside})
        if outs[twin.out] is not outs[carry.out]:
            continue
        form.carries.remove(carry)
        end = form.ends.pop(carry, None)
        if end is not None:
            form.aliases[end] = form.end(twin)
        form.substitute({carry.inside: twin.inside})


def join_added_carries(form: Form, used: set[Node]) -> None:
    """Two carries that are only ever added to each other are carried as their sum."""
    found = True
    while found:
        found = False
        readers = users(topological(form.outputs))
        for carry in form.carries:
            other = _added_to(form, carry, readers, used)
            if other is None:
                continue
            (whole,) = readers[carry.inside]
            inside = input_node("sum", carry.inside.tensor_type)
            joined = Carry(
                added(carry.start, other.start),
                inside,
                added(carry.out, other.out),
            )
            form.carries = [c for c in form.carries if c not in (carry, other)]
            form.carries.append(joined)
            form.ends.pop(carry, None)
            form.ends.pop(other, None)
            form.substitute({whole: inside})
            found = True
            break


def _added_to(
    form: Form, carry: Carry, readers: dict[Node, list[Node]], used: set[Node]
) -> Carry | None:
    """The carry to which one is added, if nothing else happens to either."""
    reading = readers.get(carry.inside, [])
    if len(reading) != 1 or reading[0].op.name != "add" or _ends(form, carry, used):
        return None
    for other in form.carries:
        if other is carry or other.inside.type != carry.inside.type:
            continue
        if readers.get(other.inside, []) == reading and not _ends(form, other, used):
            return other
    return None


def _ends(form: Form, carry: Carry, used: set[Node]) -> bool:
    """Whether a carry is a result, as it is or of the last turn."""
    end = form.ends.get(carry)
    return (end is not None and end in used) or carry.inside in form.outputs


def hoist(form: Form) -> None:
    """What every turn would compute alike is computed before the loop."""
    outside = {given.inside: given.outside for given in form.others}
    images: dict[Node, Node] = dict(outside)
    order = topological(form.outputs)
    for node in order:
        if node in images or node.op.name == "input":
            continue
        if node.inputs and all(source in images for source in node.inputs):
            inputs = tuple(images[source] for source in node.inputs)
            images[node] = node.op.apply(inputs, node.attributes, node)
        elif node.op.name in SOURCES:
            images[node] = node
    read = {
        source for node in order if node not in images for source in node.inputs
    } | set(form.outputs)
    for node in reversed(order):
        if node in images and node in read and node.op.name in MOVES:
            read.update(node.inputs)
    moved: dict[Node, Node] = {}
    for node in order:
        free = node.op.name in SOURCES or node.op.name in MOVES or node in outside
        if node in images and node in read and not free and node.op.name != "input":
            inside = input_node("invariant", node.tensor_type)
            form.others.append(Given(images[node], inside))
            moved[node] = inside
    if moved:
        form.substitute(moved)
