"""`over_time.csv` and `retrain.csv`, and what the terminal and the page show of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields

import pandas as pd

from harness.records.comparison import Comparison
from harness.records.over_time import REFERENCE_PERIOD, PeriodValue, RetrainReading
from harness.report.numbers import with_interval

STEPS_BACK = 6  # windows before the last: with months, half a year
RETRAIN_COLUMNS = (
    *("variant", "metric", "slice_by", "slice_value", "below", "above", "n_windows", "n_skipped", "n_held"),
    *("first_window", "value", "ci_low", "ci_high", "first_certain", "trouble"),
)


def over_time_csv(rows: Sequence[PeriodValue]) -> str:
    """Return the text of `over_time.csv`: one row per variant, metric, slice and period."""
    columns = [field.name for field in fields(PeriodValue)]
    frame = pd.DataFrame([[getattr(row, name) for name in columns] for row in rows], columns=columns)
    return str(frame.to_csv(index=False, na_rep="NaN", lineterminator="\n"))


def retrain_csv(readings: Sequence[RetrainReading]) -> str:
    """Return the text of `retrain.csv`: one row per rule and variant; an empty window says that it never held."""
    rows = [[getattr(r if hasattr(r, name) else r.rule, name) for name in RETRAIN_COLUMNS] for r in readings]
    return str(pd.DataFrame(rows, columns=list(RETRAIN_COLUMNS)).to_csv(index=False, lineterminator="\n"))


def time_columns(comparison: Comparison) -> list[str]:
    """Return the titles of the table over time: reference, some windows back, the last window and the difference; empty without windows."""
    first = next((row for row in comparison.over_time if row.period != REFERENCE_PERIOD), None)
    if first is None:
        return []
    older = _older(comparison, first.variant)
    metric = first.metric.upper() if first.metric in ("auc", "mae", "mse", "rmse") else first.metric
    titles = [f"{metric} on reference"] if any(row.period == REFERENCE_PERIOD for row in comparison.over_time) else []
    return ["variant", *titles, older.period, first.last_window, f"{first.last_window} less {older.period}"]


def time_rows(comparison: Comparison) -> Iterator[list[str]]:
    """Yield one line per variant under `time_columns`."""
    titles = time_columns(comparison)
    for variant in dict.fromkeys(row.variant for row in comparison.over_time):
        own = {row.period: row for row in comparison.over_time if row.variant == variant}
        older = _older(comparison, variant)
        periods = [own[REFERENCE_PERIOD]] if REFERENCE_PERIOD in own else []
        cells = [with_interval(p.value, p.ci_low, p.ci_high) for p in (*periods, older, own[older.last_window])]
        gap = with_interval(older.last_minus_this, older.last_minus_this_ci_low, older.last_minus_this_ci_high, signed=True)
        missing = [""] * (len(titles) - len(cells) - 2)
        yield [variant, *missing, *cells, "one window only" if older.period == older.last_window else gap]


def _older(comparison: Comparison, variant: str) -> PeriodValue:
    windows = [row for row in comparison.over_time if row.variant == variant and row.period != REFERENCE_PERIOD]
    return windows[max(0, len(windows) - 1 - STEPS_BACK)]


def retrain_lines(readings: Sequence[RetrainReading]) -> Iterator[str]:
    """Say of each rule and variant in which window it first held."""
    for r in readings:
        if r.trouble is not None:
            yield f"retrain when {r.rule.text}: {r.variant}: cannot be read: {r.trouble}"
        elif r.first_window is None:
            yield f"retrain when {r.rule.text}: {r.variant}: never in {r.n_windows} windows{_skipped(r)}"
        else:
            certain = f"with its whole interval in {r.first_certain}" if r.first_certain else "in no window with its whole interval"
            yield (
                f"retrain when {r.rule.text}: {r.variant}: first in {r.first_window} ({with_interval(r.value, r.ci_low, r.ci_high)}),"
                f" {certain}; in {r.n_held} of {r.n_windows} windows{_skipped(r)}"
            )


def _skipped(r: RetrainReading) -> str:
    return f" ({r.n_skipped} skipped: too few rows or no value)" if r.n_skipped else ""


def is_shown(comparison: Comparison) -> bool:
    """Say whether there is anything over time to show."""
    return any(math.isfinite(row.value) for row in comparison.over_time)
