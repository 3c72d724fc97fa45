"""Gain row by row: slow, and plainly the definition."""

from __future__ import annotations

import math
import statistics


def value(matrix, label: int, decision: int) -> float:
    if label and decision:
        return matrix.true_positive
    if label:
        return matrix.false_negative
    return matrix.false_positive if decision else matrix.true_negative


def gain_and_se_per_1k(matrix, labels, decisions, baseline_decisions) -> tuple[float, float]:
    rows = [value(matrix, y, p) - value(matrix, y, b) for y, p, b in zip(labels, decisions, baseline_decisions, strict=True)]
    se = statistics.stdev(rows) / math.sqrt(len(rows)) if len(rows) > 1 else math.nan
    return 1000 * statistics.fmean(rows), 1000 * se


def worth_of_threshold(matrix, scores, labels, threshold: float) -> float:
    return sum(value(matrix, int(y), int(s >= threshold)) for s, y in zip(scores, labels, strict=True) if y in (0, 1))
