"""Joint moments by case against exact fractions, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.value_moments as module
from kernels.value_moments import JointMoments, empty, merged, value_moments
from tests.oracles import value_moments_oracle as oracle


def moments(log, n_windows=1, n_cases=3, n_values=2, **more):
    values, cases, slice_ids, window_ids, n_slices = log
    return value_moments(values, cases, slice_ids, window_ids, n_slices, n_windows, n_cases, n_values, **more)


def check(found, log, n_windows=1, n_cases=3, n_values=2):
    n, mean, m2 = oracle.joint_moments(*log, n_windows, n_cases, n_values)
    np.testing.assert_array_equal(found.n, n)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(found.m2, m2, rtol=1e-12, atol=1e-6)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(module, "tally_chunk_rows", lambda n_cells: 7)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("n_rows", [0, 1, 23, 120])
@pytest.mark.parametrize("n_windows", [1, 4])
@pytest.mark.parametrize("id_dtype", [np.uint16, np.int32])
def test_equals_the_definition(n_rows, n_windows, id_dtype):
    log = oracle.random_rows(n_rows, n_rows, n_windows=n_windows, id_dtype=id_dtype)
    check(moments(log, n_windows), log, n_windows)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("n_cases", "n_values"), [(1, 4), (8, 1), (4, 0)])
def test_any_number_of_cases_and_values(n_cases, n_values):
    log = oracle.random_rows(5, 60, n_windows=2, n_cases=n_cases, n_values=n_values)
    check(moments(log, 2, n_cases, n_values), log, 2, n_cases, n_values)


def test_columns_after_the_first_are_not_read():
    log = oracle.random_rows(2, 40, n_values=3)
    log[0][:, 2] = np.nan
    found = moments(log, n_values=2)
    check(found, log, n_values=2)
    assert np.isfinite(found.m2).all()


def test_the_spread_keeps_its_digits_far_from_zero_and_after_an_outlier():
    rng = np.random.default_rng(1)
    values = np.concatenate(([1e15], 1e9 + rng.integers(0, 100, 3000) / 4.0))[:, None]
    cases = np.zeros(len(values), np.int8)
    cases[0] = 1
    log = (values, cases, np.zeros((len(values), 1), np.uint16), None, 1)
    expected = oracle.joint_moments(*log, 1, 2, 1)[2]
    np.testing.assert_allclose(moments(log, 1, 2, 1).m2, expected, rtol=1e-7)


def test_constant_values_have_no_spread_at_all():
    values = np.full((50, 2), 0.1)
    found = moments((values, np.zeros(50, np.int8), np.zeros((50, 1), np.uint16), None, 1), n_cases=1)
    assert not found.m2.any()
    np.testing.assert_array_equal(found.mean, [[[0.1, 0.1]]])


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("n_windows", [1, 4])
def test_the_same_bits_for_any_number_of_threads(n_windows):
    log = oracle.random_rows(9, 200, n_windows=n_windows)
    one, two, five = (moments(log, n_windows, n_threads=n) for n in (1, 2, 5))
    for part in range(3):
        assert one[part].tobytes() == two[part].tobytes() == five[part].tobytes()


@pytest.mark.usefixtures("small_pieces")
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), n_rows=st.integers(0, 60), cuts=st.lists(st.integers(0, 60), max_size=3))
def test_any_split_and_any_order_of_rows_give_the_same(seed, n_rows, cuts):
    values, cases, slice_ids, _, n_slices = oracle.random_rows(seed, n_rows)
    order = np.random.default_rng(seed).permutation(n_rows)
    shuffled = (values[order], cases[order], slice_ids[order], None, n_slices)
    check(moments(shuffled), (values, cases, slice_ids, None, n_slices))
    together = empty(n_slices, 3, 2)
    for rows in np.split(np.arange(n_rows), sorted(min(c, n_rows) for c in cuts)):
        together = merged(together, moments((values[rows], cases[rows], slice_ids[rows], None, n_slices)))
    check(together, (values, cases, slice_ids, None, n_slices))


def test_an_empty_side_leaves_the_other_bit_for_bit():
    found = moments(oracle.random_rows(3, 30))
    nothing = empty(*found.n.shape, 2)
    for together in (merged(found, nothing), merged(nothing, found)):
        assert [part.tobytes() for part in together] == [part.tobytes() for part in found]


def test_second_moments_are_symmetric_and_not_negative():
    found: JointMoments = moments(oracle.random_rows(4, 80, n_values=3), n_values=3)
    np.testing.assert_array_equal(found.m2, np.swapaxes(found.m2, -1, -2))
    assert (np.linalg.eigvalsh(found.m2) >= -1e-6 * (1 + np.trace(found.m2, axis1=-2, axis2=-1)[..., None])).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cases": np.full(20, 3, np.int8)}, "cases reach 3; wanted below n_cases, 3"),
        ({"slice_ids": np.full((20, 3), 6, np.uint16)}, r"slice_ids holds 6\.\.6; wanted 0\.\.5"),
        ({"values": np.zeros((20, 1))}, r"values \(20, 1\) and cases \(20,\); wanted \(20, at least 2\)"),
        ({"cases": np.zeros(19, np.int8)}, r"cases \(19,\); wanted"),
    ],
)
def test_what_is_outside_is_refused(change, message):
    log = dict(zip(("values", "cases", "slice_ids", "window_ids", "n_slices"), oracle.random_rows(1, 20), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        moments(tuple(log.values()))
