"""cuDNN by its front end: a graph of one operation, planned once a shape.

A plan says which engine computes and how much workspace it wants; addresses, a handle
and a stream come with each call, so that CUDA graphs may hold it. Engines are left out
whose sums are less exact than was asked for, that spread NaN to numbers it has no part
in, or that need not give the same bits again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from threading import Lock, local
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from ..strided_arrays import address_of
from .products import CACHE, less_exact

if TYPE_CHECKING:
    from .writer import Writer

Array = Any

OPERANDS = 16  # bytes that they and results are aligned to, as the front end declares
DTYPES = {"f16": "HALF", "bf16": "BFLOAT16", "f32": "FLOAT"}
# Of FFT and Winograd one NaN or infinity reaches all numbers of a tile.
BARRED = """
    FFT WINOGRAD WINOGRAD_TILE_4x4 WINOGRAD_TILE_6x6 WINOGRAD_TILE_13x13
    REDUCED_PRECISION_REDUCTION NONDETERMINISTIC
""".split()
WORKSPACE = 1 << 30  # bytes, at most; engines that want more are left out


class Operation(Protocol):
    """What a plan is made for; equal ones share it."""

    @property
    def kind(self) -> str:
        """The dtype of operands and results."""

    def __hash__(self) -> int: ...

    def put(self, graph: Any, front: Front) -> Sequence[Any]:
        """Enter it into a graph: its tensors, in the order of the addresses.

        Raises `Unsupported` where cuDNN has no words for it.
        """


class Unsupported(Exception):
    """cuDNN has nothing that computes an operation."""


class Front:
    """The front end, with a handle for each device and thread."""

    def __init__(self, xp: Any, module: ModuleType):
        self.xp, self.module = xp, module
        self.declined: type[Exception] = module.cudnnGraphNotSupportedError
        self.errors: tuple[type[Exception], ...] = (self.declined,)
        self.refusals = (Unsupported, self.declined, RuntimeError, ValueError)
        self._lock, self._own = Lock(), local()

    @property
    def handle(self) -> Any:
        """That of this thread, for the device in force; cuDNN lets none be shared."""
        handles = self._own.__dict__
        device = f"device_{self.xp.cuda.runtime.getDevice()}"
        if device not in handles:
            handles[device] = self.module.create_handle()
        return handles[device]

    def dtype(self, short: str) -> Any:
        """A dtype as cuDNN names it."""
        return getattr(self.module.data_type, DTYPES[short])

    def barred(self, kind: str, exact: bool) -> list[Any]:
        """The notes of engines that are left out."""
        names = [*BARRED]
        if kind == "f32":
            names += ["DOWN_CONVERT_INPUTS", *(["TENSOR_CORE"] if exact else [])]
        return [getattr(self.module.numerical_note, name) for name in names]

    def run(
        self, graph: Any, places: list[int], uids: tuple[int, ...], workspace: int
    ) -> None:
        """A planned graph at addresses, on the stream that is current."""
        handle, stream = self.handle, self.xp.cuda.get_current_stream().ptr
        with self._lock:
            self.module.set_stream(handle, stream)
            graph.execute(places, workspace, handle, tensor_uids=uids)


def front_end(xp: Any) -> Front | None:
    """The front end; None if it is not there, or not wanted.

    `TULLE_CUDNN=0` in the environment says that it is not to be used.
    """
    if os.environ.get("TULLE_CUDNN", "") == "0":
        return None
    found = _looked_for(xp)[0]
    if found is None:
        _tell_missing(xp)
    return found


@cache
def _looked_for(xp: Any) -> tuple[Front | None, str]:
    """The front end, or why it is not there."""
    try:
        import cudnn

        cudnn.backend_version()
        return Front(xp, cudnn), ""
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        return None, str(error).strip() or type(error).__name__


@cache
def _tell_missing(xp: Any) -> None:
    """Say once that it is not there, and why."""
    logging.getLogger("tulle").warning(
        "convolutions are products of windows, and attention keeps all weights, since "
        "cuDNN cannot be used (`pip install 'tulle[gpu13]'` has it): %s",
        _looked_for(xp)[1].splitlines()[0],
    )


class Planned:
    """A graph of one operation, and the first advised engine that takes it."""

    def __init__(
        self, front: Front, operation: Operation, place: Mapping[str, Any], exact: bool
    ):
        self.front, module = front, front.module
        wide, modes = module.data_type.FLOAT, module.heur_mode
        self.graph = module.pygraph(
            io_data_type=front.dtype(operation.kind), intermediate_data_type=wide,
            compute_data_type=wide, **place,
        )  # fmt: skip
        tensors = operation.put(self.graph, front)
        self.uids = tuple([tensor.get_uid() for tensor in tensors])
        self.graph.validate()
        self.graph.build_operation_graph()
        self.graph.create_execution_plans([modes.A, modes.FALLBACK])
        self.graph.deselect_numeric_notes(front.barred(operation.kind, exact))
        self.graph.deselect_workspace_greater_than(WORKSPACE)
        self.engine = self._chosen()
        self.workspace = int(self.graph.get_workspace_size())

    def _chosen(self) -> str:
        """The name of the plan that was built; engines written in Python are none."""
        reason = "no engine"
        for index in range(self.graph.get_execution_plan_count()):
            self.graph.select_plan(index)
            if self.graph.selected_engine is not None:
                continue
            try:
                self.graph.build_plan_at_index(index)
                return str(self.graph.get_plan_name_at_index(index))
            except self.front.declined as error:
                reason = str(error)
        raise Unsupported(f"of all engines none is left ({reason})")

    def call(self, places: Sequence[int], workspace: int) -> Callable[[], None]:
        """The operation at addresses, on the stream that is current then."""
        run, graph, given, uids = self.front.run, self.graph, [*places], self.uids
        return lambda: run(graph, given, uids, workspace)


def planned(front: Front, operation: Operation) -> Planned | None:
    """The plan of an operation on the device in force; None if cuDNN has none."""
    device = front.xp.cuda.runtime.getDevice()
    return _planned(front, device, operation, not less_exact())


@lru_cache(maxsize=CACHE)
def _planned(
    front: Front, device: int, operation: Operation, exact: bool
) -> Planned | None:
    try:
        return Planned(front, operation, {"handle": front.handle}, exact)
    except front.refusals as error:
        logging.getLogger("tulle").info(
            "cuDNN does not compute %s: %s", operation, str(error).splitlines()[0]
        )
        return None


def tensor(
    graph: Any, front: Front, kind: str, shape: Sequence[int], strides: Sequence[int]
) -> Any:
    """An operand of a graph."""
    dtype = front.dtype(kind)
    return graph.tensor(dim=[*shape], stride=[*strides], data_type=dtype)


def result(
    found: Any, front: Front, kind: str, shape: Sequence[int], strides: Sequence[int]
) -> Any:
    """What an operation of a graph gives, as a result of the graph that lies so."""
    found.set_output(True).set_data_type(front.dtype(kind))
    return found.set_dim([*shape]).set_stride([*strides])


def is_aligned(array: Array) -> bool:
    """Whether an array lies as was said of it."""
    return address_of(array) % OPERANDS == 0


def aligned(writer: Writer, array: Array) -> Array:
    """The array, or a copy that is aligned."""
    if is_aligned(array):
        return array
    found = writer.apart(array)
    writer.copy(found, array)
    return found
