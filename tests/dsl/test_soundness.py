"""What is accepted runs with the predicted shapes; what is refused fails for a size.

Programs are made at random over a free length `T`. The same program with a number for
`T` is run, and tells what the check of all lengths at once had to say. A length at
which a window does not fit any more is refused by itself, and not by the whole.
"""

import random

import numpy as np
import pytest

from tulle.dsl import check, loads
from tulle.graph.diagnostics import Source, TulleError

LENGTHS = range(6, 19)
STAGES = (
    lambda r: f"Conv1D({r.choice((2, 4))}, {r.randint(1, 3)})",
    lambda r: f'Conv1D(4, {r.randint(1, 3)}, strides = 2, padding = "same")',
    lambda r: f"MaxPooling1D({r.randint(2, 3)})",
    lambda r: f"UpSampling1D({r.randint(2, 3)})",
    lambda r: f"Conv1DTranspose(4, {r.randint(2, 3)}, strides = 2)",
    lambda r: f"ZeroPadding1D({r.randint(1, 2)})",
    lambda r: f"Cropping1D({r.randint(1, 2)})",
    lambda r: "Dense(4)",
)


def statement(r, count):
    """The next value, made of those before it."""
    one, two = r.randint(max(0, count - 2), count - 1), r.randint(0, count - 1)
    return r.choice(
        (
            f"h{one} |> {r.choice(STAGES)(r)}",
            f"h{one} |> {r.choice(STAGES)(r)}",
            f"h{one}[:, {r.randint(1, 2)}:]",
            f"h{one}[:, :-{r.randint(1, 2)}]",
            f"h{one}[:, ::2]",
            f"h{one} + h{two}",
            f"concatenate([h{one}, h{two}], axis = {r.choice((1, 2))})",
        )
    )


SMALL = "too small"


def program(seed, declared, result):
    r = random.Random(seed)
    count = r.randint(2, 5)
    lines = [f"  let h{i} = {statement(r, i)}" for i in range(1, count)]
    lines = ["  let h0 = x", *lines, f"  return h{count - 1}"]
    head = f"net 1\ndim B\n{declared}\n"
    body = "\n".join(lines)
    return f"{head}model M(x: f32[B, T, 4]) -> {result} {{\n{body}\n}}"


NO_ROOM = ("T0320", "T0308", "T0204")  # a window or a cut that leaves nothing


def predicted(seed, declared):
    """The type of the result, or None if the program is refused; `SMALL` if T is."""
    text = program(seed, declared, "f32[B, 1, 1]")
    faults = [d for d in check(Source("a.net", text)) if d.severity == "error"]
    told = [d for d in faults if d.code == "T0309" and "the result of" in d.message]
    if len(faults) == len(told):
        # The declaration is wrong on purpose, and the refusal says what is right.
        return told[0].message.split(" is ")[1].split(" and declared")[0]
    return SMALL if all(fault.code in NO_ROOM for fault in faults) else None


SEEDS = range(150)


@pytest.mark.parametrize("start", SEEDS[::25])
def test_all_lengths_at_once_say_what_each_says(start):
    accepted = 0
    for seed in range(start, start + 25):
        bounds = f"dim T in {LENGTHS[0]}..{LENGTHS[-1]}"
        whole = predicted(seed, bounds)
        each = {n: predicted(seed, f"dim T = {n}") for n in LENGTHS}
        if whole is None:
            assert None in each.values(), program(seed, bounds, "?")
            continue
        accepted += 1
        assert None not in each.values(), program(seed, bounds, "?")
        text = program(seed, bounds, whole)
        if [fault.code for fault in check(Source("a.net", text))] == ["T0308"]:
            # What is declared may be no size, and that is told.
            assert SMALL in each.values(), text
            continue
        model = loads(text).M
        (length,) = (dim for dim in model.output_types[0].shape[1:2])
        symbol = next(iter(model.input_types[0].shape[1].symbols()))
        for n in (n for n in (6, 9, 18) if each[n] != SMALL):
            found = model(np.zeros((2, n, 4), "float32")).shape
            assert found[1] == length.evaluate({symbol: n})
            assert f"f32[B, {found[1]}, {found[2]}]" == each[n]
    assert accepted > 3


def test_a_refusal_tells_a_size_for_which_it_fails():
    text = program(0, "dim T in 6..18", "f32[B, T, 4]")
    text = text[: text.index("  let h0")] + "  return x + x[:, 1:]\n}"
    (fault,) = check(Source("a.net", text))
    assert "for T = 6 they are 6 and 5" in fault.notes
    with pytest.raises(TulleError):
        loads(text.replace("dim T in 6..18", "dim T = 6"))
