"""What the statistics of categories have in common: which columns have them, and which categories came and went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.drift.day_test import Counts
from harness.drift.shares import SharesStatistic
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair

NAMED = 5  # categories that a note names


@dataclass(frozen=True, kw_only=True)
class CategoryStatistic(SharesStatistic):
    """Base of the statistics of categorical columns; "missing" counts as a category, of a label it does not."""

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that categories have it."""
        return kind == "category"

    def remark(self, pair: ColumnPair, reference: Counts, current: Counts) -> str:
        """Name unseen and vanished categories."""
        return came_and_went(pair, reference, current)


def came_and_went(pair: ColumnPair, reference: Counts, current: Counts) -> str:
    """Name up to five categories that only the current rows have and up to five that only the reference has, with their rows.

    "3 unseen: DL 12, B6 3, AA 1; 1 vanished: YV 7"; empty where there are none.
    """
    unseen = _named("unseen", pair, current, np.flatnonzero((reference == 0) & (current > 0)))
    vanished = _named("vanished", pair, reference, np.flatnonzero((current == 0) & (reference > 0)))
    return "; ".join(filter(None, (unseen, vanished)))


def _named(word: str, pair: ColumnPair, counts: Counts, bins: Iterable[np.intp]) -> str:
    names = pair.bins.categories
    found = sorted((-int(counts[i]), names[i]) for i in bins if i < len(names))
    shown = ", ".join(f"{name} {-rows:,}" for rows, name in found[:NAMED])
    return f"{len(found)} {word}: {shown}{', …' if len(found) > NAMED else ''}" if found else ""
