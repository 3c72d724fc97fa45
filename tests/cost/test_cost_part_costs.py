from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.part_costs import cost_by_part
from harness.records.money import CostRow, ReplicaHours, SliceTraffic
from tests.oracles.cost_formula import cost_of_parts

FIRST_HOUR = 480_000


def cost_row(paid: list[float], requests: list[float], price_per_hour: float, rows_per_request: int, power: float, fee: float) -> CostRow:
    hours = np.arange(len(paid)) + FIRST_HOUR
    fleet = ReplicaHours(hours, np.ones(len(paid), np.int64), np.array(paid), np.array(requests))
    machine_h = sum(paid) / (sum(requests) * rows_per_request) * 1000
    cost = machine_h * price_per_hour + power + fee
    empty = CostRow("m", "USD", cost, None, None, None, cost, None, None, "log", None, 1000.0, 1, None, None)
    return replace(empty, price_per_hour=price_per_hour, machine_h_per_1k=machine_h, power_per_1k=power, fee_per_1k=fee, fleet=fleet)


def slice_traffic(requests: list[tuple[int, str]]) -> SliceTraffic:
    """Count (hour, letter) as slices of the column `letter`, and all of them as the slice all."""
    letters = sorted({letter for _, letter in requests})
    counts = Counter([(hour, 0) for hour, _ in requests] + [(hour, 1 + letters.index(letter)) for hour, letter in requests])
    keys = sorted(counts)
    return SliceTraffic(
        hour=np.array([hour for hour, _ in keys], np.int64) + FIRST_HOUR,
        part_id=np.array([part for _, part in keys], np.int32),
        requests=np.array([float(counts[key]) for key in keys]),
        part_by=("all", *["letter"] * len(letters)),
        part_value=("all", *letters),
    )


@settings(max_examples=60, deadline=None)
@given(
    requests=st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), min_size=1, max_size=60),
    paid=st.lists(st.integers(1, 9), min_size=6, max_size=6),
    scale=st.sampled_from([1.0, 0.25, 700.0]),
    rows_per_request=st.sampled_from([1, 5]),
)
def test_every_request_carries_its_share_and_the_parts_add_up(requests, paid, scale, rows_per_request):
    in_hour = [scale * sum(hour == h for hour, _ in requests) for h in range(6)]
    row = cost_row([float(p) for p in paid], in_hour, 0.75, rows_per_request, power=0.125, fee=0.25)
    found = {p.part_value: p for p in cost_by_part(slice_traffic(requests), row, rows_per_request)}
    assert found["all"].cost_per_1k == pytest.approx(row.cost_per_1k)
    assert found.pop("all").cost_per_month == pytest.approx(row.cost_per_month)
    n = sum(p.n_requests for p in found.values())
    assert sum(p.n_requests * p.cost_per_1k for p in found.values()) / n == pytest.approx(row.cost_per_1k)
    assert sum(p.cost_per_month for p in found.values()) == pytest.approx(row.cost_per_month)
    hours = {h: Fraction(p) / Fraction(scale) for h, p in enumerate(paid)}
    wanted = cost_of_parts(requests, hours, Fraction(3, 4), Fraction(3, 8), rows_per_request)
    assert {k: (p.n_requests, p.cost_per_1k) for k, p in found.items()} == {
        k: (requests_of, pytest.approx(float(cost))) for k, (requests_of, cost) in wanted.items()
    }


def test_a_request_at_night_costs_more_than_one_at_noon():
    row = cost_row([1.0, 1.0], [99.0, 1.0], 1.0, 1, 0.0, 0.0)
    parts = cost_by_part(slice_traffic([(0, "noon")] * 99 + [(1, "night")]), row, 1)
    assert [(p.part_value, p.cost_per_1k) for p in parts] == [
        ("all", pytest.approx(20.0)),
        ("night", pytest.approx(1000.0)),
        ("noon", pytest.approx(1000 / 99)),
    ]


def test_a_part_without_requests_has_no_cost_of_one():
    traffic = slice_traffic([(0, "a")])
    traffic = replace(traffic, part_by=(*traffic.part_by, "letter"), part_value=(*traffic.part_value, "z"))
    last = cost_by_part(traffic, cost_row([1.0], [1.0], 1.0, 1, 0.0, 0.0), 1)[-1]
    assert (last.part_value, last.n_requests, last.cost_per_month) == ("z", 0.0, 0.0)
    assert np.isnan(last.cost_per_1k)


def test_without_a_cost_from_the_log_only_the_requests_are_known():
    row = replace(cost_row([1.0], [2.0], 1.0, 1, 0.0, 0.0), fleet=None, cost_per_1k_from_log=None)
    assert cost_by_part(slice_traffic([(0, "a"), (0, "b")]), row, 1)[1] == ("letter", "a", 1.0, None, None)


def test_traffic_of_another_log_is_refused():
    row = cost_row([1.0], [1.0], 1.0, 1, 0.0, 0.0)
    with pytest.raises(ValueError, match="requests in hours that the fleet does not have; both must be of one log"):
        cost_by_part(slice_traffic([(1, "a")]), row, 1)
    no_all = replace(slice_traffic([(0, "a")]), part_by=("letter", "letter"))
    with pytest.raises(ValueError, match=r"no part 'all'; it has \['letter'\]"):
        cost_by_part(no_all, row, 1)
