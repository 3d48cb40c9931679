"""Names of Keras that Tulle does not have: the reason, or what takes their place."""

from __future__ import annotations

from collections.abc import Mapping

FOREIGN = "it holds a model of another framework"
HASHED = "its numbers are those of TensorFlow's own hash function of strings"
PICTURES = "pictures are read by others: `np.asarray(PIL.Image.open(path))`"
NETWORK = "nothing is fetched over a network"
FILES = "batches of files are a `PyDataset` or a generator of your own"

MISSING: Mapping[str, str] = {
    "layers.Hashing": HASHED,
    "layers.HashedCrossing": HASHED,
    "layers.FlaxLayer": FOREIGN,
    "layers.JaxLayer": FOREIGN,
    "layers.TFSMLayer": FOREIGN,
    "layers.TorchModuleWrapper": FOREIGN,
    "layers.MaxNumBoundingBoxes": "there are no bounding boxes",
    "callbacks.OrbaxCheckpoint": "it writes the files of JAX's own library",
    "callbacks.RemoteMonitor": "a training sends nothing over a network; "
    "`LambdaCallback` and `JSONLogger` hand figures to what does",
    "utils.FeatureSpace": "the layers of `layers` prepare each column",
    "utils.array_to_img": PICTURES,
    "utils.audio_dataset_from_directory": FILES,
    "utils.get_file": NETWORK,
    "utils.image_dataset_from_directory": FILES,
    "utils.img_to_array": PICTURES,
    "utils.load_img": PICTURES,
    "utils.model_to_dot": '`plot_model(model, "model.dot")` writes the DOT text',
    "utils.save_img": PICTURES,
    "utils.text_dataset_from_directory": FILES,
    "applications": f"no trained weights are there, for {NETWORK}",
    "datasets": f"no data are there, for {NETWORK}",
    "distribution": "a program runs on one device",
    "quantizers": "weights are not quantized to integers",
}


def reason(module: str, name: str) -> str | None:
    """Why a module of Tulle lacks a name of Keras; None for other names.

    >>> reason("tulle.layers", "Hashing")
    "its numbers are those of TensorFlow's own hash function of strings"
    """
    space = module.partition(".")[2]
    return MISSING.get(f"{space}.{name}" if space else name)
