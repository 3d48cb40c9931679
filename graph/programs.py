"""What compiles what comes again and again on values: ops, layers, gradients.

The backend enters itself here; whoever works without it lets it be imported when it is
needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .graph import Graph

compiler: Callable[[Graph], Any] | None = None
