"""Counts on a card that are made while later scores still are: what needs neither the order of all scores nor a threshold found from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError
from harness.inference.card_failure import said_by
from harness.inference.card_memory import is_out_of_memory
from harness.pipeline.device_rows import Card
from harness.pipeline.reduction import OnCard, Rows, judged_rows
from harness.records.conf import SweepConf, VariantConf
from harness.records.needs import Needs, combined
from harness.records.replay import PreparedReplay
from kernels.paired_tally import PairedRows, RunningPairedTally
from kernels.score_histogram import RunningHistogram, empty, n_bins_within
from kernels.slice_tally import RunningSliceTally, SliceTally

ROWS_SHARE = 0.25  # of the free memory that rows may take beside a model whose own memory grows


@dataclass(frozen=True)
class Pair:
    """A champion whose scores and threshold are known before the challenger is scored, and the rows that neither has learned from."""

    rows: Rows
    scores: NDArray[np.float32]
    threshold: float


@dataclass(frozen=True)
class Counted:
    """What was counted of all rows while they were scored: what the kernels return after scoring, bit for bit; None where not asked for.

    `rows` are those that are counted alone and in the histogram, `pair_rows` those of the pair.
    """

    rows: Rows
    alone: SliceTally
    pair_rows: Rows | None
    pairs: PairedRows | None
    histogram: NDArray[np.int64] | None


class CountingCard(Card):
    """A card that knows what was counted while scores were made."""

    def __init__(self, send: Callable[[NDArray[Any]], Any] | None = None) -> None:
        super().__init__(send)
        self._scores: Any = None
        self.counted: Counted | None = None

    def keep(self, scores: Any, counted: Counted | None) -> None:
        """Remember what was counted of these scores, which are on the card."""
        self._scores, self.counted = scores, counted

    def scored(self, rows: Rows, *scores: Any) -> OnCard:
        """Return scores of these rows on the card, with what was counted of these very scores and rows, if anything was."""
        there = super().scored(rows, *scores)
        if self.counted is None or scores[-1] is not self._scores:
            return there
        of = self.counted.rows if len(scores) == 1 else self.counted.pair_rows
        is_same = of is not None and of.slice_ids is rows.slice_ids and np.array_equal(of.labels, rows.labels)
        return replace(there, counted=self.counted) if is_same else there


class _Running(Protocol):
    def add(self, stop_row: int) -> None: ...

    def finish(self) -> Any: ...


class RunningTally:
    """Counts one binary variant, alone and against a champion, while it is scored; `begin`, `add` and `drop` as `WhileScoring` says.

    Parameters
    ----------
    card : rows are sent to it
    rows, threshold : of the variant; neither weighted nor clustered rows
    needs : whether scores are binned
    pair : a champion that was scored before

    Attributes
    ----------
    why_after : str or None
        Why nothing was counted while scores were made.
    """

    def __init__(self, card: Card, rows: Rows, threshold: float, needs: Needs, pair: Pair | None) -> None:
        self._card, self._rows, self._threshold, self._pair = card, rows, threshold, pair
        self._n_bins = _n_bins(rows) if needs.binned_auc else None
        self._parts: list[_Running] | None = None
        self.why_after: str | None = "the scorer told nothing of its scores"

    def begin(self, scores: Any, stream: int) -> bool:
        """Send the rows, and make room for the tables; False where the card has none, and the counts are left for later."""
        from kernels.devices import CardMemoryError, free_bytes

        self.drop()
        if not len(scores):
            self.why_after = "there are no rows"
            return False
        n_bytes, free = self._n_bytes(), free_bytes()
        if n_bytes > free * ROWS_SHARE:
            self.why_after = (
                f"the rows take {n_bytes / 2**20:,.0f} MiB, more than a quarter of the {free / 2**20:,.0f} MiB free on the card"
            )
            return False
        try:
            self._parts = list(self._begun(scores, stream))
        except Exception as trouble:  # Numba and CuPy have no common class for it
            if not isinstance(trouble, CardMemoryError) and not is_out_of_memory(trouble):
                raise
            self.why_after = f"beside the model there is no room for the tables ({said_by(trouble)})"
        else:
            self.why_after = None
        if self.why_after is not None:  # here the traceback is gone, which holds what was allocated so far
            self._give_back()
        return self.why_after is None

    def add(self, stop_row: int) -> None:
        """Launch what became complete."""
        for part in self._parts or ():
            part.add(stop_row)

    def drop(self) -> None:
        """Forget what was counted, and give its memory back."""
        if self._parts is not None:
            self._parts, self.why_after = None, "scoring did not end"
            self._give_back()

    def finish(self) -> Counted | None:
        """Wait, and return what was counted; None where nothing was. ValueError where scores of rows are missing."""
        if self._parts is None:
            return None
        tables = [part.finish() for part in self._parts]
        self._parts = None
        pair_rows, pairs = (self._pair.rows, tables[1]) if self._pair is not None else (None, None)
        return Counted(self._rows, tables[0], pair_rows, pairs, tables[-1] if self._n_bins is not None else None)

    def _give_back(self) -> None:
        from kernels.devices import release

        self._card.forget()
        release()

    def _begun(self, scores: Any, stream: int) -> list[_Running]:
        there, grid = self._card.rows(self._rows), (self._rows.grid.n_slices, self._rows.grid.n_windows)
        cells = (there.labels, there.slice_ids, there.window_ids, *grid)
        parts: list[_Running] = [RunningSliceTally(scores, *cells, self._threshold, stream)]
        if self._pair is not None:
            both = self._card.rows(self._pair.rows)
            at = (both.labels, both.slice_ids, both.window_ids, *grid)
            champion = self._card.send(self._pair.scores)
            parts.append(RunningPairedTally(champion, scores, *at, self._pair.threshold, self._threshold, stream))
        if self._n_bins is not None:
            parts.append(RunningHistogram(empty(self._rows.grid.n_cells, self._n_bins), scores, *cells, stream))
        return parts

    def _n_bytes(self) -> int:
        pair = () if self._pair is None else (self._pair.scores, self._pair.rows.labels)
        arrays = (self._rows.labels, self._rows.slice_ids, self._rows.window_ids, *pair)
        return sum(array.nbytes for array in arrays if array is not None)


def _why_after(variant: VariantConf, rows: Rows) -> str | None:
    """Say why counts of these rows cannot be made before all scores are there; None where they can."""
    if rows.task != "binary":
        return "labels are not 0 and 1"
    if rows.is_designed:
        return "rows are weighted or clustered"
    return "the threshold is found from the scores" if variant.threshold.value is None else None


def _n_bins(rows: Rows) -> int:
    try:
        return n_bins_within(rows.grid.n_cells)
    except ValueError as error:
        raise ConfigError(f"metrics: {error}") from error


def running_tally(
    card: Card,
    variant: VariantConf,
    champion: tuple[VariantConf, NDArray[np.float32] | None, float | None] | None,
    conf: SweepConf,
    prepared: PreparedReplay,
) -> tuple[RunningTally | None, str | None]:
    """Return what counts a variant while it is scored, or None and why it is counted after scoring.

    `champion` is its configuration, its scores and its threshold, as far as there are any.
    """
    rows = judged_rows(conf.replay.task, prepared, (variant,))
    why_after = _why_after(variant, rows)
    if why_after is not None:
        return None, why_after
    pair = None
    if champion is not None and champion[1] is not None and champion[2] is not None:
        both = judged_rows(conf.replay.task, prepared, (variant, champion[0]))
        pair = Pair(rows if np.array_equal(both.labels, rows.labels) else both, champion[1], champion[2])
    assert variant.threshold.value is not None
    return RunningTally(card, rows, variant.threshold.value, combined(m.needs() for m in conf.metrics), pair), None
