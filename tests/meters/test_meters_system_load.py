from __future__ import annotations

import os
from collections import namedtuple

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.meters import system_load as module
from harness.meters.system_load import CoreTimes, SystemLoadMeter, usable_cores
from harness.records.trial import SystemLoad
from tests.oracles import system_load_oracle as oracle

Linux = namedtuple("Linux", "user nice system idle iowait irq softirq steal guest guest_nice")
Mac = namedtuple("Mac", "user nice system idle")


def core(busy_s: float, steal_s: float | None = 0.0, idle_s: float = 0.0) -> CoreTimes:
    return CoreTimes((busy_s,), steal_s, busy_s + (steal_s or 0.0) + idle_s)


def load_of(before, after, own_s=0.0, elapsed_s=10.0) -> SystemLoad:
    cores, own, times = iter([before, after]), iter([5.0, 5.0 + own_s]), iter([100.0, 100.0 + elapsed_s])
    meter = SystemLoadMeter(lambda: next(cores), lambda: next(own), lambda: next(times))
    meter.start()
    return meter.stop()


def test_others_are_what_this_process_has_not_used():
    load = load_of([core(50.0), core(70.0)], [core(58.0, 1.0), core(74.0, 0.5)], own_s=9.0)
    assert load == SystemLoad(9.0, pytest.approx((12.0 - 9.0) / 20.0), pytest.approx(1.5 / 20.0))


seconds = st.floats(0.0, 20.0)


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=4), seconds, st.floats(0.01, 20.0))
def test_shares_are_those_of_the_definition(spent, own_s, elapsed_s):
    before = [core(7.0, 3.0) for _ in spent]
    after = [core(7.0 + busy_s, 3.0 + steal_s, 1.0) for busy_s, steal_s in spent]
    load = load_of(before, after, own_s, elapsed_s)
    assert load.cpu_time_s == pytest.approx(own_s)
    assert load.others_share == pytest.approx(oracle.share([busy_s for busy_s, _ in spent], own_s, elapsed_s), abs=1e-9)
    assert load.steal_share == pytest.approx(oracle.share([steal_s for _, steal_s in spent], 0.0, elapsed_s), abs=1e-9)


@given(st.lists(st.tuples(*[st.floats(0.0, 1e6)] * 4), min_size=1, max_size=4), st.floats(-20.0, 20.0), st.floats(-5.0, 5.0))
def test_clocks_that_go_backwards_never_give_negative_shares(cores, elapsed_s, own_s):
    load = load_of([core(b, s) for b, s, _, _ in cores], [core(b, s) for _, _, b, s in cores], own_s, elapsed_s)
    assert load.cpu_time_s >= 0.0
    for share in (load.others_share, load.steal_share):
        assert share is None or 0.0 <= share <= 1.0
    if elapsed_s <= 0.0:
        assert (load.others_share, load.steal_share) == (None, None)


def test_one_core_s_counter_that_goes_backwards_takes_nothing_from_the_others():
    assert load_of([core(50.0), core(70.0)], [core(40.0), core(74.0)]).others_share == pytest.approx(4.0 / 20.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, None), ([core(1.0)], None), ([core(1.0)], [core(2.0), core(3.0)]), ([], []), ([core(5.0, 1.0, 3.0)], [core(5.0, 1.0, 3.0)])],
)
def test_what_the_system_does_not_tell_is_none(before, after):
    assert load_of(before, after, own_s=2.0) == SystemLoad(2.0, None, None)


def test_a_window_shorter_than_the_counters_step_is_no_standstill():
    assert load_of([core(5.0)], [core(5.0)], elapsed_s=0.005) == SystemLoad(0.0, 0.0, 0.0)


def test_without_a_counter_of_steal_there_is_no_share_of_it():
    assert load_of([core(1.0, None)], [core(6.0, None)]) == SystemLoad(0.0, 0.5, None)


@pytest.fixture
def four_cores(monkeypatch):
    cores = [Linux(10.0 * i + 1, 2.0, 3.0, 400.0, 5.0, 6.0, 7.0, 8.0, 100.0, 200.0) for i in range(4)]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: cores)
    monkeypatch.setattr(module, "_configured_cores", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 1}, raising=False)
    return cores


def test_only_usable_cores_count_and_guests_are_not_counted_twice(four_cores):
    assert usable_cores() == (
        CoreTimes((11.0, 2.0, 3.0, 6.0, 7.0), 8.0, 442.0),
        CoreTimes((31.0, 2.0, 3.0, 6.0, 7.0), 8.0, 462.0),
    )


def test_a_system_without_steal_or_affinity(four_cores, monkeypatch):
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [Mac(1.0, 2.0, 3.0, 4.0)] * 4)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == (CoreTimes((1.0, 2.0, 3.0), None, 10.0),) * 4


def test_cores_that_are_hidden_leave_it_unknown_which_are_ours(four_cores):
    del four_cores[2]
    assert usable_cores() is None


def test_a_system_that_refuses_is_none(four_cores, monkeypatch):
    def refuse(percpu: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(psutil, "cpu_times", refuse)
    assert usable_cores() is None


def test_the_work_of_this_process_is_its_own():
    meter = SystemLoadMeter()
    meter.start()
    sum(i * i for i in range(200_000))
    assert meter.stop().cpu_time_s > 0.0
