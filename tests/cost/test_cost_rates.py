from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cost.rates import Rates, machine_h_per_1k, power_cost
from tests.oracles.cost_formula import cost_per_1k

positive = st.fractions(Fraction(1, 1000), 10_000, max_denominator=1000)
share = st.fractions(Fraction(1, 100), 1, max_denominator=100)
amount = st.fractions(0, 10_000, max_denominator=1000)


@settings(max_examples=60, deadline=None)
@given(price=amount, part=share, speed=positive, use=share, active=amount, idle=amount, tariff=amount, fee=amount)
def test_the_cost_is_that_of_the_definition(price, part, speed, use, active, idle, tariff, fee):
    pue = Fraction(3, 2)
    wanted = cost_per_1k(price, part, speed, use, active, idle, pue, tariff, fee)
    rates = Rates(
        float(price * part),
        power_cost(float(active), float(pue), float(tariff)),
        float(fee),
        power_cost(float(idle) * 3600, float(pue), float(tariff)),
    )
    assert rates.cost_per_1k(machine_h_per_1k(float(speed), float(use))) == pytest.approx(float(wanted), rel=1e-9, abs=1e-12)


def test_a_machine_that_does_nothing_is_charged_its_idle_power():
    # 100 W idle at half use: 1,000 rows at 1 row/s keep a machine up 2,000 s, that is 200 kJ
    rates = Rates(0.0, 0.0, 0.0, idle_power_per_hour=power_cost(100 * 3600, 1.0, 3.6))
    assert rates.cost_per_1k(machine_h_per_1k(1.0, 0.5)) == pytest.approx(200_000 / 3.6e6 * 3.6)
    assert rates.power_per_1k(machine_h_per_1k(1.0, 1.0)) == pytest.approx(0.1)
