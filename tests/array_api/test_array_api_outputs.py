"""From a model's output to scores, with the same bits under NumPy, under array-api-strict, and under CuPy's names: rung 1 of the GPU path."""

import sys
from dataclasses import replace

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.errors import ScoreError
from harness.inference.outputs import scores_of
from harness.records.model import ScoringPlan
from kernels.array_library import array_namespace
from tests.array_api.cupy_stand_in import CupyStandIn, on_card

ODD = [0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, 88.8, -88.8, 710.0, -745.0, 1e-45, 3.4e38, -3.4e38]


def plan(task, transform="none"):
    return ScoringPlan("v", "onnx", "m.onnx", "0", (), "out", transform, None, 16, None, "cpu", task)


CASES = [
    ("binary", "none", (15,)),
    ("binary", "none", (15, 1)),
    ("binary", "none", (15, 2)),
    ("binary", "sigmoid", (15,)),
    ("binary", "sigmoid", (15, 2)),
    ("binary", "softmax", (15, 2)),
    ("multiclass", "none", (15, 4)),
    ("multiclass", "softmax", (15, 4)),
    ("regression", "none", (15,)),
    ("regression", "none", (15, 1)),
]


def same_everywhere(raw, the_plan):
    """Return NumPy's scores, having found the same bits in array-api-strict's and behind CuPy's names."""
    with np.errstate(all="ignore"):
        found = scores_of(raw, the_plan)
        strictly = scores_of(strict.asarray(raw), the_plan)
        sys.modules["cupy"], before = CupyStandIn(), sys.modules.get("cupy")
        try:
            behind_names = scores_of(on_card(raw), the_plan)
        finally:
            del sys.modules["cupy"]
            if before is not None:
                sys.modules["cupy"] = before
    assert type(found) is np.ndarray
    assert type(strictly) is type(strict.asarray(raw))
    assert type(behind_names).__module__ == "cupy"
    for other in (np.asarray(strictly._array), behind_names.get()):
        assert other.dtype == found.dtype
        assert other.shape == found.shape
        assert other.tobytes() == found.tobytes()
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("task", "transform", "shape"), CASES)
def test_odd_outputs_give_the_same_bits(task, transform, shape, dtype):
    raw = np.resize(np.array(ODD, np.float64), shape).astype(dtype)
    found = same_everywhere(raw, plan(task, transform))
    assert found.shape[0] == 15
    assert found.dtype == (np.float64 if (task, dtype) == ("regression", np.float64) else np.float32)


@pytest.mark.parametrize(("task", "transform", "shape"), CASES)
@pytest.mark.parametrize("n_rows", [0, 1])
def test_no_row_and_one_row(task, transform, shape, n_rows):
    raw = np.full((n_rows, *shape[1:]), 0.25, np.float32)
    assert same_everywhere(raw, plan(task, transform)).shape[0] == n_rows


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(width=32)), st.booleans())
def test_any_output_of_several_classes(raw, softmax):
    if raw.shape[1] < 2:
        raw = np.repeat(raw, 2, axis=1)
    same_everywhere(raw, plan("multiclass", "softmax" if softmax else "none"))


def test_an_output_that_is_not_contiguous_gives_the_same():
    raw = np.arange(40, dtype=np.float32).reshape(4, 10).T[:, 1:3]
    assert not raw.flags.c_contiguous
    same_everywhere(raw, plan("binary", "softmax"))


@pytest.mark.parametrize("array", [np.zeros((3, 3), np.float32), strict.zeros((3, 3), dtype=strict.float32)])
def test_a_form_that_no_task_takes_is_refused_wherever_it_lives(array):
    with pytest.raises(ScoreError, match=r"gave shape \(3, 3\)"):
        scores_of(array, plan("binary"))
    with pytest.raises(ScoreError, match=r"gave shape \(3, 3\)"):
        scores_of(array, replace(plan("regression")))


def test_the_namespace_is_that_of_the_array(monkeypatch):
    stand_in = CupyStandIn()
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    assert array_namespace(np.zeros(1)) is np
    assert array_namespace(strict.zeros(1)) is strict
    assert array_namespace(on_card(np.zeros(1))) is stand_in
