"""Trains an example as its text says: `python examples/run.py lenet`.

With `--data lenet.npz` the arrays are written instead, for
`tulle train examples/lenet.net --data lenet.npz -o lenet.tulle`.
"""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

import tulle

HERE = Path(__file__).resolve().parent


def train(name: str, verbose: int = 1) -> tuple[tulle.Model, dict[str, float]]:
    """The model of `name`.net trained on the arrays of `name`.py; its last figures."""
    data = import_module(name).arrays()
    tulle.utils.set_random_seed(7)  # weights draw their seeds when a text is loaded
    (plan,) = tulle.load(HERE / f"{name}.net").trainings.values()
    model = plan.model
    model.compile(**plan.compile_arguments)
    x = {key: data[key] for key in model.input_names}
    history = model.fit(x, plan.y(data), verbose=verbose, **plan.fit_arguments).history
    return model, {key: values[-1] for key, values in history.items()}


def main() -> None:
    name, *rest = sys.argv[1:] or ["lenet"]
    if rest[:1] == ["--data"]:
        np.savez_compressed(rest[1], **import_module(name).arrays())
    else:
        print(train(name)[1])


if __name__ == "__main__":
    main()
