"""Whether a model has come to a steady speed, so that a trial does not time its warm-up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.meters.trial import warm_up
from harness.records.conf import MeasureConf
from harness.records.trial import WarmUp

_NS_PER_S = 1e9


def warm_up_until_steady(
    run_batch: Callable[[int], None],
    n_batches: int,
    conf: MeasureConf,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> WarmUp:
    """Run a model until its speed is steady, and say whether it became so.

    It runs for `conf.warmup_s` and at least 10 runs, then in windows of `conf.steady_window_s`, each as long as its last run
    needs, until `conf.steady_windows` successive ones agree. From `conf.warmup_at_most_s` on it gives up; a slow
    model still gets as many windows as the rule compares.

    Parameters
    ----------
    run_batch : callable
        Runs batch number i synchronously; called with 0, 1, …, n_batches - 1, 0, ….
    n_batches : int
        Batches that there are, at least 1.
    conf : MeasureConf
        With `steady_window_s` None it is `warm_up`, and `is_steady` is None.
    clock_ns : callable
        A monotonic clock in nanoseconds.

    Returns
    -------
    WarmUp
        `is_steady` is False when it gave up, and when the clock ran backwards: no window can be believed then.

    Raises
    ------
    ValueError
        When there is no batch.

    Examples
    --------
    >>> ticks = iter(range(0, 10**12, 10**8))  # a clock that goes on by 0.1 s whenever it is read
    >>> warm = warm_up_until_steady(lambda i: None, 1, MeasureConf("standard", steady_window_s=1.0), lambda: next(ticks))
    >>> warm.is_steady, warm.n_runs, warm.windows_runs_per_s
    (True, 40, (10.0, 10.0, 10.0))
    """
    warm = warm_up(run_batch, n_batches, conf.warmup_s, clock_ns=clock_ns)
    if conf.steady_window_s is None:
        return warm
    n_runs, spent_ns, windows = warm.n_runs, warm.elapsed_s * _NS_PER_S, list[float]()
    is_steady = went_back = False
    while not (is_steady or went_back or (len(windows) == conf.steady_windows and spent_ns >= conf.warmup_at_most_s * _NS_PER_S)):
        n, window_ns, went_back = _window(run_batch, n_runs, n_batches, conf.steady_window_s, clock_ns)
        n_runs, spent_ns = n_runs + n, spent_ns + window_ns
        if not went_back:
            windows = [*windows, n * _NS_PER_S / window_ns][-conf.steady_windows :]
            is_steady = len(windows) == conf.steady_windows and agree(windows, conf.steady_within)
    return replace(warm, n_runs=n_runs, elapsed_s=spent_ns / _NS_PER_S, is_steady=is_steady, windows_runs_per_s=tuple(windows))


def agree(runs_per_s: Sequence[float], within: float) -> bool:
    """Say whether the fastest window is faster than the slowest by a share of at most `within`.

    Examples
    --------
    >>> agree([10.0, 10.9, 10.5], 0.10), agree([10.0, 11.1, 10.5], 0.10)
    (True, False)
    """
    return max(runs_per_s) <= (1.0 + within) * min(runs_per_s)


def why_unsteady(point: str, warm: WarmUp, conf: MeasureConf) -> str | None:
    """Say in one clause why an operating point was not steady before its first trial; None when it was, or nobody waited.

    Examples
    --------
    >>> warm = WarmUp(500, 60.2, 0.1, False, (8.0, 10.0, 9.0))
    >>> why_unsteady("single", warm, MeasureConf("standard", steady_window_s=1.0))
    'single: throughput of the last 3 windows differed by 25% after 60 s of warm-up, at most 10% wanted'
    """
    if warm.is_steady is not False:
        return None
    windows = warm.windows_runs_per_s
    if len(windows) < conf.steady_windows or agree(windows, conf.steady_within):
        return f"{point}: the clock ran backwards during warm-up"
    apart = max(windows) / min(windows) - 1.0
    return (
        f"{point}: throughput of the last {len(windows)} windows differed by {apart:.0%} after {warm.elapsed_s:.0f} s of warm-up,"
        f" at most {conf.steady_within:.0%} wanted"
    )


def _window(
    run_batch: Callable[[int], None], first: int, n_batches: int, seconds: float, clock_ns: Callable[[], int]
) -> tuple[int, int, bool]:
    """Return how many runs a window took, its nanoseconds, and whether the clock ran backwards."""
    began = now = clock_ns()
    n = 0
    while now - began < seconds * _NS_PER_S:
        run_batch((first + n) % n_batches)
        before, now = now, clock_ns()
        n += 1
        if now < before:
            return n, 0, True
    return n, now - began, False
