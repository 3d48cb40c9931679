"""Model files with random changes: loading one gives a model or a diagnostic."""

import json
import random
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np

import tulle
from tulle import layers

SPECIAL = (0, 1, 127, 128, 255)
NUMBERS = (-1, 0, 1, 2**31, 2**40, 2**63, 1e308, None, True, "x", "", [], {}, [[]])


def model():
    """A small model with something of everything."""
    x = tulle.Input((4, 3), name="x")
    h = layers.Bidirectional(layers.GRU(2, return_sequences=True))(x)
    h = layers.BatchNormalization()(h * 0.5 + 1.0)
    h = layers.MultiHeadAttention(1, 2)(h, h)
    y = layers.Dense(2, activation="softmax", name="y")(h[:, 0])
    made = tulle.Model(x, y, name="small")
    made.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return made


def sources(folder: Path) -> dict[str, bytes]:
    """A good file of each kind."""
    made, found = model(), {}
    made.fit(np.ones((8, 4, 3)), np.eye(2)[np.arange(8) % 2], batch_size=3, verbose=0)
    for kind in ("keras", "tulle"):
        made.save(folder / f"good.{kind}")
        found[kind] = (folder / f"good.{kind}").read_bytes()
    for kind in ("weights.h5", "safetensors"):
        made.save_weights(folder / f"good.{kind}")
        found[kind] = (folder / f"good.{kind}").read_bytes()
    return found


def changed(source: bytes, kind: str, stream: random.Random) -> bytes:
    """A file with changes: of bytes, or of a part of the configuration."""
    if kind in ("keras", "tulle") and stream.random() < 0.6:
        return reconfigured(source, kind, stream)
    data = bytearray(source)
    for _ in range(stream.choice((1, 1, 2, 8))):
        place = stream.randrange(len(data))
        match stream.randrange(5):
            case 0:
                data[place] ^= 1 << stream.randrange(8)
            case 1:
                data[place] = stream.choice(SPECIAL)
            case 2:
                number = stream.choice((0, 2**31, 2**40, 2**64 - 1, len(data)))
                data[place : place + 8] = number.to_bytes(8, "little")
            case 3:
                del data[place : place + stream.choice((1, 8, 1000))]
            case 4:
                again = data[place : place + stream.choice((1, 16, 500))]
                data[place:place] = again
        if not data:
            return b""
    return bytes(data)


def reconfigured(source: bytes, kind: str, stream: random.Random) -> bytes:
    """An archive whose configuration is changed and whose checksums fit."""
    import io

    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    for _ in range(stream.choice((1, 1, 2, 4))):
        mutate(config, stream)
    content["config.json"] = json.dumps(config).encode()
    if kind == "tulle":
        names = ("config.json", "weights.safetensors")
        sums = {name: sha256(content[name]).hexdigest() for name in names}
        content["checksums.json"] = json.dumps(sums).encode()
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return result.getvalue()


def mutate(config, stream: random.Random) -> None:
    """Change, take away, double or move one part, at a random depth."""
    places = []
    stack = [config]
    while stack:
        item = stack.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item))
        for key in keys:
            places.append((item, key))
            if isinstance(item[key], (dict, list)):
                stack.append(item[key])
    if not places:
        return
    parent, key = stream.choice(places)
    match stream.randrange(4):
        case 0:
            parent[key] = stream.choice(NUMBERS)
        case 1:
            del parent[key]
        case 2:
            other, name = stream.choice(places)
            parent[key] = json.loads(json.dumps(other[name]))
        case 3:
            old = parent[key]
            if isinstance(old, (int, float)):
                parent[key] = stream.choice((-old, old + 1, old * 1000, str(old)))
            elif isinstance(old, list):
                parent[key] = old * 2
            else:
                parent[key] = [old]


def tried(kind: str, content: bytes, folder: Path) -> bool:
    """Whether a file loads; anything but a diagnostic comes out of here."""
    place = folder / f"tried.{kind}"
    place.write_bytes(content)
    try:
        if kind in ("keras", "tulle"):
            tulle.load_model(place)
        else:
            model().load_weights(place)
    except tulle.DataError:
        return False
    return True
