"""Convolutional layers: what holds between them, and what they refuse."""

import numpy as np
import pytest

from tulle import config, ops
from tulle.graph import layers
from tulle.graph.diagnostics import TensorTypeError
from tulle.graph.network import Input, Network

RANDOM = np.random.default_rng(1)


def normal(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype("float32")


def test_no_causal_output_sees_later_steps():
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = normal(1, 9, 2)
    before = layer(x).numpy()
    x[:, 5:] += 1.0
    after = layer(x).numpy()
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5:] != before[:, 5:]).all()


def test_groups_are_convolutions_beside_each_other():
    whole, x = layers.Conv2D(4, 2, groups=2), normal(2, 5, 4, 6)
    together = whole(x).numpy()
    kernel, bias = whole.get_weights()
    for group in range(2):
        part = layers.Conv2D(2, 2)
        mine = x[..., 3 * group : 3 * group + 3]
        part(mine)
        outs = slice(2 * group, 2 * group + 2)
        part.set_weights([kernel[..., outs], bias[outs]])
        np.testing.assert_allclose(part(mine), together[..., outs], 1e-5, 1e-5)


def test_a_transposed_convolution_is_the_transpose():
    """<conv(x), y> = <x, transposed(y)> with one kernel."""
    x, y = normal(1, 7, 9, 2), normal(1, 3, 4, 3)
    forward = layers.Conv2D(3, (3, 3), 2, use_bias=False)
    backward = layers.Conv2DTranspose(2, (3, 3), 2, use_bias=False)
    there, back = forward(x), backward(y)
    backward.set_weights(forward.get_weights())
    back = backward(y)
    assert back.shape == x.shape
    np.testing.assert_allclose(
        (there.numpy() * y).sum(), (back.numpy() * x).sum(), 1e-4, 1e-4
    )


def test_a_separable_convolution_is_two_convolutions():
    whole, x = layers.SeparableConv2D(3, 2, depth_multiplier=2), normal(2, 5, 4, 3)
    whole(x)
    deep, point, bias = whole.get_weights()
    first = layers.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False)
    second = layers.Conv2D(3, 1)
    second(first(x))
    first.set_weights([deep])
    second.set_weights([point, bias])
    np.testing.assert_allclose(whole(x), second(first(x)), 1e-5, 1e-5)


def test_weights_and_settings_have_their_names():
    layer = layers.SeparableConv1D(4, 3, data_format="Channels_First")
    layer.build((None, 2, 9))
    names = [weight.name for weight in layer.weights]
    assert names == ["depthwise_kernel", "pointwise_kernel", "bias"]
    assert layer.weights[1].shape == (1, 2, 4)
    assert layer.data_format == "channels_first"
    deep = layers.DepthwiseConv2D((2, 3), strides=2, padding="SAME")
    deep.build((None, 5, 6, 3))
    assert [weight.name for weight in deep.weights] == ["kernel", "bias"]
    assert (deep.kernel_size, deep.strides, deep.padding) == ((2, 3), (2, 2), "same")


def test_volumes_take_the_format_before_the_padding_of_the_output():
    layer = layers.Conv3DTranspose(2, 2, 2, "valid", "channels_first", 1)
    assert layer(normal(1, 3, 2, 2, 2)).shape == (1, 2, 5, 5, 5)


WIDE = (8, 8, 3)


@pytest.mark.parametrize(
    ("make", "shape", "code", "words"),
    [
        (lambda: layers.Conv2D(4, 3), (8, 8), "T0306", "expand_dims(x, -1)"),
        (lambda: layers.Conv1D(4, 3), (8, 8, 3), "T0306", "batch, steps, features"),
        (lambda: layers.Conv2D(4, 3, data_format="channels_first"), (8, 8),
         "T0306", "batch, channels, height, width"),
        (lambda: layers.Conv2D(4, 3), (8, 8, None), "T0306", "axis 3 of (?, 8, 8, ?)"),
        (lambda: layers.Conv2D(4, 3), (2, 8, 3), "T0320", "(2 - 3) // 1 + 1 = 0"),
        (lambda: layers.Conv2D(4, 3, dilation_rate=4), WIDE,
         "T0320", "(dilated by 4)"),
        (lambda: layers.Conv2D(4, 3, groups=2), WIDE, "T0204", "3 % 2 = 1"),
        (lambda: layers.Conv2D(4, 3, groups=3), None, "T0204", "4 filters into 3"),
        (lambda: layers.Conv2D(4, 3, groups=0), None, "T0204", "positive integer"),
        (lambda: layers.Conv1D(0, 3), None, "T0204", "`filters`"),
        (lambda: layers.Conv2D(4, (1, 2, 3)), None, "T0204", "2 of them"),
        (lambda: layers.Conv2D(4, 0), None, "T0204", "`kernel_size`"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), None, "T0204", "`same`"),
        (lambda: layers.Conv2D(4, 3, data_format="NHWC"), None, "T0204", "nhwc"),
        (lambda: layers.Conv2D(4, 3, 2, dilation_rate=(1, 2)), None,
         "T0204", "`ops.conv` does both"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, dilation_rate=2), None,
         "T0204", "not both"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=2), None,
         "T0204", "not 2 for the strides (2, 2)"),
        (lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=(0, 0, 0)), None,
         "T0204", "output_padding"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), None,
         "T0204", "depth_multiplier"),
        (lambda: layers.SeparableConv2D(4, 9), WIDE, "T0320", "(8 - 9) // 1 + 1"),
        (lambda: layers.Conv2D(4, 3, kernel_initialiser="zeros"), None,
         "T0202", "did you mean `kernel_initializer`?"),
    ],
)  # fmt: skip
def test_wrong(make, shape, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()(Input(shape))
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_convolution.py" in str(error.value)


def test_a_single_image_lacks_its_batch_axis():
    with pytest.raises(TensorTypeError, match="without a batch axis"):
        layers.Conv2D(4, 3)(normal(8, 8, 3))


def test_another_number_of_channels_is_no_new_group():
    layer = layers.Conv2D(4, 3)
    layer(normal(1, 8, 8, 3))
    with pytest.raises(TensorTypeError, match="built for 3 channels") as error:
        layer(normal(1, 8, 8, 6))
    assert error.value.diagnostics[0].code == "T0301"


def test_pixels_are_told_to_be_scaled():
    with pytest.raises(TensorTypeError, match="Rescaling") as error:
        layers.Conv2D(4, 3)(np.ones((1, 8, 8, 3), "uint8"))
    assert error.value.diagnostics[0].code == "T0403"


def test_data_too_small_for_a_kernel():
    x = Input(("H", "W", 1))
    model = Network(x, layers.Conv2D(2, 3)(x))
    assert str(model(x).type) == "f32[batch, H - 2, W - 2, 2]"
    with pytest.raises(TensorTypeError, match="size 2") as error:
        model(normal(1, 2, 5, 1))
    assert error.value.diagnostics[0].code == "T0320"


def test_a_type_says_what_stays():
    """The sizes of `same` and of transposed convolutions are formulas."""
    x = Input(("H", "W", 2))
    halved = layers.Conv2D(2, 3, strides=2, padding="same")(x)
    assert str(halved.type) == "f32[batch, (H + 1) // 2, (W + 1) // 2, 2]"
    doubled = layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x)
    assert str(doubled.type) == "f32[batch, 2 * H, 2 * W, 2]"


def test_where_channels_stand_by_default():
    """A layer keeps the format that it was made under, and so does its copy."""
    x = normal(1, 3, 8, 6)
    config.set_image_data_format("channels_first")
    try:
        layer = layers.Conv2D(4, 3)
        assert ops.max_pool(x, 2).shape == (1, 3, 4, 3)
        assert layers.UpSampling1D(2)(x[0]).shape == (3, 16, 6)
    finally:
        config.set_image_data_format("channels_last")
    assert layer(x).shape == (1, 4, 6, 4)
    assert layers.Conv2D.from_config(layer.get_config())(x).shape == (1, 4, 6, 4)
    assert ops.max_pool(x, 2).shape == (1, 1, 4, 6)
