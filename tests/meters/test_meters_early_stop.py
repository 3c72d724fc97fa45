from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from harness.meters.early_stop import may_stop
from harness.records.conf import MeasureConf
from harness.records.trial import EnergyReading, Trial

CONF = MeasureConf("standard", n_blocks=5, early_stop_width=0.05, early_stop_min_blocks=3)
UNREAD = EnergyReading(None, "unavailable", "vm")
ONE = np.array([1], np.int64)


def trials(offline: list[float], single: list[float]) -> list[Trial]:
    return [Trial(p, 1, 1, 1 / speed, ONE, ONE, UNREAD) for p, speeds in (("offline", offline), ("single", single)) for speed in speeds]


NARROW, WIDE = [100.0, 100.5, 99.5], [100.0, 103.0, 97.0]


def test_the_width_is_that_of_the_students_t_interval():
    logs = np.log(NARROW)
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    width = float(np.exp(high - low) - 1)
    for limit, stop in ((width * 1.001, True), (width * 0.999, False)):
        assert may_stop([trials(NARROW, NARROW)], replace(CONF, early_stop_width=limit), 0.95) is stop


def test_every_variant_and_both_points_must_be_known():
    assert may_stop([trials(NARROW, NARROW), trials(NARROW, NARROW)], CONF, 0.95)
    assert not may_stop([trials(NARROW, NARROW), trials(WIDE, NARROW)], CONF, 0.95)
    assert not may_stop([trials(NARROW, NARROW), trials(NARROW, WIDE)], CONF, 0.95)
    assert not may_stop([trials(NARROW, [])], CONF, 0.95)


def test_every_batch_size_and_thread_count_must_be_known():
    small = trials(NARROW, NARROW)
    for changes in ({"batch_rows": 64}, {"threads": 2}):
        for more, stop in ((NARROW, True), (WIDE, False), (NARROW[:2], False)):
            others = [replace(t, **changes, elapsed_s=t.elapsed_s * (changes.get("batch_rows", 1))) for t in trials(more, [])]
            assert may_stop([[*small, *others]], CONF, 0.95) is stop


def test_not_before_three_blocks_with_a_clock_to_believe():
    equal = trials([100.0, 100.0], [100.0, 100.0])
    assert not may_stop([equal], CONF, 0.95)
    assert may_stop([equal], replace(CONF, early_stop_min_blocks=2), 0.95)
    three = trials(NARROW, NARROW)
    three[0] = replace(three[0], clock_went_back=True)
    assert not may_stop([three], CONF, 0.95)


def test_a_fixed_number_of_blocks_is_never_cut():
    assert not may_stop([trials(NARROW, NARROW)], replace(CONF, early_stop_width=None), 0.95)
    assert not may_stop([], replace(CONF, early_stop_width=None), 0.95)


def test_looking_after_each_block_keeps_the_coverage_near_its_level():
    rng = np.random.default_rng(3)
    n_worlds, n_covered = 300, 0
    for _ in range(n_worlds):
        speeds = np.exp(rng.normal(0.0, 0.015, (2, 5)))
        n_done = next((n for n in (3, 4) if may_stop([trials([*speeds[0, :n]], [*speeds[1, :n]])], CONF, 0.95)), 5)
        low, high = stats.t.interval(0.95, n_done - 1, np.log(speeds[0, :n_done]).mean(), stats.sem(np.log(speeds[0, :n_done])))
        n_covered += low <= 0.0 <= high
    assert n_covered / n_worlds >= 0.945 - 3 * (0.945 * 0.055 / n_worlds) ** 0.5
