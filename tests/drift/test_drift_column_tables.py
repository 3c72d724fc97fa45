"""Tables, samples and pairs of a column against the rows themselves, by hand-made cells."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from harness.drift.cell_groups import CellGroups
from harness.drift.column_tables import PairMaker, tabulate
from harness.drift.profiles import profile_of
from harness.drift.row_index import RowIndex
from harness.drift.stored_reference import StoredReference
from harness.records.column import Column
from tests.oracles.column_cells import bin_of, rows_of, small_log, type_7

KEYS = [
    ("all", "all", "all"),
    ("all", "all", "w1"),
    ("all", "all", "w2"),
    *(("x", v, "all") for v in "abc"),
    *(("y", v, "all") for v in "de"),
]


def number_column(n_rows, dtype=np.float64, seed=1):
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=n_rows), 1)
    is_missing = rng.random(n_rows) < 0.1
    if dtype == np.int64:
        return Column("v", "int64", "int64", "number", values=(10 * values).astype(np.int64), is_missing=is_missing)
    values[is_missing] = rng.choice([np.nan, np.inf, -np.inf], int(is_missing.sum()))
    return Column("v", "double", "double", "number", values=values.astype(dtype))


def text_column(n_rows, seed=2):
    codes = np.random.default_rng(seed).integers(-1, 5, n_rows).astype(np.int32)
    return Column("t", "string", "string", "category", codes=codes, categories=("p", "q", "r", "s", "t"))


def made(rows, cells, column, max_categories=9, **options):
    index, groups = RowIndex(rows, cells), CellGroups(cells)
    bins = options.pop("bins", None)
    tables = tabulate(column, index, groups, bins, max_categories)
    return tables, PairMaker(column, tables, index, groups, **options)


def check_number(sample, column, own, bins):
    values = column.values[own]
    missing = np.zeros(len(own), bool) if column.is_missing is None else column.is_missing[own]
    codes = [bin_of(v, bins.edges, m) for v, m in zip(values, missing, strict=True)]
    assert sample.counts.tolist() == [codes.count(i) for i in range(bins.n_bins)]
    finite = values[~missing & np.isfinite(values)]
    np.testing.assert_array_equal(sample.values(), finite)
    assert sample.values().dtype == finite.dtype
    finite = finite.astype(float)
    assert (sample.n_rows, sample.n_missing) == (len(own), codes.count(bins.n_bins - 1))
    assert sample.n_infinite == np.isinf(values[~missing].astype(float)).sum()
    expected = [finite.min(), finite.max(), finite.mean()] if len(finite) else [math.nan] * 3
    np.testing.assert_allclose([sample.minimum, sample.maximum, sample.mean], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sample.std, finite.std(ddof=1) if len(finite) > 1 else math.nan, rtol=1e-12)


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_numbers_of_every_pair_are_those_of_its_rows(dtype, is_sorted):
    rows, cells = small_log(is_sorted=is_sorted)
    column = number_column(rows.n_rows, dtype)
    column = replace(column, values=column.values.astype(dtype))
    tables, maker = made(rows, cells, column)
    found = list(maker.pairs(slices=True, windows=True))
    assert [key[:3] for key in found] == KEYS
    for by, value, window, pair in found:
        check_number(pair.current, column, rows_of(rows, cells, by, value, window, 1), tables.bins)
        check_number(pair.reference, column, rows_of(rows, cells, by, value, "all", 0), tables.bins)
        assert len(pair.reference_windows) == (0 if by != "all" else 2)
        for name, sample in zip(("r1", "r2"), pair.reference_windows, strict=False):
            check_number(sample, column, rows_of(rows, cells, "all", "all", name, 0), tables.bins)
        assert pair.ordered.ks == pytest.approx(ks_2samp(pair.reference.values(), pair.current.values()).statistic, abs=1e-12)


def test_bins_are_the_deciles_of_the_finite_reference_rows():
    rows, cells = small_log()
    column = number_column(rows.n_rows)
    own = column.values[rows.side == 0]
    deciles = [float(type_7(own[np.isfinite(own)], f"{i}/10")) for i in range(11)]
    tables, _ = made(rows, cells, column)
    assert set(np.round(deciles, 9)) <= set(np.round(tables.bins.edges, 9))


def test_categories_of_every_pair_are_those_of_its_rows():
    rows, cells = small_log()
    column = text_column(rows.n_rows)
    tables, maker = made(rows, cells, column, max_categories=3)
    names = tables.bins.categories
    assert names[-1] == "other"
    assert len(names) == 4
    for by, value, window, pair in maker.pairs(slices=True, windows=True):
        for sample, side, cut in ((pair.current, 1, window), (pair.reference, 0, "all")):
            codes = column.codes[rows_of(rows, cells, by, value, cut, side)]
            expected = [(codes == column.categories.index(name)).sum() for name in names[:-1]]
            assert sample.counts.tolist() == [*expected, (codes >= 0).sum() - sum(expected), (codes < 0).sum()]
            assert sample.n_distinct is None
            assert sample.values is None
            assert math.isnan(sample.mean)
        assert pair.ordered is None


def test_categories_that_all_have_a_bin_are_counted():
    rows, cells = small_log()
    _, maker = made(rows, cells, text_column(rows.n_rows), n_distinct=(5.0, 5.0))
    assert [pair.current.n_distinct for *_, pair in maker.pairs(slices=False, windows=True)] == [5.0] * 3


@pytest.mark.parametrize(("slices", "windows", "n"), [(False, False, 1), (True, False, 6), (False, True, 3)])
def test_only_what_is_asked_for(slices, windows, n):
    rows, cells = small_log()
    _, maker = made(rows, cells, number_column(rows.n_rows))
    assert len(list(maker.pairs(slices=slices, windows=windows))) == n


def test_days_where_both_sides_have_ten():
    rows, cells = small_log(n_rows=600)
    column = number_column(600)
    tables, maker = made(rows, cells, column)
    whole, first, second = (pair for *_, pair in maker.pairs(slices=False, windows=True))
    assert whole.days.reference.shape == whole.days.current.shape == (12, tables.bins.n_bins)
    np.testing.assert_array_equal(whole.days.current.sum(axis=0), whole.current.counts)
    np.testing.assert_array_equal(whole.days.reference.sum(axis=0), whole.reference.counts)
    assert first.days is second.days is None  # windows of eight and four days
    assert next(made(rows, cells, column, days=False)[1].pairs(slices=False, windows=False))[3].days is None


def test_row_order_is_free():
    rows, cells = small_log()
    column = number_column(rows.n_rows)
    order = np.random.default_rng(3).permutation(rows.n_rows)
    turned = replace(rows, side=rows.side[order]), replace(cells, ids=cells.ids[order])
    a, b = made(rows, cells, column)[0], made(*turned, replace(column, values=column.values[order]))[0]
    assert a.bins == b.bins
    np.testing.assert_array_equal(a.counts, b.counts)
    np.testing.assert_allclose(a.moments.m2, b.moments.m2, rtol=1e-12)


@pytest.mark.parametrize("values", [np.full(240, 7.0), np.full(240, np.nan), np.full(240, -np.inf)])
def test_constant_missing_and_infinite_columns(values):
    rows, cells = small_log()
    column = Column("v", "double", "double", "number", values=values)
    tables, maker = made(rows, cells, column)
    for by, value, window, pair in maker.pairs(slices=True, windows=True):
        check_number(pair.current, column, rows_of(rows, cells, by, value, window, 1), tables.bins)


def test_whole_numbers_beyond_float64_are_all_within_their_bins():
    rows, cells = small_log()
    column = Column("v", "int64", "int64", "number", values=2**62 + np.arange(240) % 7)
    tables, _ = made(rows, cells, column)
    assert tables.counts[0][[0, -2, -1]].tolist() == [0, 0, 0]


def test_a_log_without_reference_rows_is_cut_by_its_own():
    rows, cells = small_log()
    rows = replace(rows, side=np.ones_like(rows.side), n_reference=0, n_current=rows.n_rows)
    tables, _ = made(rows, cells, Column("v", "double", "double", "number", values=np.arange(240.0)))
    assert (tables.bins.edges[0], tables.bins.edges[-1]) == (0.0, 239.0)


def test_a_column_that_cannot_be_compared_has_no_bins():
    rows, cells = small_log()
    tables, _ = made(rows, cells, Column("n", "list", "list", "none", note="'n' is a list"))
    assert tables.counts.shape == (len(CellGroups(cells).members), 1)


@pytest.mark.parametrize("make", [number_column, text_column])
def test_a_stored_profile_stands_in_for_the_reference_rows(make):
    rows, cells = small_log()
    column = make(rows.n_rows)
    index, groups = RowIndex(rows, cells), CellGroups(cells)
    tables, maker = made(rows, cells, column, max_categories=3)
    profile = profile_of(column, tables, index, groups, 0)
    stored_tables, stored = made(rows, cells, column, max_categories=3, bins=profile.bins, stored=StoredReference(profile))
    assert stored_tables.bins == tables.bins
    for (*key, a), (*stored_key, b) in zip(maker.pairs(slices=True, windows=True), stored.pairs(slices=True, windows=True), strict=True):
        assert key == stored_key
        assert (b.reference.values, b.order, b.days) == (None, None, None)
        for x, y in ((a.reference, b.reference), (a.current, b.current), *zip(a.reference_windows, b.reference_windows, strict=True)):
            np.testing.assert_array_equal(x.counts, y.counts)
            np.testing.assert_allclose([x.minimum, x.maximum, x.mean, x.std], [y.minimum, y.maximum, y.mean, y.std], rtol=1e-12)
            assert (x.n_rows, x.n_missing, x.n_infinite) == (y.n_rows, y.n_missing, y.n_infinite)
        if key[0] != "all":
            assert a.reference.n_distinct == b.reference.n_distinct


def test_a_slice_that_the_stored_profile_does_not_know_has_no_rows():
    rows, cells = small_log()
    column = number_column(rows.n_rows)
    tables, _ = made(rows, cells, column)
    stored = StoredReference(profile_of(column, tables, RowIndex(rows, cells), CellGroups(cells), 0))
    sample = stored.slice("x", "new", tables.bins)
    assert (sample.n_rows, int(sample.counts.sum())) == (0, 0)
    assert math.isnan(sample.mean)
