"""A stand-in for cuDNN's front end: it computes from the graphs it was given.

Names and arguments are those of nvidia-cudnn-frontend 1.32. Memory is read by the dims
and strides of a graph's tensors; kernels whose channels are not side by side are taken
for such all the same, as cuDNN takes them, and give wrong numbers here as well.
"""

import ctypes
import enum
import itertools
import sys
import threading
from types import SimpleNamespace

import ml_dtypes
import numpy as np
from fake_capture import current_stream, perform, refuse

__version__ = "1.32.0"


class cudnnGraphNotSupportedError(Exception):  # noqa: N801 - its name
    pass


class data_type(enum.Enum):  # noqa: N801
    FLOAT = 0
    HALF = 2
    BFLOAT16 = 9


class heur_mode(enum.Enum):  # noqa: N801
    A = 0
    FALLBACK = 2


class numerical_note(enum.Enum):  # noqa: N801
    TENSOR_CORE = 0
    DOWN_CONVERT_INPUTS = 1
    REDUCED_PRECISION_REDUCTION = 2
    FFT = 3
    NONDETERMINISTIC = 4
    WINOGRAD = 5
    WINOGRAD_TILE_4x4 = 6
    WINOGRAD_TILE_6x6 = 7
    WINOGRAD_TILE_13x13 = 8


DTYPES = {
    data_type.FLOAT: np.dtype("float32"),
    data_type.HALF: np.dtype("float16"),
    data_type.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
}
NOTES = numerical_note.__members__
WORKSPACE = 1000  # bytes that the chosen plan asks for
calls = []  # the graphs that were executed
refused = []  # what is to be told of any graph, for tests
made = []  # all graphs


def backend_version():
    return 92801


class Handle:
    def __init__(self):
        self.thread, self.stream = threading.get_ident(), 0


def create_handle():
    refuse("a handle is made")
    return Handle()


def set_stream(handle, stream):
    assert handle.thread == threading.get_ident()
    handle.stream = stream


class Tensor:
    def __init__(self, uid, dim=(), stride=(), data_type=None):
        self.uid, self.dim, self.stride = uid, list(dim), list(stride)
        self.data_type, self.virtual = data_type, False

    def set_output(self, is_output):
        self.virtual = not is_output
        return self

    def set_data_type(self, data_type):
        self.data_type = data_type
        return self

    def set_dim(self, dim):
        self.dim = list(dim)
        return self

    def set_stride(self, stride):
        self.stride = list(stride)
        return self

    def get_uid(self):
        return self.uid

    def check(self):
        assert len(self.dim) == len(self.stride)
        length = 1 + sum(
            (n - 1) * s for n, s in zip(self.dim, self.stride, strict=True)
        )
        if length != np.prod(self.dim):
            raise cudnnGraphNotSupportedError("elements with gaps")

    def at(self, address, convolved):
        """The array at an address; in a convolution there are two ways to lie."""
        assert address % 16 == 0, "worse aligned than was declared"
        dtype = DTYPES[self.data_type]
        size = int(np.prod(self.dim)) * dtype.itemsize
        flat = np.frombuffer((ctypes.c_uint8 * size).from_address(address), dtype)
        if convolved and self.stride != [*steps(self.dim)]:
            first, second, *rest = self.dim
            return np.moveaxis(flat.reshape(first, *rest, second), -1, 1)
        strides = [step * dtype.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(flat, self.dim, strides)


def steps(dim):
    """The strides of elements that lie in the order of their axes."""
    return [int(np.prod(dim[axis + 1 :])) for axis in range(len(dim))]


# Plans as they are ranked: their notes, workspace, and whether Python computes them.
PLANS = {
    "written in Python": ((), 0, True),
    "tensor cores": (("TENSOR_CORE",), 0, False),
    "halves": (("DOWN_CONVERT_INPUTS",), 0, False),
    "FFT": (("FFT",), 0, False),
    "Winograd": (("WINOGRAD", "WINOGRAD_TILE_4x4"), 0, False),
    "atomic": (("NONDETERMINISTIC",), 0, False),
    "short sums": (("REDUCED_PRECISION_REDUCTION",), 0, False),
    "huge": ((), 1 << 40, False),
    "fails": ((), 0, False),
    "sound": ((), WORKSPACE, False),
}


class pygraph:  # noqa: N801
    def __init__(self, io_data_type, intermediate_data_type, compute_data_type, handle):
        assert isinstance(handle, Handle)
        assert compute_data_type == intermediate_data_type == data_type.FLOAT
        self.io_data_type = io_data_type
        self.numbers = itertools.count(1)
        self.tensors, self.operation = [], None
        self.barred, self.limit, self.planned = set(), None, False
        self.index, self.built = 0, None
        made.append(self)

    def tensor(self, dim, stride, data_type):
        self.tensors.append(Tensor(next(self.numbers), dim, stride, data_type))
        return self.tensors[-1]

    def result(self):
        self.tensors.append(Tensor(next(self.numbers)))
        self.tensors[-1].virtual = True
        return self.tensors[-1]

    def enter(self, function, operands, out, **options):
        assert self.operation is None
        self.operation = (function, operands, out, options)
        return out if len(out) > 1 else out[0]

    def conv_fprop(self, image, weight, **geometry):
        return self.enter(forward, (image, weight), [self.result()], **geometry)

    def conv_dgrad(self, loss, filter, **geometry):
        return self.enter(dgrad, (loss, filter), [self.result()], **geometry)

    def conv_wgrad(self, image, loss, **geometry):
        return self.enter(wgrad, (image, loss), [self.result()], **geometry)

    def sdpa(self, q, k, v, generate_stats, attn_scale, use_causal_mask):
        assert generate_stats
        self._check_heads(q, k, v)
        options = {"scale": attn_scale, "causal": use_causal_mask}
        results = [self.result(), self.result()]
        return self.enter(attention, (q, k, v), results, **options)

    def sdpa_backward(
        self, q, k, v, o, dO, stats, attn_scale, use_causal_mask,
        use_deterministic_algorithm,
    ):  # fmt: skip
        assert use_deterministic_algorithm
        self._check_heads(q, k, v)
        if q.dim[2] == k.dim[2] == 1:
            raise cudnnGraphNotSupportedError("s_q = s_kv = 1 is not supported.")
        options = {"scale": attn_scale, "causal": use_causal_mask}
        results = [self.result() for _ in range(3)]
        operands = (q, k, v, o, dO, stats)
        return self.enter(attention_backward, operands, results, **options)

    def _check_heads(self, q, k, v):
        assert self.io_data_type in (data_type.HALF, data_type.BFLOAT16)
        if any(one.dim[3] % 8 or one.dim[3] > 256 for one in (q, k, v)):
            raise cudnnGraphNotSupportedError("hidden_dim should be multiple of 8")

    def validate(self):
        for tensor in self.tensors:
            assert not tensor.virtual
            tensor.check()
        if any(number < 0 for number in self.operation[3].get("pre_padding", ())):
            raise RuntimeError("CUDNN_STATUS_BAD_PARAM")

    def build_operation_graph(self):
        if refused:
            raise cudnnGraphNotSupportedError(refused[0])

    def create_execution_plans(self, heuristics):
        refuse("plans are made")
        assert heuristics == [heur_mode.A, heur_mode.FALLBACK]
        self.planned = True

    def deselect_numeric_notes(self, notes):
        assert self.planned, "there is nothing to leave out"
        self.barred |= {note.name for note in notes}

    def deselect_workspace_greater_than(self, workspace_limit):
        self.limit = workspace_limit

    def get_execution_plan_count(self):
        return len(PLANS)

    def select_plan(self, index):
        self.index = index

    @property
    def plan(self):
        return list(PLANS.items())[self.index]

    @property
    def selected_engine(self):
        return "an engine" if self.plan[1][2] else None

    def build_plan_at_index(self, index):
        refuse("a plan is built")
        self.index = index
        name, (notes, workspace, _) = self.plan
        if self.barred.intersection(notes) or workspace > self.limit or name == "fails":
            raise cudnnGraphNotSupportedError("Deselecting execution plan")
        self.built = name

    def get_plan_name_at_index(self, index):
        return list(PLANS)[index]

    def get_workspace_size(self):
        assert self.built
        return PLANS[self.built][1]

    def execute(self, tensor_dict, workspace=None, handle=None, *, tensor_uids=None):
        assert self.built
        assert handle.thread == threading.get_ident()
        assert handle.stream == current_stream().ptr
        assert workspace % 256 == 0
        ctypes.memset(workspace, 0x7F, PLANS[self.built][1])  # it is ours to write to
        places = dict(zip(tensor_uids, tensor_dict, strict=True))
        if set(places) != {tensor.uid for tensor in self.tensors}:
            raise ValueError("the variant pack is missing a buffer")
        function, operands, out, options = self.operation
        calls.append(self)

        def compute():
            here = {
                one.uid: one.at(places[one.uid], "stride" in options)
                for one in self.tensors
            }
            given = [here[one.uid].astype("float32") for one in operands]
            results = [here[one.uid] for one in out]
            with np.errstate(all="ignore"):
                found = function(*given, [r.shape for r in results], **options)
                for one, other in zip(results, found, strict=True):
                    one[...] = other

        perform(compute)


# What the operations compute, on arrays as cuDNN orders their axes.


def taps_of(images, count, kernel, pre_padding, post_padding, stride, dilation):
    """The padded images, and the slices of them that each tap of a kernel meets."""
    widths = zip(pre_padding, post_padding, strict=True)
    padded = np.pad(images, [(0, 0), (0, 0), *widths])
    for place in np.ndindex(*kernel):
        yield padded, place, tuple(
            slice(at * d, at * d + (n - 1) * s + 1, s)
            for at, d, n, s in zip(place, dilation, count, stride, strict=True)
        )  # fmt: skip


def by_group(array, axis, groups):
    shape = (*array.shape[:axis], groups, -1, *array.shape[axis + 1 :])
    return array.reshape(shape)


def forward(image, weight, shapes, **geometry):
    groups = image.shape[1] // weight.shape[1]
    (shape,) = shapes
    found = np.zeros(shape, np.float32)
    filters = by_group(weight, 0, groups)
    for padded, at, part in taps_of(image, shape[2:], weight.shape[2:], **geometry):
        seen = by_group(padded[(slice(None), slice(None), *part)], 1, groups)
        product = np.einsum("ngc...,gkc->ngk...", seen, filters[(..., *at)])
        found += product.reshape(shape)
    return [found]


def dgrad(loss, weight, shapes, **geometry):
    (shape,) = shapes
    groups = shape[1] // weight.shape[1]
    filters, given = by_group(weight, 0, groups), by_group(loss, 1, groups)
    total = None
    for padded, at, part in taps_of(
        np.zeros(shape, np.float32), loss.shape[2:], weight.shape[2:], **geometry
    ):
        total = padded if total is None else total
        product = np.einsum("ngk...,gkc->ngc...", given, filters[(..., *at)])
        total[(slice(None), slice(None), *part)] += product.reshape(
            shape[0], shape[1], *loss.shape[2:]
        )
    inner = (
        slice(low, low + size)
        for low, size in zip(geometry["pre_padding"], shape[2:], strict=True)
    )
    return [total[(slice(None), slice(None), *inner)]]


def wgrad(image, loss, shapes, **geometry):
    (shape,) = shapes
    groups = image.shape[1] // shape[1]
    found = np.zeros(shape, np.float32)
    given = by_group(loss, 1, groups).reshape(
        loss.shape[0], groups, -1, *loss.shape[2:]
    )
    for padded, at, part in taps_of(image, loss.shape[2:], shape[2:], **geometry):
        seen = by_group(padded[(slice(None), slice(None), *part)], 1, groups)
        flat = (*seen.shape[:3], -1)
        product = np.einsum(
            "ngcs,ngks->gkc", seen.reshape(flat), given.reshape(*given.shape[:3], -1)
        )
        found[(..., *at)] = product.reshape(shape[:2])
    return [found]


def scores_of(q, k, scale, causal):
    """The scores of all pairs, heads that share a key one after the other."""
    k = np.repeat(k, q.shape[1] // k.shape[1], axis=1)
    scores = np.einsum("bhtd,bhsd->bhts", q, k) * np.float32(scale)
    if causal:
        seen = np.tril(np.ones(scores.shape[2:], bool))
        scores = np.where(seen, scores, np.float32(-np.inf))
    return scores


def attention(q, k, v, shapes, scale, causal):
    scores = scores_of(q, k, scale, causal)
    top = scores.max(-1, keepdims=True)
    stats = top + np.log(np.exp(scores - top).sum(-1, keepdims=True))
    wide = np.repeat(v, q.shape[1] // v.shape[1], axis=1)
    return [np.exp(scores - stats) @ wide, stats]


def attention_backward(q, k, v, o, dO, stats, shapes, scale, causal):
    group = q.shape[1] // k.shape[1]
    weights = np.exp(scores_of(q, k, scale, causal) - stats)
    raw = np.einsum("bhtd,bhsd->bhts", dO, np.repeat(v, group, axis=1))
    inner = weights * (raw - (dO * o).sum(-1, keepdims=True)) * np.float32(scale)
    found = [
        inner @ np.repeat(k, group, axis=1),
        np.einsum("bhts,bhtd->bhsd", inner, q),
        np.einsum("bhts,bhtd->bhsd", weights, dO),
    ]
    return [
        one.reshape(*shape[:2], -1, *shape[2:]).sum(2)
        for one, shape in zip(found, shapes, strict=True)
    ]


def install(monkeypatch):
    """Have `cudnn` be the stand-in."""
    monkeypatch.setitem(sys.modules, "cudnn", sys.modules[__name__])
    for kept in (calls, refused, made):
        kept.clear()
    return SimpleNamespace(calls=calls, refused=refused, made=made)
