"""Rows of the layers that change pictures, show frequencies and look values up."""

from typing import Any

from layer_row import LayerRow, row

LAST = {"data_format": "channels_last"}
FIRST = {"data_format": "channels_first"}
FULL = {"factor": [1.0, 1.0]}
UNIT = {"value_range": [0, 1]}


def plain(name: str, *inputs: str, **config: Any) -> LayerRow:
    """A row of values from 0 to 1 that draws nothing that matters."""
    return LayerRow(name, config, inputs, range=(0.01, 0.99), random=True)


def drawn(name: str, *inputs: str, **config: Any) -> LayerRow:
    """A row that draws random numbers, and so is called without training."""
    call = {"training": False}
    differs = name == "RandomCrop"
    return LayerRow(
        name,
        config,
        inputs,
        call=call,
        range=(0.01, 0.99),
        random=True,
        peer=not differs,
        why="Keras leaves pictures in their own size" if differs else "",
    )


RGB = "B H W 3"

ROWS = [
    drawn("RandomTranslation", RGB, height_factor=0.3, width_factor=0.2, **LAST),
    plain("RandomTranslation", "B 2 H W", height_factor=[0.3, 0.3],
          width_factor=[-0.2, -0.2], fill_mode="constant", fill_value=0.5, **FIRST),
    drawn("RandomRotation", RGB, factor=0.2, **LAST),
    plain("RandomRotation", "B 5 4 2", factor=[0.1, 0.1], fill_mode="wrap", **LAST),
    plain("RandomRotation", "B 5 4 2", factor=[0.1, 0.1], interpolation="nearest",
          fill_mode="nearest", **LAST),
    drawn("RandomZoom", RGB, height_factor=0.3, **LAST),
    plain("RandomZoom", "B H W 2", height_factor=[0.3, 0.3], width_factor=[-0.2, -0.2],
          **LAST),
    drawn("RandomShear", RGB, x_factor=0.3, y_factor=[0.1, 0.2], **LAST),
    drawn("RandomPerspective", "B 5 4 3", scale=0.2, **LAST),
    drawn("RandomPerspective", "B 3 5 4", factor=0.5, scale=0.2, fill_value=0.5,
          interpolation="nearest", **FIRST),
    drawn("RandomElasticTransform", RGB, value_range=[0, 1], **LAST),
    drawn("RandomElasticTransform", "B 2 9 9", factor=0.5, scale=[0.2, 0.8],
          fill_mode="constant", fill_value=0.5, interpolation="nearest", **UNIT,
          **FIRST),
    drawn("RandomCrop", RGB, height=2, width=3, **LAST),
    drawn("RandomCrop", "B 2 H W", height=4, width=3, **FIRST),
    drawn("RandomHue", RGB, factor=0.4, **UNIT, **LAST),
    drawn("RandomHue", "B 3 H W", factor=[0.1, 0.2], **UNIT, **FIRST),
    drawn("RandomSharpness", RGB, factor=0.4, **UNIT, **LAST),
    plain("RandomSharpness", "B 2 H W", factor=[0.3, 0.3], **UNIT, **FIRST),
    drawn("RandomColorDegeneration", RGB, factor=0.4, **UNIT, **LAST),
    plain("RandomColorDegeneration", "B 3 H W", factor=[0.3, 0.3], **UNIT, **FIRST),
    drawn("RandomColorJitter", RGB, brightness_factor=0.1, contrast_factor=0.2,
          saturation_factor=0.3, hue_factor=0.2, **UNIT, **LAST),
    drawn("RandomColorJitter", "B 3 H W", brightness_factor=0.1, contrast_factor=0.3,
          **UNIT, **FIRST),
    drawn("RandomErasing", RGB, **UNIT, **LAST),
    plain("RandomErasing", "B 2 H W", scale=[1.0, 1.0], fill_value=0.5, **FULL, **UNIT,
          **FIRST),
    drawn("RandomErasing", RGB, fill_value=[0.1, 0.2, 0.3], **UNIT, **LAST),
    drawn("RandomGaussianBlur", RGB, factor=0.5, **UNIT, **LAST),
    plain("RandomGaussianBlur", "B 2 H W", kernel_size=[5, 3], sigma=[0.7, 0.7], **FULL,
          **UNIT, **FIRST),
    drawn("MixUp", RGB, **LAST),
    drawn("CutMix", RGB, **LAST),
    drawn("CutMix", "B 2 H W", factor=0.5, **FIRST),
    drawn("RandAugment", "B 6 7 3", num_ops=1, factor=0.3, **UNIT, **LAST),
    drawn("AugMix", "B 6 7 3", num_chains=2, chain_depth=1, all_ops=False, **UNIT,
          **LAST),
    LayerRow("Equalization", {**UNIT, **LAST}, ("B H W 2",), range=(0.01, 0.99),
             gradients=False),
    LayerRow("Equalization", {"bins": 16, **UNIT, **FIRST}, ("B 2 H W",),
             range=(0.01, 0.99), gradients=False),
    LayerRow("ContrastLimitedAdaptiveHistogramEqualization", {**UNIT, **LAST},
             ("B H W 2",), range=(0.01, 0.99), gradients=False),
    LayerRow("ContrastLimitedAdaptiveHistogramEqualization",
             {"clip_limit": 0.0, "tile_grid_size": [2, 3], **UNIT, **FIRST},
             ("B 2 H W",), range=(0.01, 0.99), gradients=False),
    LayerRow("STFTSpectrogram", {"frame_length": 4, **LAST}, ("B T 2",),
             least={"T": 4}),
    *(
        row("STFTSpectrogram", "B 20 20", mode=mode, frame_length=6, **more)
        for mode, more in (
            ("magnitude", {"frame_step": 2, "window": "hamming", **LAST}),
            ("psd", {"padding": "same", "scaling": "spectrum", **LAST}),
            ("real", {"fft_length": 16, "scaling": None, **LAST}),
            ("imag", {"periodic": True, "expand_dims": True, **LAST}),
            ("stft", {"window": None, "expand_dims": True, **FIRST}),
        )
    ),
    # The angles of waves without an imaginary part jump.
    LayerRow("STFTSpectrogram", {"mode": "angle", "frame_length": 6, **FIRST},
             ("B 2 20",), gradients=False, peer=False, why="angles of noise differ"),
    row("MelSpectrogram", "B 90", fft_length=32, sequence_stride=16, num_mel_bins=3),
    row("MelSpectrogram", "B 90", fft_length=32, sequence_stride=7, num_mel_bins=4,
        sequence_length=20, window="hamming", sampling_rate=8000, min_freq=100.0,
        max_freq=3000.0, power_to_db=False, mag_exp=1.0),
    row("MelSpectrogram", "B 90", fft_length=32, num_mel_bins=2, sequence_stride=16,
        top_db=3.0, min_power=1e-3, ref_power=2.0),
    row("Pipeline", "B 4", layers=[
        {"class": "Rescaling", "config": {"scale": 2.0}},
        {"class": "Dense", "config": {"units": 3}},
    ]),
    *(
        LayerRow("IntegerLookup", {"vocabulary": [4, 1, 6], **config}, ("B N",), high=8,
                 gradients=False, peer=False, why="it needs TensorFlow")
        for config in (
            {}, {"num_oov_indices": 2, "mask_token": 0}, {"invert": True},
            {"output_mode": "multi_hot", "max_tokens": 6, "pad_to_max_tokens": True},
            {"output_mode": "count", "mask_token": 7},
            {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 2.0]},
        )
    ),
]  # fmt: skip
