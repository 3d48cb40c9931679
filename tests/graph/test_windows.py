"""Windows that do not fit, and large images in tiles."""

import numpy as np
import pytest

import tulle
from tulle import ops
from tulle.graph.ops import windows
from tulle.graph.registry import call

X = np.random.default_rng(1).normal(size=(2, 9, 8, 3))
KERNEL = np.random.default_rng(2).normal(size=(3, 3, 3, 4))


def told(function, *arguments, **options):
    with pytest.raises(tulle.TulleError) as caught:
        function(*arguments, **options)
    (found,) = caught.value.diagnostics
    return found


def test_the_formula_and_what_works():
    found = told(ops.conv, tulle.Input((4, 4, 3)), np.ones((5, 5, 3, 2), "float32"))
    assert found.code == "T0320"
    assert "(4 - 5) // 1 + 1 = 0 outputs" in found.message
    assert found.help[0] == (
        "what works: an input of at least 5, 1 of padding, a window of at most 4"
    )
    assert found.help[1] == '`padding = "same"` gives 4'
    found = told(ops.conv, X, KERNEL, dilation_rate=4)
    assert "axis 1 has size 9, the window 3 (dilated by 4)" not in found.message
    assert "axis 2 has size 8, the window 3 (dilated by 4)" in found.message
    assert "a window of at most 2" in found.help[0]
    found = told(ops.max_pool, X, (2, 9), data_format="channels_first")
    assert "axis 3 has size 3" in found.message


def test_sizes_that_only_a_run_shows():
    x = tulle.Input(("T", 3))
    y = ops.conv(x, np.ones((3, 3, 4), "float32"))
    assert str(y.type) == "f32[batch, T - 2, 4]"
    model = tulle.Model(x, y)
    for length in (1, 2):
        data = np.ones((2, length, 3), "float32")
        found = told(model.predict, data, verbose=0)
        assert found.code == "T0320"
        assert f"size {length}" in found.message


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("size", [1, 40, 2000])
def test_tiles_change_nothing(monkeypatch, size, groups):
    x = np.concatenate([X] * groups, axis=-1)
    kernel = np.concatenate([KERNEL] * groups, axis=-1)

    def results():
        xs, ks = tulle.constant(x), tulle.constant(kernel)
        with tulle.GradientTape() as tape:
            tape.watch([xs, ks])
            y = call("conv", xs, ks, strides=2, padding="same")
        return [y, *tape.gradient(y, [xs, ks], output_gradients=y)]

    whole = results()
    monkeypatch.setattr(windows, "TILE", size)
    for one, two in zip(whole, results(), strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), 1e-10, 1e-12)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("sums over 4 channels and the input has 3",
         lambda: ops.conv(X, np.ones((3, 3, 4, 2)))),
        ("`strides` of `conv` is a positive integer or 2",
         lambda: ops.conv(X, KERNEL, strides=(1, 2, 3))),
        ("`padding` of `conv` is `valid` or `same`",
         lambda: ops.conv(X, KERNEL, padding="full")),
        ("has 4 axes for an input", lambda: ops.conv(X, np.ones((3, 3, 3)))),
        ("1 to 3 axes of space", lambda: ops.max_pool(np.ones((3, 3)), 2)),
        ("below the stride",
         lambda: ops.conv_transpose(X, KERNEL[..., :3], 2, output_padding=2)),
        ("needs sizes of space that are positive numbers",
         lambda: ops.adaptive_max_pool(tulle.Input(("T", 3)), 2)),
    ],
)  # fmt: skip
def test_refused(words, wrong):
    assert words in told(wrong).message
