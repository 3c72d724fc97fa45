"""Cost per 1,000 predictions: at full use, under the traffic of the log, and at a stated share of use."""

from __future__ import annotations

from dataclasses import replace

from harness.cost.note import note_of
from harness.cost.price_sheet import Price
from harness.cost.rates import Rates, cost_bounds, per_month, power_per_1k
from harness.cost.replicas import Fleet, fleet_for
from harness.records.conf import Deploy, PriceConf
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow, Traffic
from harness.units import HOURS_PER_MONTH

_NO_PRICE = "no price was named (price=none)"


def cost_of(
    variant: str,
    measurement: Measurement | None,
    price: Price | None,
    traffic: Traffic | None,
    deploy: Deploy,
    conf: PriceConf | None,
    confidence: float = 0.95,
    rows_per_request: float = 1.0,
) -> CostRow:
    """Say what 1,000 predictions of one variant cost.

    Formula: 1000/3600 · price_per_hour · share / (throughput · utilisation) + joules per 1,000 · PUE / 3.6e6 · tariff
    (0 when the price includes power) + fee. From the log, the first term is Σ over hours of replicas · price_per_hour ·
    share / predictions · 1000, with the replicas of `fleet_for`. The throughput is the measured `offline` one (of
    `deploy.batch_rows` where that was measured).

    Interval: the Student t interval of the mean log throughput over the trials, carried through the formula: every
    cost falls when throughput rises, so its bounds are the costs at the bounds of the throughput. Price and traffic are
    taken as known.

    Parameters
    ----------
    variant : str
        Full name.
    measurement : Measurement, optional
        Its speed.
    price : Price, optional
        Of the machine that it would run on.
    traffic : Traffic, optional
        Arrivals of the log; None when the log has no timestamps.
    deploy : Deploy
        `share` of the machine that the variant pays for.
    conf : PriceConf, optional
        Utilisations, fee, tariff and fewest replicas.
    confidence : float
        Of the interval.
    rows_per_request : float
        Rows that are scored for one request.

    Returns
    -------
    CostRow
        `cost_per_1k` is the one from the log where there is traffic, else the one at full use. Not measured: None, with
        the reason. Bounds are None when there are fewer than two trials.
    """
    if price is None or conf is None:
        return _empty(variant, None, _NO_PRICE)
    point, reason = _point(measurement, price, deploy)
    if measurement is None or point is None:
        return _empty(variant, price, reason)
    rates = Rates(price.per_hour * deploy.share, _power(measurement, price, conf), conf.fee_per_1k)
    full = _at_full(_empty(variant, price, "no cost from the log: it has no timestamps"), rates, point, conf, confidence)
    if traffic is None:
        return replace(full, note=note_of(measurement, point, price.row, conf, None))

    def fleet_at(rows_per_s: float) -> Fleet:
        return fleet_for(traffic, rows_per_request, rows_per_s, conf.target_utilisation, conf.min_replicas)

    fleet = fleet_at(point.throughput_rows_per_s)
    low, high = cost_bounds(lambda rows_per_s: rates.of_fleet(fleet_at(rows_per_s)), point.trial_rows_per_s, confidence)
    note = note_of(measurement, point, price.row, conf, fleet)
    return replace(_from_log(full, rates, fleet), cost_per_1k_low=low, cost_per_1k_high=high, note=note)


def _point(measurement: Measurement | None, price: Price, deploy: Deploy) -> tuple[OperatingPoint | None, str | None]:
    """Return the operating point that is priced, or why there is none."""
    if measurement is None:
        return None, "speed was not measured"
    if measurement.status in ("not_measured", "invalid"):
        state = "speed was not measured" if measurement.status == "not_measured" else "the measurement is invalid"
        return None, f"{state}: {measurement.reason}"
    if deploy.sku is not None and deploy.sku != price.row.sku:
        return None, f"deploy.sku is '{deploy.sku}', and the price is of '{price.row.sku}'"
    offline = [p for p in measurement.points if p.name == "offline"]
    if not offline:
        return None, "the operating point 'offline' was not measured"
    configured = [p for p in offline if p.batch_rows == deploy.batch_rows]
    return max(configured or offline, key=lambda p: p.throughput_rows_per_s), None


def _power(measurement: Measurement, price: Price, conf: PriceConf) -> float:
    if price.row.includes_power or measurement.energy_j_per_1k is None:
        return 0.0  # when energy was not measured, the note says that power is left out
    return power_per_1k(measurement.energy_j_per_1k, conf.pue, conf.tariff_per_kwh)


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
        priced_as=price.row.described() if price else None,
        cost_per_month=None,
        replicas_peak=None,
        note=None,
        reason=reason,
    )


def _at_full(row: CostRow, rates: Rates, point: OperatingPoint, conf: PriceConf, confidence: float) -> CostRow:
    full = rates.at_use(1.0, point.throughput_rows_per_s)
    low, high = cost_bounds(lambda rows_per_s: rates.at_use(1.0, rows_per_s), point.trial_rows_per_s, confidence)
    stated = None if conf.stated_utilisation is None else rates.at_use(conf.stated_utilisation, point.throughput_rows_per_s)
    return replace(
        row,
        cost_per_1k=full,
        cost_per_1k_low=low,
        cost_per_1k_high=high,
        cost_per_1k_at_full=full,
        cost_per_1k_at_stated=stated,
        utilisation_share=1.0,
        utilisation_source="full",
    )


def _from_log(row: CostRow, rates: Rates, fleet: Fleet) -> CostRow:
    cost = rates.of_fleet(fleet)
    return replace(
        row,
        cost_per_1k=cost,
        cost_per_1k_from_log=cost,
        utilisation_share=fleet.utilisation_share,
        utilisation_source="log",
        cost_per_month=per_month(cost, fleet, HOURS_PER_MONTH),
        replicas_peak=fleet.peak,
        reason=None,
    )
