"""How much memory a process has had at most."""

from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """The high-water mark of the resident memory of this process."""
    if STATUS.exists():
        # Not `ru_maxrss`, which begins with that of the process before `exec`.
        lines = STATUS.read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
