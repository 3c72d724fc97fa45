"""The same trials by MLPerf LoadGen, the field's own load generator: another's clock, schedule and bookkeeping around the same model."""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.meters.open_loop import ServedTimes, n_late
from harness.meters.trial import no_garbage_collection
from harness.records.load import LoadTrial
from harness.records.trial import EnergyReading, Trial

_SAMPLE = re.compile(rb'"name":"Sample",.*"ph":"b",.*"ts":(-?[\d.]+),.*"sample_seq":(\d+),.*"issue_start_ns":(-?\d+),"complete_ns":(-?\d+)')
_NS_PER_S, _NS_PER_US, _MS_PER_S = 1e9, 1e3, 1e3
_NO_LIMIT_NS = 10**15  # of LoadGen's own verdict, which nobody reads here


def loadgen_server(
    run_request: Callable[[int], None], n_requests_distinct: int, rate_per_s: float, seconds: float, seed: int, min_requests: int = 1
) -> LoadTrial:
    """Send Poisson arrivals by LoadGen's scenario Server to one server that takes them one at a time, in order.

    Latency runs from LoadGen's scheduled time, and late sends are counted as in `open_loop`. LoadGen sleeps until a request is due, and
    wakes up some 0.1 to 0.3 ms after it: for models that answer within 1 to 3 ms that lateness is above the tolerance.

    Parameters
    ----------
    run_request : callable
        Serves request number i synchronously, in 0 … n_requests_distinct - 1; LoadGen draws i at random.
    n_requests_distinct : int
        Requests that there are, at least 1.
    rate_per_s : float
        Mean arrivals per second.
    seconds, min_requests : float, int
        The schedule ends when both are reached; an overloaded model takes longer.
    seed : int
        Of LoadGen's three generators.

    Returns
    -------
    LoadTrial
        Kind poisson, generator loadgen; latencies int64 [n_requests] in nanoseconds, in the order of the schedule.

    Raises
    ------
    ConfigError
        When mlcommons-loadgen is not installed, or its log is not what is known.
    ValueError
        When there is no request, or the rate or the time is not positive.

    Source: Reddi et al. 2020, MLPerf Inference Benchmark, section 4.2 (scenarios).
    """
    loadgen = _loadgen()
    _need(n_requests_distinct, rate_per_s, seconds)
    settings = _settings(loadgen, "Server", seconds, min_requests, seed)
    settings.server_target_qps = rate_per_s
    settings.server_target_latency_ns = _NO_LIMIT_NS
    times = _run(loadgen, settings, run_request, n_requests_distinct)
    elapsed_s = float(times.ended_ns.max(initial=0)) / _NS_PER_S
    return LoadTrial("poisson", "loadgen", rate_per_s, n_late(times), elapsed_s, times.latencies_ns, _went_back(times))


def loadgen_offline(
    run_batch: Callable[[int], None], n_batches: int, batch_rows: int, runs_per_s: float, seconds: float, seed: int
) -> Trial:
    """Time back-to-back batches by LoadGen's scenario Offline, one of its samples a batch.

    Parameters
    ----------
    run_batch : callable
        Runs batch number i synchronously, in 0 … n_batches - 1; LoadGen draws i at random.
    n_batches, batch_rows : int
        Batches that there are, at least 1, and rows of every one.
    runs_per_s : float
        Expected: LoadGen asks for 1.1 · runs_per_s · seconds batches at once, and the trial ends when all are done.
    seconds : float
        The trial lasts about so long.
    seed : int
        Of LoadGen's three generators.

    Returns
    -------
    Trial
        Point offline. A run's time is that from one completion to the next, with LoadGen's own bookkeeping. No energy is read.

    Raises
    ------
    ConfigError
        When mlcommons-loadgen is not installed, or its log is not what is known.
    ValueError
        When there is no batch, or a rate or time is not positive.

    Source: Reddi et al. 2020, MLPerf Inference Benchmark, section 4.2 (scenarios).
    """
    loadgen = _loadgen()
    _need(n_batches, runs_per_s, seconds)
    settings = _settings(loadgen, "Offline", seconds, 1, seed)
    settings.offline_expected_qps = runs_per_s
    times = _run(loadgen, settings, run_batch, n_batches)
    ends_ns = np.sort(times.latencies_ns)  # all are due at the start
    latencies_ns, counts = np.unique(np.diff(ends_ns, prepend=0), return_counts=True)
    elapsed_s = float(ends_ns[-1]) / _NS_PER_S
    unread = EnergyReading(None, "unavailable", "not_supported")
    return Trial("offline", batch_rows, ends_ns.size, elapsed_s, latencies_ns, counts.astype(np.int64), unread, _went_back(times))


def _loadgen() -> Any:
    try:
        return importlib.import_module("mlperf_loadgen")
    except ImportError as trouble:
        raise ConfigError(
            "measure.generator: loadgen is MLPerf LoadGen, and its package is not installed; pip install 'replay-harness[loadgen]',"
            " or take measure.generator=harness"
        ) from trouble


def _settings(loadgen: Any, scenario: str, seconds: float, min_requests: int, seed: int) -> Any:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = max(1, round(seconds * _MS_PER_S))
    settings.min_query_count = min_requests
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = seed
    return settings


def _run(loadgen: Any, settings: Any, serve: Callable[[int], None], n_distinct: int) -> ServedTimes:
    """Run one test; a model that breaks is not run again, and its error is raised when LoadGen, which cannot be stopped, has come to its end."""
    trouble: list[BaseException] = []

    def issue(samples: Any) -> None:
        for sample in samples:
            if not trouble:
                try:
                    serve(sample.index)
                except BaseException as caught:  # one that reaches LoadGen's own code ends the process
                    trouble.append(caught)
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample.id, 0, 0)])

    under_test = loadgen.ConstructSUT(issue, lambda: None)
    samples = loadgen.ConstructQSL(n_distinct, n_distinct, lambda ids: None, lambda ids: None)
    try:
        with tempfile.TemporaryDirectory(prefix="loadgen-") as folder, no_garbage_collection():
            # LoadGen overrides settings from a file audit.config of the working folder unless it is given another name.
            loadgen.StartTestWithLogSettings(under_test, samples, settings, _logs(loadgen, folder), f"{folder}/no_audit.config")
            if trouble:
                raise trouble[0]
            return served_times(Path(folder) / "mlperf_log_trace.json")
    finally:
        loadgen.DestroyQSL(samples)
        loadgen.DestroySUT(under_test)


def _logs(loadgen: Any, folder: str) -> Any:
    """Log into a folder, with a trace (some 800 bytes a request; nothing else lists them one by one) that is written after the test."""
    output = loadgen.LogOutputSettings()
    output.outdir = folder
    output.copy_summary_to_stdout = False
    logs = loadgen.LogSettings()
    logs.log_output = output
    logs.log_mode = loadgen.LoggingMode.EndOfTestOnly
    logs.enable_trace = True
    return logs


def served_times(trace: Path) -> ServedTimes:
    """Read when each request was due, began and ended from LoadGen's trace.

    A begin event of `Sample` has the scheduled time in microseconds with three decimals, and begin and completion in nanoseconds after it.

    Raises
    ------
    ConfigError
        When requests are missing: the format is another one.
    """
    with trace.open("rb") as lines:
        found = sorted((int(m[2]), round(float(m[1]) * _NS_PER_US), int(m[3]), int(m[4])) for m in map(_SAMPLE.search, lines) if m)
    if not found or [number for number, *_ in found] != list(range(len(found))):
        raise ConfigError(
            f"measure.generator: LoadGen's trace lists {len(found)} requests, not all that were sent: a version whose log is"
            " not known; take measure.generator=harness"
        )
    times: NDArray[np.int64] = np.array(found, np.int64).T
    return ServedTimes(times[1], times[1] + times[2], times[1] + times[3])


def _went_back(times: ServedTimes) -> bool:
    """Say whether LoadGen's clock, which may be the system's, ran backwards between a begin and its end or between two ends."""
    return bool((times.ended_ns < times.began_ns).any() or (np.diff(times.ended_ns) < 0).any())


def _need(n_distinct: int, rate_per_s: float, seconds: float) -> None:
    if n_distinct < 1 or not (rate_per_s > 0 and seconds > 0):
        raise ValueError(f"found {n_distinct} requests, {rate_per_s} a second for {seconds} s: LoadGen needs a request, a rate and a time")
