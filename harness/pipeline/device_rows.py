"""The judged rows on a card: each array is sent once, and it is said which part of the reduction runs where."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DeviceError
from harness.pipeline.reduction import OnCard, Rows
from harness.records.conf import SweepConf, VariantConf
from harness.records.needs import Needs

_NO_FORM = "a card has no form of it"


@dataclass(frozen=True)
class Asked:
    """What decides which parts a variant's reduction has."""

    rows: Rows
    needs: Needs
    conf: SweepConf
    variant: VariantConf
    has_pair: bool

    @property
    def is_counted_there(self) -> bool:
        """Whether rows of this task and design are counted and ordered on a card."""
        return is_reduced_on_card(self.rows)


@dataclass(frozen=True)
class Part:
    """One part of what a quality child computes from scores; `why_on_host` is None where it runs on the card."""

    name: str
    is_asked: Callable[[Asked], bool]
    why_on_host: str | None = None


# Everything that a child may compute from scores. What has no form for a card takes the scores that came back.
PARTS = (
    Part("counts, losses and calibration bins", lambda a: a.is_counted_there),
    Part("exact ranks", lambda a: a.is_counted_there and (a.needs.ranks or not a.needs.binned_auc)),
    Part("AUC of binned scores", lambda a: a.is_counted_there and a.needs.binned_auc),
    Part("logistic recalibration", lambda a: a.is_counted_there and a.needs.calibration),
    Part("rank curve", lambda a: a.rows.task == "binary" and a.needs.curve, "one thread would walk all rows of a column"),
    Part("regression", lambda a: a.rows.task == "regression", _NO_FORM),
    Part("several classes", lambda a: a.rows.task == "multiclass", _NO_FORM),
    Part("weighted and clustered rows", lambda a: a.rows.task == "binary" and a.rows.is_designed, _NO_FORM),
    Part("threshold by a rule", lambda a: a.rows.task == "binary" and a.variant.threshold.value is None, "tuning rows are few"),
    Part("reference rows", lambda a: a.conf.replay.reference is not None, "they are few"),
    Part("rows without a label", lambda a: a.has_pair, "they are few"),
    Part("amounts of the gain rule", lambda a: a.conf.gain is not None and bool(a.conf.gain.columns()), _NO_FORM),
    Part("drift of scores", lambda a: a.conf.drift is not None, _NO_FORM),
    Part("slice search", lambda a: a.conf.slice_search is not None, _NO_FORM),
)


def is_reduced_on_card(rows: Rows) -> bool:
    """Say whether rows of this task and design are counted and ordered on a card."""
    return rows.task == "binary" and not rows.is_designed


def where_parts_run(asked: Asked) -> str:
    """Say in one line which parts of the reduction of a variant on a card run there, and which on the host and why."""
    parts = [part for part in PARTS if part.is_asked(asked)]
    there = [part.name for part in parts if part.why_on_host is None]
    here = [f"{part.name} ({part.why_on_host})" for part in parts if part.why_on_host is not None]
    return (
        f"device: {len(there)} of {len(parts)} parts are computed on the card, after scoring: {', '.join(there) or 'none'}; "
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

    def rows(self, rows: Rows) -> Rows:
        """Return the rows with labels, slice ids and window ids on the card.

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
        window_ids = None if rows.window_ids is None else self.send(rows.window_ids)
        return replace(rows, labels=self.send(rows.labels), slice_ids=self.send(rows.slice_ids), window_ids=window_ids)

    def scored(self, rows: Rows, *scores: Any) -> OnCard:
        """Return scores of these rows on the card, where they may be already."""
        from kernels.devices import is_on_cuda

        return OnCard(tuple(one if is_on_cuda(one) else self.send(one) for one in scores), self.rows(rows))


@contextlib.contextmanager
def card_errors() -> Iterator[None]:
    """Say in one sentence that the memory of the card ran out.

    Raises
    ------
    DeviceError
        When it did.
    """
    from kernels.devices import CardMemoryError

    try:
        yield
    except CardMemoryError as trouble:
        raise DeviceError(f"device: {trouble}") from trouble
