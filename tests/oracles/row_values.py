"""Gain row by row: slow, and plainly the definition."""

from __future__ import annotations

import math
import statistics

_OUTCOMES = {(1, 1): "true_positive", (1, 0): "false_negative", (0, 1): "false_positive", (0, 0): "true_negative"}


def value(matrix, label: int, decision: int, amounts=None, slice_value=None) -> float:
    """Return what one decision is worth; `amounts` by column, `slice_value` of the column that overrides are by."""
    name = _OUTCOMES[int(label), int(decision)]
    figure = getattr(matrix, name)
    for override in matrix.overrides:
        if override.slice_value == slice_value:
            figure = dict(override.values).get(name, figure)
    return figure.times * amounts[figure.column] if hasattr(figure, "column") else figure


def mean_and_se_per_1k(rows) -> tuple[float, float]:
    """Return the mean of what rows are worth, and its standard error, per 1,000."""
    if not rows:
        return math.nan, math.nan
    se = statistics.stdev(rows) / math.sqrt(len(rows)) if len(rows) > 1 else math.nan
    return 1000 * statistics.fmean(rows), 1000 * se


def gains(matrix, labels, decisions, baseline_decisions, amounts=None, slices=None) -> list[float]:
    """Return the gain of every row; `amounts` a mapping of columns to values by row, `slices` a value by row."""
    found = []
    for i, (y, p, b) in enumerate(zip(labels, decisions, baseline_decisions, strict=True)):
        own = {column: float(values[i]) for column, values in (amounts or {}).items()}
        where = None if slices is None else slices[i]
        found.append(value(matrix, y, p, own, where) - value(matrix, y, b, own, where))
    return found


def gain_and_se_per_1k(matrix, labels, decisions, baseline_decisions, amounts=None, slices=None) -> tuple[float, float]:
    return mean_and_se_per_1k(gains(matrix, labels, decisions, baseline_decisions, amounts, slices))


def worth_of_threshold(matrix, scores, labels, threshold: float, amounts=None, slices=None) -> float:
    total = []
    for i, (s, y) in enumerate(zip(scores, labels, strict=True)):
        own = {column: float(values[i]) for column, values in (amounts or {}).items()}
        if y in (0, 1):
            total.append(value(matrix, int(y), int(s >= threshold), own, None if slices is None else slices[i]))
    return math.fsum(total)


def error_costs(rule, predictions, labels) -> list[float]:
    """Return what the error of every prediction of a number costs."""
    found = []
    for p, y in zip(predictions, labels, strict=True):
        error = float(p) - float(y)
        found.append(rule.over_prediction * error if error > 0 else rule.under_prediction * -error)
    return found
