"""What a text says of `match`, `grad`, `update` and `loss`: part of `to_net`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..graph import tree
from ..graph.gradients import Gradient
from ..graph.modes import ByMode, Effects
from ..graph.network import Network
from ..graph.node import Node
from .pipes import TURNED, Phrase, Pipe, stage

if TYPE_CHECKING:
    from .writing import Body


def updated(node: Node) -> Sequence[Node]:
    """The states that a call gives their next values."""
    call = node.attributes["call"]
    if not isinstance(call.layer, Effects):
        return ()
    args, _ = tree.unflatten(call.structure, iter(node.inputs))
    found: Sequence[Node] = args[1]
    return found


def effects(body: Body, node: Node) -> None:
    """Statements for what a call does; its results are what it is given."""
    call = node.attributes["call"]
    operands = iter([body.known[source] for source in node.inputs])
    (outputs, states, updates, losses), _ = tree.unflatten(call.structure, operands)
    pairs = zip(states, updates, strict=True)
    body.statements += [f"update {name.text} := {next.text}" for name, next in pairs]
    body.statements += [f"loss {loss.text}" for loss in losses]
    if isinstance(outputs, Phrase):
        body.known[node] = outputs
    else:
        body.several[node] = [*outputs]


def choice(body: Body, layer: ByMode, operands: Sequence[Phrase], depth: int) -> Phrase:
    """`match mode { train => …, infer => … }`."""
    turned = TURNED.fullmatch(layer.given_name or "")
    if turned is None:
        return Phrase(choice_text(body, layer, operands), depth)
    # Only a stage has a turn, and a choice is one as a function.
    first, *more = operands
    name = body.text.choosing(layer)
    rest = ", ".join(phrase.text for phrase in more)
    last = stage(f"{name}({rest})", layer.given_name or "")
    before = first if isinstance(first, Pipe) else None
    head = "" if before else first.tight(1)
    return Pipe(head, before, last, body.text.rolling, depth)


def choice_text(body: Body, layer: ByMode, operands: Sequence[Phrase]) -> str:
    """A choice on operands as an expression."""
    arms = [
        f"{name} => {_inlined(body, network, operands)}"
        for name, network in (("train", layer.train), ("infer", layer.infer))
    ]
    return f"match mode {{ {', '.join(arms)} }}"


def _inlined(body: Body, network: Network, operands: Sequence[Phrase]) -> str:
    """An arm as an expression: of a function, if it takes statements to say."""
    from .writing import Body as Arm

    arm = Arm(body.text, network, body)
    arm.known.update(zip(network.input_nodes, operands, strict=True))
    taken, layers, count = set(body.taken), dict(body.layers), len(body.statements)
    arm.all_nodes()
    if not arm.statements:
        return arm.returned()
    body.taken, body.layers = taken, layers
    del body.statements[count:]
    name = body.text.function(network, f"in_{network.name}")
    return f"{name}({_list(operands)})"


def gradient(
    body: Body, layer: Gradient, operands: Sequence[Phrase], depth: int
) -> Phrase:
    """`grad(f)(x)`."""
    return Phrase(f"{_derivative(body, layer)}({_list(operands)})", depth)


def _derivative(body: Body, layer: Gradient) -> str:
    from .writing import calls_of, differentiated

    if differentiated(layer) is None:
        function = body.text.function(layer.function, "value")
    else:
        inner = calls_of(layer.function)[0].layer
        if isinstance(inner, Gradient):
            function = _derivative(body, inner)
        else:
            if body.calls[id(inner)] < 2:
                body.calls[id(inner)] = 2
            function = str(body.target(inner))
    if layer.wrt == (0,):
        return f"grad({function})"
    wrt = ", ".join(map(str, layer.wrt))
    return f"grad({function}, wrt = {wrt if len(layer.wrt) == 1 else f'[{wrt}]'})"


def _list(operands: Sequence[Phrase]) -> str:
    return ", ".join(phrase.text for phrase in operands)
