"""Random programs: eager against compiled. `make fuzz-ops` asks JAX and PyTorch."""

import pytest
import random_programs as programs


@pytest.mark.parametrize("seed", range(20))
def test_eager_and_compiled_agree(seed):
    dtype, slack = [("float64", 1e-10), ("float32", 1e-3)][seed % 2]
    program = programs.random_program(seed, dtype=dtype)
    found, wanted = programs.run_compiled(program), programs.run_eagerly(program)
    problem = programs.difference(found, wanted, slack)
    assert not problem, f"{problem}\n{program.source()}"
