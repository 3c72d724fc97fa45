"""Tables cell by cell: what is equal, what is close, and what differs by how many tolerances."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gpu_card.cells import Tolerance, compare

CLOSE = Tolerance(rtol=1e-4, atol=1e-6)


def frame(**columns):
    return pd.DataFrame({"key": ["a", "b", "c"], **columns})


def compared(ours, theirs, **more):
    return compare("t", frame(x=ours), frame(x=theirs), ["key"], CLOSE, **more)


@pytest.mark.parametrize(
    ("ours", "theirs", "n_same", "n_close", "excesses"),
    [
        ([1, 2, 3], [1, 2, 3], 3, 0, []),
        ([1, 2, 2**60], [1, 2, 2**60 + 1], 2, 0, [np.inf]),  # float64 cannot tell these apart
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 3, 0, []),
        ([0.0, -np.inf, 1.0], [-0.0, -np.inf, 1.0], 3, 0, []),
        ([1.0, 1.0, 1.0], [1.0, 1.00005, 1.001], 1, 1, [0.001 / 0.000101]),
        ([1.0, np.nan, np.inf], [np.nan, 1.0, -np.inf], 0, 0, [np.inf, np.inf, np.inf]),
        ([np.inf, 1.0, 1.0], [1e300, 1.0, 1.0], 2, 0, [np.inf]),
        (["u", None, "w"], ["u", None, "x"], 2, 0, [np.inf]),
        ([True, False, True], [True, True, True], 2, 0, [np.inf]),
    ],
)
def test_cells(ours, theirs, n_same, n_close, excesses):
    found = compared(ours, theirs)
    assert (found.n_cells, found.n_same, found.n_close) == (3, n_same, n_close)
    assert [one.excess for one in found.differences] == pytest.approx(excesses, rel=1e-6)


def test_a_count_may_differ_by_as_much_as_is_said():
    found = compare("t", frame(n=[5, 6, 7]), frame(n=[5, 8, 10]), ["key"], Tolerance(0, 0, counts=2))
    assert (found.n_same, found.n_close) == (1, 1)
    assert [(d.row, d.column, d.cpu, d.card) for d in found.differences] == [("c", "n", 7, 10)]
    assert found.worst_share == 1.0


def test_rows_are_matched_by_their_keys_and_those_of_one_side_differ():
    ours, theirs = frame(x=[1, 2, 3]), frame(x=[1, 2, 3]).iloc[::-1]
    assert compare("t", ours, theirs, ["key"], CLOSE).differences == ()
    found = compare("t", ours, theirs.assign(y=1).iloc[:2], ["key"], CLOSE)
    assert {(d.row, d.column) for d in found.differences} == {("all rows", "y"), ("a", "the row itself")}
    with pytest.raises(ValueError, match="not told apart by key"):
        compare("t", frame(x=[1, 2, 3]).assign(key="a"), ours, ["key"], CLOSE)


def test_a_column_may_have_a_tolerance_of_its_own_or_be_left_out():
    assert compared([1.0, 2.0, 3.0], [1.0, 2.0, 3.1], of_column={"x": Tolerance(0, 0.2)}).differences == ()
    assert compared([1.0, 2.0, 3.0], [9.0, 9.0, 9.0], ignored=["x"]).n_cells == 0


FLOATS = st.lists(st.floats(width=64) | st.none(), min_size=3, max_size=3)


@settings(deadline=None)
@given(FLOATS, FLOATS)
def test_any_two_columns_are_counted_once_and_in_whole(ours, theirs):
    ours, theirs = (pd.Series(one, dtype=np.float64) for one in (ours, theirs))
    found = compared(ours, theirs)
    assert found.n_same + found.n_close + len(found.differences) == found.n_cells == 3
    plain = [a == b or (np.isnan(a) and np.isnan(b)) for a, b in zip(ours, theirs, strict=True)]
    assert found.n_same == sum(plain)
    assert compared(ours, ours).n_same == 3
