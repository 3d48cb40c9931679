"""A schedule on a CUDA device: kernels of one module, and CuPy for the other steps.

Everything has an address once a plan is bound; inputs are copied to their places first,
so that the words of the launches are made and sent to the device once a plan.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from ...graph.graph import Graph
from ...graph.node import Node
from ..binding import BoundArrays
from ..loops.cuda import module_source
from ..pipeline import Pass
from ..pipeline.differentiate import draws
from ..pipeline.join_bias import join_bias
from ..pipeline.listing import program_listing
from ..pipeline.plan import Plan
from ..pipeline.schedule import Schedule, Step
from ..pipeline.select_attention import select_library_attention
from . import cudnn_attention, products
from .cudnn import front_end
from .cudnn_attention import Attended, expansion
from .expanded import steps_of
from .form import Form, Place, Sizes
from .forms import Called, form_of
from .graphs import Choice, refused_by_user
from .special import ADVANCE, Device, advance, templates, wrapped
from .state import Counters, Faults, Inputs
from .unrolled import Unrolled
from .writer import Runner, Writer

OPTIONS = ("--std=c++17",)  # exact divisions and roots; products and sums contract
# Of CuPy and of CUDA, what CuPy does not capture and what is too large among them.
ERRORS = (RuntimeError, MemoryError)


class GpuCode:
    """The code of a program that runs on a CUDA device through CuPy."""

    native = True
    fills_inputs = True
    unfused = ()

    def __init__(self, xp: Any):
        self.xp = xp
        self.choice = Choice(refused_by_user())
        self._forms: dict[Node, Form] = {}
        self._expansions: dict[Any, Schedule] = {}
        self._functions: dict[str, Any] = {}

    @property
    def passes(self) -> tuple[Pass, ...]:
        """A product and the sum with a bias are one call, if the library is there."""
        return () if products.library(self.xp) is None else (join_bias,)

    @property
    def early(self) -> tuple[Pass, ...]:
        """Attention of 16 bits is cuDNN's, if it is there."""
        return (self.select_attention,)

    def select_attention(self, graph: Graph) -> Graph:
        """The graph with what cuDNN computes in place of attention."""
        xp = self.xp
        return select_library_attention(graph, lambda: front_end(xp) is not None)

    def form(self, node: Node) -> Form:
        """How a node is computed, decided once."""
        if node not in self._forms:
            self._forms[node] = self._form(node)
        return self._forms[node]

    def _form(self, node: Node) -> Form:
        if node.op.name == "loop":
            return Unrolled(node, self)
        if cudnn_attention.accepts(node):
            # Layers that are alike have the same steps.
            types = tuple(source.type for source in node.inputs)
            key = node.op.name, types, tuple(node.attributes.items())
            if key not in self._expansions:
                self._expansions[key] = steps_of(expansion(node), self)
            return Attended(node, front_end(self.xp), self._expansions[key], self)
        return form_of(node, self.xp)

    def in_place(self, node: Node, operand: int, output: int) -> bool:
        """Whether a step may write a result over an operand of the same type."""
        return self.form(node).in_place(operand, output)

    def runs_native(self, node: Node) -> bool:
        """Always: everything has an address that stays."""
        return True

    def prepare(self, schedule: Schedule, graph: Graph) -> None:
        """Compile the kernels of a schedule, all in one module."""
        self.schedule, self._arrays = schedule, BoundArrays(schedule, self.xp)
        self._functions = self._compiled()
        if not self._functions:
            self._forms = {
                node: Called(node, self.xp) if form.kernel or form.texts else form
                for node, form in self._forms.items()
            }
        checks = self._checks()
        counters = Counters(self.xp, draws(graph.nodes) if self._functions else {})
        found = [form.special.check for form in checks.values() if form.special]
        faults = Faults(self.xp, [check for check in found if check])
        numbers = {node: number for number, node in enumerate(checks)}
        self.device = Device(counters, faults, numbers)
        self.inputs = Inputs(self.xp)
        self.choice.refuse(self.refused(schedule))

    def _computed(self, schedule: Schedule) -> Iterator[tuple[Step, Form]]:
        """The steps that are no copies, those of loops too, and their forms."""
        for step in schedule.steps:
            if not step.copy:
                form = self.form(step.node)
                yield step, form
                if (within := form.within()) is not None:
                    yield from self._computed(within)

    def refused(self, schedule: Schedule) -> str:
        """Why a CUDA graph may not hold the steps of a schedule, or nothing."""
        forms = (self.form(step.node) for step in schedule.steps if not step.copy)
        return next((why for form in forms if (why := form.refused())), "")

    def _checks(self) -> dict[Node, Form]:
        """The nodes that check their data."""
        return {
            step.node: form
            for step, form in self._computed(self.schedule)
            if form.special is not None and form.special.check is not None
        }

    def _compiled(self) -> dict[str, Any]:
        """The functions of all steps by name; none if the compiler refuses them."""
        forms = [form for _, form in self._computed(self.schedule)]
        kernels = [form.kernel for form in forms if form.kernel is not None]
        texts = {name: text for f in forms for name, text in f.texts.items()}
        if not kernels and not texts:
            return {}
        text = module_source(kernels)
        if texts:
            texts[ADVANCE] = wrapped(ADVANCE, "random_advance", False)
            text = "\n".join([text, templates(), *texts.values()])
        module = self.xp.RawModule(code=text, options=OPTIONS)
        error = refusal(self.xp, module)
        if error:
            _tell_once(error)
            return {}
        names = dict.fromkeys(name for kernel in kernels for name in kernel.names)
        return {name: module.get_function(name) for name in [*names, *texts]}

    def _errors(self) -> tuple[type[Exception], ...]:
        """What a failing capture may raise."""
        more = {error for form in self._forms.values() for error in form.errors}
        return (*ERRORS, *more)

    @property
    def source(self) -> str:
        """How it runs, the steps in their order, the loops of each generated kernel."""
        kernels = [
            (step, str(form.kernel))
            for step, form in self._computed(self.schedule)
            if form.kernel is not None
        ]
        return program_listing(self.schedule, kernels, self.choice.told) + "\n"

    def moved(self) -> None:
        """Forget where variables lay."""
        self._arrays.forget()

    def scratch(self, sizes: Sizes) -> int:
        """The most bytes that a step needs beside its operands and results."""
        return self.most_scratch(self.schedule, sizes)

    def most_scratch(self, schedule: Schedule, sizes: Sizes) -> int:
        """The most bytes that a step of some schedule needs."""
        forms = [self.form(step.node) for step in schedule.steps if not step.copy]
        return max((form.scratch_bytes(sizes) for form in forms), default=0)

    def bind(
        self, memory: Any, found: Plan, sizes: Sizes
    ) -> Callable[..., dict[str, Any]]:
        """The program for sizes, with memory for a plan."""
        device, schedule = self.device, self.schedule
        names = self._arrays.of(found, memory, sizes)
        keep = list(names.values())
        writer = Writer(self.xp, self._functions, device, self.choice, keep)
        self.write(writer, schedule, names, memory[found.scratch :], sizes)
        outputs = {name: names[v.name] for name, v in schedule.outputs.items()}
        updates = [(v.array, names[value.name]) for v, value in schedule.updates]
        outputs = writer.finish(outputs, updates)
        if device.counters.draws:
            writer.add([advance(device.counters)])
        places = {index: names[v.name] for index, v in schedule.inputs.items()}
        return Runner(writer, self.inputs, places, outputs, self._errors())

    def write(
        self,
        writer: Writer,
        schedule: Schedule,
        names: Mapping[str, Any],
        scratch: Any,
        sizes: Sizes,
    ) -> None:
        """The steps of a schedule over bound arrays."""
        for step in schedule.steps:
            targets = [names[target.name] for target in step.targets]
            sources = [names[source.name] for source in step.sources]
            if step.copy:
                writer.copy(targets[0].reshape(sources[0].shape), sources[0])
                continue
            form = self.form(step.node)
            if form.kernel or form.special or not self.device.checks:
                form.put(writer, Place(sources, targets, scratch, sizes))
                continue
            # Such a step does not look at the flag of faults: variables wait for it.
            results = [
                writer.apart(array) if value.kind == "variable" else array
                for value, array in zip(step.targets, targets, strict=True)
            ]
            form.put(writer, Place(sources, results, scratch, sizes))
            for target, result in zip(targets, results, strict=True):
                if result is not target:
                    writer.update(target, result)


def available(xp: Any) -> bool:
    """Whether the device's compiler takes generated kernels.

    `TULLE_KERNELS=numpy` in the environment says that they are not to be used.
    """
    if os.environ.get("TULLE_KERNELS", "") == "numpy":
        return False
    error = _first_refusal(xp)
    if error:
        _tell_once(error)
    return not error


@cache
def _first_refusal(xp: Any) -> str:
    return refusal(xp, xp.RawModule(code=module_source([]), options=OPTIONS))


def refusal(xp: Any, module: Any) -> str:
    """Compile a module: why it could not be, or nothing.

    Missing libraries and headers are told by CuPy as errors of several kinds.
    """
    refused = xp.cuda.compiler.CompileException
    try:
        module.compile()
    except (refused, RuntimeError, OSError, ImportError) as error:
        return str(error).strip() or type(error).__name__
    return ""


@cache
def _tell_once(error: str) -> None:
    logging.getLogger("tulle").warning(
        "kernels are not generated for the GPU, and CuPy runs each op, since they "
        "could not be compiled: %s",
        error.splitlines()[0],
    )
