"""The workloads of the benchmarks on Tulle alone: they build, learn and predict."""

import further_keras
import networks_keras
import numpy as np
import pytest
import systems
from profile_steps import program_of, step_seconds
from workloads import EIGHT, OTHERS, WORKLOADS, itself

import tulle
from tulle.backend.cpu import engine


def test_there_are_eight_and_others():
    assert [w.name for w in EIGHT] == (
        "mlp vae hyper conv lstm block bigmlp deepmlp".split()
    )
    assert len(WORKLOADS) == len(EIGHT) + len(OTHERS)
    assert set(WORKLOADS) == {*networks_keras.NETWORKS, *further_keras.NETWORKS}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_learns(name):
    tulle.utils.set_random_seed(1)  # 12 steps do not suffice from every start
    workload = WORKLOADS[name]
    session = systems.tulle(workload)
    batch = workload.batches(1, rows=4)[0]
    losses = [float(session.step(*batch)) for _ in range(12)]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_predicts_any_number_of_rows(name):
    workload = WORKLOADS[name]
    predict = systems.tulle(workload).predict
    for rows in (1, 3):
        found = np.asarray(predict(workload.batches(1, rows)[0][0]))
        # The other network of `hyper` is made from the first row, for all of them.
        assert len(found) == rows
        assert np.isfinite(found).all()


def test_batches_differ_and_are_the_same_each_time():
    workload = WORKLOADS["decoder"]
    first, second = workload.batches(2)
    assert not np.array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[0], workload.batches(1)[0][0])
    assert first[0].dtype == first[1].dtype == np.int32
    assert first[0].max() < 1000


@pytest.mark.parametrize(
    "open_session",
    [systems.tulle_on_batch, systems.tulle_function, systems.tulle_fit],
    ids=lambda function: function.__name__,
)
def test_other_ways_to_train_learn_as_well(open_session):
    workload = WORKLOADS["vae"]
    session = open_session(workload)
    x, y = workload.batches(1)[0]
    step = session.step or (lambda x, y: session.fit(x, y, len(x)))
    losses = [float(step(x, y)) for _ in range(12)]
    assert losses[-1] < losses[0]


def test_a_chain_has_the_depth_that_is_asked_for():
    session = systems.tulle(5)
    x = np.ones((2, 64), np.float32)
    assert np.isfinite(float(session.step(x, np.zeros(2, np.int32))))
    assert len(systems.tulle_model(5).trainable_weights) == 12


def test_a_model_without_target_is_trained_to_give_its_input():
    x = np.ones(3)
    assert itself(x, None) is x
    assert itself(x, 1) == 1


@pytest.mark.skipif(not engine.available(), reason="needs llvmlite and SciPy")
def test_the_steps_of_a_program_are_told_with_their_kinds():
    program, batches = program_of(WORKLOADS["mlp"], rows=None)
    steps = step_seconds(program, batches[:2])
    assert len(steps) == len(program.schedule.steps)
    # Three layers: forwards, for the kernels, and for the inputs of all but the first.
    assert [kind for _, kind, _ in steps].count("GEMM") == 8
    assert all(seconds > 0.0 for *_, seconds in steps)
