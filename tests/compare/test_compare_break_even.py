"""Price, utilisation and volume at which two variants bring the same."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.compare.break_even import HIGH_PER_DAY, LOW_PER_DAY, TOLERANCE, break_even
from harness.records.money import CostRow
from tests.oracles.break_even import cost_per_1k, replicas_cost_per_1k

FLAT = {"active_j": 0.0, "idle_w": 0.0, "tariff_per_kwh": 0.0, "fee": 0.0}


def cost_row(variant: str, price: float, rows_per_s: float, share: float = 1.0, **power: float) -> CostRow:
    parts = FLAT | power
    seconds = 1000 / (rows_per_s * share)
    joules = parts["active_j"] + parts["idle_w"] * seconds
    total = cost_per_1k(price, rows_per_s, share, **parts)
    return CostRow(
        variant, "USD", total, None, None, cost_per_1k(price, rows_per_s, 1.0, **parts), total, None, share,
        "full" if share == 1 else "log", "m", None, None, None, None,
        price_per_hour=price, machine_h_per_1k=seconds / 3600, power_per_1k=joules / 3.6e6 * parts["tariff_per_kwh"],
        fee_per_1k=parts["fee"], throughput_rows_per_s=rows_per_s,
        idle_power_per_hour=parts["idle_w"] * 3600 / 3.6e6 * parts["tariff_per_kwh"],
    )  # fmt: skip


SLOW, FAST = cost_row("slow", 0.10, 20.0), cost_row("fast", 0.10, 50.0)


def reason(found, figure: str) -> str:
    return dict(found.reasons)[figure]


@st.composite
def machines(draw):
    amounts = st.floats(0.01, 10)
    power = {
        "active_j": draw(st.floats(0, 500)),
        "idle_w": draw(st.floats(0, 200)),
        "tariff_per_kwh": draw(st.floats(0, 1)),
        "fee": draw(st.floats(0, 1e-3)),
    }
    return draw(amounts), draw(st.floats(1, 1e4)), draw(st.floats(0.02, 0.98)), power


@given(own=machines(), other=machines(), gain=st.floats(-0.5, 0.5))
def test_at_the_price_found_the_costs_differ_by_the_gain(own, other, gain: float) -> None:
    price, rate, share, power = own
    champion = cost_row("b", *other[:3], **other[3])
    found = break_even(cost_row("a", price, rate, share, **power), champion, gain, None, None).price_per_hour

    def net(at: float) -> float:
        return gain - cost_per_1k(at, rate, share, **power) + champion.cost_per_1k

    if found is None:
        assert net(0.0) < 1e-9, "loses even for nothing"
    else:
        assert found >= 0
        assert net(found) == pytest.approx(0, abs=1e-9)
        assert net(found * 2 + 1) < 0


@given(own=machines(), other=machines(), gain=st.floats(-0.5, 0.5))
def test_at_the_share_of_use_found_the_costs_differ_by_the_gain_idle_power_included(own, other, gain: float) -> None:
    found = break_even(cost_row("a", *own[:3], **own[3]), cost_row("b", *other[:3], **other[3]), gain, None, None)

    def net(use: float) -> float:
        costs = [cost_per_1k(price, rate, use, **power) for price, rate, _, power in (own, other)]
        return gain - costs[0] + costs[1]

    assume(abs(net(1.0)) > 1e-6)
    share = found.utilisation
    if share is None:
        signs = {net(use) > 0 for use in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.8, 1.0) if abs(net(use)) > 1e-9}
        assert len(signs) == 1
        assert reason(found, "utilisation") == f"{'wins' if signs.pop() else 'loses'} at any utilisation"
    else:
        assert 0 < share <= 1
        size = cost_per_1k(*own[:2], share, **own[3]) + cost_per_1k(*other[:2], share, **other[3])
        assert net(share) == pytest.approx(0, abs=1e-9 + 1e-7 * size)
        assert found.utilisation_wins_above == (net(1.0) > 0)


def test_what_wins_or_loses_all_along_has_no_price_but_a_reason() -> None:
    assert break_even(SLOW, FAST, -1.0, None, None).price_per_hour is None
    assert reason(break_even(SLOW, FAST, -1.0, None, None), "price_per_hour") == "loses even at a price of 0"
    free = replace(SLOW, machine_h_per_1k=0.0, cost_per_1k=0.0)
    assert reason(break_even(free, FAST, 1.0, None, None), "price_per_hour") == "wins at any price"
    at_zero = break_even(SLOW, FAST, -FAST.cost_per_1k, None, None)
    assert at_zero.price_per_hour == 0.0, "equal at a price of 0, and that is no negative price"


def test_equal_machines_do_not_hang_on_utilisation() -> None:
    twin = replace(SLOW, variant="twin")
    for gain, wanted in ((0.1, "wins at any utilisation"), (-0.1, "loses at any utilisation"), (0.0, "equal at any utilisation")):
        found = break_even(SLOW, twin, gain, None, None)
        assert (found.utilisation, found.utilisation_wins_above, reason(found, "utilisation")) == (None, None, wanted)


def test_the_cheaper_challenger_that_gains_less_wins_where_machines_idle() -> None:
    found = break_even(FAST, SLOW, -0.002, None, None)
    assert found.utilisation == pytest.approx((SLOW.cost_per_1k - FAST.cost_per_1k) / 0.002)
    assert found.utilisation_wins_above is False


def test_a_cost_or_gain_that_is_not_known_is_said() -> None:
    unpriced = replace(SLOW, cost_per_1k=None, cost_per_1k_at_full=None, machine_h_per_1k=None, reason="speed was not measured")
    for pair in ((unpriced, FAST), (FAST, unpriced)):
        found = break_even(*pair, 0.1, None, None)
        assert reason(found, "price_per_hour") == reason(found, "utilisation") == "the cost of slow is not known: speed was not measured"
    found = break_even(SLOW, FAST, math.nan, lambda _: math.nan, 1e5)
    assert reason(found, "price_per_hour") == reason(found, "utilisation") == "the gain against the champion is not defined"
    assert reason(found, "requests_per_day") == "the net is not known at any volume"
    assert reason(break_even(SLOW, FAST, 0.1, None, None), "requests_per_day") == "the cost at other volumes is not known"


@given(at=st.floats(math.log10(LOW_PER_DAY) + 0.01, math.log10(HIGH_PER_DAY) - 0.01), rising=st.booleans())
def test_a_smooth_net_crosses_where_its_root_is(at: float, rising: bool) -> None:
    root, sign = 10**at, 1.0 if rising else -1.0
    found = break_even(SLOW, FAST, 0.1, lambda volume: sign * (1 / root - 1 / volume), 1e6)
    assert found.requests_per_day == pytest.approx(root, rel=TOLERANCE)
    assert (found.wins_above, found.n_volume_crossings) == (rising, 1)


@pytest.mark.parametrize(("net", "wanted"), [(1.0, "wins"), (-1.0, "loses"), (0.0, "equal")])
def test_a_net_of_one_sign_has_no_volume(net: float, wanted: str) -> None:
    found = break_even(SLOW, FAST, 0.1, lambda _: net, 1e6)
    assert (found.requests_per_day, found.wins_above) == (None, None)
    assert reason(found, "requests_per_day") == f"{wanted} at any volume between 100 and 1,000,000,000 requests a day"


def test_of_several_crossings_of_a_fleet_the_one_nearest_to_today_is_given() -> None:
    # The challenger's machine serves 1e5 a day for 1 USD/h, the champion's 4e5 for 3: whole replicas make the cheaper one change.
    def net(volume: float) -> float:
        volume = min(volume, 1e7)
        return replicas_cost_per_1k(volume, 3.0, 4e5) - replicas_cost_per_1k(volume, 1.0, 1e5)

    # 1 to 3 of the small ones cost 1, 2, 3 against 3; from the fourth on they cost more: the net is above 0 up to 200,000 only.
    low = break_even(SLOW, FAST, 0.0, net, 1e4)
    assert low.requests_per_day == pytest.approx(2e5, rel=TOLERANCE)
    assert low.wins_above is False
    # Of 400,001 to 500,000 a day the champion needs a second one: 6 against 5.
    second = break_even(SLOW, FAST, 0.0, net, 4.2e5)
    assert second.requests_per_day == pytest.approx(4e5, rel=TOLERANCE)
    assert second.wins_above is True
    assert second.n_volume_crossings > low.n_volume_crossings, "today's volume is looked at besides the grid"


def test_without_a_current_volume_the_last_crossing_is_given() -> None:
    def net(volume: float) -> float:
        return -1.0 if 1e3 < volume < 1e4 else 1.0

    found = break_even(SLOW, FAST, 0.1, net, None)
    assert found.requests_per_day == pytest.approx(1e4, rel=TOLERANCE)
    assert (found.wins_above, found.n_volume_crossings) == (True, 2)
    assert break_even(SLOW, FAST, 0.1, net, 500.0).requests_per_day == pytest.approx(1e3, rel=TOLERANCE)


def test_volumes_that_no_fleet_serves_are_left_out() -> None:
    found = break_even(SLOW, FAST, 0.1, lambda volume: math.nan if volume > 1e6 else volume - 5e3, 1e8)
    assert found.requests_per_day == pytest.approx(5e3, rel=TOLERANCE)


def test_the_names_and_the_currency_stand_in_the_record() -> None:
    found = break_even(SLOW, FAST, 0.1, None, None)
    assert (found.variant, found.champion, found.currency) == ("slow", "fast", "USD")
