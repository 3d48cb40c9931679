"""Metrics: running figures of a model, by Keras's names, arguments and numbers.

Each keeps its state in variables, so that updates are part of a compiled step. The
functions give one value for each sample. Each family file lists its metrics in
`__all__`; this page gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..graph.calling import told_with
from ..graph.initializers import snake_case
from ..graph.kinds import CALLS
from ..graph.types import TensorType
from . import (
    losses,
    metrics_accuracy,
    metrics_auc,
    metrics_confusion,
    metrics_means,
    metrics_overlap,
    metrics_scores,
)
from .configured import Kinds, deserialized, serialized, unknown
from .loss import Loss
from .losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from .metric import Metric
from .metrics_accuracy import *  # noqa: F403
from .metrics_auc import *  # noqa: F403
from .metrics_averages import Mean, MeanMetricWrapper, Sum
from .metrics_confusion import *  # noqa: F403
from .metrics_means import *  # noqa: F403
from .metrics_overlap import *  # noqa: F403
from .metrics_scores import *  # noqa: F403

FUNCTIONS = (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum"]
__all__ += [function.__name__ for function in FUNCTIONS]
__all__ += metrics_accuracy.__all__
__all__ += metrics_auc.__all__
__all__ += metrics_confusion.__all__
__all__ += metrics_means.__all__
__all__ += metrics_overlap.__all__
__all__ += metrics_scores.__all__

CLASSES: dict[str, type[Metric]] = {
    snake_case(name): globals()[name]
    for name in sorted(__all__)
    if isinstance(globals()[name], type) and name not in ("Metric", "MeanMetricWrapper")
}
__all__ += ["deserialize", "serialize"]
# For the language: functions of target and output, one value for each sample.
BY_NAME: dict[str, Callable[..., Any]] = {
    "accuracy": metrics_accuracy.accuracy,
    **{name: globals()[name] for name in __all__ if name in CLASSES},
}
ALIASES = {
    "acc": "accuracy",
    "bce": "binary_crossentropy",
    "ce": "crossentropy",
    "kld": "kl_divergence",
    "logcosh": "log_cosh_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "rmse": "root_mean_squared_error",
}
KINDS = Kinds(Metric, "metric", "metrics", CLASSES, ALIASES, BY_NAME)
BY_SHAPE = ("accuracy", "crossentropy")


def get(identifier: Any) -> Any:
    """The metric that a name, a configuration, a class or a callable means.

    Raises T0204 with the nearest name.

    >>> get("mse").name
    'mean_squared_error'
    """
    found = KINDS.get(identifier)
    if found is None or isinstance(found, Metric):
        return found
    name = (found.name,) if isinstance(found, Loss) else ()
    return MeanMetricWrapper(found, *name)


@told_with(CALLS)
def serialize(metric: Metric) -> dict[str, Any]:
    """Class and configuration, as JSON holds them.

    >>> serialize(get("auc"))["class_name"]
    'AUC'
    """
    found: dict[str, Any] = serialized(metric)
    return found


@told_with(CALLS)
def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """The metric that `serialize` described, with new state.

    `custom_objects` maps names of your own classes and functions to them. Raises T0204
    for a class or function that is not known.

    >>> deserialize({"class_name": "Precision", "config": {"top_k": 2}}).top_k
    2
    """
    custom = {"MeanMetricWrapper": MeanMetricWrapper, **(custom_objects or {})}
    if isinstance(config, Mapping) and config.get("class_name") == "MeanMetricWrapper":
        functions = {**losses.BY_NAME, **BY_NAME, **custom}
        name = str(config["config"].get("fn"))
        if name not in functions:
            unknown(name, "function of a metric", functions, "config")
        config = {**config, "config": {**config["config"], "fn": functions[name]}}
    return deserialized(config, custom, KINDS)


def by_shape(name: str, y_true: TensorType, y_pred: TensorType) -> Metric:
    """What `accuracy` or `crossentropy` means for a target and a prediction."""
    kind = ALIASES.get(name, name)
    if y_pred.rank < 2 or y_pred.shape[-1].value == 1:
        form = "binary"
    elif y_true.rank < y_pred.rank or y_true.shape[-1].value == 1:
        form = "sparse_categorical"
    else:
        form = "categorical"
    return CLASSES[f"{form}_{kind}"](name=name)
