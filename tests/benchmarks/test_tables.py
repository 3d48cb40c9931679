"""Figures of the benchmarks: how they are gathered, compared and shown."""

import pytest
import run
import tables
from measures import closure
from ops_cases import SIDES, expressions, groups
from turns import Failed, Options, Process, compare

QUICK = Options(threads=1, rounds=1, seconds=0.01, patience=120.0)

ROWS = {
    "mlp": {
        "tulle": {"us": 100.0},
        "jax": {"us": 200.0},
        "torch": {"us": 900.0},
        "keras fit": {"us": 50.0},
    },
    "vae": {"tulle": {"us": 400.0}, "jax": {"error": "ended"}, "torch": {"us": 200.0}},
}


def test_tulle_is_compared_with_the_best_peer_and_by_a_geometric_mean():
    head, _, mlp, vae, mean = tables.compared(
        ROWS, "us", tables.microseconds
    ).splitlines()
    assert head.split("|")[-2].strip() == "best peer / tulle"
    assert [line.split("|")[-2].strip() for line in (mlp, vae, mean)] == [
        "2.00",
        "0.50",
        "1.00",
    ]
    assert "failed" in vae


def test_fit_is_compared_with_fit():
    rows = {"tulle fit": {"us": 10.0}, **ROWS["mlp"]}
    assert tables.best_peer(rows, "us") == 200.0
    assert tables.best_peer(rows, "us", fit=True) == 50.0


def test_the_columns_of_a_table_line_up():
    text = tables.table(["", "µs"], [["a", "1"], ["long", "23456"]])
    assert text.splitlines() == [
        "|      |    µs |",
        "| ---- | ----: |",
        "| a    |     1 |",
        "| long | 23456 |",
    ]


def test_calls_of_ops_are_compared_by_groups():
    rows = {
        "8": {
            "add": {"tulle": 2.0, "keras": 4.0, "numpy": 1.0},
            "exp": {"tulle": 2.0, "keras": 1.0},
            "sort": {"tulle": 5.0, "numpy": 10.0},
        }
    }
    ((title, text),) = tables.calls(rows)
    assert "8×8" in title
    cells = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
        for line in text.splitlines()
    }
    assert cells[""] == ["keras / tulle", "numpy / tulle", "slower than Keras"]
    assert cells["elements"] == ["1.00", "0.50", "1 of 2"]
    assert cells["running sums, orders and sets"] == ["–", "2.00", "0 of 0"]
    assert cells["all"] == ["1.00", "1.00", "1 of 2"]


def test_each_call_of_an_op_has_a_group():
    for side in SIDES:
        names = {name for names in groups().values() for name in names}
        assert expressions("tulle", side).keys() <= names


def test_the_page_gets_the_tables_and_keeps_the_rest(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    about = {
        "date": "2026-01-02",
        "machine": "a machine",
        "threads": 2,
        "python": "3.11",
        "versions": {"jax": "0.10"},
    }
    results = {"imports": {"about": about, "rows": {"tulle": {"seconds": 0.25}}}}
    tables.write(results, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "2026-01-02; a machine, 2 threads, Python 3.11; jax 0.10." in text
    assert "| tulle | 0.25 |" in text
    eight = {"eight": {"about": about, "rows": ROWS}}
    tables.write(eight, page)
    assert "| tulle | 0.25 |" in page.read_text()  # a part that was not measured again
    results["imports"]["rows"]["tulle"]["seconds"] = 0.5
    tables.write(results, page)
    text = page.read_text()
    assert "0.25" not in text
    titles = [tables.PARTS[part][0] for part in ("eight", "imports")]
    assert [line[3:] for line in text.splitlines() if line[:3] == "## "] == titles


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"before": 1.0, "after": 0.5}, []),
        ({"before": 1.0, "after": 1.5}, ["jax did not learn mlp"]),
        ({"before": 1.0, "after": float("nan")}, ["jax did not learn mlp"]),
        ({"error": "ended"}, ["jax failed at mlp: ended"]),
    ],
)
def test_what_does_not_learn_is_a_fault(row, words):
    assert run.faults({"eight": {"rows": {"mlp": {"jax": row}}}}) == words


def test_losses_that_differ_are_a_fault():
    rows = {"mlp": {"agree": False}, "vae": {"agree": True}}
    (found,) = run.faults({"check": {"rows": rows}})
    assert "mlp" in found


def test_a_worker_measures_a_workload():
    row = compare("mlp", ["tulle"], QUICK)["tulle"]
    assert row["after"] < row["before"]
    assert len(row["new_shape"]) == 3
    assert row["peak"] >= row["import_memory"] > 0
    for key in ("us", "first", "latency_us", "bulk_us"):
        assert row[key] > 0.0


def test_a_worker_that_ends_is_told_of():
    process = Process("tulle", "no such workload", QUICK)
    try:
        with pytest.raises(Failed, match="ended"):
            process.read()
    finally:
        process.close()


def test_installed_sizes_follow_the_requirements():
    found = closure(["tulle"])
    assert {"tulle", "numpy", "networkx"} <= set(found)
    assert "jax" not in found
    assert all(size > 0 for size in found.values())
