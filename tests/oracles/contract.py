"""Which current rows break a promise, row by row as the rule's definition says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from harness.records.contract import ColumnRule

Value = float | int | str | None


def broken_rows(rule: ColumnRule, values: Sequence[Value], reference_has_infinite: bool = True) -> dict[str, list[int]]:
    """Numbers of the rows that break each check that is broken; None is missing, texts are categories. Rows are the current ones."""
    present = [(i, v) for i, v in enumerate(values) if v is not None]
    found: dict[str, list[int]] = {}
    missing = [i for i, v in enumerate(values) if v is None]
    if rule.max_missing_share is not None and values and len(missing) / len(values) > rule.max_missing_share:
        found["missing"] = missing
    found["range"] = [i for i, v in present if not isinstance(v, str) and _is_outside(rule, v, reference_has_infinite)]
    if rule.categories is not None:
        unseen = [i for i, v in present if v not in rule.categories]
        found["categories"] = unseen if len(unseen) > rule.max_unseen_share * len(values) else []
    if rule.is_unique:
        found["unique"] = [i for k, (i, v) in enumerate(present) if any(v == w for _, w in present[:k])]
    if rule.is_monotone:
        found["monotone"] = [i for (_, before), (i, v) in pairwise(present) if v < before]  # type: ignore[operator]
    return {check: rows for check, rows in found.items() if rows}


def _is_outside(rule: ColumnRule, value: float, reference_has_infinite: bool) -> bool:
    if isinstance(value, float) and math.isinf(value) and not reference_has_infinite:
        return True
    return (rule.minimum is not None and value < rule.minimum) or (rule.maximum is not None and value > rule.maximum)


def ks(one: Sequence[float], other: Sequence[float]) -> float:
    """Greatest distance of two distribution functions, tried at every value."""
    return max(abs(sum(v <= x for v in one) / len(one) - sum(v <= x for v in other) / len(other)) for x in [*one, *other])
