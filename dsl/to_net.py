"""`to_net`: a model as a text of the language that loads into an equal model.

Layers and ops are written by the names that they have in Python. What is used once
stands where it is used, all else behind a `let`; models inside a model become layers of
the text. Each op is checked by building it again: the call that is written must give
the node that is there.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..graph.decide import Condition, holds
from ..graph.diagnostics import Fault, Source, TensorTypeError, TulleError, caller_span
from ..graph.dim import Dim, Symbol
from ..graph.network import Network
from ..graph.types import TensorType
from .formatting import formatted
from .phrases import Phrases, unwritten
from .writing import Body, free_name


def to_net(model: Any) -> str:
    """A functional model as a text that `loads` makes an equal model of.

    Names, settings, sizes and the paths of parameters are kept; weights are not part of
    a text. Raises `TensorTypeError` with T0710 for what a text cannot say: layers of
    your own, functions of Python, arrays of numbers.

    >>> from tulle.graph.layers import Dense
    >>> from tulle.graph.network import Input
    >>> x = Input((4,), name="x")
    >>> print(to_net(Network(x, Dense(2, activation="relu")(x), name="Small")))
    net 1
    <BLANKLINE>
    dim batch
    <BLANKLINE>
    model Small(x: f32[batch, 4]) -> f32[batch, 2] {
      return x |> Dense(2, activation = "relu")
    }
    <BLANKLINE>
    """
    try:
        network = _network(model)
        written = Text()
        text = written.file(network)
        if written.masked:
            text = _shorter(text, network)
        text = formatted(Source("<model>", text))
        _check(text, network)
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None
    return text


def _shorter(text: str, network: Network) -> str:
    """A text without the masks that tensors carry, if it means the same."""
    from .module import loads

    short = Text(masks=False).file(network)
    with suppress(TulleError, Fault):
        found = [*loads(short).models.values()][-1]
        if Text().file(found) == text:
            return short
    return text


def _network(model: Any) -> Network:
    if getattr(model, "network", None) is not None and not isinstance(model, Network):
        model = model.network
    if isinstance(model, Network) and model.built:
        return model
    name = getattr(model, "name", type(model).__name__)
    raise Fault(
        "T0710",
        f"`{name}` cannot be written as a text: its layers are called by Python code",
        help=["make it of inputs and outputs: `Model(inputs, outputs)`"],
    )


def _check(text: str, network: Network) -> None:
    """See that a text says what it should, and refuse where it does not."""
    from .module import loads

    try:
        found = [*loads(text, "<model>").models.values()][-1]
    except TulleError as error:
        told = error.diagnostics[0]
        message = f"`{network.name}` cannot be written as a text: {told.message}"
        raise Fault("T0710", message, help=list(told.help)) from None
    for one, two in zip(network.variables, found.variables, strict=False):
        if (one.path, one.kept, one.trainable) != (two.path, two.kept, two.trainable):
            difference = f"`{one.path}` would become `{two.path}`"
            raise unwritten(f"`{network.name}`", difference)
    if len(network.variables) != len(found.variables):
        raise unwritten(f"`{network.name}`", "it has weights that no layer shows")


@dataclass
class Text:
    """A file under construction."""

    items: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    symbols: dict[Symbol, str] = field(default_factory=dict)
    conditions: dict[str, list[Symbol]] = field(default_factory=dict)
    masks: bool = True  # whether arguments that are masks are written
    masked: bool = False  # whether there were any
    networks: dict[int, tuple[Network, str]] = field(default_factory=dict)

    def file(self, network: Network) -> str:
        self.item("model", network, self.name(network.name))
        dims = [self.declared(symbol) for symbol in [*self.symbols]]
        return "\n".join(["net 1", *dims, *self.items])

    def name(self, wanted: str) -> str:
        """A name of the file that nothing else has."""
        found = free_name(wanted, self.taken)
        self.taken.add(found)
        return found

    def symbol(self, symbol: Symbol) -> str:
        if symbol not in self.symbols:
            self.symbols[symbol] = self.name(symbol.name)
        return self.symbols[symbol]

    def declared(self, symbol: Symbol) -> str:
        """The declaration of a size; a condition stands with the last of its sizes."""
        name, where = self.symbols[symbol], []
        text = f"dim {name}"
        if symbol.members is not None:
            text += f" in {{{', '.join(map(str, symbol.members))}}}"
        elif symbol.upper is not None:
            text += f" in {symbol.lower}..{symbol.upper}"
        elif symbol.lower > symbol.step:
            where.append(f"{name} >= {symbol.lower}")
        if symbol.step != 1:
            where.append(f"{name} % {symbol.step} == {symbol.rest}")
        order = [*self.symbols]
        for condition, its in self.conditions.items():
            if its and max(its, key=order.index) is symbol:
                where.append(condition)
        return f"{text} where {', '.join(where)}" if where else text

    def result(self, type: TensorType) -> str:
        """The type of a result, whose sizes are not negative for any input."""
        for dim in type.shape:
            low, _ = dim.bounds()
            if dim.value is None and low is not None and low < 0:
                if not holds(Condition(dim, ">=", Dim.of(0))):
                    self.conditions[f"{Phrases(self.symbol).dim(dim)} >= 0"] = [
                        *dim.symbols()
                    ]
        return self.type(type)

    def type(self, type: TensorType) -> str:
        dims = (Phrases(self.symbol).dim(dim) for dim in type.shape)
        return f"{type.dtype.short}[{', '.join(dims)}]"

    def relate(self, symbol: Symbol) -> None:
        """Note what a size has to do with others."""
        write = Phrases(self.symbol).dim
        for told in symbol.conditions:
            text = f"{write(told.left)} {told.relation} {write(told.right)}"
            self.conditions[text] = [*told.left.symbols(), *told.right.symbols()]

    def nested(self, network: Network) -> str:
        """The `layer` of a model inside a model."""
        if id(network) not in self.networks:
            words = re.split(r"[^A-Za-z0-9]+", network.name)
            kind = "".join(word[:1].upper() + word[1:] for word in words)
            name = self.name(getattr(network, "kind_name", kind))
            self.networks[id(network)] = (network, name)
            self.item("layer", network, name)
        return self.networks[id(network)][1]

    def item(self, word: str, network: Network, name: str) -> None:
        for node in network.input_nodes:
            for dim in node.tensor_type.shape:
                for symbol in sorted(dim.symbols(), key=lambda s: s.number):
                    self.symbol(symbol)
        for symbol in [*self.symbols]:
            self.relate(symbol)
        self.items.append(Body(self, network).item(word, name))
