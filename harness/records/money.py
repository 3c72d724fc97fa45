"""Cost, gain and net of one variant, per 1,000 predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Traffic:
    """Arrivals of the judged rows as requests: what the cost from the log is computed from.

    Args:
        minute_requests: float64 [n_minutes], requests in each minute that had any, scaled to requests_per_day.
        minute: int64 [n_minutes], minutes since the epoch (UTC).
        n_hours: hours from the first to the last arrival.
    """

    minute: NDArray[np.int64]
    minute_requests: NDArray[np.float64]
    n_hours: float


@dataclass(frozen=True)
class CostRow:
    """Cost of one variant in `currency`; None with a reason where it was not measured."""

    variant: str
    currency: str | None
    cost_per_1k: float | None
    cost_per_1k_low: float | None
    cost_per_1k_high: float | None
    cost_per_1k_at_full: float | None
    cost_per_1k_from_log: float | None
    cost_per_1k_at_stated: float | None
    utilisation_share: float | None
    utilisation_source: str
    priced_as: str | None
    cost_per_month: float | None
    replicas_peak: int | None
    note: str | None
    reason: str | None


@dataclass(frozen=True)
class GainRow:
    """Gain of one variant against a stated baseline policy, and its paired difference to the champion, per 1,000."""

    variant: str
    currency: str
    baseline: str
    gain_per_1k: float
    se_per_1k: float
    vs_champion_per_1k: float | None
    vs_champion_se_per_1k: float | None
    note: str
