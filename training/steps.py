"""The compiled programs of a model: one step of training, testing or predicting.

A training step is one graph: forward, loss, gradients, optimizer, metrics. A program
is kept for as long as what it was made from stays: types, compile, trainable weights,
settings of layers and of what they hold (`traced_settings`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..graph.diagnostics import Diagnostic, TensorTypeError, caller_span
from ..graph.garbage_collection import garbage_collection_paused
from ..graph.graph import Graph, Objective, same_graph
from ..graph.layers import Embedding
from ..graph.nested_tensors import leaves_as_tensors
from ..graph.node import Node, topological
from ..graph.registry import call
from ..graph.tensor import SymbolicTensor, input_node
from ..graph.trace import Trace, tracing
from ..graph.types import TensorType
from ..graph.variable import Variable
from .arguments import checked_choice
from .keeping import Kept, Watched
from .notices import warn
from .objective import Compiled
from .operands import element_count, predicted_by
from .traced_settings import Key, TracedSettings

if TYPE_CHECKING:
    from .model import Model

Types = tuple[TensorType, ...]
TOO_OFTEN = 4  # times that settings changed, when it is told that this costs time
KINDS = {"predict": "predict(x)", "test": "evaluate(x, y)", "train": "fit(x, y)"}


@dataclass(frozen=True)
class Signature:
    """What a program takes: inputs, then targets, then weights, where there are any."""

    inputs: Types
    targets: tuple[TensorType | None, ...] = ()
    weights: tuple[TensorType | None, ...] = ()

    @property
    def types(self) -> Types:
        """The types of all arrays, in their order."""
        more = (*self.targets, *self.weights)
        return (*self.inputs, *(type for type in more if type is not None))


class Steps:
    """The programs of a model, made when first needed."""

    def __init__(self, model: Model):
        self.model = model
        self._programs: dict[Any, Any] = {}
        self._trained: tuple[Variable, ...] | None = None
        self._followed: Watched | None = None
        self.kept = Kept(model)
        self._looked_up: dict[Types, tuple[tuple[int, str, int], ...]] = {}
        self._own: dict[str, Any] = {}
        self._made_of: dict[str, Any] = {}  # when its own steps were traced
        self._traced_settings: dict[
            str, TracedSettings
        ] = {}  # the settings of programs, by kind
        self._outdated: dict[str, tuple[set[Key], dict[Any, Any]]] = {}
        self._again: dict[str, int] = {}  # how often settings were found changed
        self._measured: list[Any] | None = None

    def own_metrics(self) -> list[Any]:
        """What the layers measure; looked for anew after each new program."""
        if self._measured is None:
            self._measured = self.model.own_metrics()
        return self._measured

    def own_step(self, kind: str) -> Any:
        """The model's own step of a kind, as one program; eagerly in Python."""
        if kind not in self._own:
            from ..backend.function import function

            method = getattr(self.model, f"{kind}_step")
            compiled = self.model.compiled
            if kind == "train" and compiled is not None and compiled.pending:
                self._follow_trainable()
            if compiled is not None and compiled.run_eagerly:
                self._own[kind] = on_tensors(method)
            else:
                self._own[kind] = function(self._noting(kind, method))
        return self._own[kind]

    def _noting(self, kind: str, method: Any) -> Any:
        """The method, which notes when it is traced what the model is made of."""

        def traced(data: Any) -> Any:
            before = TracedSettings(self.kept.now())
            result = method(data)
            self._made_of[kind] = self._parts()
            self._note_settings(kind, before)
            return result

        return traced

    def _parts(self) -> Any:
        """What a program of the model's own step holds, by identity."""
        layers = (self.model, *self.model.sublayers)
        trained = self.model.trainable_weights
        return [*map(id, layers), *map(id, trained), *map(id, self.model.variables)]

    def follow_own(self, kind: str) -> None:
        """Forget the model's own step if its layers or settings were changed."""
        if kind not in self._made_of:
            return
        changed = self._changed_settings(kind, self.kept.now())
        if changed or self._made_of[kind] != self._parts():
            self._own.pop(kind, None)
            del self._made_of[kind]

    def _note_settings(self, kind: str, before: TracedSettings) -> None:
        """Note the settings that a program was just made with."""
        made = TracedSettings(self.kept.now())
        earlier = self._traced_settings.get(kind)
        before.ignored = earlier.ignored if earlier else set()
        made.ignore_moving(before)
        self._traced_settings[kind] = made

    def _changed_settings(self, kind: str, now: Watched) -> set[Key]:
        """The settings that changed since programs of a kind were made."""
        made = self._traced_settings.get(kind)
        if made is None or made.taken is now:
            return set()
        found = made.changed(TracedSettings(now))
        if not found:
            return found
        times = self._again[kind] = self._again.get(kind, 0) + 1
        if times == TOO_OFTEN:
            names = ", ".join(made.names(found)[:5])
            warn(
                f"{names} changed again, and each time the program of `{kind}` is made "
                "anew, which takes time",
                "what changes often is better a variable that is no weight: "
                "`add_weight(trainable=False)`, and `assign`",
            )
        return found

    def program(
        self, kind: str, signature: Signature, model: Watched | None = None
    ) -> Any:
        """The program of a kind, `train`, `test` or `predict`.

        `model` spares a look at what the model is made of, where one was just taken.
        """
        now = model or self.kept.now()
        if kind == "train":
            self._follow_trainable(now)
        if changed := self._changed_settings(kind, now):
            old = {k: p for k, p in self._programs.items() if k[0] == kind}
            self._outdated[kind] = changed, old
            self._programs = {k: p for k, p in self._programs.items() if k[0] != kind}
        compiled = self.model.compiled
        revision = compiled.optimizer.revision if kind == "train" and compiled else 0
        key = (kind, signature, revision)
        if key not in self._programs:
            with garbage_collection_paused():
                self._programs[key] = self._made(key, now)
            self._measured = None
        return self._programs[key][0]

    def _made(self, key: Any, now: Watched) -> tuple[Any, Graph]:
        """A new program and its graph, or the old ones if nothing is new about them.

        Attributes of layers that turned out to be of no consequence are not looked at
        again, until there is a new program: they may matter to that.
        """
        kind, signature, _ = key
        before = TracedSettings(now)
        graph = getattr(self, f"{kind}_graph")(signature)
        changed, old = self._outdated.get(kind, (set(), {}))
        known = old.get(key)
        if known and before.of_layers(changed) and same_graph(known[1], graph):
            idle = self._traced_settings[kind].idle | changed
            self._note_settings(kind, before)
            self._traced_settings[kind].idle = idle
            return known[0], graph
        self._outdated.pop(kind, None)
        program = self._compile(graph)
        self._note_settings(kind, before)
        return program, graph

    def source(self, kind: str) -> str:
        """The program of a kind that was compiled last, as text."""
        checked_choice("kind", kind, list(KINDS))
        programs = [p for (made, *_), (p, _) in self._programs.items() if made == kind]
        programs = getattr(self._own.get(kind), "programs", programs)
        types = getattr(self.model, "input_types", self.model.called_with)
        if not programs and kind == "predict" and types:
            programs = [self.program(kind, Signature(tuple(types)))]
        if not programs:
            message = f"nothing is compiled for `{kind}` before data tell the types"
            raise self._refuse("T0606", message, f"first: `model.{KINDS[kind]}`")
        return str(programs[-1].source())

    def looked_up(self, types: Types) -> tuple[tuple[int, str, int], ...]:
        """Inputs that are ids: their index, the embedding's name and its rows."""
        if types not in self._looked_up:
            layers = (self.model, *self.model.sublayers)
            found = [layer for layer in layers if isinstance(layer, Embedding)]
            self._looked_up[types] = ()
            if found:
                graph = self.predict_graph(Signature(types))  # this builds them
                known = {layer.embeddings: layer for layer in found if layer.built}
                self._looked_up[types] = tuple(_ids(graph, known))
        return self._looked_up[types]

    def _compile(self, graph: Graph) -> Any:
        compiled = self.model.compiled
        if compiled is not None and compiled.run_eagerly:
            from .reference import ReferenceProgram

            return ReferenceProgram(graph)
        from ..backend import compile_graph

        return compile_graph(graph)

    def _follow_trainable(self, now: Watched | None = None) -> None:
        """Prepare the optimizer; anew when layers were frozen or thawed."""
        now = now or self.kept.now()
        if now is self._followed:
            return
        self._followed = now
        wanted = tuple(self.model.trainable_weights)
        if wanted == self._trained:
            return
        compiled = self.model.demand_compiled()
        if not wanted:
            warn(
                "there is nothing to train: no weight of the model is trainable",
                "set `trainable = True` on a layer",
            )
        compiled.optimizer.rebuild(wanted)
        compiled.take_pending(self.model)
        self._programs = {k: p for k, p in self._programs.items() if k[0] != "train"}
        self._trained = wanted

    def _refuse(self, code: str, message: str, *advice: str) -> TensorTypeError:
        return TensorTypeError(Diagnostic(code, message, caller_span(), help=advice))

    # Graphs.

    def predict_graph(self, signature: Signature) -> Graph:
        """Outputs from inputs, in inference mode."""
        trace = Trace(training=False)
        inputs = self._inputs(signature.inputs)
        with tracing(trace):
            outputs = self.model.outputs_of(inputs)
        named = {f"output_{i}": out.as_node() for i, out in enumerate(outputs)}
        return Graph(tuple(x.node for x in inputs), named)

    def test_graph(self, signature: Signature) -> Graph:
        """Losses and metrics, in inference mode."""
        return self._scored(signature, Trace(training=False))

    def train_graph(self, signature: Signature) -> Graph:
        """Losses, metrics, gradients and the optimizer's step."""
        graph = self._scored(signature, Trace(training=True))
        compiled = self.model.demand_compiled()
        optimizer, outputs = compiled.optimizer, dict(graph.outputs)
        loss = outputs["loss"]
        variables = self._reached(loss, self.model.trainable_weights)
        if not variables:
            return graph
        with tracing(Trace(training=True)):
            scaled = optimizer.scale_loss(SymbolicTensor(loss)).node
        name = "loss" if scaled is loss else "scaled_loss"
        outputs[name] = scaled
        groups = () if compiled.run_eagerly else packed(optimizer, variables)
        objective = Objective(name, variables, optimizer.apply_gradients, groups)
        return Graph(graph.inputs, outputs, graph.updates, True, objective)

    def _inputs(self, types: Types) -> list[SymbolicTensor]:
        names = self.model.names_of_inputs(len(types))
        pairs = zip(names, types, strict=True)
        return [SymbolicTensor(input_node(name, type)) for name, type in pairs]

    def _scored(self, signature: Signature, trace: Trace) -> Graph:
        compiled = self.model.demand_compiled()
        inputs = self._inputs(signature.inputs)
        nodes = [x.node for x in inputs]

        def more(types: Sequence[TensorType | None], word: str) -> list[Any]:
            made: list[Any] = []
            for goal, type in zip(compiled.goals, types, strict=True):
                found = None
                if type is not None:
                    found = SymbolicTensor(input_node(f"{goal.name}_{word}", type))
                    nodes.append(found.node)
                made.append(found)
            return made

        targets = more(signature.targets, "target")
        weights = more(signature.weights, "weight")
        with tracing(trace):
            outputs = self.model.outputs_of(inputs)
            types = [output.type for output in outputs]
            compiled.settle(signature.targets, types)
            batch = element_count(inputs[0], (0,))
            if compiled.joint is None:
                losses = self._losses(compiled, targets, outputs, weights, batch)
            else:
                losses = compiled.joint([*inputs, *targets, *outputs])
            total = self._total(losses, trace)
            compiled.tracker.update_state(total, batch)
            if compiled.joint is None:
                self._measure(compiled, targets, outputs, weights)
            for measured in compiled.measured:
                measured.update_state([*inputs, *targets, *outputs])
        updates = tuple(trace.updates.items())
        return Graph(tuple(nodes), {"loss": total.node}, updates, bool(trace.training))

    def _losses(
        self, compiled: Compiled, targets: Any, outputs: Any, weights: Any, batch: Any
    ) -> list[Any]:
        found = []
        written = getattr(self.model, "output_nodes", None) or [None] * len(outputs)
        for goal, target, output, weight, node in zip(
            compiled.goals, targets, outputs, weights, written, strict=True
        ):
            if goal.loss is None:
                continue
            with predicted_by(node):
                loss = goal.loss(target, output, weight)
            if loss.type.rank:
                raise self._refuse(
                    "T0603",
                    f"the loss of `{goal.name}` is {loss.type}, and a training step "
                    "makes one number small",
                    "take another `reduction` than `none`",
                )
            tracker = compiled.output_trackers.get(goal.name)
            if tracker is not None:
                tracker.update_state(loss, batch)
            found.append(loss if goal.weight == 1.0 else loss * goal.weight)
        return found

    def _total(self, losses: list[Any], trace: Trace) -> Any:
        added = [SymbolicTensor(node) for node in trace.losses]
        weights = self.model.trainable_weights
        added += [v.regularizer(v) for v in weights if v.regularizer is not None]
        parts = [*losses, *(_scalar(loss) for loss in added)]
        if not parts:
            raise self._refuse(
                "T0204",
                "there is nothing to make small: no loss was given to `compile` and no "
                "layer adds one",
                "give one: `model.compile(optimizer, loss=…)`",
            )
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _measure(
        self, compiled: Compiled, targets: Any, outputs: Any, weights: Any
    ) -> None:
        for goal, target, output, weight in zip(
            compiled.goals, targets, outputs, weights, strict=True
        ):
            if target is None:
                continue
            for metric in goal.metrics:
                metric.update_state(target, output)
            for metric in goal.weighted_metrics:
                metric.update_state(target, output, weight)

    def _reached(
        self, loss: Node, variables: Sequence[Variable]
    ) -> tuple[Variable, ...]:
        """The variables that the loss depends on; warns of others."""
        reached = differentiable_variables(loss)
        told = getattr(self.model, "unreached", ())
        lost = [v for v in variables if v not in reached and v not in told]
        found = tuple(v for v in variables if v in reached)
        if not lost:
            return found
        names = ", ".join(f"`{v.path}`" for v in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        warn(
            f"the loss does not depend on {names}{more}, so training leaves them as "
            "they are",
            "use them, or set `trainable = False`",
        )
        return found


def on_tensors(method: Any) -> Any:
    """A method that takes a nest of arrays, and is handed tensors."""

    def run(nest: Any) -> Any:
        return method(leaves_as_tensors(nest))

    return run


SAME_VALUES = frozenset(
    "cast reshape expand_dims squeeze transpose swapaxes moveaxis broadcast_to "
    "stop_gradient copy ravel".split()
)


def _ids(
    graph: Graph, known: Mapping[Variable, Embedding]
) -> Iterator[tuple[int, str, int]]:
    """Inputs of which every value is a row's number in an embedding."""
    inputs = {node: index for index, node in enumerate(graph.inputs)}
    for node in topological(tuple(graph.outputs.values())):
        if node.op.name != "take" or node.inputs[0].op.name != "variable":
            continue
        layer = known.get(node.inputs[0].attributes["variable"])
        source = node.inputs[1]
        while source.op.name in SAME_VALUES:
            source = source.inputs[0]
        if layer is not None and source in inputs:
            yield inputs[source], layer.name, layer.input_dim


def _scalar(loss: Any) -> Any:
    return loss if not loss.type.rank else call("sum", loss)


def differentiable_variables(loss: Node) -> set[Variable]:
    """The variables that a gradient of the loss may arrive at."""
    below = {loss}
    found: set[Variable] = set()
    for node in reversed(topological([loss])):
        if node not in below:
            continue
        if node.op.name == "variable":
            found.add(node.attributes["variable"])
        if not cuts_gradient(node):
            below.update(node.inputs)
    return found


def cuts_gradient(node: Node) -> bool:
    """Whether no gradient passes from a node to its operands."""
    if node.op.name == "cast":
        return not node.dtype.is_float
    return bool(node.op.no_gradient) or node.op.name == "stop_gradient"


def packed(
    optimizer: Any, variables: Sequence[Variable]
) -> tuple[tuple[Variable, ...], ...]:
    """The groups that the optimizer moves as flat arrays, its slots laid out so too."""
    from ..backend.arena import arenas

    homes = [home for group in optimizer.packable(variables) for home in arenas(group)]
    optimizer.pack(homes)
    return tuple(home.variables for home in homes)
