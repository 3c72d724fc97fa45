"""Cost, gain and net of every variant, and who is on the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.compare.pareto import earns_more, pareto_front
from harness.cost.cost import cost_of
from harness.cost.operating_point import chosen_point
from harness.cost.price_sheet import Price, load_prices
from harness.cost.traffic import scaled
from harness.errors import ConfigError
from harness.pipeline.pairs import Pairs, Priced, cost_difference_bounds, gain_differences
from harness.pipeline.stored_traffic import with_arrivals
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import PriceConf, SweepConf, VariantConf
from harness.records.money import CostRow, GainEvidence, GainRow, Traffic
from harness.runs.manifest import StoredReplay


@dataclass(frozen=True)
class Money:
    """Cost, gain and net of one variant, with what is needed to compare two."""

    cost: CostRow | None
    gain: GainRow | None
    net: float | None
    low: float | None
    high: float | None
    vs: float | None = None
    vs_low: float | None = None
    vs_high: float | None = None


def prices_of(conf: SweepConf) -> dict[str, Price]:
    """Return the prices that are in force today, of every machine that a variant would run on; none for `price=none`.

    Raises
    ------
    ConfigError
        When the sheet is refused, or gain and price are in different currencies.
    """
    if conf.price is None:
        return {}
    prices = load_prices(Path(conf.price.file), conf.price, {sku_of(v, conf.price) for v in conf.variants}, datetime.now(UTC).date())
    for sku, price in sorted(prices.items()):
        currency = getattr(conf.gain, "currency", price.currency)
        if currency != price.currency:
            raise ConfigError(
                f"gain.currency: gain is in {currency} and the price of {sku} in {price.currency};"
                f" state both in one currency, as price.currency={currency} with its rate in price.rates"
            )
    return prices


def sku_of(variant: VariantConf, conf: PriceConf) -> str:
    """Return the machine that a variant would run on."""
    return variant.deploy.sku or conf.sku


def traffic_for(root: Path, conf: SweepConf, replay: StoredReplay) -> Traffic | None:
    """Return the arrivals of the log as the price wants them: scaled, and one by one where a service level is to be held."""
    traffic = replay.traffic
    if traffic is None or conf.price is None:
        return traffic
    if conf.price.slo_ms is not None:
        traffic = with_arrivals(root / "replay", traffic)
    return scaled(traffic, conf.price.requests_per_day)


def costs_of(
    variants: Sequence[StoredVariant], conf: SweepConf, prices: Mapping[str, Price], traffic: Traffic | None, *, with_interval: bool = True
) -> dict[str, CostRow]:
    """Return the cost of each variant on its own machine; empty for `price=none`."""
    if conf.price is None:
        return {}
    return {
        v.label: cost_of(
            v.label,
            v.measurement,
            prices[sku_of(v.conf, conf.price)],
            traffic,
            v.conf.deploy,
            conf.price,
            conf.confidence,
            conf.replay.rows_per_request,
            np.random.default_rng(conf.seed),
            with_interval=with_interval,
        )
        for v in variants
    }


def gains_of(evidence: Mapping[str, GainEvidence], conf: SweepConf) -> dict[str, GainRow]:
    """Return the gain of each variant; empty for `gain=none`."""
    return {label: conf.gain.gain(given, conf.confidence) for label, given in evidence.items()} if conf.gain else {}


def money_of(
    costs: Mapping[str, CostRow], gains: Mapping[str, GainRow], labels: Sequence[str], champion: str | None, confidence: float
) -> dict[str, Money]:
    """Return cost, gain and net of each variant, with the paired difference to the champion."""
    z = float(ndtri((1 + confidence) / 2))
    found = {label: _net(costs.get(label), gains.get(label), z) for label in labels}
    own = found.get(champion or "")
    return {label: _against(m, own, z) for label, m in found.items()}


def _net(cost: CostRow | None, gain: GainRow | None, z: float) -> Money:
    if cost is None or gain is None or cost.cost_per_1k is None:
        return Money(cost, gain, None, None, None)
    net = gain.gain_per_1k - cost.cost_per_1k
    half = z * math.hypot(gain.se_per_1k, _cost_se(cost, z))
    return Money(cost, gain, net, net - half, net + half)


def _cost_se(cost: CostRow, z: float) -> float:
    if cost.cost_per_1k_low is None or cost.cost_per_1k_high is None:
        return math.nan  # fewer than two trials: how sure the cost is, is not known
    return (cost.cost_per_1k_high - cost.cost_per_1k_low) / (2 * z)


def _against(own: Money, champion: Money | None, z: float) -> Money:
    if champion is None or own.gain is None or own.gain.vs_champion_per_1k is None or own.gain.vs_champion_se_per_1k is None:
        return own
    if own.cost is None or champion.cost is None or own.cost.cost_per_1k is None or champion.cost.cost_per_1k is None:
        return own
    vs = own.gain.vs_champion_per_1k - (own.cost.cost_per_1k - champion.cost.cost_per_1k)
    half = z * math.hypot(own.gain.vs_champion_se_per_1k, _cost_se(own.cost, z), _cost_se(champion.cost, z))
    return Money(own.cost, own.gain, own.net, own.low, own.high, vs, vs - half, vs + half)


def front_of(
    variants: Sequence[StoredVariant],
    money: Mapping[str, Money],
    evidence: Mapping[str, GainEvidence],
    pairs: Pairs,
    conf: SweepConf,
    prices: Mapping[str, Price],
    traffic: Traffic | None,
) -> tuple[dict[str, bool], tuple[str, ...]]:
    """Return which variants are on the front, and what a reader has to know of it; those without cost or gain are not named."""
    priced: list[tuple[StoredVariant, GainRow, CostRow]] = []
    estimated: list[str] = []
    for v in variants:
        own = money[v.label]
        if own.gain is None or own.cost is None or own.cost.cost_per_1k is None:
            continue
        if own.cost.power_is_estimated:
            estimated.append(f"Pareto: {v.label} is left out, as its power is estimated from a TDP and not measured")
        else:
            priced.append((v, own.gain, own.cost))
    gains, costs = [gain for _, gain, _ in priced], [cost for _, _, cost in priced]
    difference, se, notes = gain_differences(conf.gain, [evidence[v.label] for v, _, _ in priced], gains, pairs, conf.confidence)
    sides = [Priced(cost, v.measurement, _hours_at(v, conf, prices, traffic)) for v, _, cost in priced]
    high = np.full(difference.shape, math.nan)
    # To plan a fleet again takes time: only where it decides.
    for a, b in np.argwhere(earns_more(difference, se, conf.confidence)).tolist():
        high[a, b] = cost_difference_bounds(sides[a], sides[b], conf.confidence, conf.seed)[1]
    is_known = np.isfinite(_floats([gain.gain_per_1k for gain in gains])) & np.isfinite(_floats([cost.cost_per_1k for cost in costs]))
    front = pareto_front(difference, se, high, is_known, conf.confidence)
    return dict(zip([v.label for v, _, _ in priced], front.tolist(), strict=True)), (*estimated, *notes)


def _hours_at(v: StoredVariant, conf: SweepConf, prices: Mapping[str, Price], traffic: Traffic | None) -> Callable[[float], float]:
    """Return the machine-hours per 1,000 that the log takes of a variant, were it as fast as asked; infinite where no fleet is enough."""

    def hours_at(rows_per_s: float) -> float:
        point = None if v.measurement is None or conf.price is None else chosen_point(v.measurement, v.conf.deploy, conf.price.slo_ms)[0]
        if v.measurement is None or point is None:
            return math.inf
        factor = rows_per_s / point.throughput_rows_per_s
        points = tuple(replace(p, throughput_rows_per_s=p.throughput_rows_per_s * factor) for p in v.measurement.points)
        as_fast = replace(v, measurement=replace(v.measurement, points=points))
        cost = costs_of([as_fast], conf, prices, traffic, with_interval=False)[v.label]
        is_of_log = cost.utilisation_source == "log" and cost.machine_h_per_1k is not None
        return float(cost.machine_h_per_1k or math.inf) if is_of_log else math.inf

    return hours_at


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if v is None else v for v in values], np.float64)
