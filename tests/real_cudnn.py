"""Build graphs with the real cuDNN for cards that are not there; run as a script.

cuDNN plans for a card that is described to it. Only the driver's library must be there,
so that its engines can be loaded: where it is not, one stands in that can do nothing.
Prints, as JSON, what became of each operation on each card.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cuda_host
from convolution_cases import CASES, PARTS, node_and_arrays

from tulle.backend.gpu.cudnn import Front, Planned
from tulle.backend.gpu.cudnn_convolution import Correlation
from tulle.backend.gpu.windows import windows_of
from tulle.graph.dim import Symbol

SIZES: dict[Symbol, int] = {}
DRIVER = """
    cuGetErrorString cuModuleGetFunction cuModuleLoadData cuModuleUnload
    cuTensorMapEncodeIm2col cuTensorMapEncodeTiled
""".split()
CARD = {
    "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
    "driverVer": 13000, "regsPerBlock": 65536, "warpSize": 32, "smCountOrigin": 0,
    "maxSharedMemoryPerBlock": 49152, "oversizedSharedMemoryPerBlock": 0,
    "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
    "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
    "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1,
    "totalGlobalMem": 80 << 30, "memoryBusWidth": 5120, "cudaDeviceId": 0,
}  # fmt: skip
CARDS = {
    "sm_80": {
        "deviceVer": 800, "deviceName": "NVIDIA A100", "multiProcessorCount": 108,
        "smClockRateKHz": 1410000, "memClockRateKHz": 1215000,
        "l2CacheSize": 41943040, "maxSharedMemoryPerBlockOptin": 166912,
    },
    "sm_90": {
        "deviceVer": 900, "deviceName": "NVIDIA H100", "multiProcessorCount": 132,
        "smClockRateKHz": 1980000, "memClockRateKHz": 2619000,
        "l2CacheSize": 52428800, "maxSharedMemoryPerBlockOptin": 232448,
    },
}  # fmt: skip


def load_driver():
    """Have `libcuda.so.1` be there."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        folder = Path(tempfile.mkdtemp())
        text = "".join(
            f'extern "C" int {name}() {{ return 100; }}\n' for name in DRIVER
        )
        (folder / "driver.cpp").write_text(text)
        made = folder / "libcuda.so.1"
        flags = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        command = [cuda_host.COMPILER, *flags, folder / "driver.cpp", "-o", made]
        subprocess.run(command, check=True)
        ctypes.CDLL(str(made), ctypes.RTLD_GLOBAL)


def operations():
    """What plans are asked for, by name; None where cuDNN is not to be asked."""
    for kind in ("f32", "f16", "bf16"):
        for case in CASES:
            for name in PARTS:
                node, *_ = node_and_arrays(name, case, kind, 3)
                windows = windows_of(node, SIZES)
                kernel = CASES[case][3]
                operation = Correlation(name, kind, windows, kernel)
                yield f"{name}, {case}, {kind}", operation


def outcome(front, card, operation, exact):
    """The engine and its workspace, or why there is none."""
    try:
        plan = Planned(front, operation, {"device_property": card}, exact)
    except front.refusals as error:
        return {"refused": str(error)}
    found = {"engine": plan.engine, "workspace": plan.workspace}
    places = [4096 * (number + 1) for number in range(len(plan.uids))]
    for count in (len(places), len(places) - 1):
        uids = plan.uids[:count]
        try:
            plan.graph.execute(places[:count], 1 << 20, None, tensor_uids=uids)
        except (RuntimeError, ValueError) as error:
            found[f"with {count - len(places)}"] = str(error)
    return found


def main():
    load_driver()
    import cudnn

    front, found = Front(None, cudnn), {}
    for sm, more in CARDS.items():
        card = cudnn.create_device_properties(json.dumps(CARD | more))
        for name, operation in operations():
            for exact in (True, False):
                label = f"{sm}, {name}, {'exact' if exact else 'TF32'}"
                found[label] = outcome(front, card, operation, exact)
    versions = [cudnn.__version__, cudnn.backend_version_string()]
    json.dump({"versions": versions, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
