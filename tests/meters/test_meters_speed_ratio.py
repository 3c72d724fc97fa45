from __future__ import annotations

import numpy as np
import pytest

from harness.meters.speed_ratio import point_ratio, speed_ratio
from harness.records.measurement import OperatingPoint

N_WORLDS = 1000


def blocks_of(rng: np.random.Generator, n_blocks: int, ratio: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return paired throughputs: a machine that drifts by several per cent, trials that vary by `noise`, some slowed by a neighbour."""
    machine = 1e5 * np.exp(np.cumsum(rng.normal(0, 0.03, n_blocks)))
    own = rng.normal(0, noise, (2, n_blocks)) - np.where(rng.random((2, n_blocks)) < 0.05, noise * 3, 0.0)
    return ratio * machine * np.exp(own[0]), machine * np.exp(own[1])


def share_of_calls(call: str, n_blocks: int, ratio: float, noise: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    return sum(speed_ratio(*blocks_of(rng, n_blocks, ratio, noise)).call == call for _ in range(N_WORLDS)) / N_WORLDS


@pytest.mark.parametrize("n_blocks", [3, 5, 10])
@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_equal_pairs_are_seldom_called_different(n_blocks, noise):
    ambiguous = share_of_calls("ambiguous", n_blocks, 1.0, noise, seed=n_blocks)
    assert 1 - ambiguous <= 0.065  # 5 % and two binomial standard errors of 1,000 pairs


@pytest.mark.parametrize(("n_blocks", "noise"), [(3, 0.005), (5, 0.01), (10, 0.02)])
def test_a_true_slowdown_of_five_per_cent_is_found(n_blocks, noise):
    assert share_of_calls("slower", n_blocks, 0.95, noise, seed=1) >= 0.8


def test_a_difference_that_does_not_matter_is_ambiguous_however_sure():
    champion = np.array([100.0, 110.0, 90.0, 105.0])
    assert speed_ratio(champion * 1.019, champion).call == "ambiguous"
    assert speed_ratio(champion, champion * 1.019).call == "ambiguous"
    assert speed_ratio(champion * 1.021, champion).call == "faster"
    assert speed_ratio(champion, champion * 1.021).call == "slower"
    assert speed_ratio(champion * 1.021, champion, margin=0.05).call == "ambiguous"


def test_the_interval_by_hand():
    found = speed_ratio([1.1, 1.21], [1.0, 1.0])
    mean, se = 1.5 * np.log(1.1), 0.5 * np.log(1.1)  # of log 1.1 and 2 log 1.1
    assert found.ratio == pytest.approx(np.exp(mean))
    assert [found.low, found.high] == pytest.approx([np.exp(mean - 12.7062047 * se), np.exp(mean + 12.7062047 * se)])
    assert (found.n_blocks, found.reason, found.call) == (2, None, "ambiguous")


@pytest.mark.parametrize(
    ("challenger", "champion", "reason"),
    [
        ([1.0], [1.0], "1 block(s): an interval needs two"),
        ([], [], "0 block(s): an interval needs two"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], "trials do not pair: 3 of the challenger, 2 of the champion"),
        ([1.0, 0.0], [1.0, 2.0], "a trial has no throughput"),
        ([1.0, float("nan")], [1.0, 2.0], "a trial has no throughput"),
    ],
)
def test_where_there_is_no_interval_there_is_no_call(challenger, champion, reason):
    found = speed_ratio(challenger, champion)
    assert (found.call, found.reason) == ("ambiguous", reason)
    assert np.isnan([found.ratio, found.low, found.high]).all()


def point(speeds: dict[int, float]) -> OperatingPoint:
    return OperatingPoint("offline", 64, 9, tuple(speeds.values()), 1.0, 1.0, 1.0, (), blocks=tuple(speeds))


def test_points_are_paired_by_the_numbers_of_their_blocks():
    champion = {0: 100.0, 1: 10.0, 2: 101.0, 4: 99.0}
    challenger = {0: 90.0, 2: 91.0, 3: 500.0, 4: 89.0}
    both = [0, 2, 4]
    assert point_ratio(point(challenger), point(champion)) == speed_ratio([challenger[b] for b in both], [champion[b] for b in both])
    turned = dict(reversed(challenger.items()))
    assert point_ratio(point(turned), point(champion)) == point_ratio(point(challenger), point(champion))
    assert point_ratio(point(challenger), point(champion)).call == "slower"


def test_blocks_that_nobody_shares_give_no_interval():
    found = point_ratio(point({0: 1.0, 1: 1.0}), point({1: 1.0, 2: 1.0}))
    assert (found.n_blocks, found.reason) == (1, "1 block(s): an interval needs two")


def test_without_numbers_each_trial_is_a_block():
    old = OperatingPoint("offline", 64, 9, (2.0, 4.0), 1.0, 1.0, 1.0, ())
    assert point_ratio(old, point({0: 1.0, 1: 2.0, 2: 9.0})).ratio == pytest.approx(2.0)
