"""The ops by NumPy's and Keras's names, for tensors, symbolic tensors and arrays.

They are those of the registry, so that an op is written in one place.

>>> maximum([1.0, -2.0], 0.0).numpy().tolist()
[1.0, 0.0]
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .graph import control as _control
from .graph import functions as _functions
from .graph import inquiry as _inquiry
from .graph.naming import unknown_name
from .graph.registry import ALIASES, OPS
from .graph.tensor import convert_to_numpy, convert_to_tensor
from .graph.transforms import custom_gradient

_PUBLIC: dict[str, Any] = {name: op for name, op in OPS.items() if op.public}

_PUBLIC |= {alias: OPS[name] for alias, name in ALIASES.items() if name in OPS}
for _module in (_control, _functions):
    _PUBLIC |= {name: getattr(_module, name) for name in _module.__all__}
_PUBLIC |= {name: getattr(_inquiry, name) for name in _inquiry.__all__}

__all__ = ["convert_to_numpy", "convert_to_tensor", "custom_gradient", *_PUBLIC]  # noqa: PLE0604

globals().update(_PUBLIC)

_IMAGES = """
    affine_transform crop_images elastic_transform extract_patches gaussian_blur
    hsv_to_rgb map_coordinates pad_images perspective_transform resize rgb_to_grayscale
    rgb_to_hsv scale_and_translate
""".split()
image = SimpleNamespace(**{name: _PUBLIC[name] for name in _IMAGES})

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """An op of the registry."""
else:
    __getattr__ = unknown_name("tulle.ops", __all__)
