"""Write examples/digits.npz: images of hand-written digits, for the demo.

The data are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin
and C. Kaynak (UCI Machine Learning Repository, 1998, doi:10.24432/C50P49), licensed
under CC BY 4.0, as scikit-learn carries them: 1797 images of 8 x 8. Changed here: grey
values divided by 16, images flattened, divided into a training and a test part.

Run it with `pip install -e '.[data]' && python examples/make_digits.py`.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent / "digits.npz"
FIFTH = 5


def is_test(labels: np.ndarray) -> np.ndarray:
    """Every fifth image of each digit: the same split everywhere, without chance."""
    chosen = np.zeros(len(labels), dtype=bool)
    for digit in np.unique(labels):
        chosen[np.flatnonzero(labels == digit)[FIFTH - 1 :: FIFTH]] = True
    return chosen


def write_archive(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz file whose bytes depend on the arrays alone, not on the clock."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


def main() -> None:
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    labels = digits.target.astype(np.int32)
    test = is_test(labels)
    write_archive(
        TARGET,
        {
            "image": images[~test],
            "label": labels[~test],
            "test_image": images[test],
            "test_label": labels[test],
        },
    )
    print(f"{TARGET.name}: {(~test).sum()} images to train with, {test.sum()} to test")


if __name__ == "__main__":
    main()
