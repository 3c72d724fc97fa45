"""Which rows are judged, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.comparison import RowAccount
from harness.records.replay import IMMATURE, JUDGED, REFERENCE, TUNING, is_known

TOO_YOUNG, KNOWN_LATE, UNKNOWN = "label not yet mature", "label known only after as_of", "label not known"
_PERIODS = ((REFERENCE | TUNING, "reference and tuning period"), (REFERENCE, "reference period"), (TUNING, "tuning period"))


@dataclass(frozen=True)
class RowStates:
    """What rows are good for; bool [n] each.

    Args:
        in_period: of the judged period, whatever else.
        immature: of these, the ones that are too young.
        weighs: rows that weigh more than 0; all where nothing is weighted.
        judged: of the judged period, mature, weighing more than 0, with a label.
    """

    in_period: NDArray[np.bool_]
    immature: NDArray[np.bool_]
    weighs: NDArray[np.bool_]
    judged: NDArray[np.bool_]


def states_of(roles: NDArray[np.uint8], labels: NDArray[Any], weights: NDArray[np.float64] | None) -> RowStates:
    """Say what each row is good for.

    Parameters
    ----------
    roles
        The bits of records/replay.py, uint8 [n].
    labels
        As `RowBatch.labels`.
    weights
        float64 [n], or None where nothing is weighted.

    Examples
    --------
    A judged row, one of weight 0, one that is too young, one without a label.

    >>> roles = np.array([JUDGED, JUDGED, JUDGED | IMMATURE, JUDGED], np.uint8)
    >>> states_of(roles, np.array([1, 0, 1, -1], np.int8), np.array([2.0, 0.0, 1.0, 1.0])).judged.tolist()
    [True, False, False, False]
    """
    in_period, young = (roles & JUDGED) > 0, (roles & IMMATURE) > 0
    weighs = np.ones(len(roles), np.bool_) if weights is None else np.asarray(weights > 0, np.bool_)
    return RowStates(in_period, in_period & young, weighs, in_period & ~young & weighs & is_known(labels))


class RowCounts:
    """Counts rows batch by batch; every row of the log is counted once."""

    def __init__(self) -> None:
        self.n_judged = self._n_filtered = self._n_training = self._n_immature = self._n_weightless = self._n_unlabelled = self._n_late = 0
        self._by_period = {name: 0 for _, name in _PERIODS}

    def add(
        self, n_filtered: int, n_training: int, roles: NDArray[np.uint8], states: RowStates, is_late: NDArray[np.bool_] | None = None
    ) -> None:
        """Count a batch: rows that `where` left out, training rows, and what became of the others.

        `is_late`, bool [n]: rows whose label became known only after the moment at which maturity is judged. They are old enough, so
        their label is missing, and a class that is confirmed later than the other must not vanish unseen.
        """
        self._n_filtered += n_filtered
        self._n_training += n_training
        for bits, name in _PERIODS:
            self._by_period[name] += int(((roles & (REFERENCE | TUNING)) == bits).sum())
        mature = states.in_period & ~states.immature
        self._n_immature += int(states.immature.sum())
        self._n_weightless += int((mature & ~states.weighs).sum())
        unlabelled = mature & states.weighs & ~states.judged
        late = 0 if is_late is None else int((unlabelled & is_late).sum())
        self._n_late += late
        self._n_unlabelled += int(unlabelled.sum()) - late
        self.n_judged += int(states.judged.sum())

    def account(self, n_log: int, n_read: int) -> RowAccount:
        """Return how many of the log's `n_log` rows are judged, and why the others are not; `n_read` rows were read."""
        reasons = [
            ("beyond replay.limit", n_log - n_read),
            ("left out by replay.where", self._n_filtered),
            ("training period", self._n_training),
            *self._by_period.items(),
            (TOO_YOUNG, self._n_immature),
            ("weight 0", self._n_weightless),
            (KNOWN_LATE, self._n_late),
            (UNKNOWN, self._n_unlabelled),
        ]
        return RowAccount(n_log, self.n_judged, tuple((reason, n) for reason, n in reasons if n))
