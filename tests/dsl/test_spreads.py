"""`..S` in a list: the sizes of the rest of a shape, one by one."""

import numpy as np

from tulle.dsl import check, loads
from tulle.dsl.formatting import formatted
from tulle.graph.diagnostics import Source

TEXT = """net 1

dim B

fn joined[..S](x: f32[..S, 2, 3]) -> f32[..S, 6] = reshape(x, [..S, 6])

layer Steps[..S]()(x: f32[4, ..S]) -> f32[4, 6] {
  return reshape(x, [4, -1]) |> fold units in [..S, 6] { Dense(units) }
}

model M(x: f32[5, B, 2, 3]) -> f32[5, B, 6] {
  return joined(x)
}

model N(x: f32[4, 2, 3]) -> f32[4, 6] {
  return x |> Steps()
}
"""


def test_the_sizes_stand_in_their_places():
    x = np.arange(5 * 4 * 6, dtype="float32").reshape(5, 4, 2, 3)
    found = np.asarray(loads(TEXT).M(x))
    np.testing.assert_array_equal(found, x.reshape(5, 4, 6))


def test_a_fold_goes_through_sizes():
    model = loads(TEXT).N
    kernels = [w.shape for w in model.weights if len(w.shape) == 2]
    assert kernels == [(6, 2), (2, 3), (3, 6)]


def test_the_form_is_kept():
    assert formatted(Source("a.net", TEXT)) == TEXT


def test_a_size_in_place_of_several_is_mended():
    (fault,) = check(Source("a.net", TEXT.replace("[..S, 6])\n", "[S, 6])\n")))
    assert (fault.code, fault.fix.edits[0].replacement) == ("T0204", "..S")
