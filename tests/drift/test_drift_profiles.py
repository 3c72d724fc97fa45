"""Profiles of a side: what they hold, how they add, and their text."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift.cell_groups import CellGroups
from harness.drift.column_tables import tabulate
from harness.drift.profile_file import profile_of_text, profile_text
from harness.drift.profile_sum import added_profiles, histogram_quantiles
from harness.drift.profiles import profile_of
from harness.drift.row_index import RowIndex
from harness.errors import ReplayError
from harness.records.column import Column
from harness.records.profile import QUANTILES, Bins, CellMoments, LogProfile
from tests.oracles.column_cells import rows_of, small_log, type_7


def number(values, dtype=np.float64):
    return Column("v", "double", "double", "number", values=np.asarray(values).astype(dtype), note="a note")


def text(codes, names=("p", "q", "r")):
    return Column("t", "string", "string", "category", codes=np.asarray(codes, np.int32), categories=names)


def profiled(column, log=None, side=1, bins=None, max_categories=9):
    rows, cells = log or small_log(len(column.values if column.codes is None else column.codes))
    index, groups = RowIndex(rows, cells), CellGroups(cells)
    return profile_of(column, tabulate(column, index, groups, bins, max_categories), index, groups, side)


def random_values(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n_rows)
    values[rng.random(n_rows) < 0.1] = np.nan
    return values


@pytest.mark.parametrize("side", [0, 1])
def test_cells_are_all_rows_then_windows_then_slices(side):
    log = small_log()
    profile = profiled(number(random_values(240)), log, side)
    keys = [("all", "all", "all"), *(("all", "all", w) for w in profile.window_names)]
    keys += [(by, value, "all") for by, value in zip(profile.slice_by, profile.slice_value, strict=True)]
    assert profile.window_names == (("r1", "r2"), ("w1", "w2"))[side]
    assert profile.moments.n_rows.tolist() == [len(rows_of(*log, *key, side)) for key in keys]
    np.testing.assert_array_equal(profile.counts.sum(axis=1), profile.moments.n_rows)


def test_quantiles_are_of_type_7_of_finite_values():
    values = random_values(240)
    values[3] = np.inf
    rows, cells = small_log()
    profile = profiled(number(values), (rows, cells))
    own = values[rows.side == 1]
    expected = [float(type_7(own[np.isfinite(own)], str(q))) for q in QUANTILES]
    np.testing.assert_allclose(profile.quantiles, expected, rtol=1e-12)
    assert profile.quantile_method == "type7"


def test_the_most_frequent_categories_and_numbers():
    rows, cells = small_log()
    codes = np.where(rows.side == 1, np.resize([0, 1, 1, -1, 2, 1, 0], 240), 2)
    found = dict(profiled(text(codes), (rows, cells)).top)
    assert found == {name: int(((codes == i) & (rows.side == 1)).sum()) for i, name in enumerate("pqr")}
    top = profiled(text(codes), (rows, cells)).top
    assert [n for _, n in top] == sorted((n for _, n in top), reverse=True)
    names = [name for name, _ in profiled(number(np.resize([0.1, 1e6 + 0.1, 1e6 + 0.2], 240))).top]
    assert sorted(names) == ["0.1", "1000000.1", "1000000.2"]


def test_a_side_without_values():
    profile = profiled(number(np.full(240, np.nan)))
    assert np.isnan(profile.quantiles).all()
    assert (profile.cardinality.n_distinct, profile.top) == (0.0, ())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**16), st.integers(0, 240))
def test_profiles_of_any_parts_add_up_to_the_whole(seed, cut):
    rows, cells = small_log(seed=seed)
    column, order = number(random_values(240, seed)), np.random.default_rng(seed).permutation(240)
    whole = profiled(column, (rows, cells))
    parts = []
    for own in (order[:cut], order[cut:]):
        part = replace(rows, side=rows.side[own], n_reference=int((rows.side[own] == 0).sum()), n_current=int((rows.side[own] == 1).sum()))
        parts.append(profiled(replace(column, values=column.values[own]), (part, replace(cells, ids=cells.ids[own])), bins=whole.bins))
    total = added_profiles(*parts)
    np.testing.assert_array_equal(total.counts[0], whole.counts[0])
    for name in (f.name for f in fields(CellMoments)):
        np.testing.assert_allclose(getattr(total.moments, name)[0], getattr(whole.moments, name)[0], rtol=1e-12, atol=1e-14, err_msg=name)
    assert total.cardinality == whole.cardinality
    assert total.quantile_method == "histogram"
    # a quantile of the histogram is in the bin, or at the border of the bin, of the exact one
    exact = np.searchsorted(whole.bins.edges, whole.quantiles)
    assert (np.abs(np.searchsorted(whole.bins.edges, total.quantiles) - exact) <= 1).all()
    assert (total.quantiles[0], total.quantiles[-1]) == (whole.quantiles[0], whole.quantiles[-1])


def test_categories_add():
    codes = np.resize([0, 1, 1, -1, 2], 240)
    profile = profiled(text(codes))
    total = added_profiles(profile, profile)
    assert dict(total.top) == {name: 2 * n for name, n in profile.top}
    assert total.quantiles is None
    assert (total.window_names, total.slice_by) == ((), ())


def test_lists_of_numbers_add_only_where_both_are_complete():
    few = profiled(number(np.resize([1.0, 2.0], 240)))
    assert dict(added_profiles(few, few).top) == {name: 2 * n for name, n in few.top}
    many = profiled(number(np.arange(240.0)), bins=few.bins)
    assert added_profiles(few, many).top == ()


def test_other_bins_or_columns_are_refused():
    a = profiled(number(np.arange(240.0)))
    b = profiled(number(np.arange(240.0) * 2))
    with pytest.raises(ReplayError, match="'v' and 'v' have different bins, wanted parts of one column counted in the same bins"):
        added_profiles(a, b)
    with pytest.raises(ReplayError, match="'v' and 'w' have different name"):
        added_profiles(a, replace(a, name="w"))


@pytest.mark.parametrize(
    ("counts", "minimum", "maximum", "n_infinite", "expected"),
    [
        ([0, 4, 4, 0, 9], 0.0, 8.0, 0, [0.0, 4.0, 8.0]),
        ([3, 4, 4, 5, 9], 0.0, 8.0, 8, [0.0, 4.0, 8.0]),  # outer bins hold nothing but infinite values
        ([4, 0, 0, 5, 0], -2.0, -0.5, 5, [-2.0, -1.25, -0.5]),
        ([2, 4, 4, 2, 0], -2.0, 10.0, 2, [-2.0, 4.0, 10.0]),
    ],
)
def test_quantiles_of_a_histogram(counts, minimum, maximum, n_infinite, expected):
    found = histogram_quantiles(Bins(edges=(0.0, 4.0, 8.0)), np.array(counts), minimum, maximum, n_infinite)
    assert found[[0, 8, 16]].tolist() == expected


def log_profile():
    values = random_values(240)
    values[7] = np.inf
    columns = (
        profiled(number(values)),
        profiled(number(np.full(240, np.nan))),
        profiled(Column("i", "int64", "int64", "number", values=2**62 + np.arange(240))),
        profiled(text(np.resize([0, -1, 2], 240), ("é", "q", 'a "b"'))),
        profiled(Column("n", "list", "list", "none", note="a list"), small_log(240)),
        profiled(number(np.arange(30_000.0))),
    )
    return LogProfile(120, columns, "log.parquet")


def same(a, b):
    for field in fields(a):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y)
            assert x.dtype == y.dtype
        elif isinstance(x, CellMoments):
            same(x, y)
        else:
            assert x == y, field.name


def test_text_is_read_as_it_was_written():
    profile = log_profile()
    found = profile_of_text(profile_text(profile), "p.json")
    assert (found.n_rows, found.source, len(found.sha256)) == (120, "log.parquet", 64)
    for a, b in zip(profile.columns, found.columns, strict=True):
        same(a, b)
    assert profile_text(replace(found, sha256="")) == profile_text(profile)
    assert isinstance(found.columns[2].bins.edges[-1], int)


def test_nan_is_null():
    assert json.loads(profile_text(log_profile()))["columns"][1]["moments"]["mean"][0] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.replace('"n_rows": 120', '"n_rows": 121', 1),
            "p.json is not what harness drift wrote .its sha256 differs.; write it again",
        ),
        (lambda t: t.replace('"format": 1', '"format": 99', 1), "p.json has format 99, this harness reads 1; write it again"),
        (lambda t: t[:-9], "p.json is no profile; name a"),
        (lambda t: "[]", "p.json is no profile; name a"),
        (lambda t: "{}", "p.json is no profile; name a"),
    ],
)
def test_a_file_that_is_something_else_is_refused(change, message):
    with pytest.raises(ReplayError, match=message):
        profile_of_text(change(profile_text(log_profile())), "p.json")
