"""Who brings the most over a stretch of one parameter."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.sensitivity import NOBODY, TOLERANCE, bounds_around, sensitivity
from tests.oracles.break_even import winners

lines = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=4)


@given(lines=lines, low=st.floats(0.01, 1), factor=st.floats(1.5, 100))
def test_inside_every_stretch_nobody_else_brings_more(lines, low: float, factor: float) -> None:
    high = low * factor

    def nets(value: float):
        return {f"v{i}": level + slope * value for i, (level, slope) in enumerate(lines)}

    found = sensitivity("price", "USD/h", low, low, high, nets)
    assert (found[0].low, found[-1].high) == (low, high)
    assert all(a.high == b.low and a.best != b.best for a, b in pairwise(found))
    grid = [low * factor ** (i / 400) for i in range(401)]
    slack = 2 * TOLERANCE * math.log(factor)
    for value, wanted in zip(grid, winners(grid, nets), strict=True):
        at = [r.best for r in found if r.low * (1 - slack) <= value <= r.high * (1 + slack)]
        assert any(nets(value)[best] >= nets(value)[wanted] - 1e-9 for best in at) or _is_hidden(nets, value, low, high)


def _is_hidden(nets, value: float, low: float, high: float) -> bool:
    """Whether the winner at a value wins nowhere on the grid that is searched: such a stretch is not promised."""
    points = [low * (high / low) ** (i / 32) for i in range(33)]
    return winners([value], nets)[0] not in winners(points, nets)


def test_a_third_winner_between_two_points_is_met_by_the_bisection() -> None:
    def nets(value: float):
        return {"a": 1.0 if value < 2.0 else 0.0, "b": 0.5, "c": 1.0 if value > 2.1 else 0.0}

    found = sensitivity("price", "USD/h", 1.0, 0.1, 10.0, nets, n_points=2)
    assert [r.best for r in found] == ["a", "b", "c"]
    assert found[0].high == pytest.approx(2.0, rel=1e-3)
    assert found[1].high == pytest.approx(2.1, rel=1e-3)


def test_the_current_value_is_looked_at_besides_the_grid() -> None:
    def nets(value: float):
        return {"a": 1.0, "b": 2.0 if 0.9 < value < 1.1 else 0.0}

    found = sensitivity("price", "USD/h", 1.0, 0.05, 30.0, nets, n_points=2)
    assert [r.best for r in found] == ["a", "b", "a"]
    assert [r.best for r in sensitivity("price", "USD/h", 5.0, 0.05, 30.0, nets, n_points=2)] == ["a"]


def test_negative_values_and_bounds_of_both_signs_are_searched() -> None:
    low, high = bounds_around(-0.6)
    found = sensitivity("value:false_positive", "USD", -0.6, low, high, lambda v: {"bold": 2 + v, "shy": 1 + 0.1 * v})
    assert (low, high) == pytest.approx((-6.0, -0.06))
    assert [r.best for r in found] == ["shy", "bold"]
    assert found[0].high == pytest.approx(-1 / 0.9, rel=1e-3)
    across = sensitivity("value:x", "USD", 0.5, -1.0, 1.0, lambda v: {"a": v, "b": 0.25})
    assert across[0].high == pytest.approx(0.25, abs=1e-3)


def test_nets_stand_at_the_bounds_and_ties_go_to_the_first_named() -> None:
    (one,) = sensitivity("price", "USD/h", 1.0, 0.5, 2.0, lambda p: {"a": 3 - p, "b": 3 - p})
    assert (one.best, one.net_low, one.net_high, one.current, one.unit) == ("a", 2.5, 1.0, 1.0, "USD/h")


def test_nobody_wins_where_no_net_is_known() -> None:
    def nets(value: float):
        return {"a": math.nan, "b": math.nan if value < 1 else 1.0}

    first, second = sensitivity("price", "USD/h", 2.0, 0.1, 10.0, nets)
    assert (first.best, second.best) == (NOBODY, "b")
    assert math.isnan(first.net_low)
    assert first.high == pytest.approx(1.0, rel=1e-3)
    (empty,) = sensitivity("price", "USD/h", 2.0, 0.1, 10.0, lambda _: {})
    assert empty.best == NOBODY


@pytest.mark.parametrize("current", [0.0, -0.0, math.nan, math.inf])
def test_a_factor_of_zero_is_zero_so_there_is_nothing_to_search(current: float) -> None:
    assert bounds_around(current) is None


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_bounds_that_mean_nothing_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"price: found bounds .* wanted finite ones in order"):
        sensitivity("price", "USD/h", 1.0, low, high, lambda _: {"a": 1.0})
