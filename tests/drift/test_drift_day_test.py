"""Resampling whole days: against every possible arrangement, and its level where rows of a day are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift.base_rate import BaseRate
from harness.drift.chi_square import ChiSquare
from harness.drift.day_test import day_note, day_permutation_p
from harness.drift.homogeneity import chi_square_of
from harness.drift.jensen_shannon import JensenShannon
from harness.drift.kolmogorov_smirnov import KolmogorovSmirnov
from harness.drift.missing_share import MissingShare
from harness.drift.psi import Psi
from harness.drift.total_variation import TotalVariation
from harness.records.drift import DayCounts
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of

DAYS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=4).filter(lambda d: any(map(any, d)))


def apart(reference, current):
    return np.abs(reference[:, 0] / reference.sum(axis=1) - current[:, 0] / current.sum(axis=1))


@settings(max_examples=25)
@given(DAYS, DAYS)
def test_it_is_the_share_of_all_arrangements(reference, current):
    found = day_permutation_p(DayCounts(np.array(reference), np.array(current)), apart, 4_999, 1)
    exact = oracle.days_p(reference, current, lambda r, c: abs(r[0] / sum(r) - c[0] / sum(c)))
    assert found == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 5_000))


def test_the_least_p_value_is_one_of_all_resamples_and_the_found_one():
    days = DayCounts(np.tile([9, 0], (12, 1)), np.tile([0, 9], (12, 1)))
    assert day_permutation_p(days, apart, 99) == 1 / 100
    assert day_note(days, 99) == "p by 99 resamples of 24 days"


def test_few_days_say_which_p_value_is_the_least_possible():
    days = DayCounts(np.tile([9, 0], (11, 1)), np.array([[0, 9]]))
    assert day_permutation_p(days, apart, 9_999) == pytest.approx(1 / 12, abs=0.01)
    assert day_note(days, 999) == "p by 999 resamples of 12 days, at least 0.083"


def test_the_same_seed_gives_the_same_p_value_and_another_another():
    rng = np.random.default_rng(2)
    days = DayCounts(rng.integers(0, 30, (11, 4)), rng.integers(0, 30, (11, 4)))
    found = [day_permutation_p(days, chi_square_of, 999, seed) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_days_without_rows_are_no_days_and_the_order_of_days_is_free():
    rng = np.random.default_rng(3)
    reference, current = rng.integers(1, 30, (11, 4)), rng.integers(1, 30, (10, 4))
    empty = np.zeros((5, 4), np.int64)
    padded = DayCounts(np.concatenate([reference, empty]), np.concatenate([empty, current]))
    bare = DayCounts(reference, current)
    assert day_permutation_p(padded, chi_square_of) == day_permutation_p(bare, chi_square_of)
    shuffled = DayCounts(rng.permutation(reference), current)
    assert day_permutation_p(shuffled, chi_square_of, 9_999) == pytest.approx(day_permutation_p(bare, chi_square_of, 9_999), abs=0.02)


def test_a_side_without_days_has_no_p_value():
    nothing, some = np.zeros((3, 2), np.int64), np.ones((3, 2), np.int64)
    assert math.isnan(day_permutation_p(DayCounts(nothing, some), apart))
    assert math.isnan(day_permutation_p(DayCounts(some, nothing), apart))


def test_resamples_equal_to_the_found_one_count_whatever_the_order_of_sums():
    days = DayCounts(np.array([[3, 4, 5]] * 6), np.array([[3, 4, 5]] * 6))
    assert day_permutation_p(days, lambda r, c: Psi().of_counts(r, c) + 0.1, 999) == 1.0


def test_a_label_that_is_missing_is_on_no_side_by_days_either():
    days = np.repeat(np.arange(10), 4), np.repeat(np.arange(10, 20), 4)
    values = ["0", "1", "0", "1"] * 10, ["0", "1", None, None] * 10
    assert ChiSquare().read(pair_of(*values, days=days)).p_value < 0.01
    assert ChiSquare().read(pair_of(*values, days=days, is_label=True)).p_value == 1.0


def worlds_with_day_effects(kind, n_worlds, seed):
    """Twelve days a side of 30 rows that share a normal effect of the day; nothing else differs."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(12), 30), np.repeat(np.arange(12, 24), 30)
    for _ in range(n_worlds):
        effect = rng.normal(0.0, 0.6, 24)
        sides = [effect[own] + rng.normal(size=360) for own in days]
        yield days, (sides if kind == "number" else [np.array(list("abcd"))[np.digitize(side, (-1, 0, 1))].tolist() for side in sides])


@pytest.mark.parametrize(
    ("kind", "statistics"),
    [("number", (Psi(), JensenShannon(), KolmogorovSmirnov())), ("category", (ChiSquare(), TotalVariation()))],
)
def test_by_days_it_keeps_its_level_where_rows_that_are_alike_break_that_of_rows(kind, statistics):
    n_worlds = 150
    alarms = {(s.name, by): 0 for s in statistics for by in ("days", "rows")}
    for days, sides in worlds_with_day_effects(kind, n_worlds, 4):
        for by, pair in (("days", pair_of(*sides, days=days)), ("rows", pair_of(*sides))):
            for statistic in statistics:
                alarms[statistic.name, by] += statistic.read(pair).p_value < 0.05
    tolerance = 3 * math.sqrt(0.05 * 0.95 / n_worlds)
    for (name, by), count in alarms.items():
        assert (count / n_worlds <= 0.05 + tolerance) if by == "days" else (count / n_worlds > 0.25), (name, by, count)


def test_by_days_a_true_change_is_found():
    found = []
    for days, (reference, current) in worlds_with_day_effects("number", 40, 5):
        pair = pair_of(reference, current + 1.5, days=days)
        found.append([s.read(pair).p_value < 0.05 for s in (Psi(), JensenShannon(), KolmogorovSmirnov())])
    assert (np.mean(found, axis=0) > 0.9).all()


def test_where_all_rows_are_alike_there_is_no_test_by_days_either():
    days = np.repeat(np.arange(10), 4), np.repeat(np.arange(10, 20), 4)
    numbers, texts = pair_of(np.ones(40), np.ones(40), days=days), pair_of(["1"] * 40, ["1"] * 40, days=days, is_label=True)
    readings = [Psi().read(numbers), MissingShare().read(numbers), ChiSquare().read(texts), BaseRate().read(texts)]
    assert [(reading.value, reading.p_value) for reading in readings] == [(0.0, None)] * 4
    assert all("no test" in reading.note for reading in readings)
