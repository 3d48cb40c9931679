"""Layers that show the frequencies of a signal as they change in time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..diagnostics import Fault
from ..initializers import STFT
from ..layer import Layer
from ..ops.windows import one_of
from ..registry import call
from .core import positive
from .formats import Spatial
from .normalization import widened

__all__ = [
    "MelSpectrogram",
    "STFTSpectrogram",
]

FUZZ = 1e-7  # the least power, so that logarithms are finite


class STFTSpectrogram(Spatial):
    """The frequencies of each stretch of a signal, by a convolution.

    Input f32[batch, time, channels], or channels first; output f32[batch, frames,
    channels frequencies], or with `expand_dims` [batch, frames, frequencies, channels]
    (channels first: [batch, channels frequencies, frames], [batch, channels, frames,
    frequencies]). Frames have `frame_length` places, one every `frame_step`, by default
    every half frame; frequencies are `fft_length` // 2 + 1, of a power of two that
    holds a frame if not given. `mode` is `log`, `magnitude`, `psd`, `real`, `imag`,
    `angle`, or `stft` for the real and the imaginary part beside each other. For
    `window`, `scaling` and `periodic` see `initializers.STFT`. The weights
    `real_kernel` and `imag_kernel` [frame_length, 1, frequencies] can be trained.

    >>> import numpy as np
    >>> STFTSpectrogram(frame_length=4)(np.ones((1, 8, 1))).shape
    (1, 3, 3)
    """

    MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(data_format, **kwargs)
        kind = type(self).__name__
        self.mode = one_of(kind, "mode", mode, self.MODES)
        self.padding = one_of(kind, "padding", padding, ("valid", "same"))
        self.frame_length = positive(self, "frame_length", frame_length)
        step = max(frame_length // 2, 1) if frame_step is None else frame_step
        self.frame_step = positive(self, "frame_step", step)
        if step > frame_length:
            raise Fault(
                "T0204",
                f"`frame_step` of `{kind}` is at most `frame_length={frame_length}`, "
                f"so that nothing is skipped, not {step}",
                argument="frame_step",
            )
        least = 2 ** math.ceil(math.log2(frame_length))
        length = least if fft_length is None else fft_length
        self.fft_length = positive(self, "fft_length", length)
        if length < frame_length:
            raise Fault(
                "T0204",
                f"`fft_length` of `{kind}` is at least `frame_length={frame_length}`, "
                f"not {length}",
                argument="fft_length",
            )
        self.expand_dims, self.window = bool(expand_dims), window
        self.initializers = {
            side: STFT(side, window, scaling, periodic) for side in ("real", "imag")
        }

    def build(self, input_shape: Any) -> None:
        shape = (self.frame_length, 1, self.fft_length // 2 + 1)
        self.kernels = {
            side: self.add_weight(shape, initializer, name=f"{side}_kernel")
            for side, initializer in self.initializers.items()
            if self.mode != ("imag" if side == "real" else "real")
        }

    def call(self, inputs: Any) -> Any:
        x = self.checked(inputs)
        if self.data_format == "channels_last":
            x = call("transpose", x, (0, 2, 1))
        found = self._shown(
            {side: self._waves(x, k) for side, k in self.kernels.items()}
        )
        if self.data_format == "channels_last":
            return self._joined(call("transpose", found, (0, 2, 1, 3)), (0, 1, 3, 2))
        if self.expand_dims:
            return found
        return self._joined(call("transpose", found, (0, 1, 3, 2)), (0, 1, 2, 3))

    def _joined(self, x: Any, order: tuple[int, ...]) -> Any:
        """The last two axes of frames as one, or in an order."""
        if self.expand_dims:
            return call("transpose", x, order)
        one, two, three, four = x.type.shape
        if self.data_format == "channels_last":
            return call("reshape", x, (one, two, three * four))
        return call("reshape", x, (one, two * three, four))

    def _waves(self, x: Any, kernel: Any) -> Any:
        """How much of each wave is in each frame, [batch, channels, frames, waves]."""
        batch, channels, time = x.type.shape
        lines = call("reshape", x, (batch * channels, time, 1))
        found = call(
            "conv",
            lines,
            call("cast", kernel, x.dtype),
            strides=self.frame_step,
            padding=self.padding,
            data_format="channels_last",
        )
        return call("reshape", found, (batch, channels, *found.type.shape[1:]))

    def _shown(self, parts: dict[str, Any]) -> Any:
        """The waves as the mode shows them."""
        if self.mode in parts:
            return parts[self.mode]
        real, imaginary = parts["real"], parts["imag"]
        if self.mode == "stft":
            return call("concatenate", [real, imaginary], -1)
        # Squares and gradients of logarithms leave the range of 16 bits.
        shown = self._reckoned(widened(real), widened(imaginary))
        return call("cast", shown, real.dtype)

    def _reckoned(self, real: Any, imaginary: Any) -> Any:
        """What the mode makes of both parts of the waves."""
        if self.mode == "angle":
            return call("arctan2", imaginary, real)
        power = call("square", real) + call("square", imaginary)
        if self.mode == "psd":
            # All but the first and the last frequency stand for two.
            inner = call("pad", power[..., 1:-1], [[0, 0]] * 3 + [[1, 1]])
            return power + inner
        size = call("sqrt", call("maximum", power, FUZZ))
        if self.mode == "magnitude":
            return size
        return call("log", call("maximum", size, FUZZ))


MOST_LENGTH = 2**22  # of the Fourier transform
MOST_WEIGHTS = 2**26  # of its frequencies in mel bins


def to_mel(hertz: Any) -> Any:
    """Frequencies on the mel scale, 1127 ln(1 + f / 700) (O'Shaughnessy 1987)."""
    return 1127.0 * np.log(1.0 + np.asarray(hertz, np.float64) / 700.0)


def mel_weights(
    bins: int, frequencies: int, rate: float, low: float, high: float
) -> Any:
    """What each frequency gives to each mel bin: triangles, f64[frequencies, bins]."""
    places = to_mel(np.linspace(0.0, rate / 2.0, frequencies))[1:, None]
    edges = np.linspace(to_mel(low), to_mel(high), bins + 2)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (places - left) / (middle - left)
    falling = (right - places) / (right - middle)
    found = np.maximum(0.0, np.minimum(rising, falling))
    return np.concatenate([np.zeros((1, bins)), found])


class MelSpectrogram(Layer):
    """How much of each pitch a signal has, as it changes in time.

    Input f32[time] or [batch, time], output f32[batch, num_mel_bins, frames]. The
    Fourier transform of stretches of `sequence_length` places under a `window`, one
    every `sequence_stride`, filled up to `fft_length`, to the power `mag_exp`; then its
    frequencies between `min_freq` and `max_freq` hertz, of `sampling_rate` places a
    second, in `num_mel_bins` triangles. With `power_to_db` in decibels above
    `ref_power`, at least `min_power` and at most `top_db` below the largest.

    >>> import numpy as np
    >>> layer = MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=4)
    >>> layer(np.ones((2, 128))).shape
    (2, 4, 5)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.fft_length = positive(self, "fft_length", fft_length, MOST_LENGTH)
        self.sequence_stride = positive(self, "sequence_stride", sequence_stride)
        length = fft_length if sequence_length is None else sequence_length
        self.sequence_length = positive(self, "sequence_length", length)
        if length > fft_length:
            raise Fault(
                "T0204",
                f"`sequence_length` of `MelSpectrogram` is at most `fft_length="
                f"{fft_length}`, not {length}",
                argument="sequence_length",
            )
        self.window, self.sampling_rate = window, sampling_rate
        self.num_mel_bins = positive(
            self, "num_mel_bins", num_mel_bins, MOST_WEIGHTS // self.fft_length
        )
        self.min_freq = min_freq
        self.max_freq = sampling_rate // 2 if max_freq is None else max_freq
        if not 0 <= self.min_freq < self.max_freq:
            raise Fault(
                "T0204",
                "`min_freq` of `MelSpectrogram` is at least 0 and below `max_freq="
                f"{self.max_freq}`, not {min_freq}",
                argument="min_freq",
            )
        self.power_to_db, self.top_db = bool(power_to_db), top_db
        self.mag_exp, self.min_power = mag_exp, min_power
        self.ref_power = ref_power

    def call(self, inputs: Any) -> Any:
        if inputs.ndim < 1:
            told = f"`{self.name}` takes signals (batch, time), not {inputs.type}"
            raise Fault("T0306", told, operands={0: str(inputs.type)})
        narrow = self.compute_dtype not in ("float32", "float64")
        dtype = "float32" if narrow else self.compute_dtype
        real, imaginary = call(
            "stft",
            call("cast", inputs, dtype),
            self.sequence_length,
            self.sequence_stride,
            self.fft_length,
            self.window,
        )
        power = call("square", real) + call("square", imaginary)
        size = power if self.mag_exp == 2 else call("power", power, self.mag_exp / 2)
        weights = mel_weights(
            self.num_mel_bins,
            self.fft_length // 2 + 1,
            self.sampling_rate,
            self.min_freq,
            self.max_freq,
        )
        found = call("matmul", size, call("cast", weights, dtype))
        if self.power_to_db:
            found = self._decibels(found)
        return call("cast", call("swapaxes", found, -1, -2), self.compute_dtype)

    def _decibels(self, power: Any) -> Any:
        least = float(self.min_power)
        base = 10.0 * math.log10(max(abs(self.ref_power), least))
        found = call("log10", call("maximum", power, least)) * 10.0 - base
        if found.type.size.value == 0:  # nothing is loudest
            return found
        return call("maximum", found, call("max", found) - self.top_db)
