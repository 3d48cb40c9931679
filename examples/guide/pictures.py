"""Pictures of ten signs, 28 x 28, drawn at random: the same ones for a seed."""

import numpy as np

SIDE, CLASSES, SIGNS = 28, 10, 2020
CHUNK = 2000  # pictures drawn at once


def signs() -> np.ndarray:
    """Three strokes for each class, [classes, strokes, two ends, two coordinates]."""
    random = np.random.default_rng(SIGNS)
    ends = random.uniform(6.0, 22.0, (CLASSES, 4, 2))
    return np.stack([ends[:, :-1], ends[:, 1:]], axis=2)


def drawn(strokes: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Grey values of strokes [n, strokes, 2, 2] of a width [n], as [n, side, side]."""
    axis = np.arange(SIDE, dtype="float32")
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    start, along = strokes[:, :, 0], strokes[:, :, 1] - strokes[:, :, 0]
    length = np.maximum((along**2).sum(-1), 1e-6)
    darkest = np.zeros((len(strokes), SIDE, SIDE), "float32")
    for index in range(strokes.shape[1]):
        away = grid - start[:, index, None, None]
        direction = along[:, index, None, None]
        place = (away * direction).sum(-1) / length[:, index, None, None]
        place = np.clip(place, 0.0, 1.0)[..., None]
        distance = np.sqrt(((away - place * direction) ** 2).sum(-1))
        ink = np.clip(1.5 - distance / width[:, None, None], 0.0, 1.0)
        np.maximum(darkest, ink, out=darkest)
    return darkest


def pictures(count: int = 60_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures f32[count, 784], values from 0 to 1, and their classes i32[count]."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count).astype("int32")
    images = np.empty((count, SIDE * SIDE), "float32")
    for start in range(0, count, CHUNK):
        chosen = labels[start : start + CHUNK]
        shift = random.normal(0.0, 1.5, (len(chosen), 1, 1, 2))
        bend = random.normal(0.0, 1.4, (len(chosen), 3, 2, 2))
        width = random.uniform(0.9, 1.7, len(chosen)).astype("float32")
        strokes = (signs()[chosen] + shift + bend).astype("float32")
        images[start : start + CHUNK] = drawn(strokes, width).reshape(len(chosen), -1)
    return images, labels
