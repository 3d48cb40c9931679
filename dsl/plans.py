"""`train` blocks."""
from dataclasses import dataclass
from typing import Any
@dataclass
class Training:
    model: Any
def plan(checker, item, model):
    return Training(model)
