"""Metrics beside Keras's: results after each update, state, settings, reset.

Each case is one random configuration that sees several batches, with and without
sample weights, and in a compiled function as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

import tulle

Array = np.ndarray[Any, Any]
Random = np.random.Generator
Case = tuple[str, Callable[[], list[str]]]
Batch = tuple[Any, ...]
Config = dict[str, Any]


def cases(random: Random, count: int) -> Iterator[Case]:
    """`count` labels, each with a function that says where Tulle and Keras disagree."""
    for index in range(count):
        name, make = KINDS[index % len(KINDS)]
        config, draw = make(random, name)
        weighted = bool(random.integers(2))
        batches = [draw(weighted and k != 1) for k in range(3)]
        yield f"{name} {config}", lambda n=name, c=config, b=batches: compare(n, c, b)


def compare(name: str, config: Config, batches: list[Batch]) -> list[str]:
    """In words, where one configuration differs on some batches."""
    kinds = [getattr(module.metrics, name) for module in (tulle, keras)]
    one, two = (kind(**config) for kind in kinds)
    found = defaults(*kinds) + configurations(one, two)
    compiled = kinds[0](**config)
    update = tulle.function(lambda *batch: compiled.update_state(*batch))
    for step, batch in enumerate(batches):
        one.update_state(*batch)
        two.update_state(*batch)
        update(*batch)
        want = np.asarray(two.result())
        found += differences(f"result {step}", one.result(), want)
        found += differences(f"compiled result {step}", compiled.result(), want)
    found += states(one, two)
    one.reset_state()
    two.reset_state()
    return found + states(one, two)


def states(one: Any, two: Any) -> list[str]:
    """In words, how the variables differ, by name, shape, dtype and value."""
    found = []
    shown = [
        [(v.name, tuple(v.shape), str(v.dtype)) for v in metric.variables]
        for metric in (one, two)
    ]
    if shown[0] != shown[1]:
        return [f"variables {shown[0]}, Keras {shown[1]}"]
    for ours, theirs in zip(one.variables, two.variables, strict=True):
        if ours.name == "num_samples":  # Keras counts the elements, not the rows
            continue
        found += differences(ours.name, ours.numpy(), np.asarray(theirs))
    return found


def configurations(one: Any, two: Any) -> list[str]:
    """In words, how `get_config` differs; Keras's counter of names is left out."""
    ours, theirs = one.get_config(), two.get_config()
    if not theirs["name"].startswith(ours["name"]):
        return [f"name {ours['name']}, Keras {theirs['name']}"]
    return [
        f"config {key}: {ours.get(key)!r}, Keras {value!r}"
        for key, value in theirs.items()
        if key != "name" and not same_setting(ours.get(key), value)
    ]


def same_setting(one: Any, two: Any) -> bool:
    """Whether two settings are the same, lists and arrays alike."""
    if one is None or two is None or isinstance(two, (str, bool)):
        return one == two or (isinstance(one, bool) and one == two)
    return np.allclose(np.asarray(one, float), np.asarray(two, float))


def defaults(ours: Any, theirs: Any) -> list[str]:
    """In words, how the arguments of two classes differ."""
    one, two = (
        [(p.name, p.default) for p in inspect.signature(kind).parameters.values()]
        for kind in (ours, theirs)
    )
    return [] if one == two else [f"signature {one}, Keras {two}"]


def differences(what: str, ours: Any, theirs: Any) -> list[str]:
    """In words, how an array is not the one wanted."""
    found, want = np.asarray(ours), np.asarray(theirs)
    if found.shape != want.shape:
        return [f"{what}: shape {found.shape}, Keras {want.shape}"]
    bad = ~np.isclose(found, want, 1e-4, 1e-5, equal_nan=True)
    if not bad.any():
        return []
    place = tuple(int(i[0]) for i in np.nonzero(bad)) if found.ndim else ()
    told = f"{found[place]:.7g}, Keras {want[place]:.7g}"
    return [f"{what}: {int(bad.sum())} of {bad.size} differ, at {place} {told}"]


# Settings and batches.


def pick(random: Random, *choices: Any) -> Any:
    return choices[int(random.integers(len(choices)))]


def floats(random: Random, shape: tuple[int, ...], kind: str = "unit") -> Array:
    """Numbers from 0 to 1, some of them round; or logits."""
    if kind == "logits":
        return random.normal(size=shape).astype("float32")
    values = random.uniform(size=shape)
    if random.integers(2):
        values = np.round(values, int(random.integers(1, 3)))
    return values.astype("float32")


def weights_for(random: Random, shape: tuple[int, ...], whole: bool = False) -> Array:
    """Weights for the first axes, sometimes with a last axis of size 1."""
    rank = int(random.integers(1, len(shape) + 1))
    if rank == len(shape) > 1 and random.integers(2):
        shape = (*shape[:-1], 1)
    if whole:
        return random.integers(0, 4, shape[:rank]).astype("int32")
    return random.uniform(size=shape[:rank]).astype("float32")


def averaged(random: Random, name: str) -> tuple[Config, Any]:
    """`Mean` and `Sum` of values of any rank."""
    rank = int(random.integers(1, 4))

    def draw(weighted: bool) -> Batch:
        shape = tuple(random.integers(1, 6, rank))
        values = random.normal(size=shape).astype("float32")
        return (values, weights_for(random, shape)) if weighted else (values,)

    return {}, draw


def paired(random: Random, name: str) -> tuple[Config, Any]:
    """Means of functions of target and prediction of one shape."""
    config: Config = {}
    arguments = inspect.signature(getattr(keras.metrics, name)).parameters
    if "from_logits" in arguments:
        config["from_logits"] = pick(random, True, False)
    if "label_smoothing" in arguments:
        config["label_smoothing"] = pick(random, 0, 0.1, 0.3)
    if "threshold" in arguments:
        config["threshold"] = pick(random, 0.5, 0.3, 0.8)
    if "k" in arguments:
        config["k"] = pick(random, 1, 2, 3)
    rank, classes = int(random.integers(2, 4)), int(random.integers(3, 6))
    if "axis" in arguments:
        config["axis"] = pick(random, -1, rank - 1)
    categorical = "Categorical" in name and name != "CategoricalHinge"

    def draw(weighted: bool) -> Batch:
        shape = (*random.integers(1, 6, rank - 1), classes)
        kind = "logits" if config.get("from_logits") else "unit"
        y_pred = floats(random, shape, kind)
        y_true = floats(random, shape)
        if categorical or name == "CategoricalHinge":
            y_true = np.eye(classes, dtype="float32")[
                random.integers(0, classes, shape[:-1])
            ]
        elif name in ("BinaryAccuracy", "BinaryCrossentropy", "Accuracy"):
            y_true = np.round(y_true)
        if name == "Accuracy":
            y_pred = np.round(y_pred)
        more = (weights_for(random, shape[:-1]),) if weighted else ()
        return (y_true, y_pred, *more)

    return config, draw


def columns(random: Random, name: str) -> tuple[Config, Any]:
    """Targets and predictions that differ by a last axis of size 1."""
    config: Config = {}
    which = bool(random.integers(2))

    def draw(weighted: bool) -> Batch:
        size = int(random.integers(2, 6))
        pair = [np.round(floats(random, (size,))), floats(random, (size, 1))]
        y_true, y_pred = pair if which else (pair[0][:, None], pair[1][:, 0])
        more = (random.uniform(size=size).astype("float32"),) if weighted else ()
        return (y_true, y_pred, *more)

    return config, draw


def numbered(random: Random, name: str) -> tuple[Config, Any]:
    """Means of functions of class numbers and scores."""
    config: Config = {}
    if name == "SparseTopKCategoricalAccuracy":
        config = {
            "k": pick(random, 1, 2, 3),
            "from_sorted_ids": pick(random, True, False),
        }
    elif name == "SparseCategoricalCrossentropy":
        config["from_logits"] = pick(random, True, False)
        config["ignore_class"] = pick(random, None, 0, -1)
    rank, classes = int(random.integers(2, 4)), int(random.integers(3, 6))
    column = bool(random.integers(2))

    def draw(weighted: bool) -> Batch:
        shape = (*random.integers(2, 6, rank - 1), classes)
        y_pred = floats(
            random, shape, "logits" if config.get("from_logits") else "unit"
        )
        y_true = random.integers(0, classes, shape[:-1]).astype("int32")
        if config.get("ignore_class") == -1:
            y_true[0] = -1
        if config.get("from_sorted_ids"):
            y_pred = np.argsort(random.uniform(size=shape), -1).astype("float32")
        if column:
            y_true = y_true[..., None]
        more = (weights_for(random, shape[:-1]),) if weighted else ()
        if weighted and config.get("ignore_class") is not None:
            # Keras takes weights of the labels' rank alone here.
            more = (random.uniform(size=shape[:-1]).astype("float32"),)
        return (y_true, y_pred, *more)

    return config, draw


def decided(random: Random, name: str) -> tuple[Config, Any]:
    """Decisions at thresholds."""
    arguments = inspect.signature(getattr(keras.metrics, name)).parameters
    config: Config = {}
    classes = int(random.integers(2, 6))
    by_class = bool(random.integers(2))
    if "thresholds" in arguments:
        several = np.round(random.uniform(size=int(random.integers(1, 6))), 2).tolist()
        even = np.linspace(0, 1, int(random.integers(2, 7))).tolist()
        config["thresholds"] = pick(random, None, 0.3, several, even)
    for argument in ("specificity", "sensitivity", "recall", "precision"):
        if argument in arguments:
            config[argument] = round(float(random.uniform()), 2)
            config["num_thresholds"] = pick(random, 1, 2, 5, 200)
    if "top_k" in arguments and by_class:
        config["top_k"] = pick(random, None, 1, 2)
    if "class_id" in arguments and by_class:
        config["class_id"] = pick(random, None, 0, classes - 1)

    def draw(weighted: bool) -> Batch:
        batch = int(random.integers(1, 9))
        shape = (batch, classes) if by_class else pick(random, (batch,), (batch, 1))
        y_true = random.integers(0, 2, shape).astype(pick(random, "float32", "int32"))
        y_pred = floats(random, shape) * np.float32(1.2) - np.float32(0.1)
        if not weighted:
            return y_true, y_pred
        full = by_class and config.get("class_id") is None and random.integers(2)
        return (
            y_true,
            y_pred,
            random.uniform(size=shape if full else batch).astype("float32"),
        )

    return config, draw


def area(random: Random, name: str) -> tuple[Config, Any]:
    """AUC, all its arguments."""
    config: Config = {
        "curve": pick(random, "ROC", "PR", "PRGAIN", "pr"),
        "summation_method": pick(random, "interpolation", "majoring", "minoring"),
        "multi_label": bool(random.integers(2)),
        "from_logits": pick(random, False, False, True),
    }
    labels = int(random.integers(2, 5))
    if random.integers(2):
        config["num_thresholds"] = pick(random, 2, 3, 7, 50)
    elif random.integers(2):
        given = random.uniform(size=int(random.integers(1, 6)))
        config["thresholds"] = pick(
            random, np.round(given, 2).tolist(), [0.25, 0.5, 0.75]
        )
    if config["multi_label"] and random.integers(2):
        config["num_labels"] = labels
    if random.integers(2):
        config["label_weights"] = random.uniform(size=labels).round(2).tolist()

    def draw(weighted: bool) -> Batch:
        shape = (int(random.integers(2, 9)), labels)
        y_true = random.integers(0, 2, shape).astype("float32")
        y_pred = floats(random, shape, "logits" if config["from_logits"] else "unit")
        more = (random.uniform(size=shape[0]).astype("float32"),) if weighted else ()
        return (y_true, y_pred, *more)

    return config, draw


def overlapping(random: Random, name: str) -> tuple[Config, Any]:
    """Intersection over union."""
    classes = 2 if name == "BinaryIoU" else int(random.integers(2, 6))
    ids = random.permutation(classes)[: int(random.integers(1, classes + 1))]
    choices: dict[str, Any] = {
        "dtype": pick(random, None, None, "float32"),
        "num_classes": classes,
        "target_class_ids": ids.tolist(),
        "threshold": pick(random, 0.5, 0.3),
        "ignore_class": pick(random, None, 0, -1, 255),
        "sparse_y_true": bool(random.integers(2)),
        "sparse_y_pred": bool(random.integers(2)),
    }
    arguments = inspect.signature(getattr(keras.metrics, name)).parameters
    config = {key: value for key, value in choices.items() if key in arguments}
    sparse = {"sparse_y_true": "OneHot" not in name, "sparse_y_pred": True, **config}

    def side(argument: str, shape: tuple[int, ...]) -> Array:
        if name == "BinaryIoU" and argument == "sparse_y_pred":
            return floats(random, shape)
        if sparse[argument]:
            top = classes + (classes > 2 and not random.integers(3))
            return random.integers(0, top, shape).astype("int32")
        return floats(random, (*shape, classes))

    def draw(weighted: bool) -> Batch:
        shape = tuple(random.integers(1, 6, int(random.integers(1, 4))))
        batch = (side("sparse_y_true", shape), side("sparse_y_pred", shape))
        if not weighted:
            return batch
        kind = "int32" if config["dtype"] is None else "float32"
        return (*batch, random.uniform(0, 4, shape).astype(kind))

    return config, draw


def scored(random: Random, name: str) -> tuple[Config, Any]:
    """F-scores and R2."""
    columns = int(random.integers(1, 5))
    if name == "R2Score":
        config: Config = {
            "class_aggregation": pick(
                random, None, "uniform_average", "variance_weighted_average"
            ),
            # With several columns Keras takes elements for samples here.
            "num_regressors": pick(random, 0, 1, 2, 50) if columns == 1 else 0,
        }
    else:
        config = {
            "average": pick(random, None, "micro", "macro", "weighted"),
            "threshold": pick(random, None, 0.5, 0.3),
        }
        if name == "FBetaScore":
            config["beta"] = pick(random, 0.5, 1.0, 2.0)

    def draw(weighted: bool) -> Batch:
        shape = (int(random.integers(3, 9)), columns)
        if name == "R2Score":
            y_true = random.normal(size=shape).astype("float32")
            y_pred = y_true + random.normal(size=shape).astype("float32")
        else:
            y_true = random.integers(0, 2, shape).astype("float32")
            y_pred = floats(random, shape)
        more = (random.uniform(size=shape[0]).astype("float32"),) if weighted else ()
        return (y_true, y_pred, *more)

    return config, draw


KINDS: list[tuple[str, Any]] = [
    *((name, averaged) for name in ("Mean", "Sum")),
    *(
        (name, paired)
        for name in (
            "Accuracy BinaryAccuracy CategoricalAccuracy TopKCategoricalAccuracy "
            "MeanSquaredError RootMeanSquaredError MeanAbsoluteError "
            "MeanAbsolutePercentageError MeanSquaredLogarithmicError LogCoshError "
            "CosineSimilarity Hinge SquaredHinge CategoricalHinge KLDivergence Poisson "
            "BinaryCrossentropy CategoricalCrossentropy PearsonCorrelation "
            "ConcordanceCorrelation"
        ).split()
    ),
    *(
        (name, columns)
        for name in "MeanSquaredError BinaryAccuracy RootMeanSquaredError".split()
    ),
    *(
        (name, numbered)
        for name in (
            "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
            "SparseCategoricalCrossentropy"
        ).split()
    ),
    *(
        (name, decided)
        for name in (
            "TruePositives FalsePositives TrueNegatives FalseNegatives Precision "
            "Recall SensitivityAtSpecificity SpecificityAtSensitivity "
            "PrecisionAtRecall RecallAtPrecision"
        ).split()
    ),
    *(("AUC", area) for _ in range(4)),
    *(
        (name, overlapping)
        for name in "IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU".split()
    ),
    *((name, scored) for name in "F1Score FBetaScore R2Score".split()),
]
