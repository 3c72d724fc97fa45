"""The range of a paired difference over every way of labelling the unlabelled rows: all of them are tried."""

from __future__ import annotations

import itertools

import numpy as np

from tests.oracles.metric_oracle import Labels, Rows, row_log_loss, row_squared_error


def difference_of(metric: str, champion: Rows, challenger: Rows, labels: Labels, thresholds: tuple[float, float]) -> float:
    """Challenger - champion on fully labelled rows; NaN where it is not defined."""
    old, new = champion >= np.float32(thresholds[0]), challenger >= np.float32(thresholds[1])
    if metric == "accuracy":
        return float((new == labels).mean() - (old == labels).mean())
    if metric == "selection_rate":
        return float(new.mean() - old.mean())
    if metric in ("recall", "fpr"):
        of_class = labels == (1 if metric == "recall" else 0)
        return float(new[of_class].mean() - old[of_class].mean()) if of_class.any() else float("nan")
    if metric == "auc":
        both = 0 < labels.sum() < len(labels)
        return _auc(challenger, labels) - _auc(champion, labels) if both else float("nan")
    loss = row_log_loss if metric == "log_loss" else row_squared_error
    return float(loss(challenger, labels).mean() - loss(champion, labels).mean())


def _auc(scores: Rows, labels: Labels) -> float:
    positive, negative = scores[labels == 1][:, None], scores[labels == 0][None]
    return float(np.mean((positive > negative) + 0.5 * (positive == negative)))


def range_by_trying_all(
    metric: str, champion: Rows, challenger: Rows, labels: Labels, thresholds: tuple[float, float]
) -> tuple[float, float]:
    """Lowest and highest difference over all labels of the rows with label -1, of those for which it is defined."""
    missing = np.flatnonzero(labels < 0)
    found = []
    for guess in itertools.product((0, 1), repeat=len(missing)):
        complete = labels.copy()
        complete[missing] = guess
        found.append(difference_of(metric, champion, challenger, complete, thresholds))
    defined = [value for value in found if not np.isnan(value)]
    return (min(defined), max(defined)) if defined else (float("nan"), float("nan"))
