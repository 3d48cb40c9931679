"""How windows lie over images, for tests of convolution and pooling."""


def geometry(size, kernel, strides=1, dilation=1, low=0, high=0, groups=1):
    """Attributes that the three share, and how many windows there are."""
    rank = len(size)
    each = {"strides": strides, "dilation": dilation, "low": low}
    found = {k: v if isinstance(v, tuple) else (v,) * rank for k, v in each.items()}
    high = high if isinstance(high, tuple) else (high,) * rank
    axes = zip(size, kernel, *found.values(), high, strict=True)
    count = [(n + a + b - (k - 1) * d - 1) // s + 1 for n, k, s, d, a, b in axes]
    return {**found, "groups": groups}, tuple(count)
