"""Compares two tables cell by cell: whole numbers and words are equal, floats are close by a stated tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

SEPARATOR = ", "  # between the words that say what a row is


@dataclass(frozen=True)
class Tolerance:
    """How far floats may be apart: by `atol`, and by `rtol` of the first one. Of whole numbers `counts` may differ."""

    rtol: float
    atol: float
    counts: float = 0.0


@dataclass(frozen=True)
class Difference:
    """One cell that differs by more than its tolerance; `excess` is how many tolerances, infinite where a word or a gap differs."""

    table: str
    row: str
    column: str
    cpu: object
    card: object
    excess: float
    is_explained: bool = False


@dataclass(frozen=True)
class Compared:
    """How the cells of a table compare.

    Args:
        n_same: equal, floats bit for bit; NaN is equal to NaN, and nothing to nothing.
        n_close: not equal, and within the tolerance.
        worst_share: the largest difference among those, as a share of its tolerance; 0 where there is none.
        differences: the others.
    """

    table: str
    n_cells: int
    n_same: int
    n_close: int
    worst_share: float
    differences: tuple[Difference, ...]


def compare(
    table: str,
    cpu: pd.DataFrame,
    card: pd.DataFrame,
    keys: Sequence[str],
    tolerance: Tolerance,
    of_column: Mapping[str, Tolerance] | None = None,
    ignored: Sequence[str] = (),
) -> Compared:
    """Compare all cells but those of `keys`, which say what a row is, and of `ignored`; rows may stand in any order.

    A row or column that only one side has is a difference.
    """
    cpu, card = (_keyed(frame, keys, ignored) for frame in (cpu, card))
    found = [Difference(table, "all rows", c, c in cpu, c in card, np.inf) for c in cpu.columns.symmetric_difference(card.columns)]
    lonely = cpu.index.symmetric_difference(card.index)
    found += [Difference(table, str(row), "the row itself", row in cpu.index, row in card.index, np.inf) for row in lonely]
    rows, n_cells, n_same, n_close, worst = cpu.index.intersection(card.index), len(found), 0, 0, 0.0
    for name in cpu.columns.intersection(card.columns):
        ours, theirs = cpu.loc[rows, name], card.loc[rows, name]
        excess = _excess(ours, theirs, (of_column or {}).get(name, tolerance))
        n_cells, n_same = n_cells + len(rows), n_same + int((excess == 0).sum())
        is_close = (excess > 0) & (excess <= 1)
        n_close, worst = n_close + int(is_close.sum()), max(worst, float(excess[is_close].max(initial=0.0)))
        found += [
            Difference(table, str(rows[i]), name, ours.iloc[i], theirs.iloc[i], float(excess[i]))
            for i in np.flatnonzero(excess > 1).tolist()
        ]
    return Compared(table, n_cells, n_same, n_close, worst, tuple(found))


def explained(compared: Compared, is_explained: Mapping[int, bool]) -> Compared:
    """Return the same with those differences marked that a stated reason explains, by their place."""
    marked = [replace(one, is_explained=is_explained.get(i, False)) for i, one in enumerate(compared.differences)]
    return replace(compared, differences=tuple(marked))


def _keyed(frame: pd.DataFrame, keys: Sequence[str], ignored: Sequence[str]) -> pd.DataFrame:
    frame = frame.drop(columns=[name for name in ignored if name in frame])
    if keys:
        names = [SEPARATOR.join(map(str, row)) for row in frame[list(keys)].itertuples(index=False)]
        frame = frame.drop(columns=list(keys)).set_index(pd.Index(names, dtype=object))
    if frame.index.has_duplicates:
        raise ValueError(f"rows are not told apart by {', '.join(keys)}")
    return frame


def _excess(ours: pd.Series, theirs: pd.Series, tolerance: Tolerance) -> np.ndarray:
    """Return for every cell how many tolerances the two are apart: 0 is equal, infinity is another word or a gap on one side."""
    gaps = ours.isna().to_numpy(), theirs.isna().to_numpy()
    excess = np.where(gaps[0] == gaps[1], 0.0, np.inf)
    both = ~gaps[0] & ~gaps[1]
    if not (_is_number(ours) and _is_number(theirs)):
        return np.where(both & (ours.astype(str).to_numpy() != theirs.astype(str).to_numpy()), np.inf, excess)
    if _is_whole(ours) and _is_whole(theirs):
        apart = np.array([abs(int(a) - int(b)) if there else 0 for a, b, there in zip(ours, theirs, both, strict=True)], np.float64)
        allowed = np.full(len(apart), float(tolerance.counts))
    else:
        a, b = (side.to_numpy(np.float64, na_value=np.nan) for side in (ours, theirs))
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.where((a == b) | ~both, 0.0, np.abs(a - b))
        allowed = tolerance.atol + tolerance.rtol * np.where(np.isfinite(a), np.abs(a), 0.0)
    with np.errstate(over="ignore"):
        return np.where(both & (apart > 0), np.where(allowed > 0, apart / np.where(allowed > 0, allowed, 1.0), np.inf), excess)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _is_whole(values: pd.Series) -> bool:
    return pd.api.types.is_integer_dtype(values)
