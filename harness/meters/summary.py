"""From the trials of one variant to its measurement: throughput, latency and energy, each with what makes it doubtful."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.meters.machine import one_line
from harness.meters.percentiles import latency_percentiles
from harness.meters.protocol import recorded_name, shortfall
from harness.records.conf import MeasureConf
from harness.records.measurement import Machine, Measurement, OperatingPoint, Percentile
from harness.records.trial import EnergyReading, Trial

POINTS = ("offline", "single")
MAX_VARIATION = 0.10  # coefficient of variation between trials above which a variant is noisy
_MIN_TRIALS = 2


def summarise(
    variant: str,
    trials: Sequence[Trial],
    conf: MeasureConf,
    machine: Machine,
    *,
    device: str = "cpu",
    threads: int | None = None,
    cold_start_s: float | None = None,
    first_run_s: float | None = None,
    confidence: float = 0.95,
    crosscheck_rows: int = 0,
    crosscheck_max_difference: float | None = None,
    crosscheck_tolerance: float = 1e-4,
    no_steady_state: str | None = None,
    invalid: str | None = None,
    set_identity: str | None = None,
) -> Measurement:
    """Say how fast one variant is, how sure that is, and whether the figures may be used.

    Parameters
    ----------
    variant : str
        Full name.
    trials : sequence of Trial
        Of all operating points, in the order of their blocks. Those with a clock that ran backwards are left out.
    conf : MeasureConf
        Its protocol is recorded: as `standard (shortened)` when it falls short of its definition.
    machine : Machine
        What it ran on.
    crosscheck_max_difference : float, optional
        Largest absolute difference between the speed phase's scores and the kept ones, over `crosscheck_rows` rows.
        Above `crosscheck_tolerance`, or NaN, the variant is invalid: a wrong answer fast is no result.
    crosscheck_tolerance : float
        In the unit of the score. The same batches on the same machine give the same scores, also from int8 graphs; trees
        summed by another number of threads differ by 2e-7. 1e-4 is far above rounding, and far below what an int8 graph
        gives in other batches (0.04 was seen) or another model does.
    no_steady_state : str, optional
        Why speed was not steady when the trials began: *invalid* in protocol long, else *noisy*.
    invalid : str, optional
        A reason that the caller found, which makes the measurement invalid.

    Returns
    -------
    Measurement
        Status *invalid* when a reason above holds or fewer than two trials of a point are left; *noisy* when the protocol was
        shortened, trials were left out or their coefficient of variation is above 10 %; else *ok*. Figures stand beside
        every status.
        Latency percentiles are given for the point `single`. Energy is the total over the offline trials.
    """
    kept = [t for t in trials if not t.clock_went_back]
    points = tuple(p for p in (_point(name, kept, confidence) for name in POINTS) if p is not None)
    unsteady = f"no_steady_state: {no_steady_state}" if no_steady_state else None
    status, reason = _status(
        (
            invalid,
            _wrong(crosscheck_max_difference, crosscheck_tolerance),
            _too_few(trials, points),
            unsteady if conf.protocol == "long" else None,
        ),
        (_shortened(conf), unsteady, *map(_variation, points), _left_out(trials, kept)),
    )
    energy = _energy_per_1k([t for t in kept if t.point == "offline"])
    return Measurement(
        variant=variant,
        protocol=recorded_name(conf),
        status=status,
        reason=reason,
        device=device,
        measured_on=one_line(machine),
        threads=threads,
        cold_start_s=cold_start_s,
        first_run_s=first_run_s,
        points=points,
        energy_j_per_1k=energy.energy_j,
        energy_source=energy.source,
        energy_reason=energy.reason,
        crosscheck_rows=crosscheck_rows,
        crosscheck_max_difference=crosscheck_max_difference,
        set_identity=set_identity,
    )


def throughput_interval(trial_rows_per_s: NDArray[np.float64], confidence: float) -> tuple[float, float, float]:
    """Return the throughput of a set of trials with its interval.

    Formula: exp(mean(log x)), and exp(mean(log x) ± t(n-1) · s(log x) / √n): the geometric mean is the centre of the
    interval. Undefined when n < 2: both bounds are NaN.

    Examples
    --------
    >>> [round(x, 1) for x in throughput_interval(np.array([90.0, 100.0, 110.0]), 0.95)]
    [99.7, 77.7, 127.9]
    """
    logs = np.log(trial_rows_per_s)
    centre = float(logs.mean())
    if logs.size < _MIN_TRIALS:
        return float(np.exp(centre)), float("nan"), float("nan")
    half = float(stats.t.ppf((1.0 + confidence) / 2.0, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size))
    return float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half))


def _point(name: str, kept: Sequence[Trial], confidence: float) -> OperatingPoint | None:
    trials = [t for t in kept if t.point == name and t.elapsed_s > 0]
    if not trials:
        return None
    speeds = np.array([t.rows_per_s for t in trials])
    throughput, low, high = throughput_interval(speeds, confidence)
    return OperatingPoint(
        name=name,
        batch_rows=trials[0].batch_rows,
        n_requests=sum(t.n_runs for t in trials),
        trial_rows_per_s=tuple(speeds.tolist()),
        throughput_rows_per_s=throughput,
        throughput_low=low,
        throughput_high=high,
        latency=_latency(trials, confidence) if name == "single" else (),
    )


def _latency(trials: Sequence[Trial], confidence: float) -> tuple[Percentile, ...]:
    counts = np.concatenate([t.latency_counts for t in trials])
    return latency_percentiles(np.concatenate([t.latencies_ns for t in trials]), confidence, counts=counts)


def _wrong(max_difference: float | None, tolerance: float) -> str | None:
    if max_difference is None or max_difference <= tolerance:  # NaN is not below the tolerance: it is wrong
        return None
    return f"wrong_scores: the speed phase differs from the kept scores by up to {max_difference:.3g}, at most {tolerance:.3g} allowed"


def _status(faults: Sequence[str | None], doubts: Sequence[str | None]) -> tuple[str, str | None]:
    """Return the status and its reason: the first fault, else all doubts."""
    fault = next((fault for fault in faults if fault), None)
    if fault:
        return "invalid", fault
    found = [doubt for doubt in doubts if doubt]
    return ("noisy", "; ".join(found)) if found else ("ok", None)


def _too_few(trials: Sequence[Trial], points: Sequence[OperatingPoint]) -> str | None:
    names = [name for name in POINTS if any(t.point == name for t in trials)]
    left = {p.name: len(p.trial_rows_per_s) for p in points}
    few = [f"{name}: {left.get(name, 0)} of {sum(t.point == name for t in trials)}" for name in names if left.get(name, 0) < _MIN_TRIALS]
    if names and not few:
        return None
    return f"too_few_trials: usable trials are {', '.join(few) or 'none'}; at least {_MIN_TRIALS} are needed"


def _shortened(conf: MeasureConf) -> str | None:
    short = shortfall(conf)
    return f"shortened: {short}" if short else None


def _left_out(trials: Sequence[Trial], kept: Sequence[Trial]) -> str | None:
    n_left_out = len(trials) - len(kept)
    return f"clock_went_back: {n_left_out} of {len(trials)} trials left out" if n_left_out else None


def _variation(point: OperatingPoint) -> str | None:
    speeds = np.array(point.trial_rows_per_s)
    if speeds.size < _MIN_TRIALS:
        return None
    variation = float(speeds.std(ddof=1) / speeds.mean())
    if variation <= MAX_VARIATION:
        return None
    return f"{point.name}: throughput varied by {variation:.0%} over {speeds.size} trials, at most {MAX_VARIATION:.0%} wanted"


def _energy_per_1k(offline: Sequence[Trial]) -> EnergyReading:
    """Return joules per 1,000 rows over all offline trials; unread in one of them means unread."""
    unread = next((t.energy for t in offline if t.energy.energy_j is None), None)
    n_rows = sum(t.n_runs * t.batch_rows for t in offline)
    if unread is not None or n_rows == 0:
        return EnergyReading(None, "unavailable", unread.reason if unread else "not_supported")
    total_j = sum(t.energy.energy_j or 0.0 for t in offline)
    return EnergyReading(1000.0 * total_j / n_rows, offline[0].energy.source, None)
