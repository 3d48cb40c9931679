"""Build graphs with the real cuDNN for cards that are not there; run as a script.

cuDNN plans for a card that is described to it, and compiles what it runs there. Only
the driver's library must be there to load it: where it is not, one stands in that takes
all and runs nothing. Prints, as JSON, what became of each operation on each card.
"""

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cuda_host
from convolution_geometries import CASES, PARTS, node_and_arrays

from tulle.backend.gpu.cudnn import Front, Planned
from tulle.backend.gpu.cudnn_attention import BACKWARD, FORWARD, Attention
from tulle.backend.gpu.cudnn_convolution import Correlation
from tulle.backend.gpu.windows import windows_of
from tulle.graph.dim import Symbol

SIZES: dict[Symbol, int] = {}
USUAL = {
    "query": (2, 65, 4, 32), "key": (2, 65, 4, 32), "value": (2, 65, 4, 32),
    "scale": 0.25, "is_causal": False,
}  # fmt: skip
ATTENTION = {
    "plain": {},
    "causal": {"is_causal": True},
    "other keys": {
        "key": (2, 37, 4, 32), "value": (2, 37, 4, 32), "is_causal": True,
    },
    "shared keys": {"key": (2, 65, 2, 32), "value": (2, 65, 2, 32)},
    "values of another size": {"value": (2, 65, 4, 40)},
    "wide heads": {
        "query": (1, 65, 2, 128), "key": (1, 65, 2, 128), "value": (1, 65, 2, 128),
    },
}  # fmt: skip
# Functions of the driver that find no card, that give a handle, and that do nothing.
ABSENT = "cuInit cuGetProcAddress_v2".split()
GIVING = """
    cuLibraryLoadData cuLibraryLoadFromFile cuLibraryGetKernel cuKernelGetFunction
    cuModuleLoadData cuModuleGetFunction
""".split()
IDLE = """
    cuGetErrorString cuGetErrorName cuModuleUnload cuLibraryUnload cuCtxGetCurrent
    cuCtxGetDevice cuCtxGetLimit cuCtxPopCurrent cuCtxPushCurrent cuStreamGetCtx
    cuDeviceGet cuDeviceGetCount cuGetExportTable cuKernelGetAttribute
    cuKernelSetAttribute cuLaunchCooperativeKernel cuLaunchKernel cuLaunchKernelEx
    cuLinkAddData cuLinkComplete cuLinkCreate cuLinkDestroy
    cuOccupancyMaxPotentialClusterSize cuTensorMapEncodeIm2col cuTensorMapEncodeTiled
    cuThreadExchangeStreamCaptureMode
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
        lines = [
            "int cuDriverGetVersion(int *found) { *found = 13000; return 0; }",
            *(f"int {name}() {{ return 100; }}" for name in ABSENT),
            *(f"int {n}(void **made) {{ *made = made; return 0; }}" for n in GIVING),
            *(f"int {name}() {{ return 0; }}" for name in IDLE),
        ]
        text = "".join(f'extern "C" {line}\n' for line in lines)
        (folder / "driver.cpp").write_text(text)
        made = folder / "libcuda.so.1"
        flags = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
        command = [cuda_host.COMPILER, *flags, folder / "driver.cpp", "-o", made]
        subprocess.run(command, check=True)
        ctypes.CDLL(str(made), ctypes.RTLD_GLOBAL)


def operations():
    """What plans are asked for, by name."""
    for kind in ("f32", "f16", "bf16"):
        for case in CASES:
            for name in PARTS:
                node, *_ = node_and_arrays(name, case, kind, 3)
                windows = windows_of(node, SIZES)
                kernel = CASES[case][3]
                operation = Correlation(name, kind, windows, kernel)
                yield f"{name}, {case}, {kind}", operation
    for case, options in ATTENTION.items():
        for kind in ("f16", "bf16"):
            for name in (FORWARD, BACKWARD):
                given = {**USUAL, **options}
                yield f"{name}, {case}, {kind}", Attention(name, kind, **given)


def outcome(front, place, operation, exact):
    """The engine and its workspace, or why there is none."""
    try:
        plan = Planned(front, operation, place, exact)
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
        place = {"device_property": card, "sm_version": more["deviceVer"] // 10}
        for name, operation in operations():
            for exact in (True, False) if ", f32" in name else (True,):
                label = f"{sm}, {name}, {'exact' if exact else 'TF32'}"
                found[label] = outcome(front, place, operation, exact)
    versions = [cudnn.__version__, cudnn.backend_version_string()]
    json.dump({"versions": versions, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
