"""Names of Keras that Tulle does not have: the reason, or what takes their place."""

from __future__ import annotations

from collections.abc import Mapping

FOREIGN = "it holds a model of another framework"
HASHED = "its numbers are those of TensorFlow's own hash function of strings"
PICTURES = "pictures are read by others: `np.asarray(PIL.Image.open(path))`"
NETWORK = "nothing is fetched over a network"
FILES = "batches of files are a `PyDataset` or a generator of your own"
QUANTIZED = "weights are not quantized to integers"
COMPLEX = "there are no complex dtypes; transforms take and give pairs of real tensors"
EIG = f"{COMPLEX}; `eigh` does symmetric matrices"
BYTES = "it looks at the same bytes under another dtype, which no rule can follow"
JVP = "it is `tulle.jvp`"
SCOPES = "`tulle.functional_call` and `model.stateless_call` compute with values given"
ATTENTION = "the compiler chooses how attention is computed"
SHORT_RUNS = "`fit` takes `epochs` and `steps_per_epoch`"
PAST = "it is Keras's own past; the names of today are there"

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
    "quantizers": QUANTIZED,
    "Quantizer": QUANTIZED,
    "Operation": "ops are functions here; a `Layer` of your own has `call`",
    "Function": "`Model(inputs, outputs)` is one, and `tulle.function` compiles code",
    "RematScope": "`tulle.remat(function)` computes its inner results twice",
    "StatelessScope": SCOPES,
    "SymbolicScope": SCOPES,
    "name_scope": "weights are named by the names of layers: `Dense(8, name='hidden')`",
    "distillation": "a model with `compute_loss` of its own learns from another one",
    "export": "`model.save(path)` keeps a model; no other formats serve it",
    "legacy": PAST,
    "optimizers.legacy": PAST,
    "preprocessing.image": "the layers `Random…` change pictures, `Rescaling` and "
    "`Resizing` fit them",
    "preprocessing.image_dataset_from_directory": FILES,
    "preprocessing.text_dataset_from_directory": FILES,
    "visualization": "pictures of data are drawn by others, such as Matplotlib",
    "wrappers": "there is nothing for scikit-learn; `fit` and `predict` take arrays",
    "config.disable_flash_attention": ATTENTION,
    "config.enable_flash_attention": ATTENTION,
    "config.is_flash_attention_enabled": ATTENTION,
    "config.enable_unsafe_deserialization": "files never hold code: give the classes "
    "and functions of your own as `custom_objects`",
    "config.is_nnx_enabled": "it is of another framework",
    "config.max_epochs": SHORT_RUNS,
    "config.max_steps_per_epoch": SHORT_RUNS,
    "config.set_max_epochs": SHORT_RUNS,
    "config.set_max_steps_per_epoch": SHORT_RUNS,
    "config.set_backend": "there is one backend, and `tulle.device` chooses where",
    "dtype_policies.AWQDTypePolicy": QUANTIZED,
    "dtype_policies.GPTQDTypePolicy": QUANTIZED,
    "dtype_policies.Int4DTypePolicy": QUANTIZED,
    "dtype_policies.QuantizedDTypePolicy": QUANTIZED,
    "dtype_policies.QuantizedFloat8DTypePolicy": QUANTIZED,
    "dtype_policies.DTypePolicyMap": "each layer takes a policy of its own as `dtype`",
    "saving.KerasFileEditor": "load the file, and `get_weights` and `set_weights`",
    "utils.Config": "a dictionary does",
    "utils.bounding_boxes": "there are no bounding boxes",
    "utils.get_source_inputs": "they are `model.inputs`",
    "utils.legacy": PAST,
    "ops.eig": EIG,
    "ops.view_as_complex": COMPLEX,
    "ops.view_as_real": COMPLEX,
    "ops.view": BYTES,
    "ops.jvp": JVP,
}


def reason(module: str, name: str) -> str | None:
    """Why a module of Tulle lacks a name of Keras; None for other names.

    >>> reason("tulle.layers", "Hashing")
    "its numbers are those of TensorFlow's own hash function of strings"
    """
    space = module.partition(".")[2]
    if space.startswith("ops."):  # their names stand in `ops` too
        space = "ops"
    return MISSING.get(f"{space}.{name}" if space else name)
