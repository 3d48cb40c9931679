"""The ops by NumPy's and Keras's names, for tensors, symbolic tensors and arrays.

They are those of the registry, so that an op is written in one place.

>>> maximum([1.0, -2.0], 0.0).numpy().tolist()
[1.0, 0.0]
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .graph import associative as _associative
from .graph import control as _control
from .graph import functions as _functions
from .graph import inquiry as _inquiry
from .graph import rearranging as _rearranging
from .graph.naming import unknown_name
from .graph.registry import ALIASES, OPS
from .graph.tensor import convert_to_numpy, convert_to_tensor
from .graph.transforms import custom_gradient
from .training.compiling import compile_on_demand as _compile_on_demand

_compile_on_demand()
_PUBLIC: dict[str, Any] = {name: op for name, op in OPS.items() if op.public}

_PUBLIC |= {alias: OPS[name] for alias, name in ALIASES.items() if name in OPS}
for _module in (_associative, _control, _functions, _rearranging):
    _PUBLIC |= {name: getattr(_module, name) for name in _module.__all__}
_PUBLIC |= {name: getattr(_inquiry, name) for name in _inquiry.__all__}

__all__ = ["convert_to_numpy", "convert_to_tensor", "custom_gradient", *_PUBLIC]  # noqa: PLE0604

globals().update(_PUBLIC)

# The names of Keras's own parts of `ops`; `numpy` has those of no other one.
_IMAGE = """
    affine_transform crop_images elastic_transform extract_patches extract_patches_3d
    gaussian_blur hsv_to_rgb map_coordinates pad_images perspective_transform resize
    rgb_to_grayscale rgb_to_hsv scale_and_translate sobel_edges ssim
""".split()
_LINALG = """
    cholesky cholesky_inverse det eigh inv lstsq lu_factor matrix_rank norm pinv qr
    solve solve_triangular svd
""".split()
_NN = """
    adaptive_average_pool adaptive_max_pool average_pool batch_normalization
    binary_crossentropy categorical_crossentropy celu conv conv_transpose ctc_decode
    ctc_loss depth_to_space depthwise_conv dot_product_attention elu fold gelu glu
    hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh layer_normalization
    leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot
    polar psnr relu relu6 rms_normalization selu separable_conv sigmoid silu
    soft_shrink softmax softplus softsign space_to_depth
    sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax squareplus
    swish tanh_shrink threshold unfold
""".split()


def _part(name: str, names: Iterable[str]) -> ModuleType:
    """Some of the ops as a module."""
    part = ModuleType(f"tulle.ops.{name}", f"Those of Keras's `ops.{name}`.")
    vars(part).update({name: _PUBLIC[name] for name in names})
    vars(part)["__getattr__"] = unknown_name(part.__name__, names)
    return part


image, linalg, nn = (
    _part(name, names)
    for name, names in (("image", _IMAGE), ("linalg", _LINALG), ("nn", _NN))
)
numpy = _part("numpy", {*_PUBLIC} - {*_IMAGE, *_LINALG, *_NN})

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """An op of the registry."""
else:
    __getattr__ = unknown_name("tulle.ops", __all__)
