from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from harness.meters.steady import warm_up_until_steady, why_unsteady
from harness.records.conf import MeasureConf

CONF = MeasureConf("standard", warmup_s=2.0, steady_window_s=1.0, steady_windows=3, steady_within=0.10, warmup_at_most_s=60.0)
MS = 10**6


class Machine:
    """A clock and a model in one: run number i takes cost_ns(i), or cost_ns(seconds gone by)."""

    def __init__(self, cost_ns, by_time: bool = False) -> None:
        self.now_ns, self.ran, self.cost_ns, self.by_time = 0, [], cost_ns, by_time

    def __call__(self, batch_id: int) -> None:
        self.now_ns += round(self.cost_ns(self.now_ns / 1e9 if self.by_time else len(self.ran)))
        self.ran.append(batch_id)

    def clock(self) -> int:
        return self.now_ns

    def warm_up(self, conf: MeasureConf = CONF, n_batches: int = 3):
        return warm_up_until_steady(self, n_batches, conf, self.clock)


def test_a_model_that_is_steady_from_the_start_needs_three_windows():
    machine = Machine(lambda i: 10 * MS)
    warm = machine.warm_up()
    assert (warm.is_steady, warm.n_runs, warm.elapsed_s) == (True, 500, 5.0)  # 2 s and three windows of 1 s
    assert warm.windows_runs_per_s == (100.0, 100.0, 100.0)
    assert all((b - a) % 3 == 1 for a, b in pairwise(machine.ran))
    assert why_unsteady("offline", warm, CONF) is None


def test_the_windows_must_be_successive():
    cost_ms = [10, 10, 20, 10, 20, 10, 10, 10, 10]  # second by second; the first two are warm-up
    warm = Machine(lambda s: cost_ms[int(s)] * MS, by_time=True).warm_up()
    assert (warm.is_steady, warm.elapsed_s) == (True, 8.0)
    assert warm.windows_runs_per_s == (100.0, 100.0, 100.0)


def test_a_model_that_is_never_steady_is_given_up_after_a_minute():
    warm = Machine(lambda s: 10 * MS if int(s) % 2 else 15 * MS, by_time=True).warm_up()
    assert warm.is_steady is False
    assert 60.0 <= warm.elapsed_s < 61.1
    assert len(warm.windows_runs_per_s) == 3
    reason = why_unsteady("single", warm, CONF)
    assert reason.startswith("single: throughput of the last 3 windows differed by ")
    assert reason.endswith(" s of warm-up, at most 10% wanted")


@pytest.mark.parametrize(("within", "steady"), [(0.25, True), (0.24, False)])
def test_the_windows_may_differ_by_the_stated_share(within, steady):
    warm = Machine(lambda s: (10 if int(s) % 2 else 8) * MS, by_time=True).warm_up(
        replace(CONF, steady_within=within)
    )  # 100 and 125 a second
    assert warm.is_steady is steady
    assert warm.elapsed_s == (5.0 if steady else 60.0)


def test_a_slow_model_gets_the_windows_that_the_rule_compares():
    warm = Machine(lambda i: 20 * 10**9).warm_up()
    assert (warm.is_steady, warm.n_runs, warm.elapsed_s) == (True, 13, 260.0)  # ten runs and three windows of one run each


def test_a_clock_that_goes_back_ends_it_unsteady():
    warm = Machine(lambda i: -5 * MS if i == 350 else 10 * MS).warm_up()
    assert warm.is_steady is False
    assert warm.n_runs == 351
    assert why_unsteady("offline", warm, CONF) == "offline: the clock ran backwards during warm-up"
    always = Machine(lambda i: -MS).warm_up()
    assert (always.is_steady, always.n_runs) == (False, 11)


def test_without_windows_nobody_waits():
    warm = Machine(lambda i: 10 * MS).warm_up(MeasureConf("quick"))
    assert (warm.is_steady, warm.n_runs, warm.windows_runs_per_s) == (None, 50, ())
    assert why_unsteady("single", warm, MeasureConf("quick")) is None


def test_no_batch_is_refused():
    with pytest.raises(ValueError, match="at least one batch"):
        Machine(lambda i: MS).warm_up(n_batches=0)
