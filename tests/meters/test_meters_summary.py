from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.meters.machine import capture
from harness.meters.not_measured import not_measured
from harness.meters.summary import summarise
from harness.records.conf import MeasureConf
from harness.records.load import LoadPoint, RateLimit
from harness.records.measurement import ProviderCheck
from harness.records.trial import EnergyReading, SystemLoad, Trial

CONF = MeasureConf("quick")
MACHINE = replace(capture(), cpu_model="AMD EPYC", n_cores=2)
UNREAD = EnergyReading(None, "unavailable", "vm")


def trial(point: str, rows_per_s: float, energy: EnergyReading = UNREAD, **changes) -> Trial:
    batch_rows = 100 if point == "offline" else 1
    latencies = np.array([round(1e9 * batch_rows / rows_per_s)], np.int64)
    counts = np.array([1000], np.int64)
    return replace(Trial(point, batch_rows, 1000, 1000 * batch_rows / rows_per_s, latencies, counts, energy), **changes)


def six(*factors: float) -> list[Trial]:
    return [trial(point, speed * factor) for factor in factors for point, speed in (("offline", 1e5), ("single", 1e3))]


def test_throughput_latency_and_what_was_passed_on():
    m = summarise(
        "m",
        six(0.98, 1.0, 1.03),
        CONF,
        MACHINE,
        threads=2,
        cold_start_s=0.5,
        first_run_s=0.1,
        crosscheck_rows=7,
        crosscheck_max_difference=1e-7,
    )
    assert (m.variant, m.protocol, m.status, m.reason, m.measured_on) == ("m", "quick", "ok", None, "AMD EPYC, 2 cores")
    assert (m.threads, m.cold_start_s, m.first_run_s, m.crosscheck_rows, m.crosscheck_max_difference) == (2, 0.5, 0.1, 7, 1e-7)
    offline, single = m.point("offline"), m.point("single")
    assert offline.trial_rows_per_s == pytest.approx((98000.0, 100000.0, 103000.0))
    logs = np.log(offline.trial_rows_per_s)
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert [offline.throughput_rows_per_s, offline.throughput_low, offline.throughput_high] == pytest.approx(
        np.exp([logs.mean(), low, high])
    )
    assert (offline.batch_rows, offline.n_requests, offline.blocks, offline.status) == (100, 3000, (0, 1, 2), "ok")
    for point in (offline, single):
        assert [p.q for p in point.latency] == [50.0, 90.0, 95.0, 99.0, 99.9]
        assert [p.n for p in point.latency] == [3000] * 5
        assert point.percentile(50.0).value_ms == pytest.approx(1.0)
        assert point.percentile(99.9).value_ms is None  # it needs 6,636


def test_the_confidence_is_that_of_the_sweep():
    narrow, wide = (summarise("m", six(0.98, 1.0, 1.03), CONF, MACHINE, confidence=c).point("offline") for c in (0.8, 0.99))
    assert wide.throughput_low < narrow.throughput_low < narrow.throughput_high < wide.throughput_high


def test_trials_that_vary_by_more_than_ten_per_cent_are_noisy():
    assert summarise("m", six(0.91, 1.0, 1.09), CONF, MACHINE).status == "ok"
    m = summarise("m", [*six(1.0, 1.0, 1.0)[::2], *six(0.8, 1.0, 1.2)[1::2]], CONF, MACHINE)
    assert (m.status, m.reason) == ("noisy", "single: throughput varied by 20% over 3 trials, at most 10% wanted")


def test_a_trial_whose_clock_went_back_is_left_out_and_said():
    trials = six(1.0, 1.0, 1.0)
    trials[0] = replace(trials[0], clock_went_back=True, elapsed_s=-1.0)
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.status, m.reason) == ("noisy", "clock_went_back: 1 of 6 trials left out")
    assert len(m.point("offline").trial_rows_per_s) == 2
    trials[2] = replace(trials[2], clock_went_back=True)
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.status, m.reason) == ("invalid", "too_few_trials: usable trials are offline: 1 of 3; at least 2 are needed")


def test_no_trial_is_invalid():
    m = summarise("m", [], CONF, MACHINE)
    assert (m.status, m.reason) == ("invalid", "too_few_trials: usable trials are none; at least 2 are needed")
    assert m.points == ()


# 0.036: what an int8 graph gives in batches of another size
@pytest.mark.parametrize("difference", [2e-4, 0.036, float("nan")])
def test_wrong_scores_are_no_result(difference):
    m = summarise("m", six(1.0, 1.0), CONF, MACHINE, crosscheck_rows=10, crosscheck_max_difference=difference)
    assert m.status == "invalid"
    assert m.reason.startswith("wrong_scores: the speed phase differs from the kept scores by up to ")
    assert summarise("m", six(1.0, 1.0), CONF, MACHINE, crosscheck_max_difference=2e-4, crosscheck_tolerance=1e-3).status == "ok"


def test_a_reason_of_the_caller_makes_it_invalid():
    m = summarise("m", six(1.0, 1.0), CONF, MACHINE, invalid="child was killed")
    assert (m.status, m.reason) == ("invalid", "child was killed")


STANDARD = MeasureConf("standard", warmup_s=2.0, steady_window_s=1.0, n_blocks=5, trial_s=30.0, early_stop_width=0.05)
LONG = MeasureConf("long", warmup_s=2.0, steady_window_s=1.0, n_blocks=10, trial_s=60.0)


def test_without_a_steady_state_standard_is_noisy_and_long_is_invalid():
    trials = six(1.0, 1.0, 1.0)
    for conf, status in ((STANDARD, "noisy"), (LONG, "invalid"), (replace(LONG, trial_s=1.0), "invalid")):
        m = summarise("m", trials, conf, MACHINE, no_steady_state="single: it wobbled")
        assert m.status == status
        assert "no_steady_state: single: it wobbled" in m.reason
        assert m.point("offline").throughput_rows_per_s == pytest.approx(1e5)  # figures stand beside every status
    assert summarise("m", trials, LONG, MACHINE).status == "ok"


def test_a_shortened_protocol_does_not_carry_its_name_and_is_noisy():
    full = summarise("m", six(1.0, 1.0, 1.0), STANDARD, MACHINE)
    assert (full.protocol, full.status, full.reason) == ("standard", "ok", None)
    short = summarise("m", six(1.0, 1.0, 1.0), replace(STANDARD, trial_s=2.0), MACHINE)
    assert (short.protocol, short.status) == ("standard (shortened)", "noisy")
    assert short.reason == "shortened: trial_s is 2, standard has at least 30"


def test_all_doubts_are_said_and_one_fault_hides_them():
    trials = [*six(0.8, 1.0, 1.2), replace(trial("single", 1e3), clock_went_back=True)]
    m = summarise("m", trials, replace(STANDARD, n_blocks=4), MACHINE, no_steady_state="single: s")
    assert [doubt.split(":")[0] for doubt in m.reason.split("; ")] == [
        "shortened",
        "no_steady_state",
        "offline",
        "single",
        "clock_went_back",
    ]
    assert summarise("m", trials, STANDARD, MACHINE, invalid="broken", no_steady_state="s").reason == "broken"


def test_energy_is_that_of_the_offline_trials_together():
    joules = [EnergyReading(j, "measured_counter", None) for j in (10.0, 30.0)]
    trials = [trial("offline", 1e5, joules[0]), trial("offline", 1e5, joules[1]), trial("single", 1e3), trial("single", 1e3)]
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.energy_j_per_1k, m.energy_source, m.energy_reason) == (pytest.approx(40 / 200), "measured_counter", None)


def test_energy_that_one_trial_did_not_read_is_not_measured():
    trials = [trial("offline", 1e5, EnergyReading(10.0, "measured_counter", None)), trial("offline", 1e5)]
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.energy_j_per_1k, m.energy_source, m.energy_reason) == (None, "unavailable", "vm in 1 of 2 trials")
    assert (m.status, m.point("offline").throughput_rows_per_s) == ("ok", pytest.approx(1e5))  # speed stays
    assert m.point("offline").trial_j_per_1k == ()
    unread = summarise("m", six(1.0, 1.0), CONF, MACHINE)
    assert (unread.energy_reason, unread.remarks) == ("vm", ())


def sized(rows: int, rows_per_s: float, threads: int | None = 2, **changes) -> Trial:
    return trial("offline", rows_per_s, batch_rows=rows, threads=threads, elapsed_s=1000 * rows / rows_per_s, **changes)


def test_every_batch_size_and_thread_count_is_a_point_of_its_own():
    trials = [sized(rows, 1e5 * threads * factor, threads) for factor in (0.99, 1.01) for rows in (64, 8) for threads in (2, 1)]
    m = summarise("m", [*trials, *six(1.0, 1.0)[1::2]], CONF, MACHINE)
    assert [(p.name, p.batch_rows, p.threads, len(p.blocks)) for p in m.points] == [
        ("offline", 8, 1, 2),
        ("offline", 64, 1, 2),
        ("offline", 8, 2, 2),
        ("offline", 64, 2, 2),
        ("single", 1, None, 2),
    ]
    for point in m.points[:4]:
        assert point.throughput_rows_per_s == pytest.approx(1e5 * point.threads, rel=1e-3)
        assert point.n_requests == 2000
    assert (m.status, m.point("offline").threads) == ("ok", 2)


def test_the_order_in_which_points_were_timed_is_free():
    trials = [sized(rows, 1e5 * factor) for factor in (0.97, 1.0, 1.02) for rows in (8, 64)]
    turned = [t for i in (0, 2, 4) for t in (trials[i + 1], trials[i])]
    assert summarise("m", trials, CONF, MACHINE) == summarise("m", turned, CONF, MACHINE)


def test_blocks_are_those_of_the_trials_that_are_kept():
    trials = [sized(8, speed, block=block) for block, speed in ((0, 1e5), (2, 1.01e5), (3, 0.99e5))]
    point = summarise("m", trials, CONF, MACHINE).points[0]
    assert (point.blocks, point.trial_rows_per_s) == ((0, 2, 3), pytest.approx((1e5, 1.01e5, 0.99e5)))
    trials[1] = replace(trials[1], clock_went_back=True)
    assert summarise("m", trials, CONF, MACHINE).points[0].blocks == (0, 3)
    unnumbered = [replace(t, block=None) for t in trials]
    assert summarise("m", unnumbered, CONF, MACHINE).points[0].blocks == (0, 2)


def test_a_clock_that_stood_still_is_left_out_and_said():
    trials = [sized(8, 1e5), sized(8, 1e5), replace(sized(8, 1e5), elapsed_s=0.0)]
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.status, m.reason, m.points[0].reason) == ("noisy", *["clock_stood_still: 1 of 3 trials left out"] * 2)


def test_energy_of_a_point_its_idle_share_and_cpu_time():
    readings = [EnergyReading(j, "measured_counter", None, elapsed_s=s) for j, s in ((30.0, 1.0), (50.0, 2.0))]
    loads = [SystemLoad(cpu, 0.0, 0.0) for cpu in (1.5, 2.5)]
    trials = [sized(100, 1e5, energy=e, load=load) for e, load in zip(readings, loads, strict=True)]
    m = summarise("m", trials, CONF, MACHINE, idle_w=10.0)
    (point,) = m.points
    assert point.trial_j_per_1k == pytest.approx((0.3, 0.5))  # of 100,000 rows each
    assert (point.energy_j_per_1k, point.active_j_per_1k) == (pytest.approx(80 / 200), pytest.approx((80 - 30) / 200))
    assert point.cpu_s_per_1k == pytest.approx(4.0 / 200)
    assert (m.energy_j_per_1k, m.idle_w) == (point.energy_j_per_1k, 10.0)
    without = summarise("m", [replace(trials[0], load=None), trials[1]], CONF, MACHINE).points[0]
    assert (without.active_j_per_1k, without.cpu_s_per_1k) == (None, None)


def test_the_energy_of_a_variant_is_that_of_its_fastest_offline_point():
    def read(joules: float) -> EnergyReading:
        return EnergyReading(joules, "measured_counter", None)

    trials = [*[sized(8, 1e4, energy=read(9.0))] * 2, *[sized(64, 1e5, energy=read(6.4))] * 2, *[sized(512, 9e4)] * 2]
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.energy_j_per_1k, m.energy_source) == (pytest.approx(0.1), "measured_counter")
    assert m.remarks == ("offline (batches of 512): energy is unavailable (vm)",)


def test_the_source_of_energy_is_the_least_direct_one():
    trials = [
        sized(8, 1e5, energy=EnergyReading(1.0, source, None)) for source in ("measured_counter", "integrated_power", "measured_counter")
    ]
    assert summarise("m", trials, CONF, MACHINE).energy_source == "integrated_power"


def test_a_counter_that_stood_still_is_not_zero_energy():
    trials = [sized(8, 1e5, energy=EnergyReading(j, "measured_counter", None)) for j in (0.0, 5.0)]
    m = summarise("m", trials, CONF, MACHINE)
    assert (m.energy_j_per_1k, m.energy_source, m.energy_reason) == (None, "unavailable", "the counter stood still in 1 of 2 trials")


def test_an_active_part_below_zero_is_shown_and_said():
    trials = [sized(8, 8e3, energy=EnergyReading(5.0, "measured_counter", None))] * 2
    m = summarise("m", trials, CONF, MACHINE, idle_w=6.0)
    assert m.points[0].active_j_per_1k == pytest.approx(-1 / 8)
    assert m.remarks == ("offline: the active part of the energy is below zero, so it is smaller than the noise of the idle power",)


def test_what_the_caller_found_is_passed_on():
    load = LoadPoint("poisson", "harness", 10.0, 2, 20, 0, (), "ok", None)
    limit = RateLimit(20.0, 410.0, 19.0, 8, None)
    check = ProviderCheck("CPUExecutionProvider", "CPUExecutionProvider", 3, 1.0, 1.0)
    m = summarise("m", six(1.0, 1.0), CONF, MACHINE, loads=[load], rate_limit=limit, provider=check, n_discarded=2, remarks=["seen"])
    assert (m.loads, m.rate_limit, m.provider, m.n_discarded) == ((load,), limit, check, 2)
    assert m.remarks == ("seen", "2 throttled trial(s) were thrown away and run again")
    assert m.status == "ok"


def test_not_measured_says_why():
    m = not_measured("prod", "none", "measure=none", device="cuda")
    assert (m.status, m.reason, m.protocol, m.device, m.points) == ("not_measured", "measure=none", "none", "cuda", ())
    assert (m.energy_j_per_1k, m.energy_source, m.measured_on) == (None, "unavailable", None)
