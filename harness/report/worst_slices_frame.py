"""`worst_slices.parquet`: one row per slice that was carried to confirmation, worst first; and the search in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import pandas as pd

from harness.records.slice_search import WorstSliceRow, WorstSlices, WorstSlicesNote
from harness.report.numbers import with_interval

_SHARED = ("variant", "loss", "split_by", "n_search_half", "n_confirm_half", "n_slices", "n_carried", "ranking")
WORST_SLICE_COLUMNS = (*_SHARED, *(field.name for field in fields(WorstSliceRow)))


def worst_slices_frame(found: WorstSlices) -> pd.DataFrame:
    """Return the table: what was searched, in every row, then the columns of `WorstSliceRow`.

    `n_search_half` and `n_confirm_half` are rows of the halves, `n_slices` the slices with enough rows, `n_carried` those carried to
    confirmation at most.
    """
    shared = (
        found.variant,
        found.loss,
        found.split_by,
        found.n_search,
        found.n_confirm,
        found.n_slices,
        found.rule.n_carried,
        found.rule.ranking,
    )
    rows = [(*shared, *(getattr(row, field.name) for field in fields(row))) for row in found.rows]
    return pd.DataFrame(rows, columns=list(WORST_SLICE_COLUMNS))


def worst_slices_lines(notes: Sequence[WorstSlicesNote], n_shown: int = 3) -> Iterator[str]:
    """Say of each variant which slices were confirmed as worse than the rest of the rows, the worst `n_shown` of them."""
    for note in notes:
        if note.n_carried == 0:
            yield f"worst slices of {note.variant}: no slice is worse than the rest of the rows on the half that was searched"
            continue
        shown = [f"{name} {with_interval(d, low, high, signed=True)} (n {n:,})" for name, n, d, low, high in note.confirmed[:n_shown]]
        yield (
            f"worst slices of {note.variant} by {note.loss}: {len(note.confirmed)} of {note.n_carried} confirmed on {note.n_confirm:,} other rows"
            f" ({note.n_slices:,} searched on {note.n_search:,}){': ' if shown else ''}{'; '.join(shown)}"
        )
