"""Computing in 16 bits with weights in 32; Keras's older names."""

from .graph.policies import DTypePolicy, dtype_policy, set_dtype_policy
from .training.optimizers_wrapping import LossScaleOptimizer

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
