"""Guesses the roles of a log's columns, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from harness.errors import ConfigError, ReplayError, did_you_mean, one_of
from harness.records.onboarding import ColumnSummary, Guess

_LABEL_WORDS = (
    "label",
    "target",
    "outcome",
    "class",
    "late",
    "fraud",
    "default",
    "churn",
    "click",
    "convert",
    "purchase",
    "repaid",
    "income",
    "survived",
    "y",
)
_LABEL_KINDS = ("integer", "boolean", "text", "number")
_SCORE_WORDS = ("score", "prob", "proba", "prediction", "pred")
_TIME_WORDS = ("timestamp", "time", "date", "ts", "at")
_POSITIVE_TEXTS = ("yes", "true", "positive", "1", "y", "t", ">50k", "fraud", "late", "bad")
_MAX_SLICES, _SLICE_VALUES = 6, (2, 40)
_REFERENCE_SHARE = 0.2


def guess_label(columns: Sequence[ColumnSummary], given: str | None) -> tuple[ColumnSummary, Guess]:
    """Return the label column.

    Raises
    ------
    ConfigError
        When `given` is no column or has another number of values than two.
    ReplayError
        When no column has two values.
    """
    names = [c.name for c in columns]
    if given is not None:
        chosen = next((c for c in columns if c.name == given), None)
        if chosen is None:
            raise ConfigError(f"--label: no column '{given}'; columns are: {one_of(names)}{did_you_mean(given, names)}")
        _refuse_label(chosen)
        return chosen, Guess("label", given, "you named it")
    two = [c for c in columns if c.n_distinct == 2 and c.kind in _LABEL_KINDS and not _has(c.name, _SCORE_WORDS)]
    if not two:
        raise ReplayError(
            f"init: no column has exactly two values, so none looks like a binary label; name it with --label; columns are: {one_of(names)}"
        )
    named = [c for c in two if _has(c.name, _LABEL_WORDS)]
    chosen = (named or two)[-1]
    others = f" (other columns with two values: {one_of([c.name for c in two if c is not chosen], 6)})" if len(two) > 1 else ""
    why = "two values, and named like an outcome" if named else "the last column with two values"
    return chosen, Guess("label", chosen.name, why + others)


def _refuse_label(column: ColumnSummary) -> None:
    if column.kind not in _LABEL_KINDS:
        raise ConfigError(f"--label: column '{column.name}' is {column.type}, wanted numbers, texts or booleans; name another column")
    if column.n_distinct != 2:
        n = "no value" if column.n_distinct == 0 else "1 value" if column.n_distinct == 1 else f"{column.n_distinct:,} values"
        raise ConfigError(
            f"--label: column '{column.name}' holds {n} in the first {column.n_rows:,} rows, wanted 2 for task binary;"
            " name another column, or write outcomes of two kinds into it"
        )


def guess_task(label: ColumnSummary) -> Guess:
    """Return the task that the label's number of values allows; `label` is what `guess_label` returned."""
    return Guess("task", "binary", f"the label has {label.n_distinct} values in the first {label.n_rows:,} rows")


def guess_positive(label: ColumnSummary) -> tuple[Any, Guess]:
    """Return the label value that counts as positive."""
    values = list(label.values)
    for value in values:
        if value is True or value == 1 or str(value).strip().lower() in _POSITIVE_TEXTS:
            return value, Guess("positive", repr(value), f"of the values {one_of(map(repr, values))}")
    value = sorted(values, key=str)[-1]
    return value, Guess("positive", repr(value), f"the last of {one_of(map(repr, values))}: check it")


def guess_timestamp(columns: Sequence[ColumnSummary], given: str | None) -> tuple[str | None, Guess]:
    """Return the time column, or None."""
    times = [c for c in columns if c.kind == "time" and c.n_null == 0]
    if given is not None:
        if given not in [c.name for c in columns]:
            names = [c.name for c in columns]
            raise ConfigError(f"--timestamp: no column '{given}'; columns are: {one_of(names)}{did_you_mean(given, names)}")
        return given, Guess("timestamp", given, "you named it")
    if not times:
        return None, Guess(
            "timestamp", "null", "no column holds times without gaps: no windows, no periods, no cost under the log's traffic"
        )
    named = [c for c in times if _has(c.name, _TIME_WORDS)]
    chosen = (named or times)[0]
    return chosen.name, Guess("timestamp", chosen.name, "the first column of times" + (", named like one" if named else ""))


def guess_score(columns: Sequence[ColumnSummary]) -> tuple[str | None, Guess | None]:
    """Return the column in which the log holds the live model's score, or None."""
    for c in columns:
        if (
            c.kind == "number"
            and _has(c.name, _SCORE_WORDS)
            and c.n_null == 0
            and c.minimum is not None
            and 0 <= c.minimum <= c.maximum <= 1
        ):
            return c.name, Guess("logged score", c.name, "numbers within [0, 1], named like a score: taken as a variant, 'what runs today'")
    return None, None


def guess_id(columns: Sequence[ColumnSummary]) -> str | None:
    """Return a column of unique values that is named like an id, or None."""
    for c in columns:
        if (c.name.lower() == "id" or c.name.lower().endswith("_id")) and c.n_rows > 1 and c.n_distinct == c.n_rows:
            return c.name
    return None


def guess_slices(columns: Sequence[ColumnSummary], taken: set[str]) -> tuple[tuple[str, ...], Guess]:
    """Return columns with few values."""
    low, high = _SLICE_VALUES
    fit = [c for c in columns if c.name not in taken and c.kind in ("text", "integer", "boolean") and low <= c.n_distinct <= high]
    fit.sort(key=lambda c: (c.kind != "text", c.n_distinct))
    names = tuple(c.name for c in fit[:_MAX_SLICES])
    return names, Guess("slices", one_of(names) or "none", f"columns with {low} to {high} values, texts first")


def guess_features(
    columns: Sequence[ColumnSummary], taken: set[str], width: int | None, given: Sequence[str] | None
) -> tuple[tuple[str, ...], Guess]:
    """Return the model's input columns in their order.

    Raises
    ------
    ConfigError
        When the number of numeric columns is not the number of features that the models take.
    """
    names = [c.name for c in columns]
    if given is not None:
        for name in given:
            if name not in names:
                raise ConfigError(f"--features: no column '{name}'; columns are: {one_of(names)}{did_you_mean(name, names)}")
        return tuple(given), Guess("features", f"{len(given)} columns", "you named them")
    numeric = [c.name for c in columns if c.name not in taken and c.kind in ("number", "integer", "boolean")]
    if width is not None and len(numeric) != width:
        raise ConfigError(
            f"init: the models take {width} features, and the log has {len(numeric)} numeric columns that could be one ({one_of(numeric, 40)});"
            " name them in the model's order with --features a,b,c"
        )
    return tuple(numeric), Guess(
        "features", f"{len(numeric)} columns", f"all numeric columns in the log's order, as many as the models take: {one_of(numeric, 40)}"
    )


def guess_windows(first: datetime, last: datetime) -> tuple[str, Guess]:
    """Return a window length that gives a handful of windows."""
    days = (last - first).total_seconds() / 86400
    windows = "1mo" if days > 90 else "1w" if days > 21 else "1d" if days > 2 else "1h"
    return windows, Guess("windows", windows, f"the log spans {days:.1f} days")


def guess_reference(first: datetime, last: datetime) -> tuple[datetime, datetime, Guess]:
    """Return the first fifth of the log's time as reference and tuning period."""
    until = first + (last - first) * _REFERENCE_SHARE
    if last - first > timedelta(days=10):
        until = until.replace(hour=0, minute=0, second=0, microsecond=0)
    until = until.replace(microsecond=0)
    return (
        first,
        until,
        Guess("reference and tuning", f"until {until:%Y-%m-%d %H:%M}", "the first fifth of the log's time; the rest is judged"),
    )


def _has(name: str, words: Sequence[str]) -> bool:
    parts = name.lower().replace("-", "_").split("_")
    return any(word in parts or (len(word) > 4 and word in name.lower()) for word in words)


def looks_like_score(name: str) -> bool:
    """Say whether a column is named like a model's answer, which is no feature."""
    return _has(name, _SCORE_WORDS)
