from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.meters.machine import capture
from harness.meters.summary import summarise
from harness.meters.validity import is_throttled, nodes_elsewhere, sensor_gap
from harness.records.conf import MeasureConf
from harness.records.measurement import ProviderCheck
from harness.records.trial import EnergyReading, SystemLoad, Trial

QUICK = MeasureConf("quick")
MACHINE = replace(capture(), cpu_model="AMD EPYC", n_cores=2)
UNREAD = EnergyReading(None, "unavailable", "vm")
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def trial(rows_per_s: float = 1e5, batch_rows: int = 100, **changes) -> Trial:
    elapsed_s = 1000 * batch_rows / rows_per_s
    latencies, counts = np.array([1_000_000], np.int64), np.array([1000], np.int64)
    return replace(Trial("offline", batch_rows, 1000, elapsed_s, latencies, counts, UNREAD), **changes)


def summary(trials, **found):
    return summarise("m", trials, QUICK, MACHINE, **found)


def read(energy_j: float, **changes) -> EnergyReading:
    return replace(EnergyReading(energy_j, "measured_counter", None, elapsed_s=1.0), **changes)


@pytest.mark.parametrize(("share", "is_hot"), [(None, False), (0.0, False), (0.01, False), (0.011, True), (1.0, True)])
def test_a_trial_is_throttled_when_more_than_one_sample_in_a_hundred_is(share, is_hot):
    hot = trial(energy=read(1.0, throttled_share=share, n_samples=1000))
    assert (is_throttled(hot) is not None) is is_hot


def test_a_throttled_trial_that_is_kept_makes_it_invalid():
    hot = trial(energy=read(1.0, throttled_share=0.5, n_samples=8, events=("hw_power_brake", "hw_thermal_slowdown")))
    m = summary([trial(energy=read(1.0)), hot])
    why = "50% of 8 samples (hw_power_brake, hw_thermal_slowdown), at most 1% allowed"
    assert (m.status, m.reason) == ("invalid", f"throttled: offline: 1 of 2 trials, {why}")
    assert (m.points[0].status, m.points[0].reason) == (m.status, m.reason)
    assert m.points[0].throughput_rows_per_s == pytest.approx(1e5)


def test_a_variant_that_was_throttled_four_times_keeps_its_row_with_the_reason():
    m = summary([trial(), trial()], throttled_out="offline: 50% of 8 samples", n_discarded=3)
    assert (m.status, m.reason, m.n_discarded) == ("invalid", "throttled: offline: 50% of 8 samples", 3)


@pytest.mark.parametrize(
    ("polled", "status"),
    [((10.0, 10.4), "ok"), ((10.0, 11.2), "noisy"), ((9.0, 9.6), "noisy"), ((11.5, 11.8), "invalid"), ((8.0, 8.9), "invalid")],
)
def test_an_energy_counter_is_held_against_the_poller(polled, status):
    m = summary([trial(energy=read(10.0, polled_j=p)) for p in polled])
    gap = abs(sum(polled) - 20.0) / 20.0
    assert sensor_gap([trial(energy=read(10.0, polled_j=p)) for p in polled]) == pytest.approx(gap)
    assert m.status == m.points[0].status == status
    allowed = {"noisy": "5%", "invalid": "15%"}
    if status != "ok":
        assert (
            m.reason
            == f"sensors disagree: offline: energy counter and integrated power differ by {gap:.1%}, at most {allowed[status]} allowed"
        )


def test_without_a_counter_or_a_poller_nothing_is_compared():
    assert summary([trial(energy=read(10.0))] * 2).status == "ok"
    assert summary([trial(energy=read(10.0, source="integrated_power", polled_j=90.0))] * 2).status == "ok"
    assert sensor_gap([trial(energy=read(0.0, polled_j=10.0))]) is None


@pytest.mark.parametrize(
    ("others", "steal", "said"),
    [
        (0.10, 0.02, None),
        (None, None, None),
        (0.11, 0.0, "other processes took 11% of the cores' time, at most 10% wanted"),
        (0.0, 0.03, "other machines (steal) took 3% of the cores' time, at most 2% wanted"),
        (None, 0.03, "other machines (steal) took 3% of the cores' time, at most 2% wanted"),
    ],
)
def test_a_loaded_machine_makes_it_noisy(others, steal, said):
    m = summary([trial(load=SystemLoad(1.0, others, steal))] * 2)
    assert (m.status, m.reason) == (("noisy", f"loaded by others: offline: {said}") if said else ("ok", None))


def test_the_load_of_trials_counts_by_their_seconds():
    long, short = trial(load=SystemLoad(1.0, 0.05, 0.0)), trial(load=SystemLoad(1.0, 0.3, 0.0))
    assert summary([replace(long, elapsed_s=9.0, n_runs=9000), short]).status == "ok"  # 7.5 %
    assert summary([long, replace(short, elapsed_s=9.0, n_runs=9000)]).status == "noisy"
    assert summary([long, replace(short, load=None)]).status == "ok"


def test_the_points_are_judged_one_by_one():
    calm, loaded = SystemLoad(1.0, 0.0, 0.0), SystemLoad(1.0, 0.5, 0.0)
    m = summary([*[trial(load=calm)] * 2, *[trial(batch_rows=8, load=loaded)] * 2])
    assert {p.batch_rows: p.status for p in m.points} == {100: "ok", 8: "noisy"}
    assert (m.status, m.reason.startswith("loaded by others: offline (batches of 8): ")) == ("noisy", True)


def test_a_silent_fall_back_is_invalid():
    check = ProviderCheck(CUDA, CPU, 3, 0.0, 0.0, ("MatMul",))
    m = summary([trial()] * 2, provider=check, device="cuda", allow_cpu_nodes=True)
    assert (m.status, m.reason) == ("invalid", f"fell back: {CUDA} was asked for, the session runs on {CPU}")


ELSEWHERE = f"nodes elsewhere: 75% of 4 nodes (90% of their time) ran on {CUDA}, elsewhere: TreeEnsembleClassifier"


@pytest.mark.parametrize(("allow", "status"), [(False, "invalid"), (True, "ok")])
def test_nodes_elsewhere_are_a_fault_unless_allowed_and_then_a_remark(allow, status):
    check = ProviderCheck(CUDA, CUDA, 4, 0.75, 0.9, ("TreeEnsembleClassifier",))
    m = summary([trial()] * 2, provider=check, device="cuda", allow_cpu_nodes=allow)
    assert m.status == status
    assert (m.remarks, m.reason) == (((ELSEWHERE,), None) if allow else ((), ELSEWHERE))
    all_there = replace(check, node_share=1.0, node_time_share=1.0, elsewhere=())
    assert summary([trial()] * 2, provider=all_there, device="cuda").status == "ok"


def test_a_profile_without_nodes_shows_nothing():
    check = ProviderCheck(CUDA, CUDA, 0, float("nan"), float("nan"))
    assert nodes_elsewhere(check) == f"placement unknown: the profiled run names no node on {CUDA}"
    assert summary([trial()] * 2, provider=check, device="cuda").status == "invalid"


def test_time_per_row_that_jumps_with_the_batch_is_said():
    speeds = {8: 1e5, 64: 2e5, 512: 1.25e5, 4096: 1e5}
    m = summary([trial(speed, rows, threads=2) for rows, speed in speeds.items() for _ in range(2)])
    assert m.remarks == ("offline, 2 threads: a row takes 60% longer in batches of 512 than of 64",)
    assert m.status == "ok"
    one_each = [trial(2e5, 8, threads=1), trial(1e5, 64, threads=2)]  # of different sessions: not compared
    assert summary([t for t in one_each for _ in range(2)]).remarks == ()


@pytest.mark.parametrize(("slow", "n_remarks"), [(1e5 / 1.49, 0), (1e5 / 1.51, 1)])
def test_growth_by_half_is_the_limit(slow, n_remarks):
    assert len(summary([trial(s, rows) for rows, s in ((8, 1e5), (64, slow)) for _ in range(2)]).remarks) == n_remarks


def test_gaps_of_two_signs_do_not_cancel():
    trials = [trial(energy=read(10.0, polled_j=8.0)), trial(energy=read(10.0, polled_j=12.0))]
    assert sensor_gap(trials) == pytest.approx(0.2)
