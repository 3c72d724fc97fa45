"""Which rows are judged, tuned on, kept as reference, or left out because a model learned from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from harness.records.conf import Period, ReplayConf
from harness.records.replay import IMMATURE, JUDGED, REFERENCE, TUNING

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return a time as microseconds since the epoch in UTC."""
    delta = at - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


@dataclass(frozen=True)
class RowRoles:
    """What each row is used for: `training` bool [n], and `roles` uint8 [n] with the bits of records/replay.py."""

    training: NDArray[np.bool_]
    roles: NDArray[np.uint8]


def roles_of(timestamps_us: NDArray[np.int64] | None, n_rows: int, conf: ReplayConf, as_of_us: int | None) -> RowRoles:
    """Say what each row is used for; without timestamps every row is judged.

    Parameters
    ----------
    as_of_us
        The moment at which the maturity of labels is judged, microseconds since the epoch.
    """
    roles = np.zeros(n_rows, np.uint8)
    if timestamps_us is None:
        roles[:] = JUDGED
        return RowRoles(np.zeros(n_rows, bool), roles)
    training = _within(timestamps_us, conf.training)
    reference, tuning = _within(timestamps_us, conf.reference), _within(timestamps_us, conf.tuning)
    roles[reference] |= REFERENCE
    roles[tuning] |= TUNING
    judged = ~(training | reference | tuning)
    if as_of_us is not None:
        young = timestamps_us > as_of_us - int(conf.label_maturity.age_s * 1e6)
        roles[judged & young] |= IMMATURE
    roles[judged] |= JUDGED
    return RowRoles(training, roles)


def _within(timestamps_us: NDArray[np.int64], period: Period | None) -> NDArray[np.bool_]:
    if period is None:
        return np.zeros(len(timestamps_us), bool)
    inside = np.ones(len(timestamps_us), bool)
    if period.since is not None:
        inside &= timestamps_us >= microseconds(period.since)
    if period.until is not None:
        inside &= timestamps_us < microseconds(period.until)
    return inside
