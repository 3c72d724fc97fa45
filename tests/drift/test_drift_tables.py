"""A column counted and measured in its cells, and the pairs made of it, against the rows themselves."""

import math

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config import shipped_conf
from harness.drift.column_tables import MIN_DAYS, PairMaker, tabulate
from harness.plugins import build_all
from harness.records.profile import Bins
from tests.drift.cut_rows import cut, number, text
from tests.oracles.column_profile import counts_of, days_of, is_missing, moments_of, rows_of

INF, NAN = math.inf, math.nan
ODD = [0.0, -0.0, 1.0, 1.0, 2.5, -3.0, 1e300, 5e-324, INF, -INF, NAN]
NAMES = ["a", "b", "c", "other", "", None]


@st.composite
def cut_columns(draw, values):
    n = draw(st.integers(0, 25))
    side = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    days = draw(st.lists(st.integers(0, 40) | st.floats(0, 3), min_size=n, max_size=n))
    country = draw(st.lists(st.sampled_from(["DE", "FR", None]), min_size=n, max_size=n))
    channel = draw(st.lists(st.sampled_from(["app", "web"]), min_size=n, max_size=n))
    column = draw(st.lists(values, min_size=n, max_size=n))
    return cut(side, days, draw(st.sampled_from(["1d", "1w", "1mo", None])), {"country": country, "channel": channel}), column


def pairs_of(world, column, bins=None, max_categories=100, **keys):
    tables = tabulate(column, world.index, world.groups, bins, max_categories)
    return list(PairMaker(column, tables, world.index, world.groups, **keys).pairs(slices=True, windows=True))


def same(found, wanted, digits=1e-12):
    return (math.isnan(found) and math.isnan(wanted)) or math.isclose(found, wanted, rel_tol=digits, abs_tol=1e-300)


def assert_sample(found, values, bins, span=0.0):
    """Hold one side of a pair against the rows that it should have; the moments of whole numbers are exact to the span of the column."""
    assert found.counts.tolist() == counts_of(values, bins.edges, bins.categories)
    if not bins.edges:
        assert (found.n_rows, found.n_missing, found.n_infinite) == (len(values), sum(map(is_missing, values)), 0)
        assert found.values is None
        return
    n, missing, infinite, low, high, mean, variance = moments_of(values)
    assert (found.n_rows, found.n_missing, found.n_infinite) == (n, missing, infinite)
    assert same(found.minimum, low)
    assert same(found.maximum, high)
    scale = max(span, abs(low), abs(high)) if n - missing - infinite else 0.0
    assert same(found.mean, mean) or abs(found.mean - mean) <= 1e-12 * scale
    assert same(found.std, math.sqrt(variance) if variance == variance else NAN, 1e-9) or found.std <= 1e-12 * scale
    finite = [value for value in values if not is_missing(value) and not math.isinf(value)]
    assert found.values().tolist() == finite, "the finite values, in the order of the log"


def assert_pairs(world, values, found):
    by = list(world.frame)[1:3]
    span = float(max(values, default=0) - min(values, default=0)) if all(isinstance(value, int) for value in values) else 0.0
    windows = sorted({w for s, w in zip(world.frame["side"], world.frame["window"], strict=True) if s == 1} - {"all"})
    slices = {(name, value or "missing") for name in by for value in world.frame[name]}
    expected = [("all", "all", "all"), *(("all", "all", w) for w in windows)]
    assert [cell[:3] for cell in found[: len(expected)]] == expected
    assert {cell[:2] for cell in found[len(expected) :]} == slices
    assert len(found) == len(expected) + len(slices)
    for slice_by, slice_value, window, pair in found:
        own = rows_of(world.frame, 1, slice_by, slice_value, window)
        reference = rows_of(world.frame, 0, slice_by, slice_value)  # a window is held against the whole reference
        assert_sample(pair.current, [values[i] for i in own], pair.bins, span)
        assert_sample(pair.reference, [values[i] for i in reference], pair.bins, span)
        if slice_by != "all":
            assert pair.reference_windows == ()
            assert pair.days is None


@given(cut_columns(st.sampled_from(ODD)))
@settings(max_examples=60, deadline=None)
def test_numbers_in_every_cell_are_those_of_its_rows(drawn):
    world, values = drawn
    # Beyond 1e150 a square overflows float64: moments of such a column are not this test's.
    values = [1e100 if value == 1e300 else value for value in values]
    found = pairs_of(world, number(values))
    assert_pairs(world, values, found)


@given(cut_columns(st.sampled_from(NAMES)), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_categories_in_every_cell_are_those_of_its_rows(drawn, max_categories):
    world, values = drawn
    assert_pairs(world, values, pairs_of(world, text("x", values), max_categories=max_categories))


@given(cut_columns(st.sampled_from([2**53 + 1, 2**53 + 2, 2**60, -(2**62), 0, 5])))
@settings(max_examples=40, deadline=None)
def test_whole_numbers_beyond_2_to_53_are_counted_as_they_are(drawn):
    world, values = drawn
    assert_pairs(world, values, pairs_of(world, number(values, np.int64, [False] * len(values))))


@given(cut_columns(st.sampled_from([1.5, -2.25, 7.0])), st.data())
@settings(max_examples=30, deadline=None)
def test_a_mask_says_what_is_missing(drawn, data):
    world, values = drawn
    gone = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    whole = [int(value * 4) for value in values]
    shown = [None if g else value for g, value in zip(gone, whole, strict=True)]
    assert_pairs(world, shown, pairs_of(world, number(whole, np.int64, gone)))


@given(cut_columns(st.sampled_from(ODD)), st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_matter(drawn, rng):
    world, values = drawn
    order = list(range(len(values)))
    rng.shuffle(order)
    frame = world.frame
    again = cut(
        [frame["side"][i] for i in order],
        [frame["day"][i] for i in order],
        "1d",
        {name: [frame[name][i] for i in order] for name in ("country", "channel")},
    )
    first = cut(frame["side"], frame["day"], "1d", {name: frame[name] for name in ("country", "channel")})
    shuffled = {cell[:3]: cell[3] for cell in pairs_of(again, number([values[i] for i in order]))}
    for by, value, window, pair in pairs_of(first, number(values)):
        other = shuffled[by, value, window]
        assert other.bins == pair.bins
        assert (other.current.counts == pair.current.counts).all()
        assert (other.reference.counts == pair.reference.counts).all()


def sides_of(n_reference_days, n_current_days, per_day=3):
    """Rows of so many days on either side, one after the other."""
    days = [day for day in range(n_reference_days + n_current_days) for _ in range(per_day)]
    return cut([int(day >= n_reference_days) for day in days], days, "1mo")


@pytest.mark.parametrize(("n_reference", "n_current", "has_days"), [(MIN_DAYS, MIN_DAYS, True), (MIN_DAYS - 1, 20, False), (20, 9, False)])
def test_days_are_counted_where_both_sides_have_ten(n_reference, n_current, has_days):
    world = sides_of(n_reference, n_current)
    values = [float(i % 7) for i in range(world.rows.n_rows)]
    _, _, _, pair = pairs_of(world, number(values))[0]
    assert (pair.days is not None) == has_days
    if has_days:
        assert pair.days.reference.tolist() == days_of(world.frame, 0, "all", values, pair.bins.edges, ())
        assert pair.days.current.tolist() == days_of(world.frame, 1, "all", values, pair.bins.edges, ())
    assert pairs_of(world, number(values), days=False)[0][3].days is None


def test_days_of_a_window_are_its_own():
    world = sides_of(31, 59 + 31)  # January; February to the first of May
    names = ["a" if i % 3 else "b" for i in range(world.rows.n_rows)]
    found = {window: pair for by, _, window, pair in pairs_of(world, text("x", names)) if by == "all"}
    assert list(found) == ["all", "1970-02", "1970-03", "1970-04", "1970-05"]
    march = found["1970-03"]
    assert march.days.current.tolist() == days_of(world.frame, 1, "1970-03", names, (), march.bins.categories)
    assert march.days.reference.tolist() == days_of(world.frame, 0, "all", names, (), march.bins.categories)
    assert found["1970-05"].days is None, "one day is too few"


def test_windows_of_the_reference_come_with_pairs_over_time():
    world = sides_of(59, 31)
    values = [float(i) for i in range(world.rows.n_rows)]
    for _, _, window, pair in pairs_of(world, number(values)):
        assert [s.n_rows for s in pair.reference_windows] == [93, 84], window
        for name, own in zip(("1970-01", "1970-02"), pair.reference_windows, strict=True):
            assert_sample(own, [values[i] for i in rows_of(world.frame, 0, window=name)], pair.bins)


def test_the_order_of_both_samples_is_scipys():
    rng = np.random.default_rng(3)
    world = sides_of(40, 40)
    values = np.round(rng.normal(size=world.rows.n_rows), 1)
    values[::11], values[5::13] = NAN, INF
    from scipy.stats import ks_2samp, wasserstein_distance

    for _, _, _, pair in pairs_of(world, number(values)):
        reference, current = pair.reference.values(), pair.current.values()
        assert pair.ordered.ks == pytest.approx(ks_2samp(reference, current).statistic, abs=1e-15)
        assert pair.ordered.wasserstein == pytest.approx(wasserstein_distance(reference, current), abs=1e-12)
        assert (pair.ordered.n_reference, pair.ordered.n_current) == (len(reference), len(current))


@pytest.mark.parametrize("scale", [1e300, 1e160, 1e-160, 1e-320])
def test_numbers_whose_squares_are_no_numbers_are_read_by_every_statistic(scale):
    option = yaml.safe_load((shipped_conf() / "drift" / "standard.yaml").read_text())
    statistics = build_all(option["statistics"], "statistics")
    world = sides_of(160, 20, 1)  # five windows of the reference
    values = np.random.default_rng(0).normal(size=world.rows.n_rows) * scale
    found = {
        s.name: s.read(pair)
        for _, _, _, pair in pairs_of(world, number(values), days=False)
        for s in statistics
        if s.applies_to("number", False)
    }
    assert math.isfinite(found["psi"].value)
    assert found["mean"].p_value == pytest.approx(0.5, abs=0.5)
    assert all(math.isfinite(r.value) or "undefined" in r.note for r in found.values() if r is not None)


def test_distinct_values_of_a_category_are_counted_where_none_are_together():
    world = cut([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1])
    names = text("x", ["a", "b", "c", "a", "a", None])
    whole = pairs_of(world, names)[0][3]
    assert (whole.reference.n_distinct, whole.current.n_distinct) == (3.0, 1.0)
    together = pairs_of(world, names, max_categories=2)[0][3]
    assert together.bins.categories[-1] == "other"
    assert (together.reference.n_distinct, together.current.n_distinct) == (None, 1.0)
    given_ = pairs_of(world, names, max_categories=2, n_distinct=(3.0, 1.0))[0][3]
    assert given_.reference.n_distinct == 3.0


def test_bins_that_are_given_are_kept():
    world = cut([1, 1, 1], [0, 1, 2])
    pair = pairs_of(world, number([-1.0, 2.0, 9.0]), Bins(edges=(0.0, 1.0, 5.0)))[0][3]
    assert pair.bins.edges == (0.0, 1.0, 5.0)
    assert pair.current.counts.tolist() == [1, 0, 1, 1, 0]
    pair = pairs_of(world, text("x", ["b", "c", "b"]), Bins(categories=("a", "b")))[0][3]
    assert pair.bins.categories == ("a", "b", "c")
    assert pair.current.counts.tolist() == [0, 2, 1, 0]


def test_a_column_that_cannot_be_compared_has_rows_and_nothing_else():
    from harness.records.column import Column

    world = cut([0, 0, 1], [0, 1, 2])
    tables = tabulate(Column("x", "list", "list", "none"), world.index, world.groups, None, 10)
    assert tables.counts.sum() == 0
    assert tables.bins == Bins()


def test_rows_without_times_are_one_stretch_a_side():
    world = cut([1, 0, 1, 0], None)
    pair = pairs_of(world, number([1.0, 2.0, 3.0, 4.0]))[0][3]
    assert pair.days is None
    assert (pair.reference.mean, pair.current.mean) == (3.0, 2.0)
