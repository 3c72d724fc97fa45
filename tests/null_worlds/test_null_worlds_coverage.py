"""What the null worlds count: a truth that is known, an interval that is too narrow, a gate that is too lenient."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm
from statsmodels.stats.proportion import proportion_confint

from benchmarks.null_worlds import coverage
from benchmarks.null_worlds.binary import BinaryWorld
from benchmarks.null_worlds.coverage import covered, world_coverage
from benchmarks.null_worlds.exact import paired_tally, tango_coverage, wilson_coverage
from benchmarks.null_worlds.page import _coverage_table as coverage_table
from benchmarks.null_worlds.preset import preset_worlds
from benchmarks.null_worlds.regression import RegressionWorld
from benchmarks.null_worlds.results import is_miss, mean_coverage
from benchmarks.null_worlds.verdicts import NAMED, Pool, pools_of, rates_of, statuses, take
from benchmarks.null_worlds.world import Design
from harness.compare.paired_differences import paired_differences
from harness.metrics.accuracy import Accuracy
from harness.metrics.ece import Ece

WORLD = BinaryWorld(table="t", column="c", design=Design(300), rate=0.3, aucs=(0.8,))


class NarrowAccuracy(Accuracy):
    """Accuracy with half of its interval."""

    def compute(self, tally, confidence, seed):
        values = super().compute(tally, confidence, seed)
        return replace(values, ci_low=(values.value + values.ci_low) / 2, ci_high=(values.value + values.ci_high) / 2)


def coverage_of(metric, world, monkeypatch, n_sets=300):
    monkeypatch.setattr(coverage, "metrics_of", lambda task: (("tried", metric),))
    (found,) = world_coverage(world, n_sets)
    return found


def test_an_interval_that_is_too_narrow_is_flagged(monkeypatch):
    right, narrow = (coverage_of(metric, WORLD, monkeypatch) for metric in (Accuracy(), NarrowAccuracy()))
    assert not is_miss(right)
    assert is_miss(narrow)
    assert narrow.coverage == pytest.approx(2 * norm.cdf(1.96 / 2) - 1, abs=0.08)  # half of a normal interval: .673
    assert f"**{100 * narrow.coverage:.1f}**" in coverage_table([narrow])
    assert "**" not in coverage_table([right])


def test_intervals_are_counted_by_the_side_on_which_they_miss():
    low, high = np.array([0.0, 2.0, -3.0, np.nan, 0.0]), np.array([1.0, 3.0, -2.0, np.nan, np.nan])
    found = covered("m", WORLD, low, high, 0.5)
    assert (found.n_sets, found.n_interval, found.n_too_high, found.n_too_low) == (5, 3, 1, 1)
    assert found.coverage == pytest.approx(1 / 3)


def test_without_intervals_nothing_is_judged():
    found = covered("m", WORLD, np.full(3, np.nan), np.full(3, np.nan), 0.5)
    assert math.isnan(found.coverage)
    assert not is_miss(found)
    assert math.isnan(mean_coverage([found]))


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_null_point_that_is_too_low_is_flagged_where_scores_are_calibrated(monkeypatch, calibrated):
    found = coverage_of(Ece(n_draws=200), replace(WORLD, calibrated=calibrated), monkeypatch, n_sets=200)
    assert found.is_conditional
    assert is_miss(found) == (not calibrated and found.coverage < 0.9)
    too_often = replace(found, n_interval=found.n_sets // 4, n_too_high=0, n_too_low=0)
    assert is_miss(too_often) == calibrated


@pytest.mark.parametrize(("rate", "auc"), [(0.05, 0.9), (0.5, 0.7)])
def test_the_truth_of_a_binary_world_is_that_of_its_closed_form(rate, auc):
    found = {c.metric: c.truth for c in world_coverage(replace(WORLD, design=Design(2000), rate=rate, aucs=(auc,)), 200)}
    assert found["auc"] == pytest.approx(auc, abs=0.004)
    assert found["base_rate"] == pytest.approx(rate, abs=0.004)
    assert found["selection_rate"] == pytest.approx(rate, abs=0.004)  # the threshold is where it is so
    assert found["calibration_slope"] == pytest.approx(1.0, abs=0.02)


def test_the_truth_of_a_regression_world_is_that_of_its_closed_form():
    world = RegressionWorld(table="t", column="c", design=Design(2000), errors="uneven", noises=(1.0,))
    found = {c.metric: c.truth for c in world_coverage(world, 100)}
    error = 0.4**2 + 0.5**2 + 1.0 + 4.0  # shrinkage, bias, noise, and e: its variance 4 E exp(.8 s - .32) is 4
    assert found["bias"] == pytest.approx(0.5, abs=0.03)
    assert found["mse"] == pytest.approx(error, rel=0.03)
    assert found["r2"] == pytest.approx(1.0 - error / 20.0, abs=0.01)


def test_rows_of_a_cluster_are_as_alike_as_the_design_says():
    design = Design(n_clusters=50, icc=0.3)
    rng = np.random.default_rng(3)
    layout = design.lay_out(rng, 200)
    values = layout.normal(rng)
    assert np.unique(layout.set_ids).size == 200
    assert np.unique(layout.cluster_ids[layout.set_ids == 7]).size == 50
    first = np.flatnonzero(layout.cluster_ids[:-1] == layout.cluster_ids[1:])
    assert np.corrcoef(values[first], values[first + 1])[0, 1] == pytest.approx(0.3, abs=0.02)
    assert values.std() == pytest.approx(1.0, abs=0.02)


def test_coverage_of_counts_is_that_of_the_definition():
    n, p = 30, 0.05
    own = next(c for c in wilson_coverage() if (c.n, c.world) == (n, f"share {p:g}"))
    intervals = [proportion_confint(k, n, method="wilson") for k in range(n + 1)]
    assert own.coverage == pytest.approx(sum(binom.pmf(k, n, p) for k, (low, high) in enumerate(intervals) if low <= p <= high), abs=1e-12)


def test_coverage_of_pairs_of_counts_is_that_of_draws():
    own = next(c for c in tango_coverage() if (c.n, c.world) == (30, "gained 0.05, lost 0.15"))
    gained, lost, _ = np.random.default_rng(1).multinomial(30, [0.05, 0.15, 0.8], 4000).T
    found = paired_differences(paired_tally(gained, lost, 30), "accuracy", "a", "b", 0.95)
    drawn = np.mean((found.ci_low <= -0.1) & (found.ci_high >= -0.1))
    assert own.coverage == pytest.approx(drawn, abs=4 * np.sqrt(0.05 * 0.95 / 4000))


@pytest.fixture(scope="module")
def pool():
    (found,) = pools_of("regression", 100)
    return found


def test_a_gate_that_is_too_lenient_is_flagged(pool):
    def wrong_passes(own: Pool):
        return [r for r in rates_of(own, "regression", 100) if r.rule.startswith("PASS") and r.n_challengers == 1]

    assert [r.is_above for r in wrong_passes(pool)] == [False] * len(NAMED)
    lenient = replace(pool, margin=2 * pool.margin)  # what is worse by the old margin is then well within the new one
    assert [r.is_above for r in wrong_passes(lenient)] == [True] * len(NAMED)


def test_a_gate_that_is_too_strict_is_flagged(pool):
    strict = replace(pool, margin=pool.margin / 3)
    fails = [r for r in rates_of(strict, "regression", 100) if r.rule.startswith("FAIL of a named slice, all worse")]
    assert all(r.is_above for r in fails)
    assert len(fails) == 4


def test_named_slices_are_the_first_ones(pool):
    n = len(pool.differences[0][0].n)
    slices = np.array([[n, 0, 1], [0, n, 1]])  # a worse slice named, then one that is not named
    wide = replace(pool, margin=pool.margin / 4)
    assert statuses(wide, slices, 1, screen=False)[:, 0].tolist()[0] == "FAIL"
    assert statuses(wide, slices, 1, screen=False)[:, 0].tolist()[1] != "FAIL"
    assert statuses(wide, slices, 1, screen=True)[:, 0].tolist() == ["FAIL", "FAIL"]


def test_taking_slices_leaves_names_alone(pool):
    whole = pool.differences[0][1]
    part = take(whole, np.array([4, 2]))
    assert (part.challenger, part.metric, part.n_fewest_class) == ("challenger 2", "mae", None)
    np.testing.assert_array_equal(part.difference, whole.difference[[4, 2]])


def test_worlds_have_names_of_their_own_and_seeds_that_follow_from_them():
    worlds = preset_worlds()
    assert len({w.name for w in worlds}) == len(worlds)
    assert len({w.seed for w in worlds}) == len(worlds)
    assert WORLD.seed == zlib.crc32(b"t; c")
    assert world_coverage(WORLD, 20) == world_coverage(WORLD, 20)
