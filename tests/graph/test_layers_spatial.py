"""Layers that pad, crop, repeat and resize: exact cases, and what they refuse."""

import numpy as np
import pytest

from tulle import Model
from tulle.graph import layers
from tulle.graph.diagnostics import RunShapeError, TensorTypeError
from tulle.graph.network import Input, Network

STEPS = np.arange(6.0, dtype="float32").reshape(1, 6, 1)


def image(height: int, width: int, dtype: str = "float32") -> np.ndarray:
    return np.arange(height * width, dtype=dtype).reshape(1, height, width, 1)


def test_cropping_undoes_padding():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5, 2)).astype("float32")
    borders = (1, (2, 0), (0, 3))
    wide = layers.ZeroPadding3D(borders)(x)
    assert wide.shape == (2, 5, 6, 8, 2)
    np.testing.assert_array_equal(layers.Cropping3D(borders)(wide), x)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "float16"])
def test_any_dtype_stays(dtype):
    x = image(3, 4).astype(dtype)
    made = [layers.ZeroPadding2D(), layers.Cropping2D(1), layers.UpSampling2D()]
    for layer in [*made, layers.Resizing(2, 2, "nearest")]:
        assert layer(x).dtype == (dtype if dtype != "float16" else "float32")


def test_repeated_steps():
    found = layers.UpSampling1D(2)(STEPS[:, :3])
    assert found.numpy().ravel().tolist() == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]


def test_integers_are_rounded_into_their_range():
    x = np.zeros((1, 1, 4, 1), "uint8")
    x[0, 0, 2:] = 255
    found = layers.Resizing(1, 8, "bicubic")(x)
    assert found.dtype == "uint8"
    # Beside the step the cubic kernel goes below 0 and above 255.
    assert found.numpy().ravel().tolist() == [0, 0, 0, 52, 203, 255, 255, 255]
    symbol = layers.Resizing(1, 8)(Input((1, 4, 1), dtype="uint8"))
    assert str(symbol.type) == "u8[batch, 1, 8, 1]"


def test_proportions():
    """4 by 2 in 2 by 2: the middle rows, or columns of the value given."""
    x = image(4, 2)
    cut = layers.Resizing(2, 2, crop_to_aspect_ratio=True)(x)
    assert cut.numpy().ravel().tolist() == [2.0, 3.0, 4.0, 5.0]
    wide = layers.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=9.0)(x)
    assert wide.numpy()[0, 1, :, 0].tolist() == [9.0, 2.0, 3.0, 9.0]


def test_the_middle_of_images_of_any_size():
    """One program crops what is large enough and resizes the rest."""
    x = Input((None, None, 1))
    model = Network(x, layers.CenterCrop(2, 3)(x))
    for height, width in ((5, 4), (2, 3), (4, 2), (1, 7)):
        value = image(height, width)
        want = layers.CenterCrop(2, 3)(value).numpy()
        np.testing.assert_allclose(model(value).numpy(), want, 1e-6)
    large = model(image(5, 4)).numpy()
    np.testing.assert_array_equal(large, image(5, 4)[:, 1:3, 0:3])


@pytest.mark.parametrize(
    ("make", "shape", "code", "words"),
    [
        (lambda: layers.ZeroPadding2D("a"), None, "T0204", "2 pairs (before, after)"),
        (lambda: layers.ZeroPadding1D(-1), None, "T0204", "a number from 0 on"),
        (lambda: layers.ZeroPadding3D((1, 2)), None, "T0204", "3 of these"),
        (lambda: layers.ZeroPadding2D(), (3, 3), "T0306", "4 axes"),
        (lambda: layers.Cropping2D((1, (2, 3, 4))), None, "T0204", "`cropping`"),
        (lambda: layers.Cropping2D(3), (9, 6, 1), "T0320", "6 - 3 - 3 = 0"),
        (lambda: layers.Cropping1D((2, 3)), (4, 1), "T0320", "4 - 2 - 3 = -1"),
        (lambda: layers.Cropping1D(1, data_format="channels_last"), None,
         "T0202", "data_format"),
        (lambda: layers.UpSampling2D(0), None, "T0204", "positive integer"),
        (lambda: layers.UpSampling1D(1.5), None, "T0204", "positive integer"),
        (lambda: layers.UpSampling2D(interpolation="cubic"), None,
         "T0204", "`bicubic`"),
        (lambda: layers.UpSampling3D(), (3, 3, 1), "T0306", "depth, height, width"),
        (lambda: layers.Resizing(3, 0), None, "T0204", "`width`"),
        (lambda: layers.Resizing(3, 3, "area"), None, "T0204", "`lanczos5`"),
        (lambda: layers.Resizing(3, 3, fill_mode="edge"), None, "T0204", "`constant`"),
        (lambda: layers.Resizing(3, 3, pad_to_aspect_ratio=True,
                                 crop_to_aspect_ratio=True), None, "T0204", "not both"),
        (lambda: layers.Resizing(3, 3), (3,), "T0306", "without the batch axis"),
        (lambda: layers.CenterCrop(3, 3), (1, 3, 3, 1), "T0306", "takes images"),
    ],
)  # fmt: skip
def test_wrong(make, shape, code, words):
    with pytest.raises(TensorTypeError) as error:
        make()(Input(shape))
    assert error.value.diagnostics[0].code == code
    assert words in str(error.value)
    assert "test_layers_spatial.py" in str(error.value)


def test_data_too_small_to_crop():
    x = Input(("T", 1))
    model = Model(x, layers.Cropping1D(2)(x))
    assert str(model(x).type) == "f32[batch, T - 4, 1]"
    assert model.predict(STEPS, verbose=0).ravel().tolist() == [2.0, 3.0]
    with pytest.raises(TensorTypeError, match="leaves nothing of axis 1") as error:
        model(STEPS[:, :3])
    assert error.value.diagnostics[0].code == "T0320"
    with pytest.raises(RunShapeError, match="too small along axis 1") as error:
        model.predict(STEPS[:, :3], verbose=0)
    assert error.value.diagnostics[0].code == "T0320"
