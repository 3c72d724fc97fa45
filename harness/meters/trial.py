"""Warm-up and timed trials of one model in a closed loop: the next run begins when the last one has ended."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from harness.meters.energy import EnergyMeter, NoEnergyMeter
from harness.records.trial import Trial, WarmUp

_CHUNK_RUNS = 1 << 16  # latencies per preallocated array: 512 KiB; a full one is put aside, never copied while the clock runs
_NS_PER_S = 1e9


def warm_up(
    run_batch: Callable[[int], None],
    n_batches: int,
    min_s: float,
    min_runs: int = 10,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> WarmUp:
    """Run a model until caches, thread pools and lazily built buffers are warm, and say how long that took.

    It ends when at least `min_runs` runs *and* `min_s` seconds are done.

    Parameters
    ----------
    run_batch : callable
        Runs batch number i synchronously; called with 0, 1, …, n_batches - 1, 0, ….
    n_batches : int
        Batches that there are, at least 1.
    min_s : float
        Seconds to spend at least.
    min_runs : int
        Runs to do at least.
    clock_ns : callable
        A monotonic clock in nanoseconds.

    Returns
    -------
    WarmUp
        Runs, seconds, and the first run's seconds (it is reported as part of the cold start). Whether speed was steady
        then is not asked: `harness.meters.steady` does.

    Raises
    ------
    ValueError
        When there is no batch.

    Examples
    --------
    >>> ticks = iter(range(0, 10**10, 10**8))  # a clock that goes on by 0.1 s whenever it is read
    >>> warm_up(lambda i: None, n_batches=2, min_s=0.5, min_runs=3, clock_ns=lambda: next(ticks))
    WarmUp(n_runs=5, elapsed_s=0.5, first_run_s=0.1, is_steady=None, windows_runs_per_s=())
    """
    _need_batches(n_batches)
    began = now = clock_ns()
    n_runs = first_ns = 0
    while n_runs < min_runs or now - began < min_s * _NS_PER_S:
        run_batch(n_runs % n_batches)
        before, now = now, clock_ns()
        n_runs += 1
        if n_runs == 1:
            first_ns = now - began
        if now < before and n_runs >= min_runs:  # with a clock that goes back, the seconds might never be reached
            break
    return WarmUp(n_runs, (now - began) / _NS_PER_S, first_ns / _NS_PER_S)


def timed_trial(
    run_batch: Callable[[int], None],
    n_batches: int,
    batch_rows: int,
    seconds: float,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
    *,
    point: str,
    meter: EnergyMeter | None = None,
) -> Trial:
    """Time back-to-back runs for a given time, to say how many rows a second there are and how long each run took.

    The clock is read on both sides of each run, so that bookkeeping is in no latency. Python's garbage collector
    rests during the trial, as in `timeit`: its pauses belong to the harness, not to the model.

    Parameters
    ----------
    run_batch : callable
        Runs batch number i synchronously; called with 0, 1, …, n_batches - 1, 0, ….
    n_batches : int
        Batches that there are, at least 1.
    batch_rows : int
        Rows of every batch (all of one shape).
    seconds : float
        The run during which this time is up is the last one; at least one run is done.
    clock_ns : callable
        A monotonic clock in nanoseconds.
    point : str
        "offline" or "single".
    meter : EnergyMeter, optional
        Reads the energy of the same window.

    Returns
    -------
    Trial
        Its latencies are counted, see `Trial.latency_counts`. Flagged with `clock_went_back`, and cut short, when the clock ran backwards.

    Raises
    ------
    ValueError
        When there is no batch.

    Examples
    --------
    >>> ticks = iter(range(0, 10**10, 10**8))
    >>> trial = timed_trial(lambda i: None, 2, 50, 0.5, lambda: next(ticks), point="offline")
    >>> trial.n_runs, trial.rows_per_s, trial.latencies_ns.tolist()
    (3, 250.0, [100000000])
    """
    _need_batches(n_batches)
    meter = meter or NoEnergyMeter("not_supported")
    with no_garbage_collection():
        meter.start()
        latencies_ns, elapsed_ns, went_back = _closed_loop(run_batch, n_batches, seconds, clock_ns)
        energy = meter.stop()
    distinct_ns, counts = np.unique(latencies_ns, return_counts=True)
    return Trial(point, batch_rows, latencies_ns.size, elapsed_ns / _NS_PER_S, distinct_ns, counts.astype(np.int64), energy, went_back)


def _closed_loop(
    run_batch: Callable[[int], None], n_batches: int, seconds: float, clock_ns: Callable[[], int]
) -> tuple[NDArray[np.int64], int, bool]:
    """Return the latencies, the nanoseconds that the loop took, and whether the clock ran backwards."""
    chunks = [np.empty(_CHUNK_RUNS, np.int64)]
    latencies = chunks[0].data  # half the price of assigning to a NumPy array
    batch_id = n_kept = 0
    began = end = clock_ns()
    deadline = began + round(seconds * _NS_PER_S)
    while True:
        start = clock_ns()
        run_batch(batch_id)
        before, end = end, clock_ns()
        latencies[n_kept] = end - start
        n_kept += 1
        went_back = start < before or end < start
        if end >= deadline or went_back:
            break
        batch_id = batch_id + 1 if batch_id + 1 < n_batches else 0
        if n_kept == _CHUNK_RUNS:
            chunks.append(np.empty(_CHUNK_RUNS, np.int64))
            latencies, n_kept = chunks[-1].data, 0
    chunks[-1] = chunks[-1][:n_kept]
    return np.concatenate(chunks), end - began, went_back


def _need_batches(n_batches: int) -> None:
    if n_batches < 1:
        raise ValueError(f"n_batches is {n_batches}: a model is timed on at least one batch")


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Let Python's garbage collector rest: its pauses belong to the harness, not to the model."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
