"""Names behind a point, as other frameworks have them: `x.T`, `ops.relu`, `self.fc`."""

from __future__ import annotations

from collections.abc import Mapping

from ..graph.types import TensorType

# What modules are called where there are some.
MODULES = frozenset(
    "F jax jnp K keras layers losses math metrics nn np numpy ops optimizers tf torch "
    "tulle".split()
)
ALONE = "names of the library stand without a module: "
SELF = "there is no `self`: a layer is applied where it is made, `x |> Dense(8)`"


def part_of(part: str, of: str, type: TensorType | None) -> str | None:
    """What to write in place of a part that tensors have elsewhere; None if unknown.

    `of` is the tensor as it is written, `type` what is known of it.
    """
    shape = f" ({', '.join(map(str, type.shape))})" if type is not None else ""
    sizes = f"write its sizes{shape}, or the names they are declared by"
    parts: Mapping[str, str] = {
        "T": f"write `transpose({of})`",
        "mT": f"write `swapaxes({of}, -1, -2)`",
        "shape": sizes,
        "size": sizes,
        "ndim": "the number of axes is that of the declared type",
        "dtype": "the element type is that of the declared type",
        "astype": f"write `cast({of}, f32)`",
        "float": f"write `cast({of}, f32)`",
        "to": f"write `cast({of}, f32)`",
        "detach": f"write `stop_gradient({of})`",
    }
    return parts.get(part)
