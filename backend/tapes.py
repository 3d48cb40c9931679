"""`GradientTape` and gradients of functions, on values as programs.

`backend` says with what they are compiled, and is imported before this.
"""

from __future__ import annotations

from ..graph.tape import GradientTape
from ..graph.transforms import grad, hessian, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "GradientTape",
    "grad",
    "hessian",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
]
