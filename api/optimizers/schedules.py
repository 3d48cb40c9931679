"""Learning rates that change from step to step."""

from ..training import schedules as _schedules
from ..training.schedules import *  # noqa: F403 - the one list of schedules is there

__all__: list[str] = []
__all__ += _schedules.__all__
