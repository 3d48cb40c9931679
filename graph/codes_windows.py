"""Codes of windows and of loops: T032."""

from .code import entry

entry(
    "T0320",
    "a window that does not fit",
    """Convolution and pooling slide a window over the axes of space. Without padding
    there are (size - window) // stride + 1 places for it, and there has to be one.
    Likewise data needs an element where one is picked, and places where a part is cut
    out.""",
    """
    dim B
    model M(x: f32[B, 4, 4, 3]) -> f32[B, 1, 1, 3] {
      return max_pool(x, pool_size = 5)
    }
    """,
    """
    dim B
    model M(x: f32[B, 4, 4, 3]) -> f32[B, 1, 1, 3] {
      return max_pool(x, pool_size = 4)
    }
    """,
)
entry(
    "T0321",
    "a loop that changes the type of what it carries",
    """What goes into a step of a loop comes out with the same dtype and shape, as the
    next step takes it; both branches of a condition give the same types.""",
    """
    import tulle

    x = tulle.Input((3,))
    y = tulle.ops.fori_loop(0, 4, lambda i, y: tulle.ops.sum(y), x)
    """,
    """
    import tulle

    x = tulle.Input((3,))
    y = tulle.ops.fori_loop(0, 4, lambda i, y: y * 2, x)
    """,
    form="python",
)
