"""The columns of a log on a card, one after the other, beside the cells of its rows; and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.drift.column_on_card import ColumnOnCard
from harness.inference.card_memory import is_out_of_memory
from harness.records.column import Column
from harness.records.drift_cells import DriftCells
from kernels.devices import CardMemoryError, check_fits, to_device


class LogOnCard:
    """Sends columns to the current card, where they are counted, measured and ordered.

    Parameters
    ----------
    cells : DriftCells
        Of the log's rows; they are sent with the first column and stay.

    Attributes
    ----------
    n_there, n_did_not_fit : int
        Columns that were reduced on the card, and those for which it had not the memory.
    """

    def __init__(self, cells: DriftCells) -> None:
        self._cells, self._ids = cells, None
        self.n_there, self.n_did_not_fit = 0, 0

    def column(self, column: Column) -> ColumnOnCard | None:
        """Return a column on the card; None where it has no values.

        Raises
        ------
        CardMemoryError
            It does not fit.
        """
        own = column.codes if column.values is None else column.values
        if own is None:
            return None
        if self._ids is None:
            self._ids = _sent(self._cells.ids)
        missing = None if column.is_missing is None else _sent(column.is_missing)
        return ColumnOnCard(_sent(own), self._ids, self._cells, missing)


def _sent(array: Any) -> Any:
    check_fits("a column of the log", array.nbytes)
    return to_device(np.ascontiguousarray(array))


def is_memory(trouble: Exception) -> bool:
    """Say whether the card had not the memory for a column.

    >>> is_memory(CardMemoryError("a column takes 9 MiB")), is_memory(ValueError("ids hold cells beyond"))
    (True, False)
    """
    return isinstance(trouble, CardMemoryError) or is_out_of_memory(trouble)


def note_of(counts: Sequence[tuple[int, int]], n_columns: int) -> str | None:
    """Say in one sentence how many columns were reduced on a card; None where none was to be.

    Parameters
    ----------
    counts
        (n_there, n_did_not_fit) of each child that had a card.
    n_columns
        Of all children.

    >>> note_of([(3, 0), (2, 1)], 7)[67:151]
    '; 1 did not fit into its memory, 1 had no child with a card, or no values; different'
    """
    if not counts:
        return None
    n_there, n_did_not_fit = (sum(numbers) for numbers in zip(*counts, strict=True))
    others = n_columns - n_there - n_did_not_fit
    left = [f"{n_did_not_fit} did not fit into its memory"] if n_did_not_fit else []
    left += [f"{others} had no child with a card, or no values"] if others else []
    rest = f" {', '.join(left)};" if left else ""
    return (
        f"device: {n_there} of {n_columns} columns were counted, measured and ordered on a card;{rest}"
        " different values, fourth moments, units and the contract were read on the host"
    )
