"""The workloads: what is computed, on which data. All sides get the same arrays."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A classifier trained with Adam at 0.001 on random batches, float32."""

    name: str
    sizes: tuple[int, ...]  # dense layers: inputs, hidden ones with relu, classes
    batch: int

    def batches(self, count: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
        """Different batches of rows and class numbers."""
        random = np.random.default_rng(0)
        wide, classes = self.sizes[0], self.sizes[-1]
        return [
            (
                random.random((self.batch, wide), np.float32),
                random.integers(0, classes, self.batch, np.int32),
            )
            for _ in range(count)
        ]


WORKLOADS = {
    workload.name: workload for workload in (Workload("mlp", (784, 32, 32, 10), 64),)
}
