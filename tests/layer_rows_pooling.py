"""Rows of the pooling layers."""

from layer_row import LayerRow, row

SPACE = {1: "B T 3", 2: "B H W 3", 3: "B D H W 3"}
FIXED = {1: "B 7 3", 2: "B 7 5 3", 3: "B 5 4 7 3"}
FIRST = {1: "B 3 T", 2: "B 3 H W", 3: "B 3 D H W"}
NAMES = "TDHW"


def pooling(name: str, rank: int) -> list[LayerRow]:
    """Windows that touch, that overlap, and that stand over the edge."""
    config = {} if name == "MaxPooling" else {"pool_size": 2}
    least = dict.fromkeys(NAMES, 2)
    kind, first = f"{name}{rank}D", "channels_first"
    mixed = [3, 2, 1][:rank]
    return [
        LayerRow(kind, config, (SPACE[rank],), least=least),
        LayerRow(kind, {"pool_size": 2, "strides": 3}, (SPACE[rank],), least=least),
        row(kind, SPACE[rank], pool_size=3, strides=2, padding="same"),
        row(kind, SPACE[rank], pool_size=2, strides=1, padding="SAME"),
        LayerRow(
            kind,
            {"pool_size": mixed, "strides": mixed[::-1]},
            (SPACE[rank],),
            least=dict.fromkeys(NAMES, 3),
        ),
        LayerRow(
            kind,
            {"pool_size": 2, "data_format": first},
            (FIRST[rank],),
            least=least,
        ),
        row(kind, FIRST[rank], pool_size=3, padding="same", data_format=first),
    ]


def adaptive(name: str, rank: int) -> list[LayerRow]:
    """Parts of equal and of unequal length, and more parts than elements."""
    kind, sizes = f"{name}{rank}D", [3, 2, 4][:rank]
    first = FIXED[rank].split()
    return [
        row(kind, FIXED[rank], output_size=2),
        row(kind, FIXED[rank], output_size=sizes),
        row(kind, FIXED[rank], output_size=1),
        row(kind, FIXED[rank], output_size=8),
        row(
            kind,
            " ".join((first[0], first[-1], *first[1:-1])),
            output_size=sizes,
            data_format="channels_first",
        ),
    ]


def whole(name: str, rank: int) -> list[LayerRow]:
    """All of space, with and without the axes that are summed up."""
    kind = f"{name}{rank}D"
    return [
        row(kind, SPACE[rank]),
        row(kind, SPACE[rank], keepdims=True),
        row(kind, FIRST[rank], data_format="channels_first", keepdims=True),
    ]


ROWS = [
    *(r for n in (1, 2, 3) for r in pooling("MaxPooling", n)),
    *(r for n in (1, 2, 3) for r in pooling("AveragePooling", n)),
    *(r for n in (1, 2, 3) for r in adaptive("AdaptiveAveragePooling", n)),
    *(r for n in (1, 2, 3) for r in adaptive("AdaptiveMaxPooling", n)),
    *(r for n in (1, 2, 3) for r in whole("GlobalAveragePooling", n)),
    *(r for n in (1, 2, 3) for r in whole("GlobalMaxPooling", n)),
    *(
        LayerRow(
            "GlobalAveragePooling1D",
            {"data_format": "channels_last", "keepdims": keepdims},
            ("B T 3",),
            masks=(0,),
        )
        for keepdims in (False, True)
    ),
]
