"""Where LLVM is not installed, NumPy alone runs what is compiled."""

import subprocess
import sys

WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "llvmlite":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
"""
CALLS = """
from tulle import layers, ops
x = ops.ones((40, 30))
layer = layers.Dense(2, "gelu")
for _ in range(15):
    found = ops.softmax(x)
    layer(x)
print(round(float(ops.sum(found))))
"""


def test_ops_and_layers_run_without_llvm_however_often_they_are_called():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + CALLS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "40\n"
