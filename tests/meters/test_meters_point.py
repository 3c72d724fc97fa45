from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.meters.energy_summary import energy_of
from harness.meters.point import PointKey, by_point, label_of, operating_point
from harness.records.measurement import OperatingPoint
from harness.records.trial import EnergyReading, SystemLoad, Trial
from tests.oracles import operating_point as oracle

BATCH, IDLE_W = 16, 3.0
KEY = PointKey("offline", BATCH, None)
MILLISECONDS = st.integers(1, 2000).map(float)  # the clock's nanoseconds are whole
RUNS = st.builds(
    oracle.Runs, st.lists(MILLISECONDS, min_size=11, max_size=40).map(tuple), st.floats(0.1, 9.0), st.floats(0.1, 99.0), st.floats(0.0, 9.0)
)


def trial_of(runs: oracle.Runs) -> Trial:
    distinct, counts = np.unique(np.round(np.array(runs.run_ms) * 1e6).astype(np.int64), return_counts=True)
    energy = EnergyReading(runs.joules, "measured_counter", None, elapsed_s=runs.seconds)
    load = SystemLoad(runs.cpu_s, None, None)
    return Trial("offline", BATCH, len(runs.run_ms), runs.seconds, distinct, counts.astype(np.int64), energy, load=load)


def point_of(trials: list[Trial]) -> OperatingPoint:
    return operating_point(KEY, trials, energy_of(trials, IDLE_W), 0.9)


@settings(max_examples=60, deadline=None)
@given(st.lists(RUNS, min_size=2, max_size=5))
def test_a_point_is_what_its_runs_say(runs):
    point = point_of([trial_of(one) for one in runs])
    found = (point.throughput_rows_per_s, point.throughput_low, point.throughput_high)
    assert found == pytest.approx(oracle.throughput(runs, BATCH, 0.9))
    assert point.percentile(50.0).value_ms == pytest.approx(oracle.percentile_ms(runs, 50.0))
    per_1k = (point.energy_j_per_1k, point.active_j_per_1k, point.cpu_s_per_1k)
    assert per_1k == pytest.approx(oracle.per_1k(runs, BATCH, IDLE_W))
    assert point.n_requests == sum(len(one.run_ms) for one in runs)


@settings(max_examples=40, deadline=None)
@given(st.lists(RUNS, min_size=2, max_size=5), st.randoms())
def test_the_order_of_trials_is_free(runs, random):
    turned = random.sample(runs, len(runs))
    first, second = (point_of([trial_of(one) for one in some]) for some in (runs, turned))
    assert first.latency == second.latency
    assert sorted(first.trial_rows_per_s) == sorted(second.trial_rows_per_s)
    assert first.throughput_low == pytest.approx(second.throughput_low)
    assert first.energy_j_per_1k == pytest.approx(second.energy_j_per_1k)


def test_one_trial_has_a_throughput_and_no_interval():
    point = point_of([trial_of(oracle.Runs((1.0, 3.0), 2.0, 1.0, 1.0))])
    assert point.throughput_rows_per_s == pytest.approx(16.0)
    assert np.isnan([point.throughput_low, point.throughput_high]).all()
    assert point.latency[0].value_ms is None  # of two runs there is no median


def test_without_a_trial_there_is_no_point():
    assert by_point([]) == {}
    assert operating_point(KEY, [], energy_of([], None), 0.95) is None
    assert energy_of([], None).reason == "no trial can be used"


def test_a_point_is_named_by_what_tells_it_from_the_others():
    keys = [PointKey("offline", 8, 1), PointKey("offline", 8, 2), PointKey("offline", 64, 2), PointKey("single", 1, 2)]
    assert [label_of(key, keys) for key in keys] == [
        "offline (batches of 8, 1 thread)",
        "offline (batches of 8, 2 threads)",
        "offline (batches of 64, 2 threads)",
        "single",
    ]
    assert label_of(keys[0], keys[:2]) == "offline (1 thread)"
