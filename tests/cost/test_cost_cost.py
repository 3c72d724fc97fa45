from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy import stats

from harness.cost.cost import cost_of
from harness.cost.note import cores_of
from harness.cost.price_row import PriceRow
from harness.cost.price_sheet import Price
from harness.meters.machine import capture, one_line
from harness.meters.not_measured import not_measured
from harness.records.conf import Deploy, PriceConf
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import Traffic

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


def test_power_is_added_where_the_price_does_not_include_it():
    own = Price(replace(PRICE.row, includes_power=False), None)
    conf = replace(CONF, tariff_per_kwh=0.5, pue=1.2)
    measured = measurement(50.0, 50.0, energy_j_per_1k=7.2e6, energy_source="measured_counter")
    assert cost_of("m", measured, own, None, Deploy(), conf).cost_per_1k == pytest.approx(0.02 + 2 * 1.2 * 0.5)
    assert cost_of("m", measured, PRICE, None, Deploy(), conf).cost_per_1k == pytest.approx(0.02)
    unread = cost_of("m", measurement(50.0, 50.0, energy_reason="vm"), own, None, Deploy(), conf)
    assert unread.note == "batches of 4096 rows; without power: energy was not measured (vm); at full use: the log has no time column"


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


def test_other_cores_other_hardware_noise_and_idle_hours_are_noted():
    eight = Price(replace(PRICE.row, vcpus=8.0), None)
    card = Price(replace(PRICE.row, accelerator="T4"), None)
    noisy = measurement(50.0, 50.0, status="noisy", reason="varied")
    assert (
        cost_of("m", measurement(50.0), eight, None, Deploy(), CONF).note
        == "batches of 4096 rows; measured on 2 cores, priced for 8 vCPUs; at full use: the log has no time column"
    )
    assert "measured on the CPU (AMD EPYC, 2 cores), priced with T4" in cost_of("m", measurement(50.0), card, None, Deploy(), CONF).note
    assert "noisy measurement" in cost_of("m", noisy, PRICE, None, Deploy(), CONF).note
    gap = Traffic(np.array([0, 239]), np.array([1.0, 1.0]), 4.0)
    assert cost_of("m", measurement(50.0), PRICE, gap, Deploy(), CONF).note.endswith("2 of 4 hours have no arrivals and keep 1 replica(s)")


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
