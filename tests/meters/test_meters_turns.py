from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.meters.turns import joined
from harness.records.trial import EnergyReading, SystemLoad, Trial

UNREAD = EnergyReading(None, "unavailable", "vm")


def turn(latencies_ns: list[int], seconds: float = 0.5, energy: EnergyReading = UNREAD, **changes) -> Trial:
    distinct, counts = np.unique(np.array(latencies_ns, np.int64), return_counts=True)
    whole = Trial("offline", 8, len(latencies_ns), seconds, distinct, counts.astype(np.int64), energy, threads=2, block=3)
    return replace(whole, **changes)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_split_into_turns_counts_the_same_runs(parts):
    found = joined([turn(part) for part in parts])
    whole = turn([latency for part in parts for latency in part], 0.5 * len(parts))
    np.testing.assert_array_equal(found.latencies_ns, whole.latencies_ns)
    np.testing.assert_array_equal(found.latency_counts, whole.latency_counts)
    assert (found.n_runs, found.rows_per_s, found.threads, found.block) == (whole.n_runs, pytest.approx(whole.rows_per_s), 2, 3)


def test_energy_adds_and_throttled_samples_are_counted():
    first = EnergyReading(10.0, "measured_counter", None, 0.5, 9.0, 5, 0.0, (), 71)
    second = EnergyReading(14.0, "measured_counter", None, 0.7, 13.0, 15, 0.2, ("hw_thermal_slowdown",), 88)
    found = joined([turn([1], energy=first), turn([1], energy=second)]).energy
    assert found == EnergyReading(24.0, "measured_counter", None, 1.2, 22.0, 20, pytest.approx(0.15), ("hw_thermal_slowdown",), 88)
    other = replace(second, source="integrated_power", polled_j=None)
    mixed = joined([turn([1], energy=first), turn([1], energy=other)]).energy
    assert (mixed.source, mixed.polled_j) == ("integrated_power", None)


def test_one_turn_that_was_not_read_leaves_the_whole_unread():
    assert joined([turn([1], energy=EnergyReading(1.0, "measured_counter", None)), turn([1])]).energy == UNREAD


def test_load_is_weighted_by_seconds():
    turns = [turn([1], 1.0, load=SystemLoad(0.5, 0.0, None)), turn([1], 3.0, load=SystemLoad(2.0, 0.4, None))]
    assert joined(turns).load == SystemLoad(2.5, pytest.approx(0.3), None)
    assert joined([turns[0], replace(turns[1], load=None)]).load is None


def test_a_clock_that_went_back_in_one_turn_spoils_the_trial():
    assert joined([turn([1]), turn([1], clock_went_back=True)]).clock_went_back


@pytest.mark.parametrize("turns", [[], [turn([1]), turn([1], block=4)], [turn([1]), turn([1], batch_rows=9)]])
def test_turns_of_several_trials_are_refused(turns):
    with pytest.raises(ValueError, match="of one point and block"):
        joined(turns)


def test_turns_that_nobody_polled_do_not_thin_out_those_that_were_throttled():
    polled = EnergyReading(1.0, "measured_counter", None, 1.0, 1.0, 10, 0.1, ("sw_thermal_slowdown",))
    unpolled = EnergyReading(1.0, "measured_counter", None, 1.0, None, 90, None)
    found = joined([turn([1], energy=polled), turn([1], energy=unpolled)]).energy
    assert (found.throttled_share, found.n_samples) == (0.1, 100)


def test_turns_of_several_sources_are_called_by_the_least_direct_and_keep_their_reasons():
    readings = [
        EnergyReading(1.0, "measured_counter", None),
        EnergyReading(1.0, "integrated_power", "counter_reset: GPU-1"),
        EnergyReading(1.0, "estimated_tdp", "vm"),
    ]
    found = joined([turn([1], energy=reading) for reading in readings]).energy
    assert (found.energy_j, found.source, found.reason) == (3.0, "estimated_tdp", "counter_reset: GPU-1; vm")
