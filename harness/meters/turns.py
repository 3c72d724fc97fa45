"""Several short turns of one variant as one trial: on a machine that drifts, turns about compare better than long trials one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.meters.energy_summary import directness
from harness.records.trial import EnergyReading, SystemLoad, Trial


def joined(turns: Sequence[Trial]) -> Trial:
    """Return one trial from turns of the same operating point that were taken in one block, other variants' turns between them.

    Formula: runs, seconds, latencies, joules and CPU time add; shares of load are weighted by seconds, shares of throttled samples by samples.
    A turn without energy leaves the whole without; a turn whose clock ran backwards spoils it.

    Raises
    ------
    ValueError
        When there is no turn, or they are not of one point and block.

    Examples
    --------
    >>> unread = EnergyReading(None, "unavailable", "vm")
    >>> turns = [Trial("offline", 8, 2, 0.5, np.array([1, 3]), np.array([1, 1]), unread), Trial("offline", 8, 1, 0.5, np.array([3]), np.array([1]), unread)]
    >>> whole = joined(turns)
    >>> whole.n_runs, whole.elapsed_s, whole.rows_per_s, whole.latencies_ns.tolist(), whole.latency_counts.tolist()
    (3, 1.0, 24.0, [1, 3], [1, 2])
    """
    kinds = {(t.point, t.batch_rows, t.threads, t.block) for t in turns}
    if len(kinds) != 1:
        raise ValueError(f"turns of one trial are of one point and block, found {sorted(map(str, kinds))}")
    distinct_ns, place = np.unique(np.concatenate([t.latencies_ns for t in turns]), return_inverse=True)
    counts = np.zeros(distinct_ns.size, np.int64)
    np.add.at(counts, place, np.concatenate([t.latency_counts for t in turns]))
    return replace(
        turns[0],
        n_runs=sum(t.n_runs for t in turns),
        elapsed_s=sum(t.elapsed_s for t in turns),
        latencies_ns=distinct_ns,
        latency_counts=counts,
        energy=_energy([t.energy for t in turns]),
        clock_went_back=any(t.clock_went_back for t in turns),
        load=_load(turns),
    )


def _energy(readings: Sequence[EnergyReading]) -> EnergyReading:
    unread = next((r for r in readings if r.energy_j is None), None)
    if unread is not None:
        return unread
    shares = [(r.throttled_share, r.n_samples) for r in readings if r.throttled_share is not None]
    n_looked, n_slow = sum(n for _, n in shares), sum(share * n for share, n in shares)
    reasons = dict.fromkeys(r.reason for r in readings if r.reason)
    return EnergyReading(
        energy_j=sum(r.energy_j for r in readings if r.energy_j is not None),
        source=max((r.source for r in readings), key=directness),
        reason="; ".join(reasons) or None,
        elapsed_s=_sum([r.elapsed_s for r in readings]),
        polled_j=_sum([r.polled_j for r in readings]),
        n_samples=sum(r.n_samples for r in readings),
        throttled_share=n_slow / n_looked if n_looked else None,
        events=tuple(sorted({event for r in readings for event in r.events})),
        max_temperature_c=max((r.max_temperature_c for r in readings if r.max_temperature_c is not None), default=None),
    )


def _load(turns: Sequence[Trial]) -> SystemLoad | None:
    loads = [(t.load, t.elapsed_s) for t in turns if t.load is not None]
    if len(loads) < len(turns):
        return None
    shares = [_mean([(getattr(load, name), s) for load, s in loads]) for name in ("others_share", "steal_share")]
    return SystemLoad(sum(load.cpu_time_s for load, _ in loads), *shares)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def _mean(values: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(v, s) for v, s in values if v is not None]
    seconds = sum(s for _, s in known)
    return sum(v * s for v, s in known) / seconds if seconds > 0 else None
