"""By how much two costs differ over shared blocks, and the interval of net that is made with it."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from harness.pipeline import money
from harness.pipeline.money import money_of
from harness.pipeline.pair_costs import Priced, cost_difference_bounds
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow, GainRow

N_BLOCKS = 6
BLOCKS = tuple(range(N_BLOCKS))


def priced(rows_per_s, price=1.0, *, blocks=BLOCKS, joules=(), power=0.0, fee=0.0, identity="set", hours_at=None, log_h=None, idle=0.0):
    """A variant that was timed in these blocks; at full use, or from the log at `log_h` machine-hours per 1,000."""
    x = float(np.exp(np.mean(np.log(rows_per_s))))
    point = OperatingPoint("offline", 64, 9, tuple(rows_per_s), x, 0.0, 0.0, (), 2, blocks, tuple(joules))
    at_full = price / 3.6 / x + power + fee
    cost = CostRow(
        "v", "USD", at_full, None, None, at_full, None, None, 1.0, "full", None, None, None, None, None,
        price_per_hour=price, machine_h_per_1k=1 / 3.6 / x, power_per_1k=power, fee_per_1k=fee, batch_rows=64, threads=2,
        throughput_rows_per_s=x, idle_power_per_hour=idle,
    )  # fmt: skip
    if log_h is not None:
        cost = replace(cost, utilisation_source="log", machine_h_per_1k=log_h)
    measured = Measurement(
        "v", "long", "ok", None, "cpu", None, 2, None, None, (point,), None, "unavailable", "vm", 0, None, set_identity=identity
    )  # fmt: skip
    return Priced(cost, measured, hours_at or (lambda rows_per_s: math.nan))


def trials(seed, *, drift=0.3, noise=0.02, faster=1.0):
    """Two variants in blocks of a machine that drifts; the second is `faster` times as fast."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, drift, N_BLOCKS)
    return np.exp(5 + common + rng.normal(0, noise, N_BLOCKS)), faster * np.exp(5 + common + rng.normal(0, noise, N_BLOCKS))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_at_full_use_the_bounds_turn_0_where_the_paired_t_interval_does(seed, confidence):
    slow, fast = trials(seed, faster=1.05)
    interval = stats.ttest_rel(np.log(fast), np.log(slow)).confidence_interval(confidence)
    for ratio, sign in ((math.exp(interval.low), "low"), (math.exp(interval.high), "high")):
        # At a price that is higher by this bound of the ratio, the same bound of the difference of costs is 0, but for the draws.
        nearly = [cost_difference_bounds(priced(fast, ratio * by), priced(slow), confidence, 1) for by in (0.997, 1.003)]
        at = 1 if sign == "low" else 0
        assert nearly[0][at] < 0 < nearly[1][at]


def test_what_a_block_did_to_both_cancels():
    slow, fast = trials(1, faster=1.1)
    low, high = cost_difference_bounds(priced(fast), priced(slow), 0.95, 1)
    assert low < high < 0
    bounds = [priced(x) for x in (fast, slow)]
    unpaired = [
        replace(
            p, cost=replace(p.cost, cost_per_1k_low=c * 0.8, cost_per_1k_high=c * 1.25), measurement=replace(p.measurement, set_identity=s)
        )
        for p, c, s in zip(bounds, (p.cost.cost_per_1k for p in bounds), "ab", strict=True)
    ]
    low, high = cost_difference_bounds(*unpaired, 0.95, 1)
    assert low < 0 < high, "timed apart: their intervals overlap"


def test_only_blocks_that_both_have_are_paired():
    slow, fast = trials(2, faster=1.1)
    both = cost_difference_bounds(priced(fast[1:], blocks=BLOCKS[1:]), priced(slow[1:], blocks=BLOCKS[1:]), 0.95, 1)
    kept = cost_difference_bounds(priced(fast[1:], blocks=BLOCKS[1:]), priced(slow), 0.95, 1)
    np.testing.assert_allclose(kept, both, rtol=1e-9)
    shuffled = BLOCKS[::-1]
    assert cost_difference_bounds(priced(fast[::-1], blocks=shuffled), priced(slow), 0.95, 1) == pytest.approx(
        cost_difference_bounds(priced(fast), priced(slow), 0.95, 1)
    )


@pytest.mark.parametrize(
    "change",
    [{"identity": None}, {"identity": "other"}, {"blocks": (0, 7, 8, 9, 10, 11)}, {"blocks": ()}],
    ids=["no identity", "another set", "one block shared", "blocks unknown"],
)
def test_what_was_not_timed_together_is_compared_by_intervals_that_lie_apart(change):
    slow, fast = trials(3, faster=3.0)
    a, b = priced(fast, **change), priced(slow)
    if change == {"blocks": ()}:
        a = replace(a, measurement=replace(a.measurement, points=(replace(a.measurement.points[0], blocks=()),)))
    assert np.isnan(cost_difference_bounds(a, b, 0.95, 1)).all(), "and where there are no intervals, nothing is known"
    a = replace(a, cost=replace(a.cost, cost_per_1k_low=1.0, cost_per_1k_high=2.0))
    b = replace(b, cost=replace(b.cost, cost_per_1k_low=2.5, cost_per_1k_high=4.0))
    assert cost_difference_bounds(a, b, 0.95, 1) == (-3.0, -0.5)


@pytest.mark.parametrize("seed", range(3))
def test_energy_that_is_charged_moves_with_its_block_too(seed):
    slow, fast = trials(seed, faster=1.02)
    joules = 10 / fast, 30 / slow
    interval = stats.ttest_rel(np.log(joules[0]), np.log(joules[1])).confidence_interval(0.95)
    half = (interval.high - interval.low) / 2
    for by, is_shown in ((0.9, False), (1.1, True)):  # power alone, the rent being next to nothing and the fee that of both
        powers = 1.0, math.exp(by * half)
        sides = [priced(x, 1e-9, joules=j, power=p, fee=0.5) for x, j, p in zip((fast, slow), joules, powers, strict=True)]
        assert (cost_difference_bounds(*sides, 0.95, 1)[1] < 0) == is_shown


def test_from_the_log_the_same_replicas_cost_the_same_however_fast():
    slow, fast = trials(5, drift=0.02, noise=0.001, faster=1.2)
    one = [priced(x, log_h=2.0, hours_at=lambda rows_per_s: 2.0) for x in (fast, slow)]
    assert cost_difference_bounds(*one, 0.95, 1) == (0.0, 0.0)


def test_from_the_log_fewer_replicas_cost_less():
    slow, fast = trials(6, drift=0.02, noise=0.001, faster=4.0)
    a, b = (
        priced(x, log_h=h, hours_at=lambda rows_per_s: 3.0 if rows_per_s < 300 else 1.0, idle=0.5) for x, h in ((fast, 1.0), (slow, 3.0))
    )
    low, high = cost_difference_bounds(a, b, 0.95, 1)
    assert low <= high < -1.9
    assert high == pytest.approx(-3.0, abs=0.01), "two machine-hours of 1.00, and of 0.50 for standing idle"


def test_where_no_fleet_is_enough_nothing_is_known():
    slow, fast = trials(7, faster=1.2)
    a, b = (priced(x, log_h=2.0, hours_at=lambda rows_per_s: math.inf) for x in (fast, slow))
    assert np.isnan(cost_difference_bounds(a, b, 0.95, 1)).all()
    a, b = priced(fast, log_h=2.0, hours_at=lambda rows_per_s: 1.0), priced(slow)
    assert np.isnan(cost_difference_bounds(a, b, 0.95, 1)).all(), "a cost from the log beside one at full use"


CONF = SimpleNamespace(confidence=0.95, seed=1, champion="a")


def gain_row(variant: str, gain: float = 2.5, se: float = 0.0, vs: float | None = None, vs_se: float | None = None) -> GainRow:
    return GainRow(variant, "USD", "none", gain, se, vs, vs_se, "")


def net_of(cost: CostRow, gain: GainRow) -> money.Money:
    return money_of({"v": cost}, {"v": gain}, {}, ["v"], CONF)["v"]


def test_a_lopsided_interval_of_cost_stays_lopsided_in_the_net():
    cost = replace(priced([50.0, 50.0]).cost, cost_per_1k=1.0, cost_per_1k_low=0.5, cost_per_1k_high=3.0)
    found = net_of(cost, gain_row("v"))
    assert (found.net, found.low, found.high) == (1.5, -0.5, 2.0)  # 2.5 - 3, 2.5 - 0.5
    z = stats.norm.ppf(0.975)
    joined = net_of(cost, gain_row("v", se=1.0))
    assert (joined.net - joined.low, joined.high - joined.net) == pytest.approx((math.hypot(z, 2.0), math.hypot(z, 0.5)))


def test_a_cost_without_an_interval_gives_a_net_without_one():
    found = net_of(replace(priced([50.0, 50.0]).cost, cost_per_1k=1.0), gain_row("v", se=1.0))
    assert found.net == 1.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_against_the_champion_what_a_block_did_to_both_cancels():
    slow, fast = trials(3, drift=0.5, noise=0.01, faster=2.0)
    sides = {"a": priced(slow), "b": priced(fast)}
    costs = {label: side.cost for label, side in sides.items()}
    gains = {"a": gain_row("a", vs=0.0, vs_se=0.0), "b": gain_row("b", vs=0.25, vs_se=0.0)}
    found = money_of(costs, gains, sides, ["a", "b"], CONF)
    difference = costs["b"].cost_per_1k - costs["a"].cost_per_1k
    low, high = cost_difference_bounds(sides["b"], sides["a"], 0.95, 1)
    assert found["b"].vs == pytest.approx(0.25 - difference)
    assert (found["b"].vs_low, found["b"].vs_high) == pytest.approx((0.25 - high, 0.25 - low))
    assert (found["a"].vs, found["a"].vs_low, found["a"].vs_high) == (0.0, 0.0, 0.0)
    alone = {label: replace(side, measurement=replace(side.measurement, set_identity=label)) for label, side in sides.items()}
    assert math.isnan(money_of(costs, gains, alone, ["a", "b"], CONF)["b"].vs_low), "neither blocks nor intervals are there"


def test_without_a_gain_or_a_cost_there_is_no_net():
    side = priced([50.0, 50.0])
    assert money_of({"v": side.cost}, {}, {"v": side}, ["v"], CONF)["v"].net is None
    assert money_of({}, {"v": gain_row("v")}, {}, ["v"], CONF)["v"].net is None
