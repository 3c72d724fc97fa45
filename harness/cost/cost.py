"""Cost per 1,000 predictions: at full use, under the traffic of the log, and at a stated share of use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from harness.cost.batch_times import NoFleetError
from harness.cost.cost_interval import cost_bounds
from harness.cost.fleet_plan import plan_fleet
from harness.cost.note import idle_is_known, note_of
from harness.cost.operating_point import chosen_point, service_times
from harness.cost.price_sheet import Price
from harness.cost.rates import Rates, fleet_h_per_1k, machine_h_per_1k, per_month, power_cost
from harness.cost.replicas import Fleet
from harness.records.conf import Deploy, PriceConf
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow, Traffic
from harness.units import HOURS_PER_MONTH, SECONDS_PER_HOUR

_NO_PRICE = "no price was named (price=none)"
_NO_TIMES = "no cost from the log: it has no timestamps"
_NO_TIME_COLUMN = "the log has no time column"
_NO_FLEET = "the replicas of the log could not be planned"
_NO_BOUNDS = "no interval: within the spread of the trials, throughput may be too low for any number of replicas to hold the service level"


@dataclass(frozen=True)
class _Priced:
    """What the figures of one variant are computed from."""

    measurement: Measurement
    point: OperatingPoint
    price: Price
    rates: Rates
    deploy: Deploy
    conf: PriceConf


def cost_of(
    variant: str,
    measurement: Measurement | None,
    price: Price | None,
    traffic: Traffic | None,
    deploy: Deploy,
    conf: PriceConf | None,
    confidence: float = 0.95,
    rows_per_request: float = 1.0,
    generator: np.random.Generator | None = None,
    with_interval: bool = True,
) -> CostRow:
    """Say what 1,000 predictions of one variant cost.

    Formula: machine-hours · price_per_hour · share + [active joules + idle power · machine-seconds] · PUE / 3.6e6 · tariff (0 when the
    price includes power) + fee, each per 1,000 predictions. Machine-hours are 1000/3600 / (throughput · utilisation) at full use and at
    a stated share of it; from the log they are those that its replicas are paid for, over its predictions.

    The throughput is that of `chosen_point`: the largest batch whose p99 stays under `conf.slo_ms`, the offline peak without one.

    Interval: `cost_bounds`, the spread of throughput and energy over the trials. Price and traffic are taken as known.

    Parameters
    ----------
    variant : str
        Full name.
    measurement : Measurement, optional
        Its speed and energy.
    price : Price, optional
        Of the machine that it would run on: `deploy.sku`, else `conf.sku`.
    traffic : Traffic, optional
        Arrivals of the log; None when the log has no timestamps.
    deploy : Deploy
        `share` of the machine that the variant pays for; batch size, threads and device.
    conf : PriceConf, optional
        Service level, utilisations, fee, tariff and fewest replicas.
    confidence : float
        Of the interval.
    rows_per_request : float
        Rows that are scored for one request.
    generator : np.random.Generator, optional
        Of the draws that carry the uncertainty of energy; None: a new one of seed 0.
    with_interval : bool
        Whether the bounds are computed: with a log they plan its fleet at up to nine throughputs. Without, they are None.

    Returns
    -------
    CostRow
        `cost_per_1k` is the one from the log where there is traffic, else the one at full use. Not measured: None, with
        the reason. Bounds are None when there are fewer than two trials, or throughput may be too low for the service level.
    """
    if price is None or conf is None:
        return _empty(variant, None, _NO_PRICE)
    point, reason = _point(measurement, price, deploy, conf)
    if measurement is None or point is None:
        return _empty(variant, price, reason)
    priced = _Priced(measurement, point, price, _rates(measurement, point, price, deploy, conf), deploy, conf)
    level = confidence if with_interval else None
    generator = generator if generator is not None else np.random.default_rng(0)
    if traffic is None:
        return _bounded(_at_full(variant, priced, _NO_TIMES), priced, _NO_TIME_COLUMN, machine_h_per_1k, level, generator)
    service = service_times(measurement, point)
    try:
        fleet = plan_fleet(traffic, service, conf, rows_per_request)
    except NoFleetError as trouble:
        row = _at_full(variant, priced, f"no cost from the log: {trouble}")
        return _bounded(row, priced, _NO_FLEET, machine_h_per_1k, level, generator)

    def hours_at(rows_per_s: float) -> float:
        try:
            return fleet_h_per_1k(plan_fleet(traffic, service.scaled(rows_per_s / service.rows_per_s), conf, rows_per_request))
        except NoFleetError:
            return math.inf

    row = _from_log(_at_full(variant, priced, None), priced, fleet)
    return _bounded(row, priced, fleet, hours_at, level, generator)


def _point(measurement: Measurement | None, price: Price, deploy: Deploy, conf: PriceConf) -> tuple[OperatingPoint | None, str | None]:
    """Return the operating point that is priced, or why there is none."""
    if measurement is None:
        return None, "speed was not measured"
    if measurement.status in ("not_measured", "invalid"):
        state = "speed was not measured" if measurement.status == "not_measured" else "the measurement is invalid"
        return None, f"{state}: {measurement.reason}"
    if deploy.sku is not None and deploy.sku != price.row.sku:
        return None, f"deploy.sku is '{deploy.sku}', and the price is of '{price.row.sku}'"
    return chosen_point(measurement, deploy, conf.slo_ms)


def _rates(measurement: Measurement, point: OperatingPoint, price: Price, deploy: Deploy, conf: PriceConf) -> Rates:
    per_hour = price.per_hour * deploy.share
    if price.row.includes_power or point.energy_j_per_1k is None:
        return Rates(per_hour, 0.0, conf.fee_per_1k)  # when energy was not measured, the note says that power is left out
    known = idle_is_known(measurement, point)
    active_j = point.active_j_per_1k if known else point.energy_j_per_1k
    idle_j_per_hour = (measurement.idle_w or 0.0) * SECONDS_PER_HOUR if known else 0.0
    return Rates(
        per_hour=per_hour,
        active_power_per_1k=power_cost(active_j or 0.0, conf.pue, conf.tariff_per_kwh),
        fee_per_1k=conf.fee_per_1k,
        idle_power_per_hour=power_cost(idle_j_per_hour, conf.pue, conf.tariff_per_kwh),
    )


def _empty(variant: str, price: Price | None, reason: str | None) -> CostRow:
    return CostRow(
        variant=variant,
        currency=price.currency if price else None,
        cost_per_1k=None,
        cost_per_1k_low=None,
        cost_per_1k_high=None,
        cost_per_1k_at_full=None,
        cost_per_1k_from_log=None,
        cost_per_1k_at_stated=None,
        utilisation_share=None,
        utilisation_source="not_measured",
        priced_as=price.described() if price else None,
        cost_per_month=None,
        replicas_peak=None,
        note=None,
        reason=reason,
        warning=price.warning if price else None,
    )


def _at_full(variant: str, priced: _Priced, reason: str | None) -> CostRow:
    """Return the row without a log; its bounds and its note are still to come."""
    conf, rates, point = priced.conf, priced.rates, priced.point
    hours = machine_h_per_1k(point.throughput_rows_per_s)
    stated = None if conf.stated_utilisation is None else rates.cost_per_1k(hours / conf.stated_utilisation)
    return replace(
        _empty(variant, priced.price, reason),
        cost_per_1k=rates.cost_per_1k(hours),
        cost_per_1k_at_full=rates.cost_per_1k(hours),
        cost_per_1k_at_stated=stated,
        utilisation_share=1.0,
        utilisation_source="full",
        price_per_hour=rates.per_hour,
        machine_h_per_1k=hours,
        power_per_1k=rates.power_per_1k(hours),
        fee_per_1k=rates.fee_per_1k,
        batch_rows=point.batch_rows,
        threads=point.threads,
        throughput_rows_per_s=point.throughput_rows_per_s,
        slo_ms=conf.slo_ms,
        idle_power_per_hour=rates.idle_power_per_hour,
        power_is_estimated=rates.power_per_1k(hours) > 0 and point.energy_source == "estimated_tdp",
    )


def _from_log(row: CostRow, priced: _Priced, fleet: Fleet) -> CostRow:
    hours = fleet_h_per_1k(fleet)
    cost = priced.rates.cost_per_1k(hours)
    return replace(
        row,
        cost_per_1k=cost,
        cost_per_1k_from_log=cost,
        utilisation_share=fleet.utilisation_share,
        utilisation_source="log",
        cost_per_month=per_month(cost, fleet, HOURS_PER_MONTH),
        replicas_peak=fleet.peak,
        machine_h_per_1k=hours,
        power_per_1k=priced.rates.power_per_1k(hours),
        p99_ms=fleet.p99_ms,
        fleet=fleet.hours,
    )


def _bounded(
    row: CostRow,
    priced: _Priced,
    log: Fleet | str,
    hours_at: Callable[[float], float],
    confidence: float | None,
    generator: np.random.Generator,
) -> CostRow:
    wanted = confidence is not None and len(priced.point.trial_rows_per_s) > 1
    low, high = (None, None) if confidence is None else cost_bounds(priced.rates, hours_at, priced.point, confidence, generator)
    spread = _NO_BOUNDS if wanted and low is None else None
    note = note_of(priced.measurement, priced.point, priced.price.row, priced.deploy, priced.conf, log, spread)
    return replace(row, cost_per_1k_low=low, cost_per_1k_high=high, note=note)
