from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import norm

from harness.gates.net_gain import NetGain

Z = norm.ppf(0.975)


def net(estimate: float, se: float) -> dict[str, float]:
    return {"net_vs_champion": estimate, "net_vs_champion_low": estimate - Z * se, "net_vs_champion_high": estimate + Z * se}


@pytest.mark.parametrize(("estimate", "status"), [(0.5, "PASS"), (0.1, "UNDECIDED"), (-0.1, "UNDECIDED"), (-0.5, "FAIL")])
def test_the_bounds_decide(evidence, estimate: float, status: str) -> None:
    (result,) = NetGain().judge((evidence(**net(estimate, 0.1)),))
    assert result.status == status
    assert result.value == pytest.approx(estimate - Z * 0.1)
    assert "USD per 1,000" in result.sentence


def test_a_minimum_moves_the_limit_and_counts_itself_as_reached(evidence) -> None:
    world = evidence(net_vs_champion=1.0, net_vs_champion_low=0.8, net_vs_champion_high=1.2)
    assert [NetGain(min_per_1k=m).judge((world,))[0].status for m in (0.7, 0.8, 0.9, 1.3)] == ["PASS", "PASS", "UNDECIDED", "FAIL"]
    assert NetGain(min_per_1k=0.8).judge((world,))[0].limit == "net against the champion >= 0.8 USD per 1,000"
    at_zero = evidence(net_vs_champion=1.0, net_vs_champion_low=0.0, net_vs_champion_high=2.0)
    assert NetGain().judge((at_zero,))[0].status == "UNDECIDED", "a bound of 0 is not above 0"


def test_several_challengers_are_corrected_for_their_number(evidence) -> None:
    at = 0.1 * (norm.isf(0.025) + norm.isf(0.0125)) / 2
    worlds = evidence("b", **net(at, 0.1)), evidence("c", **net(0.1, 0.1))
    assert NetGain().judge(worlds[:1])[0].status == "PASS"
    assert [r.status for r in NetGain().judge(worlds)] == ["UNDECIDED", "UNDECIDED"]
    mirrored = evidence("b", **net(-at, 0.1)), evidence("c", **net(-0.1, 0.1))
    assert NetGain().judge(mirrored[:1])[0].status == "FAIL"
    assert [r.status for r in NetGain().judge(mirrored)] == ["UNDECIDED", "UNDECIDED"]


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ({"protocol": "quick"}, "quick protocol, which decides nothing"),
        ({"protocol": "standard (shortened)"}, "standard (shortened) protocol, which decides nothing"),
        ({"status": "noisy", "reason": "coefficient of variation 14 %"}, "noisy: coefficient of variation 14 %"),
        ({"status": "not_measured", "reason": "measure=none"}, "speed was not measured: measure=none"),
    ],
)
def test_a_measurement_that_decides_nothing_leaves_it_undecided(evidence, measurement, measured, reason: str) -> None:
    (result,) = NetGain().judge((evidence(measurement=measurement(**measured)),))
    assert result.status == "UNDECIDED"
    assert reason in result.sentence


def test_a_noisy_champion_leaves_the_difference_undecided(evidence, measurement) -> None:
    (result,) = NetGain().judge((evidence(champion_measurement=measurement(status="noisy", reason="varied by 40%")),))
    assert result.status == "UNDECIDED"
    assert "the champion's measurement is noisy: varied by 40%" in result.sentence


def test_what_is_missing_is_named(evidence, cost) -> None:
    def said(**changes: object) -> str:
        (result,) = NetGain().judge((evidence(**changes),))
        assert result.status == "UNDECIDED"
        return result.sentence

    assert "no champion" in said(champion=None)
    assert "gain=NAME" in said(gain=None)
    assert "measure=standard" in said(measurement=None)
    assert "cost was not measured: price sheet has no row" in said(cost=cost(cost=None, reason="price sheet has no row"))
    assert "no price sheet; use price=NAME" in said(cost=None)
    assert "the champion's cost was not measured" in said(champion_cost=None)
    assert "has no interval" in said(net_vs_champion_low=None)
    assert "has no interval" in said(net_vs_champion_low=float("nan"))
    assert "width zero" in said(net_vs_champion=1.0, net_vs_champion_low=1.0, net_vs_champion_high=1.0)


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="min_per_1k: found 'much'"):
        NetGain(min_per_1k="much")
    with pytest.raises(ValueError, match="alpha: found 0"):
        NetGain(alpha=0)


@pytest.mark.parametrize("whose", ["cost", "champion_cost"])
def test_an_estimated_power_decides_nothing_on_either_side(evidence, whose: str) -> None:
    cost = replace(getattr(evidence(), whose), power_is_estimated=True)
    (result,) = NetGain().judge((evidence(**{whose: cost}),))
    assert result.status == "UNDECIDED"
    assert "estimated_tdp" in result.sentence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": "quick"}, "the champion was measured with the quick protocol"),
        ({"set_identity": "another run"}, "were not measured in the same blocks"),
        ({"status": "noisy", "reason": "loaded by others"}, "the champion's measurement is noisy"),
    ],
)
def test_the_champions_measurement_is_asked_as_the_challengers_is(evidence, measurement, changes, reason: str) -> None:
    assert NetGain().judge((evidence(champion_measurement=measurement()),))[0].status == "PASS"
    (result,) = NetGain().judge((evidence(champion_measurement=measurement(**changes)),))
    assert result.status == "UNDECIDED"
    assert reason in result.sentence
