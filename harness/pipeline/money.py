"""Cost, gain and net of every variant, and who is on the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.compare.pareto import Pairs, earns_more, gain_differences, pareto_front
from harness.cost.cost import cost_of
from harness.cost.operating_point import chosen_point
from harness.cost.price_sheet import Price, load_prices
from harness.cost.traffic import scaled
from harness.errors import ConfigError
from harness.pipeline.pair_costs import Priced, cost_difference_bounds
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


def sides_of(
    variants: Sequence[StoredVariant],
    costs: Mapping[str, CostRow],
    conf: SweepConf,
    prices: Mapping[str, Price],
    traffic: Traffic | None,
) -> dict[str, Priced]:
    """Return what the costs of two variants are compared by, of each that has one."""
    return {
        v.label: Priced(cost, v.measurement, _hours_at(v, conf, prices, traffic))
        for v in variants
        if (cost := costs.get(v.label)) is not None and cost.cost_per_1k is not None
    }


def money_of(
    costs: Mapping[str, CostRow],
    gains: Mapping[str, GainRow],
    sides: Mapping[str, Priced],
    labels: Sequence[str],
    conf: SweepConf,
) -> dict[str, Money]:
    """Return cost, gain and net of each variant, with the paired difference to the champion.

    Intervals: gain and cost are independent, each with bounds of its own: net - sqrt((gain - its lower)² + (cost's upper - cost)²) and its
    mirror, for a cost's interval is lopsided. The difference to the champion takes the paired gain, and the costs' difference over the blocks
    that both were timed in.

    Source: Zou & Donner, Statistics in Medicine 27 (2008) 1693-1702, section 2 (MOVER).
    """
    z = float(ndtri((1 + conf.confidence) / 2))
    found = {label: _net(costs.get(label), gains.get(label), z) for label in labels}
    champion = sides.get(conf.champion or "")
    for label, own in found.items():
        gain, side = own.gain, sides.get(label)
        if gain is None or gain.vs_champion_per_1k is None or gain.vs_champion_se_per_1k is None or side is None or champion is None:
            continue
        difference = _figure(side.cost) - _figure(champion.cost)
        bounds = (0.0, 0.0) if side is champion else cost_difference_bounds(side, champion, conf.confidence, conf.seed)
        vs = gain.vs_champion_per_1k - difference
        low, high = _bounds(vs, z * gain.vs_champion_se_per_1k, difference, bounds)
        found[label] = replace(own, vs=vs, vs_low=low, vs_high=high)
    return found


def _net(cost: CostRow | None, gain: GainRow | None, z: float) -> Money:
    if cost is None or gain is None or cost.cost_per_1k is None:
        return Money(cost, gain, None, None, None)
    net = gain.gain_per_1k - cost.cost_per_1k
    known = [math.nan if bound is None else bound for bound in (cost.cost_per_1k_low, cost.cost_per_1k_high)]  # NaN: fewer than two trials
    return Money(cost, gain, net, *_bounds(net, z * gain.se_per_1k, cost.cost_per_1k, (known[0], known[1])))


def _bounds(net: float, half_gain: float, cost: float, cost_bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = cost_bounds
    return net - math.hypot(half_gain, high - cost), net + math.hypot(half_gain, cost - low)


def _figure(cost: CostRow) -> float:
    return math.nan if cost.cost_per_1k is None else cost.cost_per_1k


def front_of(
    variants: Sequence[StoredVariant],
    money: Mapping[str, Money],
    evidence: Mapping[str, GainEvidence],
    pairs: Pairs,
    sides: Mapping[str, Priced],
    conf: SweepConf,
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
    own_sides = [sides[v.label] for v, _, _ in priced]
    high = np.full(difference.shape, math.nan)
    known_costs = _floats([cost.cost_per_1k for cost in costs])
    # To plan a fleet again takes time: only where it decides.
    for a, b in np.argwhere(earns_more(difference, se, conf.confidence) & (known_costs[:, None] < known_costs)).tolist():
        high[a, b] = cost_difference_bounds(own_sides[a], own_sides[b], conf.confidence, conf.seed)[1]
    is_known = np.isfinite(_floats([gain.gain_per_1k for gain in gains])) & np.isfinite(known_costs)
    front = pareto_front(difference, se, high, is_known, conf.confidence)
    return dict(zip([v.label for v, _, _ in priced], front.tolist(), strict=True)), (*estimated, *notes)


def _hours_at(v: StoredVariant, conf: SweepConf, prices: Mapping[str, Price], traffic: Traffic | None) -> Callable[[float], float]:
    """Return the machine-hours per 1,000 that the log takes of a variant, were it as fast as asked; infinite where no fleet is enough.

    A throughput is asked for in every pair of the variant: nine digits of it are remembered, and the fleet is planned once.
    """

    @cache
    def planned(rows_per_s: float) -> float:
        point = None if v.measurement is None or conf.price is None else chosen_point(v.measurement, v.conf.deploy, conf.price.slo_ms)[0]
        if v.measurement is None or point is None:
            return math.inf
        factor = rows_per_s / point.throughput_rows_per_s
        points = tuple(replace(p, throughput_rows_per_s=p.throughput_rows_per_s * factor) for p in v.measurement.points)
        as_fast = replace(v, measurement=replace(v.measurement, points=points))
        cost = costs_of([as_fast], conf, prices, traffic, with_interval=False)[v.label]
        is_of_log = cost.utilisation_source == "log" and cost.machine_h_per_1k is not None
        return float(cost.machine_h_per_1k or math.inf) if is_of_log else math.inf

    return lambda rows_per_s: planned(float(f"{rows_per_s:.9g}"))


def _floats(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if v is None else v for v in values], np.float64)
