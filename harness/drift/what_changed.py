"""What has changed in a column, in words that a person would use."""

from __future__ import annotations

import math

from harness.records.drift import ColumnPair
from harness.records.profile import Bins

_SHOWN = 3
_MISSING_MOVED = 0.01  # a share of missing values is named from one in a hundred rows: below, the figures themselves say more


def what_changed(pair: ColumnPair) -> str:
    """Say how the current rows of a column differ from its reference rows; empty where there is nothing to compare.

    As "mean 41.2 -> 66.1 (+1.4 sd)", "UA 12.0% -> 30.1%, unseen: XX (1.2%)", "missing 0.0% -> 12.5%"; of a binary label "rate 22.8% -> 24.0%".
    """
    if not pair.reference.n_rows or not pair.current.n_rows:
        return ""
    own = _rate(pair) if _is_binary_label(pair) else _categories(pair) if pair.kind == "category" else _numbers(pair)
    return ", ".join(text for text in (own, _missing(pair)) if text)


def _numbers(pair: ColumnPair) -> str:
    before, after = pair.reference, pair.current
    if math.isnan(before.mean) or math.isnan(after.mean):
        return ""
    if pair.kind == "time":
        return f"mean {_days(after.mean - before.mean)}"
    text = f"mean {before.mean:.4g} -> {after.mean:.4g}"
    moved = (after.mean - before.mean) / before.std if before.std > 0 else math.nan
    if abs(moved) >= 0.005:
        text += f" ({moved:+.2f} sd)"
    if before.std > 0 and not 0.8 <= after.std / before.std <= 1.25:
        text += f", sd {before.std:.4g} -> {after.std:.4g}"
    return text


def _is_binary_label(pair: ColumnPair) -> bool:
    """Say whether the column is a label of "0" and "1", whose rate of "1" is what a reader asks for."""
    return pair.is_label and pair.kind == "category" and set(names_of(pair.bins)) <= {"0", "1"}


def _rate(pair: ColumnPair) -> str:
    names, sides = names_of(pair.bins), (pair.reference.counts[:-1], pair.current.counts[:-1])
    if not all(counts.sum() for counts in sides):
        return ""  # one side has no label: its rate is not known, and not 0
    before, after = (sum(int(n) for n, name in zip(counts, names, strict=True) if name == "1") / counts.sum() for counts in sides)
    return f"rate {before:.1%} -> {after:.1%}"


def _days(microseconds: float) -> str:
    return f"{microseconds / 86_400e6:+.1f} days"


def _categories(pair: ColumnPair) -> str:
    before, after = (side.counts[:-1] / max(side.counts[:-1].sum(), 1) for side in (pair.reference, pair.current))
    names = names_of(pair.bins)
    moved = sorted(range(len(names)), key=lambda i: -abs(after[i] - before[i]))
    known = [i for i in moved if before[i] > 0][:1]
    unseen = [i for i in moved if before[i] == 0 and after[i] > 0]
    parts = [f"{names[i]} {before[i]:.1%} -> {after[i]:.1%}" for i in known if after[i] != before[i]]
    if unseen:
        more = f" and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
        parts.append(f"unseen: {', '.join(names[i] for i in unseen[:_SHOWN])}{more} ({sum(after[i] for i in unseen):.1%})")
    return ", ".join(parts)


def names_of(bins: Bins) -> tuple[str, ...]:
    """Return the names of a category's bins without the last, missing."""
    return bins.categories[: bins.n_bins - 1]


def _missing(pair: ColumnPair) -> str:
    before, after = (side.n_missing / side.n_rows for side in (pair.reference, pair.current))
    return f"missing {before:.1%} -> {after:.1%}" if abs(after - before) >= _MISSING_MOVED else ""
