"""The profile of a side against its rows; profiles that add, that are written and read, and that stand in for rows."""

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.drift.chi_square import ChiSquare
from harness.drift.column_tables import PairMaker, tabulate
from harness.drift.mean_shift import MeanShift
from harness.drift.missing_share import MissingShare
from harness.drift.profile_file import profile_of_text, profile_text
from harness.drift.profile_sum import added_profiles, histogram_quantiles
from harness.drift.profiles import N_TOP, profile_of
from harness.drift.psi import Psi
from harness.drift.stored_reference import StoredReference
from harness.errors import ReplayError
from harness.records.profile import QUANTILES, Bins, LogProfile
from tests.drift.cut_rows import cut, number, text
from tests.oracles.column_cells import type_7
from tests.oracles.column_profile import counts_of, is_missing, moments_of, rows_of

INF, NAN = math.inf, math.nan
NUMBERS = st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, 1e6, INF, -INF, NAN]) | st.integers(-9, 9).map(float), max_size=25)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "other", "", None]), max_size=25)


def world_of(n, n_reference=None):
    """So many rows, the first of them reference, over two months and two channels."""
    n_reference = n // 2 if n_reference is None else n_reference
    side = [int(i >= n_reference) for i in range(n)]
    return cut(side, [60 * i / max(n, 1) for i in range(n)], "1mo", {"channel": ["app" if i % 3 else None for i in range(n)]})


def column_of(values):
    return text("x", values) if any(isinstance(v, str) for v in values) else number([NAN if v is None else v for v in values])


def profile(world, column, side, bins=None, max_categories=100):
    tables = tabulate(column, world.index, world.groups, bins, max_categories)
    return profile_of(column, tables, world.index, world.groups, side)


def all_rows(values, bins=None, max_categories=100, kind="number"):
    """Return the profile of some values as current rows."""
    column = text("x", values) if kind == "category" else number(values)
    return profile(world_of(len(values), 0), column, 1, bins, max_categories)


def assert_same_profiles(found, wanted, but=()):
    for name in (
        "name",
        "type",
        "kind",
        "bins",
        "cardinality",
        "top",
        "window_names",
        "slice_by",
        "slice_value",
        "note",
        "quantile_method",
    ):
        if name not in but:
            assert getattr(found, name) == getattr(wanted, name), name
    assert found.counts.dtype == wanted.counts.dtype == np.int64
    np.testing.assert_array_equal(found.counts, wanted.counts)
    for name in ("n_rows", "n_missing", "n_infinite", "minimum", "maximum"):
        np.testing.assert_array_equal(getattr(found.moments, name), getattr(wanted.moments, name), name)
    if "quantiles" not in but:
        np.testing.assert_array_equal(found.quantiles, wanted.quantiles)


@given(NUMBERS | TEXTS, st.integers(0, 1))
@settings(max_examples=100, deadline=None)
def test_a_profile_holds_what_its_rows_hold(values, side):
    world, column = world_of(len(values)), column_of(values)
    found = profile(world, column, side)
    cells = [("all", "all", "all"), *(("all", "all", w) for w in found.window_names)]
    cells += [(by, value, "all") for by, value in zip(found.slice_by, found.slice_value, strict=True)]
    assert len(cells) == len(found.counts)
    assert set(found.window_names) == {w for w, s in zip(world.frame["window"], world.frame["side"], strict=True) if s == side}
    for i, (by, value, window) in enumerate(cells):
        own = [values[row] for row in rows_of(world.frame, side, by, value, window)]
        assert found.counts[i].tolist() == counts_of(own, found.bins.edges, found.bins.categories)
        assert found.moments.n_rows[i] == len(own)
        assert found.moments.n_missing[i] == sum(map(is_missing, own))
        if column.kind == "number":
            _, _, infinite, low, high, mean, _ = moments_of(own)
            assert found.moments.n_infinite[i] == infinite
            np.testing.assert_array_equal([found.moments.minimum[i], found.moments.maximum[i]], [low, high])
            assert found.moments.mean[i] == pytest.approx(mean, rel=1e-12, abs=1e-9, nan_ok=True)
    present = [v for v in (values[row] for row in rows_of(world.frame, side)) if not is_missing(v)]
    assert found.cardinality.n_distinct == len(set(present))
    assert [n for _, n in found.top] == sorted(Counter(present).values(), reverse=True)[:N_TOP]
    if column.kind == "category":
        assert found.quantiles is None
        assert dict(found.top) == dict(Counter(present).most_common(N_TOP))
        return
    assert {float(name): n for name, n in found.top} == dict(Counter(present))
    finite = np.array([v for v in present if not math.isinf(v)])
    wanted = [float(type_7(finite, repr(q))) if len(finite) else NAN for q in QUANTILES]
    np.testing.assert_allclose(found.quantiles, wanted, rtol=1e-12, atol=1e-9)


def test_of_many_different_numbers_none_is_listed_and_of_many_categories_twenty():
    assert all_rows([float(i) for i in range(51)]).top == ()
    assert len(all_rows([float(i) for i in range(50)]).top) == N_TOP
    found = all_rows([f"{i:02d}" for i in range(60)] + ["59"] * 3, kind="category")
    assert (len(found.top), found.top[0]) == (N_TOP, ("59", 4))


def test_two_numbers_that_share_their_first_digits_are_listed_apart():
    found = all_rows([1.0, 1.0 + 1e-12, 1.0])
    assert [n for _, n in found.top] == [2, 1]
    assert len({name for name, _ in found.top}) == 2


def test_minus_zero_is_listed_as_zero():
    assert all_rows([-0.0, 0.0, -0.0]).top == (("0.0", 3),)


def test_an_infinite_value_is_a_value_of_its_own():
    assert all_rows([1.0, INF, INF, -INF, NAN]).cardinality.n_distinct == 3.0
    assert all_rows([1.0, INF, 1.0]).quantiles.tolist() == [1.0] * len(QUANTILES)


@given(NUMBERS, st.data())
@settings(max_examples=100, deadline=None)
def test_profiles_of_parts_of_a_number_add_to_the_profile_of_the_whole(values, data):
    assume(values)
    at = data.draw(st.integers(0, len(values)))
    first = all_rows(values[:at])
    whole = all_rows(values, first.bins)
    both = added_profiles(first, all_rows(values[at:], first.bins))
    assert_same_profiles(both, replace(whole, **_no_cells(whole)), but=("quantiles", "quantile_method", "top"))
    assert dict(both.top) == dict(whole.top)
    assert both.quantile_method == "histogram"
    scale = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    np.testing.assert_allclose(both.moments.mean, whole.moments.mean[:1], atol=1e-12 * scale)
    np.testing.assert_allclose(both.moments.m2, whole.moments.m2[:1], rtol=1e-9, atol=1e-12 * scale**2)
    if not np.isnan(both.quantiles).any():
        assert (np.diff(both.quantiles) >= 0).all()
        assert (both.quantiles[0], both.quantiles[-1]) == (whole.quantiles[0], whole.quantiles[-1])


def _no_cells(whole):
    moments = replace(whole.moments, **{name: value[:1] for name, value in vars(whole.moments).items()})
    return {"counts": whole.counts[:1], "moments": moments, "window_names": (), "slice_by": (), "slice_value": ()}


@given(TEXTS, TEXTS, st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_profiles_of_parts_of_a_category_add_to_the_profile_of_the_whole(a, b, max_categories):
    first = all_rows(a, None, max_categories, kind="category")
    second = all_rows(b, first.bins, 10**6, kind="category")
    whole = all_rows(a + b, second.bins, 10**6, kind="category")
    for both in (added_profiles(first, second), added_profiles(second, first)):
        assert_same_profiles(both, replace(whole, **_no_cells(whole)), but=("quantile_method", "top"))
        shown = {name: n for name, n in zip(both.bins.categories, both.counts[0].tolist(), strict=False) if n}
        assert dict(both.top) == shown


def test_quantiles_of_a_sum_are_within_the_bin_that_holds_them():
    rng = np.random.default_rng(1)
    parts = rng.normal(size=3000), rng.normal(0.5, 1.2, size=2000)
    first = all_rows(parts[0].tolist())
    both = added_profiles(first, all_rows(parts[1].tolist(), first.bins))
    exact = np.quantile(np.concatenate(parts), QUANTILES)
    # In the outer bins values lie anything but evenly; the second part reaches further into the upper one.
    inner = slice(QUANTILES.index(0.1), QUANTILES.index(0.8))
    width = max(np.diff(first.bins.edges[1:-1]))
    assert np.abs(both.quantiles - exact)[inner].max() < width
    assert both.quantile_method == "histogram", "and it says that they are not exact"


def test_infinite_values_are_not_taken_for_the_ends_of_the_range():
    first = all_rows([float(i) for i in range(101)])
    both = added_profiles(first, all_rows([INF] * 100 + [50.0], first.bins))
    assert both.quantiles[QUANTILES.index(0.5)] == pytest.approx(50, abs=1.5)
    assert np.isnan(histogram_quantiles(Bins(edges=(0.0, 0.0)), np.array([0, 0, 3, 1]), NAN, NAN, 3)).all()


def test_parts_in_other_bins_or_of_another_column_do_not_add():
    a = all_rows([1.0, 2.0, 3.0])
    with pytest.raises(ReplayError, match=r"different bins.* make the second with the first as drift\.reference_profile"):
        added_profiles(a, all_rows([1.0, 2.0, 4.0]))
    with pytest.raises(ReplayError, match="'x' and 'y' have different name"):
        added_profiles(a, replace(a, name="y"))
    with pytest.raises(ReplayError, match="different kind"):
        added_profiles(a, all_rows(["a"], kind="category"))
    with pytest.raises(ReplayError, match="different bins"):
        added_profiles(all_rows(["a", "a", "b"], kind="category"), all_rows(["b", "b", "a"], kind="category"))


def log_profile(*columns):
    return LogProfile(7, tuple(columns), "log.parquet")


@given(st.lists(NUMBERS | TEXTS, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_profile_that_is_written_and_read_is_the_same(columns):
    before = log_profile(*(profile(world_of(len(v)), column_of(v), 0) for v in columns))
    written = profile_text(before)
    after = profile_of_text(written, "profile.json")
    assert (after.n_rows, after.source) == (before.n_rows, before.source)
    assert after.sha256 == json.loads(written)["sha256"]
    for found, wanted in zip(after.columns, before.columns, strict=True):
        assert_same_profiles(found, wanted, but=() if wanted.quantiles is not None else ("quantiles",))
        np.testing.assert_array_equal(found.moments.mean, wanted.moments.mean)
        np.testing.assert_array_equal(found.moments.m2, wanted.moments.m2)
    assert profile_text(after) == written
    json.loads(written, parse_constant=pytest.fail)


def test_edges_and_sketches_come_back_to_the_last_bit():
    whole = number([2**60 + 1, 2**53 + 1, 5], np.int64, [False] * 3)
    found = profile(world_of(3, 0), whole, 1)
    (back,) = profile_of_text(profile_text(log_profile(found)), "p").columns
    assert back.bins == found.bins
    assert all(type(a) is type(b) for a, b in zip(back.bins.edges, found.bins.edges, strict=True))
    many = all_rows(np.random.default_rng(0).normal(size=12_000).tolist())
    (back,) = profile_of_text(profile_text(log_profile(many)), "p").columns
    assert back.cardinality == many.cardinality
    assert added_profiles(back, many).cardinality.n_distinct == pytest.approx(many.cardinality.n_distinct, rel=0.02)


CHANGES = {
    "a count": lambda data: data["columns"][0]["counts"][0].__setitem__(0, 99),
    "a name": lambda data: data["columns"][0].__setitem__("name", "z"),
    "the rows": lambda data: data.__setitem__("n_rows", 8),
    "a key more": lambda data: data.__setitem__("note", "mine"),
    "the hash": lambda data: data.__setitem__("sha256", "0" * 64),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_content_is_refused(what):
    data = json.loads(profile_text(log_profile(all_rows([1.0, 2.0]))))
    CHANGES[what](data)
    with pytest.raises(ReplayError, match=r"drift\.reference_profile: p\.json is not what harness drift wrote \(its sha256 differs\)"):
        profile_of_text(json.dumps(data), "p.json")


def test_another_layout_of_the_same_content_is_the_same_profile():
    written = profile_text(log_profile(all_rows([1.0, 2.0])))
    assert profile_of_text(json.dumps(json.loads(written)), "p").sha256 == profile_of_text(written, "p").sha256


@pytest.mark.parametrize("text_", ["", "no json", "[]", "{}", '"x"', "3", "null", '{"sha256": "a"}', '{"format": 1}'])
def test_what_is_no_profile_is_refused(text_):
    with pytest.raises(ReplayError, match=r"drift\.reference_profile: p\.json is no profile; name a replay/profile\.json"):
        profile_of_text(text_, "p.json")


def test_another_format_is_refused_by_its_number():
    data = json.loads(profile_text(log_profile(all_rows([1.0])))) | {"format": 99}
    with pytest.raises(ReplayError, match=r"p\.json has format 99, this harness reads 1"):
        profile_of_text(json.dumps(data), "p.json")


STATISTICS = (Psi(threshold=0.2), ChiSquare(), MeanShift(threshold=0.2), MissingShare(threshold=0.05))


def readings(world, column, bins=None, stored=None, max_categories=100):
    tables = tabulate(column, world.index, world.groups, bins, max_categories)
    maker = PairMaker(column, tables, world.index, world.groups, days=False, stored=stored)
    pairs = maker.pairs(slices=True, windows=True)
    return {(*cell, s.name): s.read(pair) for *cell, pair in pairs for s in STATISTICS if s.applies_to(pair.kind, False)}


@given(NUMBERS | TEXTS, st.sampled_from([2, 100]))
@settings(max_examples=60, deadline=None)
def test_a_stored_profile_in_place_of_the_reference_rows_gives_the_same_figures(values, max_categories):
    world, column = world_of(len(values)), column_of(values)
    assume(world.rows.n_reference and world.rows.n_current)
    expected = readings(world, column, max_categories=max_categories)
    reference = profile(world, column, 0, max_categories=max_categories)
    (stored,) = profile_of_text(profile_text(log_profile(reference)), "p").columns
    rows = range(world.rows.n_reference, len(values))
    alone = cut([1] * len(rows), [60 * i / len(values) for i in rows], "1mo", {"channel": [world.frame["channel"][i] for i in rows]})
    own = text("x", [values[i] for i in rows]) if column.kind == "category" else number([values[i] for i in rows])
    found = readings(alone, own, stored.bins, StoredReference(stored), max_categories)
    for key, reading in found.items():
        assert reading.value == pytest.approx(expected[key].value, rel=1e-9, abs=1e-12, nan_ok=True), key
        assert (reading.n_reference, reading.n_current) == (expected[key].n_reference, expected[key].n_current), key
        assert (reading.p_value is None) == (expected[key].p_value is None), key
        assert reading.p_value is None or reading.p_value == pytest.approx(expected[key].p_value, rel=1e-9, abs=1e-12, nan_ok=True), key


def test_a_slice_that_the_profile_does_not_know_has_no_rows():
    reference = profile(world_of(8), number([float(i) for i in range(8)]), 0)
    sample = StoredReference(reference).slice("channel", "tv", reference.bins)
    assert (sample.n_rows, sample.counts.sum()) == (0, 0)
    assert math.isnan(sample.mean)
