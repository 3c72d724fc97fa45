from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

import harness.cost.cost as cost_room
from harness.cost.cost import cost_of
from harness.cost.note import cores_of
from harness.cost.price_row import PriceRow
from harness.cost.price_sheet import Price
from harness.meters.machine import capture, one_line
from harness.meters.not_measured import not_measured
from harness.records.conf import Deploy, PriceConf
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import Traffic
from harness.records.percentile import Percentile
from tests.oracles.cost_formula import cost_per_1k

CONF = PriceConf(name="test", file="sheet.csv", sku="box")
DAY = date(2026, 6, 1)
PRICE = Price(PriceRow("box", "aws", "", "on_demand", 3.6, "USD", 2.0, None, None, True, DAY, None, DAY, ""), None)
TRAFFIC = Traffic(np.array([0, 119]), np.array([6000.0, 600.0]), 2.0)


def measurement(*speeds: float, **changes) -> Measurement:
    mean = float(np.exp(np.mean(np.log(speeds)))) if speeds else 0.0
    point = OperatingPoint("offline", 4096, 30, speeds, mean, float("nan"), float("nan"), ())
    base = replace(
        not_measured("m", "quick", ""), status="ok", reason=None, measured_on="AMD EPYC, 2 cores", points=(point,) if speeds else ()
    )
    return replace(base, **changes)


def test_full_use_by_hand():
    # 3.6 per hour is 0.001 per second; 1,000 rows take 20 s at 50 rows/s
    row = cost_of("m", measurement(50.0, 50.0), PRICE, None, Deploy(), CONF)
    assert row.cost_per_1k == row.cost_per_1k_at_full == pytest.approx(0.02)
    assert (row.utilisation_share, row.utilisation_source, row.cost_per_1k_from_log) == (1.0, "full", None)
    assert (row.cost_per_month, row.replicas_peak, row.cost_per_1k_at_stated) == (None, None, None)
    assert row.reason == "no cost from the log: it has no timestamps"
    assert row.priced_as == "box aws on_demand 3.6 USD/h (2026-06-01)"
    assert row.note == "batches of 4096 rows; at full use: the log has no time column"


def test_from_the_log_by_hand():
    # target .5: 100 requests/s need 4 replicas of 50 rows/s, 10 need 1: 5 replica hours for 6,600 rows
    row = cost_of("m", measurement(50.0, 50.0), PRICE, TRAFFIC, Deploy(), replace(CONF, target_utilisation=0.5))
    assert row.cost_per_1k == row.cost_per_1k_from_log == pytest.approx(5 * 3.6 / 6.6)
    assert row.cost_per_1k_at_full == pytest.approx(0.02)
    assert row.utilisation_share == pytest.approx(6600 / (5 * 3600 * 50))
    assert row.cost_per_month == pytest.approx(5 * 3.6 / 2 * 730)
    assert (row.replicas_peak, row.utilisation_source, row.reason) == (4, "log", None)


def test_rows_per_request_need_more_replicas_and_make_more_predictions():
    row = cost_of("m", measurement(50.0, 50.0), PRICE, TRAFFIC, Deploy(), replace(CONF, target_utilisation=0.5), rows_per_request=10.0)
    assert row.replicas_peak == 40
    assert row.cost_per_1k == pytest.approx(44 * 3.6 / 66)


def test_a_stated_use_a_share_and_a_fee():
    conf = replace(CONF, stated_utilisation=0.25, fee_per_1k=1.0)
    row = cost_of("m", measurement(50.0, 50.0), PRICE, None, Deploy(share=0.5), conf)
    assert row.cost_per_1k == pytest.approx(1.01)
    assert row.cost_per_1k_at_stated == pytest.approx(1.04)


@pytest.mark.parametrize("traffic", [None, TRAFFIC])
def test_the_interval_is_the_cost_at_the_bounds_of_throughput(traffic):
    speeds = (40.0, 50.0, 62.0)
    row = cost_of("m", measurement(*speeds), PRICE, traffic, Deploy(), CONF, confidence=0.9)
    half = stats.sem(np.log(speeds)) * stats.t.ppf(0.95, 2)
    slow, fast = (float(np.exp(np.mean(np.log(speeds)) + sign * half)) for sign in (-1, 1))
    at = [cost_of("m", measurement(s, s), PRICE, traffic, Deploy(), CONF).cost_per_1k for s in (fast, slow)]
    assert [row.cost_per_1k_low, row.cost_per_1k_high] == pytest.approx(at)
    assert row.cost_per_1k_low < row.cost_per_1k < row.cost_per_1k_high


def test_one_trial_gives_a_cost_without_an_interval():
    row = cost_of("m", measurement(50.0), PRICE, None, Deploy(), CONF)
    assert (row.cost_per_1k, row.cost_per_1k_low, row.cost_per_1k_high) == (pytest.approx(0.02), None, None)


OWN_POWER = Price(replace(PRICE.row, includes_power=False), None)
POWER = replace(CONF, tariff_per_kwh=0.5, pue=1.2)


def with_energy(joules: tuple[float, ...], idle_w: float | None, **changes) -> Measurement:
    """Measure 50 rows/s in every trial, with this energy per 1,000 rows: 20 s of the machine."""
    base = measurement(*[50.0] * len(joules), energy_source="measured_counter", idle_w=idle_w, **changes)
    total = sum(joules) / len(joules)
    active = None if idle_w is None else total - idle_w * 20
    return replace(base, points=(replace(base.points[0], trial_j_per_1k=joules, energy_j_per_1k=total, active_j_per_1k=active),))


def test_an_interval_that_is_not_asked_for_plans_no_fleet(monkeypatch):
    asked = []
    plan = cost_room.plan_fleet
    monkeypatch.setattr(cost_room, "plan_fleet", lambda *args: asked.append(1) or plan(*args))
    row = cost_of("m", measurement(40.0, 50.0), PRICE, TRAFFIC, Deploy(), CONF, with_interval=False)
    whole = cost_of("m", measurement(40.0, 50.0), PRICE, TRAFFIC, Deploy(), CONF)
    assert (row.cost_per_1k, row.note) == (whole.cost_per_1k, whole.note)
    assert (row.cost_per_1k_low, row.cost_per_1k_high, len(asked)) == (None, None, 1 + 3)


def test_power_is_added_where_the_price_does_not_include_it():
    measured = with_energy((7.2e6, 7.2e6), 36_000.0)  # 20 s of idle are 0.72 MJ, a tenth of it
    full = cost_of("m", measured, OWN_POWER, None, Deploy(), replace(POWER, stated_utilisation=0.1))
    assert full.cost_per_1k == pytest.approx(0.02 + 2 * 1.2 * 0.5)
    assert full.power_per_1k == pytest.approx(2 * 1.2 * 0.5)
    assert full.cost_per_1k_at_stated == pytest.approx(
        0.2 + (1.8 + 10 * 0.2) * 1.2 * 0.5
    )  # ten times the idle energy, the active part once
    assert cost_of("m", measured, PRICE, None, Deploy(), POWER).cost_per_1k == pytest.approx(0.02)
    assert cost_of("m", measured, PRICE, None, Deploy(), POWER).power_per_1k == 0


def test_the_hours_that_a_fleet_stands_idle_draw_their_power():
    measured = with_energy((7.2e6, 7.2e6), 36_000.0)
    row = cost_of("m", measured, OWN_POWER, TRAFFIC, Deploy(), replace(POWER, target_utilisation=0.5))
    assert row.machine_h_per_1k == pytest.approx(5 / 6.6)
    assert row.power_per_1k == pytest.approx((1.8 + 36 * 5 / 6.6) * 1.2 * 0.5)  # 36 kW over the hours of 1,000 predictions, in kWh
    assert row.cost_per_1k == pytest.approx(row.price_per_hour * row.machine_h_per_1k + row.power_per_1k + row.fee_per_1k)


def test_the_cost_is_that_of_the_definition_at_any_use():
    conf = replace(POWER, fee_per_1k=0.25, stated_utilisation=0.3)
    row = cost_of("m", with_energy((9e3, 1.1e4), 125.0), OWN_POWER, None, Deploy(share=0.5), conf)
    for cost, use in ((row.cost_per_1k_at_full, Fraction(1)), (row.cost_per_1k_at_stated, Fraction(3, 10))):
        half = Fraction(1, 2)
        wanted = cost_per_1k(Fraction(18, 5), half, Fraction(50), use, Fraction(7500), Fraction(125), Fraction(6, 5), half, half * half)
        assert cost == pytest.approx(float(wanted))


def test_what_is_not_known_of_power_is_said():
    unread = cost_of("m", measurement(50.0, 50.0, energy_reason="vm"), OWN_POWER, None, Deploy(), POWER)
    assert unread.note == "batches of 4096 rows; without power: energy was not measured (vm); at full use: the log has no time column"
    no_idle = cost_of("m", with_energy((7.2e6, 7.2e6), None), OWN_POWER, None, Deploy(), replace(POWER, stated_utilisation=0.1))
    assert no_idle.cost_per_1k_at_stated == pytest.approx(0.2 + 2 * 1.2 * 0.5)
    assert "; power as at full use: idle power was not measured; " in no_idle.note
    read = with_energy((7.2e6, 7.2e6), 36_000.0)
    estimated = replace(read, points=tuple(replace(p, energy_source="estimated_tdp") for p in read.points))
    row = cost_of("m", estimated, OWN_POWER, None, Deploy(), POWER)
    assert row.cost_per_1k == pytest.approx(0.02 + 2 * 1.2 * 0.5)
    assert "; power estimated from a TDP, not measured; " in row.note
    assert row.power_is_estimated
    assert not cost_of("m", read, OWN_POWER, None, Deploy(), POWER).power_is_estimated


def test_the_spread_of_energy_widens_the_interval():
    calm = cost_of("m", with_energy((5e6, 5e6, 5e6), 36.0), OWN_POWER, None, Deploy(), POWER)
    wild = cost_of("m", with_energy((4e6, 5e6, 6e6), 36.0), OWN_POWER, None, Deploy(), POWER)
    assert calm.cost_per_1k_low == pytest.approx(calm.cost_per_1k) == calm.cost_per_1k_high
    assert wild.cost_per_1k_low < 0.9 * wild.cost_per_1k < 1.1 * wild.cost_per_1k < wild.cost_per_1k_high
    drawn = [
        cost_of("m", with_energy((4e6, 5e6, 6e6), 36.0), OWN_POWER, None, Deploy(), POWER, generator=np.random.default_rng(seed))
        for seed in (7, 7, 8)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("measured", "price", "deploy", "reason"),
    [
        (not_measured("m", "none", "measure=none"), PRICE, Deploy(), "speed was not measured: measure=none"),
        (not_measured("m", "quick", "scores come from the log"), PRICE, Deploy(), "speed was not measured: scores come from the log"),
        (None, PRICE, Deploy(), "speed was not measured"),
        (measurement(50.0, status="invalid", reason="wrong_scores"), PRICE, Deploy(), "the measurement is invalid: wrong_scores"),
        (measurement(50.0), None, Deploy(), "no price was named (price=none)"),
        (measurement(50.0), PRICE, Deploy(sku="big"), "deploy.sku is 'big', and the price is of 'box'"),
        (measurement(), PRICE, Deploy(), "the operating point 'offline' was not measured"),
    ],
)
def test_what_was_not_measured_is_none_with_its_reason(measured, price, deploy, reason):
    row = cost_of("m", measured, price, TRAFFIC, deploy, CONF)
    assert (row.reason, row.utilisation_source) == (reason, "not_measured")
    assert [row.cost_per_1k, row.cost_per_1k_at_full, row.cost_per_1k_from_log, row.utilisation_share, row.cost_per_month] == [None] * 5


def note(measured: Measurement, deploy: Deploy | None = None, **row) -> list[str]:
    found = cost_of("m", measured, Price(replace(PRICE.row, **row), None), None, deploy or Deploy(), CONF).note
    assert found.startswith("batches of 4096 rows; ")
    assert found.endswith("; at full use: the log has no time column")
    return found.split("; ")[1:-1]


def test_other_cores_noise_and_idle_hours_are_noted():
    assert note(measurement(50.0), vcpus=8.0) == ["measured on 2 cores, priced for 8 vCPUs"]
    assert note(measurement(50.0, 50.0, status="noisy", reason="varied"), vcpus=None) == ["noisy measurement"]
    gap = Traffic(np.array([0, 239]), np.array([1.0, 1.0]), 4.0)
    assert cost_of("m", measurement(50.0), PRICE, gap, Deploy(), CONF).note.endswith("2 of 4 hours have no arrivals and keep 1 replica(s)")


def test_another_card_than_the_priced_one_is_noted():
    on_t4 = {"device": "cuda", "measured_on": "Tesla T4, AMD EPYC, 2 cores"}
    assert note(measurement(50.0), accelerator="T4") == ["measured on the CPU (AMD EPYC, 2 cores), priced with T4"]
    assert note(measurement(50.0, 50.0, **on_t4), accelerator="A10G") == ["measured on Tesla T4, AMD EPYC, 2 cores, priced with A10G"]
    assert note(measurement(50.0, **on_t4)) == ["measured on cuda (Tesla T4, AMD EPYC, 2 cores), priced without an accelerator"]
    assert note(measurement(50.0, **on_t4), accelerator="T4") == []
    v100 = measurement(50.0, device="cuda", measured_on="Tesla V100-SXM2-16GB, 2 cores")
    assert note(v100, accelerator="V100", accelerator_count=8.0) == ["measured on one card, priced for 8 (deploy.share 1 of 8)"]
    assert note(v100, Deploy(share=0.25), accelerator="V100", accelerator_count=8.0)[0].startswith("measured on one card, priced for 2")
    assert note(v100, Deploy(share=0.125), accelerator="V100", accelerator_count=8.0) == []


def test_a_deployment_that_was_not_measured_is_noted():
    found = note(measurement(50.0), Deploy(device="cuda", batch_rows=8, threads=4))
    assert found == ["deploy.batch_rows 8 was not measured", "deploy.threads 4 was not measured", "to run on cuda, measured on cpu"]


def test_an_old_price_is_marked_in_the_row():
    assert cost_of("m", measurement(50.0), Price(PRICE.row, "look it up again"), None, Deploy(), CONF).warning == "look it up again"


def test_every_figure_of_the_priced_point_is_kept():
    row = cost_of("m", measurement(50.0, 50.0), PRICE, TRAFFIC, Deploy(share=0.5), replace(CONF, target_utilisation=0.5, fee_per_1k=0.125))
    assert (row.price_per_hour, row.fee_per_1k, row.batch_rows, row.threads, row.slo_ms, row.p99_ms) == (1.8, 0.125, 4096, None, None, None)
    assert row.throughput_rows_per_s == pytest.approx(50.0)
    assert row.fleet.paid_hours.sum() / 6.6 == pytest.approx(row.machine_h_per_1k)
    full = cost_of("m", measurement(50.0, 50.0), PRICE, None, Deploy(), CONF)
    assert (full.fleet, full.machine_h_per_1k) == (None, pytest.approx(20 / 3600))


def with_p99(point: OperatingPoint, batch_rows: int, speed: float, p99_ms: float | None) -> OperatingPoint:
    latency = (Percentile(99.0, p99_ms, p99_ms, p99_ms, 900, 662),)
    return replace(
        point, batch_rows=batch_rows, throughput_rows_per_s=speed, trial_rows_per_s=(speed * 0.99, speed, speed / 0.99), latency=latency
    )


def test_a_service_level_chooses_the_batch_and_sizes_the_fleet_by_replayed_arrivals():
    base = measurement(50.0)
    small, large = with_p99(base.points[0], 1, 100.0, 11.0), with_p99(base.points[0], 64, 1000.0, 70.0)
    both = replace(base, points=(small, large))
    stamps = np.arange(0, 3_600_000_000, 20_000)  # 50 requests a second for an hour, evenly
    traffic = Traffic(np.arange(60), np.full(60, 3000.0), 1.0, stamps)
    loose = cost_of("m", both, PRICE, traffic, Deploy(), replace(CONF, slo_ms=80.0))
    tight = cost_of("m", both, PRICE, traffic, Deploy(), replace(CONF, slo_ms=12.0))
    assert (loose.batch_rows, tight.batch_rows) == (64, 1)
    assert (tight.slo_ms, tight.replicas_peak, tight.p99_ms) == (12.0, 1, pytest.approx(10.0))
    assert tight.cost_per_1k == pytest.approx(3.6 / 180)
    unreachable = cost_of("m", both, PRICE, traffic, Deploy(), replace(CONF, slo_ms=5.0))
    assert unreachable.cost_per_1k is None
    assert unreachable.reason == "no batch holds slo_ms 5: the best p99 is 11 ms, of batches of 1 row"


def test_a_log_whose_arrivals_were_not_kept_is_priced_at_full_use_with_the_reason():
    held = replace(measurement(50.0), points=(with_p99(measurement(50.0).points[0], 1, 100.0, 11.0),))
    row = cost_of("m", held, PRICE, TRAFFIC, Deploy(), replace(CONF, slo_ms=12.0))
    assert (row.cost_per_1k_from_log, row.fleet, row.utilisation_source) == (None, None, "full")
    assert row.reason.startswith("no cost from the log: arrivals of single requests were not kept")
    assert row.note.endswith("at full use: the replicas of the log could not be planned")
    assert row.cost_per_1k == row.cost_per_1k_at_full == pytest.approx(0.01)
    assert row.cost_per_1k_low < row.cost_per_1k < row.cost_per_1k_high


def test_a_service_level_that_the_spread_may_break_leaves_no_interval():
    point = replace(with_p99(measurement(50.0).points[0], 1, 100.0, 11.0), trial_rows_per_s=(80.0, 100.0, 125.0))
    traffic = Traffic(np.array([0]), np.array([2.0]), 1 / 60, np.array([0, 1_000_000]))
    row = cost_of("m", replace(measurement(50.0), points=(point,)), PRICE, traffic, Deploy(), replace(CONF, slo_ms=11.0))
    assert row.cost_per_1k is not None
    assert "; timestamps are whole seconds: " in row.note  # the plan's own doubt
    assert (row.cost_per_1k_low, row.cost_per_1k_high) == (None, None)
    assert row.note.endswith(
        "; no interval: within the spread of the trials, throughput may be too low for any number of replicas to hold the service level"
    )


def test_the_configured_batch_is_priced_where_it_was_measured():
    large = measurement(50.0, 50.0)
    small = replace(large.points[0], batch_rows=8, trial_rows_per_s=(10.0, 10.0), throughput_rows_per_s=10.0)
    both = replace(large, points=(small, large.points[0]))
    assert cost_of("m", both, PRICE, None, Deploy(), CONF).cost_per_1k == pytest.approx(0.02)
    assert cost_of("m", both, PRICE, None, Deploy(batch_rows=8), CONF).cost_per_1k == pytest.approx(0.1)
    assert cost_of("m", both, PRICE, None, Deploy(batch_rows=7), CONF).cost_per_1k == pytest.approx(0.02)


@pytest.mark.parametrize("n_cores", [1, 2, 96])
def test_cores_are_read_back_from_the_name_of_a_machine(n_cores):
    assert cores_of(one_line(replace(capture(), cpu_model="Xeon 8 v3", n_cores=n_cores))) == n_cores
