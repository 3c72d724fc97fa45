"""The judged rows on a card: each array is sent once, and it is said which part of the reduction runs where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pipeline.reduction import OnCard, Rows
from harness.records.conf import SweepConf, VariantConf
from harness.records.needs import Needs


@dataclass(frozen=True)
class Asked:
    """What decides which parts a variant's reduction has."""

    rows: Rows
    needs: Needs
    conf: SweepConf
    variant: VariantConf
    has_pair: bool

    @property
    def is_binary(self) -> bool:
        """Whether labels are 0 and 1."""
        return self.rows.task == "binary"

    @property
    def is_plain(self) -> bool:
        """Whether labels are 0 and 1, and rows neither weighted nor clustered."""
        return self.is_binary and not self.rows.is_designed

    @property
    def has_values(self) -> bool:
        """Whether moments of values are kept for the gain rule: the errors of a regression always, and of 0 and 1 the columns it reads."""
        if self.rows.is_designed or self.rows.task == "multiclass":
            return False
        return not self.is_binary or (self.conf.gain is not None and bool(self.conf.gain.columns()))


@dataclass(frozen=True)
class Part:
    """One part of what a quality child computes from scores; `why_on_host` is None where it runs on the card."""

    name: str
    is_asked: Callable[[Asked], bool]
    why_on_host: str | None = None


# Everything that a child may compute from scores. What has no form for a card takes the scores that came back.
PARTS = (
    Part("counts, losses and calibration bins", lambda a: a.is_binary),
    Part("exact ranks", lambda a: a.is_plain and (a.needs.ranks or not a.needs.binned_auc)),
    Part("AUC of binned scores", lambda a: a.is_binary and a.needs.binned_auc),
    Part("logistic recalibration", lambda a: a.is_plain and a.needs.calibration),
    Part("rank curve", lambda a: a.is_binary and a.needs.curve),
    Part("regression", lambda a: a.rows.task == "regression"),
    Part("several classes", lambda a: a.rows.task == "multiclass"),
    Part("weighted and clustered rows", lambda a: a.is_binary and a.rows.is_designed),
    Part("threshold by a rule", lambda a: a.is_binary and a.variant.threshold.value is None, "tuning rows are few"),
    Part("reference rows", lambda a: a.conf.replay.reference is not None, "they are few"),
    Part("rows without a label", lambda a: a.has_pair, "they are few"),
    Part("amounts of the gain rule", lambda a: a.has_values),
    Part("drift of scores", lambda a: a.conf.drift is not None),
    Part(
        "drift statistics of another profile", lambda a: a.conf.drift is not None and a.conf.drift.profile != "harness", "they read values"
    ),
    Part("slice search", lambda a: a.conf.slice_search is not None),
    Part(
        "features and confirmed slices", lambda a: a.conf.slice_search is not None, "features are encoded there, slices to confirm are few"
    ),
)


def where_parts_run(asked: Asked) -> str:
    """Say in one line which parts of the reduction of a variant on a card run there, and which on the host and why."""
    parts = [part for part in PARTS if part.is_asked(asked)]
    there = [part.name for part in parts if part.why_on_host is None]
    here = [f"{part.name} ({part.why_on_host})" for part in parts if part.why_on_host is not None]
    return (
        f"device: {len(there)} of {len(parts)} parts are computed on the card: {', '.join(there) or 'none'}; "
        f"{len(here)} on the host, from the scores that came back: {', '.join(here) or 'none'}"
    )


class Card:
    """Arrays of the host that were sent to the current card, each once.

    >>> card = Card(send=lambda array: array.copy())
    >>> labels = np.array([0, 1], np.int8)
    >>> card.send(labels) is card.send(labels)
    True
    """

    def __init__(self, send: Callable[[NDArray[Any]], Any] | None = None) -> None:
        if send is None:
            from kernels.devices import check_fits, to_device

            def send(array: NDArray[Any]) -> Any:
                check_fits("an array of the judged rows", array.nbytes)
                return to_device(array)

        self._send = send
        self._sent: dict[int, tuple[NDArray[Any], Any]] = {}  # with the array itself: an address is free again once it is gone

    def send(self, array: NDArray[Any]) -> Any:
        """Return the array on the card; what is there already is not sent again."""
        if id(array) not in self._sent:
            self._sent[id(array)] = (array, self._send(np.ascontiguousarray(array)))
        return self._sent[id(array)][1]

    def forget(self) -> None:
        """Let go of all that was sent."""
        self._sent.clear()

    def rows(self, rows: Rows) -> Rows:
        """Return the rows with labels, ids, weights and clusters on the card.

        Raises
        ------
        ValueError
            When an id is outside the grid: no kernel looks on a card.
        """
        from kernels.inputs import check_ids

        if id(rows.slice_ids) not in self._sent:
            check_ids("slice_ids", rows.slice_ids, rows.grid.n_slices)
            if rows.window_ids is not None:
                check_ids("window_ids", rows.window_ids, rows.grid.n_windows)
        names = ("labels", "slice_ids", "window_ids", "weights", "cluster_ids")
        there = {name: self.send(array) for name in names if (array := getattr(rows, name)) is not None}
        return replace(rows, **there)

    def scored(self, rows: Rows, *scores: Any) -> OnCard:
        """Return scores of these rows on the card, where they may be already."""
        from kernels.devices import is_on_cuda

        return OnCard(tuple(one if is_on_cuda(one) else self.send(one) for one in scores), self.rows(rows))
