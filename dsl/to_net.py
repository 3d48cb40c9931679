"""`to_net`: a model as a text of the language that loads into an equal model.

Layers and ops are written by the names that they have in Python. What is used once
stands where it is used, all else behind a `let`; models inside a model become layers of
the text. Each op is checked by building it again: the call that is written must give
the node that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..graph.decide import Condition, holds
from ..graph.diagnostics import Fault, Source, TensorTypeError, TulleError, caller_span
from ..graph.dim import Dim, Symbol
from ..graph.gradients import Gradient
from ..graph.modes import ByMode
from ..graph.network import Network
from ..graph.types import TensorType
from .formatting import formatted
from .insides import choice_text
from .phrases import Phrases, unwritten
from .pipes import Rolling
from .writing import Body, calls_of, differentiated, free_name


def to_net(model: Any) -> str:
    """A functional model as a text that `loads` makes an equal model of.

    Names, settings, sizes and the paths of parameters are kept; weights are not part of
    a text, nor is what a training freezes. Layers of your own become `extern layer`:
    `loads(text, extern={"Mine": Mine})` is given their classes, that of one which meets
    several types or settings as `Mine_1` and so on too. Raises `TensorTypeError` with
    T0710 for what a text cannot say: settings of these that are no numbers and words,
    functions of Python, loops and branches, large arrays. What was drawn while the
    model was made, outside of a layer, is a constant of it: its numbers are written.

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
        return _written(_network(model))
    except Fault as fault:
        raise TensorTypeError.of(fault, caller_span()) from None


def _written(network: Network) -> str:
    """The shortest text that means the model: more is said until it does."""
    told: Fault | None = None
    for rolling in (Rolling(), Rolling(implied=False), Rolling(active=False)):
        written = Text(rolling)
        try:
            text = formatted(Source("<model>", written.file(network)))
            _check(text, network, written.externs)
        except Fault as fault:
            told = told or fault
            continue
        return _shorter(text, network, written) if written.masked else text
    assert told is not None
    raise told


def _shorter(text: str, network: Network, written: Text) -> str:
    """A text without the masks that tensors carry, if it means the same."""
    from .module import loads

    short = Text(written.rolling, masks=False).file(network)
    with suppress(TulleError, Fault):
        found = [*loads(short, extern=written.externs).models.values()][-1]
        if formatted(Source("<model>", Text(written.rolling).file(found))) == text:
            return formatted(Source("<model>", short))
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


def _check(text: str, network: Network, externs: Mapping[str, Any]) -> None:
    """See that a text says what it should, and refuse where it does not."""
    from .module import loads

    try:
        made_again = loads(text, "<model>", extern=externs)
        found = [*made_again.models.values()][-1]
    except TulleError as error:
        told = error.diagnostics[0]
        message = f"`{network.name}` cannot be written as a text: {told.message}"
        raise Fault("T0710", message, help=list(told.help)) from None
    own, made = network.named_variables(), found.named_variables()
    if len(own) != len(made):
        raise unwritten(f"`{network.name}`", "it has weights that no layer shows")
    for (path, one), (other, two) in zip(own.items(), made.items(), strict=True):
        if path != other:
            difference = f"`{path}` would become `{other}`"
            raise unwritten(f"`{network.name}`", difference)
        # What the patterns of a training froze is no part of a model.
        sparing = one.made_trainable and not one.trainable
        if one.kept != two.kept or (one.trainable != two.trainable and not sparing):
            raise unwritten(f"`{path}`", "it would be learnt otherwise")


def _global(network: Network) -> set[int]:
    """The models inside that several functions call: items of the file, for all."""
    scopes: dict[int, set[int]] = {}
    seen = {id(network)}
    stack: list[tuple[Network, int]] = [(network, id(network))]
    while stack:
        inner, scope = stack.pop()
        for call in calls_of(inner):
            layer = call.layer
            if isinstance(layer, ByMode):
                stack += [(layer.train, scope), (layer.infer, scope)]
            elif isinstance(layer, Gradient):
                alone = differentiated(layer) is not None
                stack.append((layer.function, scope if alone else id(layer.function)))
            elif isinstance(layer, Network):
                scopes.setdefault(id(layer), set()).add(scope)
                if id(layer) not in seen:
                    seen.add(id(layer))
                    stack.append((layer, id(layer)))
    return {key for key, found in scopes.items() if len(found) > 1}


@dataclass
class Text:
    """A file under construction."""

    rolling: Rolling = field(default_factory=Rolling)
    masks: bool = True  # whether arguments that are masks are written
    masked: bool = False  # whether there were any
    items: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    symbols: dict[Symbol, str] = field(default_factory=dict)
    conditions: dict[str, list[Symbol]] = field(default_factory=dict)
    networks: dict[int, tuple[Network, str]] = field(default_factory=dict)
    known: dict[tuple[str, str], str] = field(default_factory=dict)  # names by text
    shared: set[int] = field(default_factory=set)  # models that are items
    externs: dict[str, Any] = field(default_factory=dict)  # classes of `extern layer`

    def file(self, network: Network) -> str:
        """The text of a model."""
        self.shared = _global(network)
        name = self.name(network.name)
        head, body = self.body("model", network)
        self.items.append(f"model {name}{head} {{\n{body}\n}}")
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

    def model(self, network: Network) -> str | None:
        """The name of a model inside that is a model of the file too."""
        name, kind = network.name, getattr(network, "kind_name", None)
        if id(network) not in self.networks:
            if id(network) not in self.shared and name != kind:
                return None
            made = self.name(name)
            if made != name:
                raise unwritten(f"`{name}`", "a name of the library, or used twice")
            head, body = self.body("model", network)
            self.items.append(f"model {name}{head} {{\n{body}\n}}")
            self.networks[id(network)] = (network, f"model {name}")
        word, _, found = self.networks[id(network)][1].partition(" ")
        return found if word == "model" else None

    def nested(self, network: Network) -> str:
        """The `layer` of a model inside a model."""
        if id(network) not in self.networks:
            words = re.split(r"[^A-Za-z0-9]+", network.name.partition("[")[0])
            kind = "".join(word[:1].upper() + word[1:] for word in words)
            kind = getattr(network, "kind_name", kind)
            name = self.definition("layer", kind, *self.body("layer", network))
            self.networks[id(network)] = (network, f"layer {name}")
        return self.networks[id(network)][1].partition(" ")[2]

    def function(self, network: Network, name: str) -> str:
        """The `fn` of what is differentiated, or of an arm that takes statements."""
        return self.definition("fn", name, *self.body("fn", network))

    def choosing(self, layer: ByMode) -> str:
        """The `fn` of a choice by the mode."""
        body = Body(self, layer.train)
        places = range(len(layer.train.input_nodes))
        head = body.head("fn", ["x", *(f"x{place}" for place in places[1:])])
        operands = [body.known[node] for node in layer.train.input_nodes]
        text = choice_text(body, layer, operands)
        lines = "\n".join([*body.statements, f"return {text}"])
        return self.definition("fn", "by_mode", head, lines)

    def extern(self, kind: Any, head: str) -> str:
        """The name of a layer in Python, which is declared once for a signature."""
        key = (f"extern {kind.__qualname__} {id(kind)}", head)
        if key not in self.known:
            name = self.known[key] = self.name(kind.__name__)
            self.externs[name] = kind
            self.items.append(f"extern layer {name}{head}")
        return self.known[key]

    def definition(self, word: str, wanted: str, head: str, body: str) -> str:
        """The name of a definition, which is written once for the same text."""
        key = (f"{word} {wanted}", f"{head} {body}")
        if key not in self.known:
            name = self.known[key] = self.name(wanted)
            start, _, value = body.partition("return ")
            if word == "fn" and not start:
                self.items.append(f"{word} {name}{head} = {value}")
            else:
                self.items.append(f"{word} {name}{head} {{\n{body}\n}}")
        return self.known[key]

    def body(self, word: str, network: Network) -> tuple[str, str]:
        """Head and statements of a network; its sizes become known."""
        for node in network.input_nodes:
            for dim in node.tensor_type.shape:
                for symbol in sorted(dim.symbols(), key=lambda s: s.number):
                    self.symbol(symbol)
        for symbol in [*self.symbols]:
            self.relate(symbol)
        return Body(self, network).item(word)
