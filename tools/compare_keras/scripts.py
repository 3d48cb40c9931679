"""Runs the programs of tests/keras_scripts on Keras itself, with TensorFlow.

    python tools/compare_keras/scripts.py

It needs `keras` and `tensorflow`, which no extra installs. The tape, `function` and
`data` of TensorFlow stand for those of Tulle. It ends with 1 if a program fails.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "tests" / "keras_scripts"


def stand_in() -> None:
    """Let `import tulle` give Keras."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow

    keras.GradientTape = tensorflow.GradientTape
    keras.function, keras.data = tensorflow.function, tensorflow.data
    for name in [n for n in sys.modules if n.split(".")[0] == "keras"]:
        sys.modules["tulle" + name.removeprefix("keras")] = sys.modules[name]


def main(names: list[str]) -> int:
    stand_in()
    failed = 0
    for path in sorted(SCRIPTS.glob("*.py")):
        if names and path.stem not in names:
            continue
        try:
            runpy.run_path(str(path), run_name="__main__")
        except Exception:  # noqa: BLE001 - whatever it is, the next one runs too
            failed += 1
            print(f"{path.stem}:\n{traceback.format_exc(limit=-3)}")
        else:
            print(f"{path.stem}: as with Tulle")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
