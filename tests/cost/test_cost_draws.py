from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.cost.cost_interval import cost_bounds
from harness.cost.rates import Rates, machine_h_per_1k
from harness.cost.trial_draws import mean_deviations
from harness.records.measurement import OperatingPoint

TRIALS = np.array([[1.0, 3.0], [2.0, 1.0], [4.0, 2.5], [3.0, 0.5]])


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def point(speeds, joules=()) -> OperatingPoint:
    speed = float(np.exp(np.mean(np.log(speeds))))
    energy = float(np.mean(joules)) if len(joules) else None
    return OperatingPoint("offline", 1, 9, tuple(speeds), speed, 0.0, 0.0, (), trial_j_per_1k=tuple(joules), energy_j_per_1k=energy)


def rates_of(p: OperatingPoint, per_hour: float, per_joule: float, idle_w: float = 0.0) -> Rates:
    """Return the rates of a point whose idle power is known."""
    hours = machine_h_per_1k(p.throughput_rows_per_s)
    total_j = float(np.exp(np.mean(np.log(p.trial_j_per_1k))))
    return Rates(per_hour, (total_j - idle_w * 3600 * hours) * per_joule, 0.0, idle_w * 3600 * per_joule)


def test_the_draws_are_of_scipys_multivariate_t():
    drawn = mean_deviations(TRIALS, 20_000, rng())
    known = stats.multivariate_t(shape=np.cov(TRIALS.T) / 4, df=3).rvs(20_000, random_state=rng(2))
    for weights in ([1, 0], [0, 1], [1, 2], [3, -1]):
        assert stats.ks_2samp(drawn @ weights, known @ weights).pvalue > 0.001
    assert stats.ks_2samp(np.abs(drawn).max(axis=1), np.abs(known).max(axis=1)).pvalue > 0.001


def test_any_weighted_sum_of_the_draws_has_its_own_t_interval():
    weights = np.array([2.0, -1.0])
    found = np.quantile(mean_deviations(TRIALS, 400_000, rng()) @ weights, [0.05, 0.95])
    half = stats.t.ppf(0.95, 3) * stats.sem(TRIALS @ weights)
    assert found == pytest.approx([-half, half], rel=0.02)


def test_one_trial_has_no_spread_to_draw_from():
    with pytest.raises(ValueError, match="the spread of 1 trial is not known; at least 2 are needed"):
        mean_deviations(TRIALS[:1], 5, rng())
    assert cost_bounds(Rates(1.0, 0.0, 0.0), machine_h_per_1k, point([5.0]), 0.95, rng()) == (None, None)


def test_one_seed_gives_one_interval():
    p = point([40.0, 50.0, 60.0], [9.0, 10.0, 12.0])
    rates = rates_of(p, 1.0, 0.01)
    assert cost_bounds(rates, machine_h_per_1k, p, 0.95, rng()) == cost_bounds(rates, machine_h_per_1k, p, 0.95, rng())
    assert cost_bounds(rates, machine_h_per_1k, p, 0.95, rng()) != cost_bounds(rates, machine_h_per_1k, p, 0.95, rng(2))


@pytest.mark.parametrize("joules", [(), (1e-12, 2e-12, 1.5e-12)])
def test_without_energy_it_is_the_t_interval_of_the_log_throughput(joules):
    speeds = [40.0, 50.0, 62.0]
    half = stats.sem(np.log(speeds)) * stats.t.ppf(0.975, 2)
    centre = np.log(speeds).mean()
    p = point(speeds, joules)
    rates = rates_of(p, 3.6, 1.0) if joules else Rates(3.6, 0.0, 0.0)
    found = cost_bounds(rates, machine_h_per_1k, p, 0.95, rng())
    # exact where no energy is charged; from draws where it is next to nothing
    assert found == pytest.approx([1 / np.exp(centre + half), 1 / np.exp(centre - half)], rel=0.05 if joules else 1e-12)


def test_energy_alone_has_the_t_interval_of_the_log_energy():
    joules = [9.0, 10.0, 12.0, 11.0]
    p = point([50.0] * 4, joules)
    found = cost_bounds(rates_of(p, 0.0, 1.0), machine_h_per_1k, p, 0.9, rng())
    half = stats.sem(np.log(joules)) * stats.t.ppf(0.95, 3)
    assert found == pytest.approx(np.exp(np.log(joules).mean() + half * np.array([-1, 1])), rel=0.02)


def test_energy_that_falls_as_speed_rises_is_drawn_jointly():
    speeds = np.array([40.0, 45.0, 50.0, 55.0, 62.0])
    together, against = 1000 / speeds, speeds  # an idle machine's energy goes with its time
    half = stats.sem(np.log(speeds)) * stats.t.ppf(0.975, 4)
    same = point(speeds.tolist(), together.tolist())
    low, high = cost_bounds(rates_of(same, 3600.0, 1.0), machine_h_per_1k, same, 0.95, rng())
    assert np.log(high / low) == pytest.approx(2 * half, rel=0.03)  # both parts are 1 / speed: as wide as that of the speed
    opposite = point(speeds.tolist(), against.tolist())
    centre = float(np.exp(np.log(speeds).mean()))
    low, high = cost_bounds(rates_of(opposite, centre**2 * 3.6, 1.0), machine_h_per_1k, opposite, 0.95, rng())
    assert np.log(high / low) < half / 2  # what one part gains the other loses


def test_idle_power_beyond_full_use_follows_the_drawn_throughput():
    p = point([40.0, 45.0, 50.0, 55.0, 62.0], (1000 / np.array([40.0, 45.0, 50.0, 55.0, 62.0])).tolist())  # 1 W, all of it idle
    rates = rates_of(p, 0.0, 1.0, idle_w=1.0)
    assert rates.active_power_per_1k == pytest.approx(0.0, abs=1e-9)
    full = cost_bounds(rates, machine_h_per_1k, p, 0.95, rng())
    tenth = cost_bounds(rates, lambda rows_per_s: machine_h_per_1k(rows_per_s, 0.1), p, 0.95, rng())
    assert tenth == pytest.approx([10 * bound for bound in full])


def test_a_fleet_is_asked_nine_times_and_its_steps_are_kept():
    asked = []

    def whole_replicas(rows_per_s: float) -> float:
        asked.append(rows_per_s)
        return float(np.ceil(100.0 / rows_per_s)) / 100.0

    p = point([40.0, 45.0, 52.0, 55.0, 62.0], [9.0, 10.0, 12.0, 11.0, 10.0])
    low, high = cost_bounds(rates_of(p, 1.0, 1e-9), whole_replicas, p, 0.95, rng())
    assert len(asked) == 9
    assert (low, high) == pytest.approx((0.02, 0.03), rel=0.01)  # two replicas at its fast end, three at its slow end


def test_a_fleet_that_no_throughput_changes_costs_what_it_costs():
    p = point([40.0, 50.0, 62.0], [9.0, 10.0, 12.0])
    assert cost_bounds(rates_of(p, 5.0, 1e-15), lambda rows_per_s: 3.0, p, 0.95, rng()) == pytest.approx((15.0, 15.0), rel=1e-12)


def test_a_speed_at_which_no_fleet_is_enough_leaves_no_interval():
    def hours(rows_per_s: float) -> float:
        return np.inf if rows_per_s < 45 else 1 / rows_per_s

    for joules in ((), (9.0, 10.0, 12.0)):
        p = point([40.0, 50.0, 62.0], joules)
        rates = rates_of(p, 1.0, 1.0) if joules else Rates(1.0, 0.0, 0.0)
        assert cost_bounds(rates, hours, p, 0.95, rng()) == (None, None)


@pytest.mark.parametrize("n_trials", [2, 3, 10])
def test_two_wild_trials_stay_finite(n_trials):
    p = point([1e-3, 1e3] * (n_trials // 2) + [1.0] * (n_trials % 2), [1e-3, 1e3] * (n_trials // 2) + [1.0] * (n_trials % 2))
    low, high = cost_bounds(rates_of(p, 1.0, 1.0), machine_h_per_1k, p, 0.95, rng())
    assert 0 <= low < high < np.inf


@pytest.mark.parametrize("n_trials", [3, 5, 10])
def test_the_interval_covers_a_known_cost_as_often_as_it_says(n_trials):
    """Log normal trials of which throughput and energy are correlated; rent and power are of like size."""
    covered, bootstrap, n_worlds = 0, 0, 400
    true = 3600.0 * machine_h_per_1k(50.0) + 20.0
    covariance = 0.05**2 * np.array([[1.0, -0.5], [-0.5, 1.0]])
    for world in range(n_worlds):
        generator = rng(world)
        speeds, joules = np.exp(generator.multivariate_normal(np.log([50.0, 20.0]), covariance, n_trials)).T
        p = point(speeds.tolist(), joules.tolist())
        low, high = cost_bounds(rates_of(p, 3600.0, 1.0), machine_h_per_1k, p, 0.95, generator)
        covered += low <= true <= high
        drawn = generator.integers(0, n_trials, (300, n_trials))
        costs = 1000.0 / np.exp(np.log(speeds)[drawn].mean(axis=1)) + np.exp(np.log(joules)[drawn].mean(axis=1))
        bottom, top = np.quantile(costs, [0.025, 0.975])
        bootstrap += bottom <= true <= top
    assert 0.92 <= covered / n_worlds <= 0.98
    if n_trials < 10:
        assert bootstrap / n_worlds < 0.9  # why trials are not simply drawn with replacement
