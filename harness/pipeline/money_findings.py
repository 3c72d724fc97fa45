"""What follows from cost and gain: where challenger and champion break even, what the ranking hangs on, and the money by slice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from harness.compare.break_even import HIGH_PER_DAY, LOW_PER_DAY, break_even
from harness.compare.sensitivity import bounds_around, sensitivity, why_not_moved
from harness.cost.part_costs import PartCost, cost_by_part
from harness.cost.price_sheet import Price
from harness.cost.traffic import scaled
from harness.pipeline.money import Money, costs_of, gains_of
from harness.pipeline.pair_costs import Priced
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import SweepConf
from harness.records.money import BreakEven, CostRow, GainEvidence, PartMoney, SensitivityRange, SliceTraffic, Traffic
from harness.records.tally import Grid

_VOLUMES, _N_VOLUMES = (LOW_PER_DAY, HIGH_PER_DAY), 29  # requests a day that are looked at: those of the break-even
_MAX_REPLAYED = 2_000_000  # arrivals: replaying more at each of a hundred volumes would take minutes


@dataclass(frozen=True)
class MoneyWorld:
    """Everything that net is computed from, so that one figure at a time can be moved."""

    variants: tuple[StoredVariant, ...]
    evidence: Mapping[str, GainEvidence]
    conf: SweepConf
    prices: Mapping[str, Price]
    traffic: Traffic | None
    money: Mapping[str, Money]
    sides: Mapping[str, Priced]
    planned: dict[tuple[str, float], float] = field(default_factory=dict, repr=False)  # costs by variant and requests a day

    @property
    def requests_per_day(self) -> float | None:
        """Of the log, as the price scales it; None without timestamps."""
        return None if self.traffic is None else float(self.traffic.minute_requests.sum()) / self.traffic.n_hours * 24.0

    def cost_at_volume(self, label: str, requests_per_day: float) -> float:
        """Return the cost of a variant when the log's traffic is scaled to so many requests a day; a fleet is planned once for each."""
        if (label, requests_per_day) not in self.planned:
            assert self.traffic is not None
            alone = [v for v in self.variants if v.label == label]
            costs = costs_of(alone, self.conf, self.prices, scaled(self.traffic, requests_per_day), with_interval=False)
            self.planned[label, requests_per_day] = _figure(costs.get(label))
        return self.planned[label, requests_per_day]

    def nets_at_volume(self, requests_per_day: float) -> dict[str, float]:
        """Return the net of each variant when the log's traffic is scaled to so many requests a day."""
        return {v.label: self._gain(v.label) - self.cost_at_volume(v.label, requests_per_day) for v in self.variants}

    def nets_at_price_factor(self, factor: float) -> dict[str, float]:
        """Return the net of each variant when every price per hour is multiplied by a factor."""
        return {label: self._gain(label) - _at_price(m.cost, factor) for label, m in self.money.items()}

    def nets_with_figure(self, name: str, value: float) -> dict[str, float]:
        """Return the net of each variant under another value figure of the gain."""
        gains = gains_of(self.evidence, replace(self.conf, gain=self.conf.gain.with_figure(name, value)))
        return {label: gains[label].gain_per_1k - _figure(m.cost) for label, m in self.money.items() if label in gains}

    def _gain(self, label: str) -> float:
        gain = self.money[label].gain
        return math.nan if gain is None else gain.gain_per_1k


def why_no_volume(world: MoneyWorld) -> str | None:
    """Say why cost cannot be asked at other volumes, or None."""
    if world.traffic is None:
        return "the log has no timestamps"
    arrivals = world.traffic.arrivals_us
    if world.conf.price is not None and world.conf.price.slo_ms is not None and arrivals is not None and arrivals.size > _MAX_REPLAYED:
        return (
            f"price.slo_ms replays {arrivals.size:,} arrivals for each volume, and at most {_MAX_REPLAYED:,} are; leave price.slo_ms null"
        )
    return None


def break_evens(world: MoneyWorld) -> tuple[BreakEven, ...]:
    """Return where each challenger and the champion bring the same; those without cost or gain are left out."""
    champion = world.money.get(world.conf.champion or "")
    if champion is None or champion.cost is None or champion.cost.cost_per_1k is None:
        return ()
    found = []
    for label, m in world.money.items():
        if (
            label == world.conf.champion
            or m.cost is None
            or m.cost.cost_per_1k is None
            or m.gain is None
            or m.gain.vs_champion_per_1k is None
        ):
            continue
        found.append(break_even(m.cost, champion.cost, m.gain.vs_champion_per_1k, _net_against(world, label), world.requests_per_day))
    return tuple(found)


def _net_against(world: MoneyWorld, label: str) -> Callable[[float], float] | None:
    if why_no_volume(world) is not None:
        return None
    gain, champion = world.money[label].gain, world.conf.champion or ""
    assert gain is not None
    assert gain.vs_champion_per_1k is not None
    difference = gain.vs_champion_per_1k

    def net_at(requests_per_day: float) -> float:
        return difference - (world.cost_at_volume(label, requests_per_day) - world.cost_at_volume(champion, requests_per_day))

    return net_at


def sensitivities(world: MoneyWorld) -> tuple[SensitivityRange, ...]:
    """Return who brings most over a range of prices, of volumes, and of every value figure; empty with fewer than two nets."""
    if sum(m.net is not None and math.isfinite(m.net) for m in world.money.values()) < 2:
        return ()
    found: list[SensitivityRange] = list(sensitivity("price", "times", 1.0, 0.1, 10.0, world.nets_at_price_factor))
    current = world.requests_per_day
    if why_no_volume(world) is None and current is not None:
        found += sensitivity("requests_per_day", "requests/day", current, *_VOLUMES, world.nets_at_volume, n_points=_N_VOLUMES)
    for name, value in world.conf.gain.figures().items():
        around = bounds_around(value)
        if around is not None:
            found += sensitivity(
                f"value:{name}",
                "" if name.endswith(".times") else world.conf.gain.currency,
                value,
                *around,
                partial(world.nets_with_figure, name),
            )
    return tuple(found)


def money_notes(world: MoneyWorld) -> list[str]:
    """Say what was not looked at in the search for break-even and for what the ranking hangs on."""
    if not any(m.net is not None for m in world.money.values()):
        return []
    figures = world.conf.gain.figures() if world.conf.gain else {}
    notes = [why_not_moved(f"value:{name}") for name, value in figures.items() if bounds_around(value) is None]
    why = why_no_volume(world)
    return [*notes, *([f"net at other volumes was not looked at: {why}"] if why else [])]


def parts_of(world: MoneyWorld, grid: Grid, slices: SliceTraffic | None) -> tuple[PartMoney, ...]:
    """Return gain, cost and net of every variant on every slice, and its cost on the requests of every version of the live model."""
    found: list[PartMoney] = []
    for v in world.variants:
        cost = world.money[v.label].cost
        by_part = {}
        if slices is not None and cost is not None and cost.cost_per_1k is not None:
            by_part = {(p.part_by, p.part_value): p for p in cost_by_part(slices, cost, world.conf.replay.rows_per_request)}
        found += _parts(v, world, grid, by_part)
    return tuple(found)


def _parts(v: StoredVariant, world: MoneyWorld, grid: Grid, by_part: Mapping[tuple[str, str], PartCost]) -> list[PartMoney]:
    gains = world.conf.gain.by_cell(world.evidence[v.label], world.conf.confidence) if world.conf.gain else None
    own = world.money[v.label]
    currency = own.cost.currency if own.cost and own.cost.currency else own.gain.currency if own.gain else None
    names = list(zip(grid.slice_by, grid.slice_value, strict=True))
    cells = np.arange(grid.n_slices) * grid.n_windows
    found = []
    for i, name in enumerate(names):
        gain = None if gains is None else tuple(float(x[cells[i]]) for x in (gains.value, gains.ci_low, gains.ci_high))
        found.append(_part(v.label, name, int(v.tally.n[cells[i]]), by_part.get(name), gain, currency))
    versions = [part for name, part in by_part.items() if name not in set(names)]
    found += [_part(v.label, (part.part_by, part.part_value), None, part, None, currency) for part in versions]
    return [part for part in found if part.cost_per_1k is not None or part.gain_per_1k is not None]


def _part(
    variant: str,
    name: tuple[str, str],
    n_rows: int | None,
    cost: PartCost | None,
    gain: tuple[float, ...] | None,
    currency: str | None,
) -> PartMoney:
    per_1k = cost.cost_per_1k if cost else None
    value, low, high = gain if gain is not None else (None, None, None)
    return PartMoney(
        variant=variant,
        slice_by=name[0],
        slice_value=name[1],
        n_rows=n_rows,
        n_requests=cost.n_requests if cost else None,
        cost_per_1k=per_1k,
        cost_per_month=cost.cost_per_month if cost else None,
        gain_per_1k=value,
        gain_ci_low=low,
        gain_ci_high=high,
        net_per_1k=None if value is None or per_1k is None else value - per_1k,
        currency=currency,
    )


def _figure(cost: CostRow | None) -> float:
    return math.nan if cost is None or cost.cost_per_1k is None else cost.cost_per_1k


def _at_price(cost: CostRow | None, factor: float) -> float:
    """Return the cost per 1,000 at a multiple of the price per hour; power and fee stay."""
    if cost is None or cost.cost_per_1k is None or cost.price_per_hour is None or cost.machine_h_per_1k is None:
        return math.nan
    return cost.cost_per_1k + (factor - 1.0) * cost.price_per_hour * cost.machine_h_per_1k
