"""Profile nannyml: against its definition value by value, against what NannyML itself said, and at its borders."""

from __future__ import annotations

import gc
import json
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.drift.nannyml.chi_square import NannymlChiSquare
from harness.drift.nannyml.hellinger import NannymlHellinger
from harness.drift.nannyml.jensen_shannon import NannymlJensenShannon
from harness.drift.nannyml.ks import N_BINS, NannymlKs
from harness.drift.nannyml.l_infinity import NannymlLInfinity
from harness.drift.nannyml.wasserstein import NannymlWasserstein
from harness.drift.statistic import DriftStatistic
from harness.plugins import build_all
from harness.records.drift import ColumnPair, Reading
from harness.records.profile import Bins
from tests.conformance.peers_drift import FILE, checksum, chunk_size, columns
from tests.oracles import peers_drift as oracle
from tests.support.column_pairs import category_bins, decile_bins, pair_of

STATISTICS: dict[str, DriftStatistic] = {
    "jensen_shannon": NannymlJensenShannon(),
    "ks": NannymlKs(),
    "wasserstein": NannymlWasserstein(),
    "hellinger": NannymlHellinger(),
    "l_infinity": NannymlLInfinity(),
    "chi_square": NannymlChiSquare(),
}
OF_NUMBERS = ["jensen_shannon", "ks", "wasserstein", "hellinger"]
SHARES = ["jensen_shannon", "hellinger"]
NUMBERS = st.lists(st.sampled_from([-2.5, -0.0, 0.0, 0.25, 1.0, 3.0, 7.0, 9.5]), min_size=1, max_size=24)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=24)
RECORDED = json.loads(FILE.read_text())
COLUMNS = columns()


def read(name: str, pair: ColumnPair) -> Reading:
    found = STATISTICS[name].read(pair)
    assert found is not None
    return found


def distance(name: str, reference: list[Any], current: list[Any]) -> float:
    """Of samples that are small enough for the exact forms."""
    if name == "jensen_shannon":
        return oracle.jensen_shannon(*oracle.nannyml_shares(reference, current), base=2)
    if name == "hellinger":
        return oracle.hellinger(*oracle.nannyml_shares(reference, current))
    return {"ks": oracle.ks, "wasserstein": oracle.wasserstein, "l_infinity": oracle.l_infinity}[name](reference, current)


@pytest.mark.parametrize("column", list(COLUMNS))
def test_every_window_says_what_nannyml_said(column: str) -> None:
    reference, current = COLUMNS[column]
    recorded = RECORDED["cases"][column]
    assert [checksum(reference), checksum(current)] == pytest.approx(recorded["checksums"]), (
        "the columns are no longer those on which it ran"
    )
    size = chunk_size(reference, current)
    is_text = isinstance(reference, list)
    bins = category_bins(reference, current) if is_text else decile_bins(reference)
    for start in range(0, len(current), size):
        chunk = current[start : start + size]
        pair = pair_of(reference, chunk, bins, windows=len(reference) // size, kind="category" if is_text else "number")
        for name, found in recorded["nannyml"].items():
            reading, value = read(name, pair), found["values"][start // size]
            if math.isinf(value):  # the distance to an infinite value; here it is left out
                assert math.isfinite(reading.value)
                assert "infinite values left out" in reading.note
                continue
            assert reading.value == pytest.approx(value, rel=1e-9, abs=1e-12), (name, start)
            assert reading.threshold == (None if found["bound"] is None else pytest.approx(found["bound"], rel=1e-9, abs=1e-12)), name
            assert reading.exceeds is found["alerts"][start // size], (name, start)


@given(st.one_of(st.tuples(NUMBERS, NUMBERS), st.tuples(TEXTS, TEXTS)), st.integers(2, 4), st.randoms())
def test_every_distance_and_its_bound_are_their_definition_in_any_order(
    sides: tuple[list[Any], list[Any]], n_windows: int, shuffled: Any
) -> None:
    reference, current = sides
    is_text = isinstance(reference[0], str)
    order = [*current]
    shuffled.shuffle(order)
    windows = [reference[i::n_windows] for i in range(n_windows) if reference[i::n_windows]]
    if is_text:
        pair = pair_of(reference, order, category_bins(reference, current), windows=windows, kind="category")
    else:
        pair = pair_of(np.array(reference), np.array(order), windows=[np.array(window) for window in windows])
    for name in [*SHARES, "l_infinity"] if is_text else OF_NUMBERS:
        reading = read(name, pair)
        rounding = 3e-8 if name in SHARES else 1e-12  # the root of a difference that rounds to nothing
        assert reading.value == pytest.approx(distance(name, reference, current), rel=1e-9, abs=rounding), name
        if len(windows) > 1:
            bound = oracle.nannyml_bound(
                windows, lambda window, name=name: distance(name, reference, window), 1.0 if name == "ks" else math.inf
            )
            assert reading.threshold == pytest.approx(bound, rel=1e-9, abs=4 * rounding), name
        else:
            assert (reading.threshold, reading.exceeds) == (None, None)


@pytest.mark.parametrize("n_reference", [N_BINS - 1, N_BINS])
def test_ks_and_wasserstein_are_cut_into_bins_from_10000_reference_rows_on(n_reference: int) -> None:
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=n_reference), np.concatenate([rng.normal(0.3, 1.5, 300), [-9.0, 9.0, 11.0]])
    pair = pair_of(np.append(reference, np.nan), current)
    assert pair.ordered is not None
    exact = {"ks": pair.ordered.ks, "wasserstein": pair.ordered.wasserstein}
    binned = {"ks": oracle.nannyml_ks_in_bins, "wasserstein": oracle.nannyml_wasserstein_in_bins}
    for name, of_values in exact.items():
        of_bins = binned[name](reference.tolist(), current.tolist(), N_BINS)
        assert abs(of_bins - of_values) > 1e-6, "the two forms must differ, or this shows nothing"
        assert read(name, pair).value == pytest.approx(of_values if n_reference < N_BINS else of_bins, rel=1e-9)


def test_a_window_drifted_above_the_bound_and_not_at_it() -> None:
    pair = pair_of([*"aabb"], [*"abbb"])
    at = NannymlLInfinity(threshold=0.25).read(pair)
    below = NannymlLInfinity(threshold=0.2499).read(pair)
    assert (at and at.exceeds, below and below.exceeds) == (False, True)
    assert at is not None
    assert at.decides_alone
    assert at.p_value is None


def test_without_two_reference_windows_there_is_no_bound() -> None:
    reference = [*"aabbabab"]
    for windows, n in (([], 0), ([reference], 1), ([reference, [None]], 1)):
        reading = read("l_infinity", pair_of(reference, [*"bbbb"], windows=windows))
        assert (reading.value, reading.threshold, reading.exceeds) == (0.5, None, None)
        assert f"no bound: {n} windows" in reading.note
    assert "bound of 2 reference windows" in read("l_infinity", pair_of(reference, [*"bb"], windows=2)).note


def test_infinite_current_values_are_mass_outside_on_their_own_side() -> None:
    reference = np.arange(12_000) / 12_000
    low = np.concatenate([reference[::4], np.full(1000, -np.inf), [-1.0]])
    high = np.concatenate([reference[::4], np.full(1000, np.inf), [2.0]])
    for values, far in ((low, np.float64(-1e6)), (high, np.float64(1e6))):
        finite = np.where(np.isinf(values), far, values)
        for name in ("jensen_shannon", "hellinger", "ks"):
            assert read(name, pair_of(reference, values)).value == read(name, pair_of(reference, finite)).value
    small = pair_of(reference[:5], np.array([-np.inf, 0.0, np.inf]))
    assert read("ks", small).value == pytest.approx(oracle.ks(reference[:5].tolist(), [-math.inf, 0.0, math.inf]))


def test_infinite_values_that_are_left_out_are_counted() -> None:
    small = pair_of(np.array([0.0, 1.0, np.inf, -np.inf]), np.array([0.5, np.inf]))
    assert "2 infinite reference values left out" in read("jensen_shannon", small).note
    assert "3 infinite values left out" in read("wasserstein", small).note
    assert "left out" not in read("ks", small).note, "the exact distance orders them"
    assert read("ks", small).value == pytest.approx(oracle.ks([0.0, 1.0, math.inf, -math.inf], [0.5, math.inf]))
    large = pair_of(np.append(np.arange(10_000.0), np.inf), np.array([0.5, np.inf]))
    assert "1 infinite reference values left out" in read("ks", large).note


@pytest.mark.parametrize("name", list(STATISTICS))
def test_a_side_without_values_is_undefined(name: str) -> None:
    is_text = STATISTICS[name].applies_to("category", False)
    empty, some = ([None, None], ["a", "b"]) if is_text else (np.array([np.nan]), np.array([1.0, 2.0]))
    for reference, current, side in ((empty, some, "reference"), (some, empty, "current"), (some, some[:0], "current")):
        reading = read(
            name, pair_of(reference, current, category_bins(["a", "b"]) if is_text else None, kind="category" if is_text else None)
        )
        assert math.isnan(reading.value)
        assert reading.exceeds is None
        assert f"no {side} row has a value" in reading.note


def test_a_current_side_of_infinite_values_alone_has_no_wasserstein_distance() -> None:
    for n in (10, 12_000):
        pair = pair_of(np.arange(float(n)), np.array([np.inf, np.inf]))
        reading = read("wasserstein", pair)
        assert math.isnan(reading.value)
        assert "no finite distance" in reading.note
        assert read("jensen_shannon", pair).value == pytest.approx(1.0)


def test_undefined_where_no_bins_can_be_cut() -> None:
    huge = np.linspace(-1.7, 1.7, 10_001) * 1e308
    with np.errstate(over="ignore", invalid="ignore"):  # of the moments that a pair holds
        pair = pair_of(huge, huge[:100])
    for name in OF_NUMBERS:
        assert "for bins" in read(name, pair).note
        assert math.isnan(read(name, pair).value)
    neighbours = pair_of(np.repeat(1e16 + 2.0 * np.arange(50), 200), np.array([1e16]))
    assert "for bins" in read("wasserstein", neighbours).note


def test_a_stored_reference_has_no_distance_of_numbers() -> None:
    pair = pair_of(np.arange(9.0), np.arange(9.0))
    stored = replace(pair, reference=replace(pair.reference, values=None), order=None)
    for name in OF_NUMBERS:
        assert "a stored profile has counts alone" in read(name, stored).note


def test_the_reference_is_looked_at_once_for_all_its_windows_and_let_go_after() -> None:
    pair = pair_of(np.arange(12_000.0), np.arange(5.0), windows=3)
    asked, values = [0], pair.reference.values
    assert values is not None

    def ask() -> Any:
        asked[0] += 1
        return values()

    counted = replace(pair.reference, values=ask)
    first = replace(pair, reference=counted)
    read("ks", first)
    n_asked = asked[0]
    other = pair_of(np.arange(12_000.0), np.arange(9000.0)).current
    again = read("ks", replace(first, current=other))
    assert asked[0] == n_asked
    assert again.value == pytest.approx(0.25, abs=1e-3)
    alone = read("ks", replace(first, reference_windows=()))
    assert alone.threshold is None, "a bound must not outlive its windows"
    assert read("ks", pair_of(np.arange(5.0), np.arange(5.0))).value == 0.0
    ghost = weakref.ref(counted)
    del counted, first, again, alone
    gc.collect()
    assert ghost() is None


def test_fits_do_not_hold_the_reference() -> None:
    pair = pair_of(np.arange(12_000.0), np.arange(5.0), windows=3)
    for name in OF_NUMBERS:
        read(name, pair)
    ghost = weakref.ref(pair.reference)
    del pair
    gc.collect()
    assert ghost() is None


def test_chi_square_goes_by_its_p_value_with_yates_correction() -> None:
    reading = read("chi_square", pair_of([*"aaab"] * 20, [*"abbb"] * 20))
    assert reading.exceeds is True
    assert reading.value == pytest.approx(4 * (20 - 0.5) ** 2 / 40)
    assert NannymlChiSquare(threshold=None).read(pair_of([*"ab"], [*"ab"])).exceeds is None  # type: ignore[union-attr]
    assert (read("chi_square", pair_of(["a"], ["a"])).value, read("chi_square", pair_of(["a"], ["a"])).p_value) == (0.0, 1.0)


def test_rare_values_in_one_bin_are_said() -> None:
    pair = pair_of(["a", "a", "other"], ["a", "other"], Bins(categories=("a", "other")), kind="category")
    assert "raise drift.max_categories" in read("l_infinity", pair).note


def test_times_are_not_compared() -> None:
    assert not any(statistic.applies_to("time", False) for statistic in STATISTICS.values())
    assert [name for name, statistic in STATISTICS.items() if statistic.applies_to("number", False)] == OF_NUMBERS


def test_the_option_names_its_statistics_as_the_rows_will_be_named() -> None:
    option = yaml.safe_load((Path(__file__).parents[2] / "conf" / "drift" / "nannyml.yaml").read_text())
    assert (option["name"], option["profile"]) == ("nannyml", "nannyml")
    assert [statistic.name for statistic in build_all(option["statistics"], "statistics")] == list(option["statistics"])
