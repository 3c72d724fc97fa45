"""Columns of labels as the numbers that the three tasks are judged by."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ReplayError, did_you_mean, one_of
from harness.records.conf import ReplayConf
from harness.records.replay import MAX_CLASSES
from harness.replay.categories import categories
from harness.replay.features import numbers

_DTYPES: dict[str, Any] = {"binary": np.int8, "multiclass": np.int32, "regression": np.float64}


class LabelDecoder(Protocol):
    """Decodes the labels of a log batch by batch; `finish` says what only the whole log can tell."""

    def decode(self, column: pa.Array) -> NDArray[Any]:
        """Return the labels of a batch as `RowBatch.labels` holds them."""

    def finish(self) -> None:
        """Refuse labels that nothing can be judged by."""

    def order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final number of each class by the number that `decode` gave it, and the classes' names; both empty but for multiclass."""


def label_decoder(conf: ReplayConf) -> LabelDecoder:
    """Return the decoder of the replay's task."""
    key, where = ("replay.labels.column", f" of {conf.labels.path} (joined to the log)") if conf.labels else ("replay.label", "")
    column = f"column '{conf.label}'{where}"
    if conf.task == "regression":
        return RegressionLabels(key, column)
    return MulticlassLabels(key, column, conf.classes) if conf.task == "multiclass" else BinaryLabels(key, column, conf.positive)


def no_labels(task: str, n_rows: int) -> NDArray[Any]:
    """Return labels of rows of which none is known."""
    return np.full(n_rows, np.nan if task == "regression" else -1, _DTYPES[task])


def label_dtype(task: str) -> Any:
    """Return the dtype of the labels of a task."""
    return _DTYPES[task]


class _Undivided:
    def order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return nothing: there are no classes to put in order."""
        return np.zeros(0, np.int32), ()


class BinaryLabels(_Undivided):
    """Labels of two values, of which one is positive."""

    def __init__(self, key: str, column: str, positive: Any) -> None:
        self._key, self._column, self._positive = key, column, positive
        self._seen: set[Any] = set()

    def decode(self, column: pa.Array) -> NDArray[np.int8]:
        """Return int8 [n]: 1 positive, 0 not, -1 not known."""
        found = categories(column)
        counts = np.bincount(found.codes + 1, minlength=len(found.values) + 1)[1:]
        # A dictionary may list values that no kept row has.
        self._seen |= {v for v, n in zip(found.values, counts, strict=True) if n and v is not None}
        self._check_values()
        table = np.array([-1 if v is None else int(v == self._positive) for v in found.values] + [-1], np.int8)
        return table[found.codes]

    def finish(self) -> None:
        """Refuse labels that are never known, or never positive."""
        if not self._seen:
            raise _never_known(self._key, self._column)
        if self._positive not in self._seen:
            raise ReplayError(
                f"replay.positive: no row of {self._column} is {self._positive!r}; its values are {self._shown()}:"
                " set replay.positive to one of them"
            )

    def _check_values(self) -> None:
        values, positive = self._seen, self._positive
        texts = any(isinstance(v, str) for v in values)
        if values and texts and not isinstance(positive, str):
            hint = ' (YAML reads yes and no without quotes as true and false: write "yes")' if isinstance(positive, bool) else ""
            raise ReplayError(
                f"replay.positive: found {positive!r}, and {self._column} holds texts: {self._shown()}; write the positive value in quotes{hint}"
            )
        if values and not texts and isinstance(positive, str):
            raise ReplayError(
                f"replay.positive: found the text {positive!r}, and {self._column} holds {self._shown()}; write it without quotes"
            )
        if 0.5 in values and values & {0, 1}:
            raise ReplayError(
                f"{self._key}: {self._column} holds 0.5, a tie, which is neither 0 nor 1; make ties null, leave them out by replay.where,"
                " or use task: regression"
            )
        if len(values) > 2:
            raise ReplayError(
                f"{self._key}: {self._column} holds more than two values for task binary: {self._shown()}; map them to two, name another"
                " label, or use task: multiclass"
            )

    def _shown(self) -> str:
        return one_of(sorted((repr(v) for v in self._seen), key=str), 6)


class MulticlassLabels:
    """Labels of several classes: those of the configuration in its order, else those that the log holds, sorted."""

    def __init__(self, key: str, column: str, classes: tuple[Any, ...]) -> None:
        self._key, self._column, self._classes = key, column, classes
        self._ids: dict[Any, int] = {value: i for i, value in enumerate(classes)}
        self._unknown: Counter[Any] = Counter()
        self._n_broken = self._n_known = 0

    def decode(self, column: pa.Array) -> NDArray[np.int32]:
        """Return int32 [n]: the number of the class in the order in which classes were met (or are configured), -1 not known."""
        found = categories(column)
        counts = np.bincount(found.codes + 1, minlength=len(found.values) + 1)[1:]
        table = np.full(len(found.values) + 1, -1, np.int32)
        for code in np.flatnonzero(counts):
            if found.values[code] is not None:
                table[code] = self._number(found.values[code], int(counts[code]))
        return table[found.codes]

    def _number(self, value: Any, n_rows: int) -> int:
        if isinstance(value, (float, Decimal)):
            if not np.isfinite(float(value)) or value != int(value):
                self._n_broken += n_rows
                return -1
            value = int(value)  # an integer column with nulls is often written as floats
        self._n_known += n_rows
        if self._classes:
            self._check_kind(value)
            self._unknown.update({value: 0 if value in self._ids else n_rows})
            return self._ids.get(value, -1)
        if value not in self._ids and len(self._ids) == MAX_CLASSES:
            raise ReplayError(
                f"{self._key}: {self._column} holds more than {MAX_CLASSES:,} different values for task multiclass; name another label,"
                " group its values, or use task: regression"
            )
        return self._ids.setdefault(value, len(self._ids))

    def _check_kind(self, value: Any) -> None:
        if isinstance(value, str) != isinstance(self._classes[0], str):
            kind, how = ("texts", "in quotes") if isinstance(value, str) else ("numbers or booleans", "without quotes")
            raise ReplayError(
                f"replay.classes: found {one_of(map(repr, self._classes), 6)}, and {self._column} holds {kind}, as {value!r};"
                f" write the classes {how}"
            )

    def finish(self) -> None:
        """Refuse labels that are not classes, that are not among the configured ones, or all of one class."""
        if self._n_broken:
            raise ReplayError(
                f"{self._key}: {self._column} is no whole number in {self._n_broken:,} rows, wanted classes; write them as whole numbers or"
                " texts, or use task: regression"
            )
        if not self._n_known:
            raise _never_known(self._key, self._column)
        strange = [(value, n) for value, n in self._unknown.most_common() if n]
        if strange:
            value, n_rows = strange[0]
            others = f", and {len(strange) - 1} other values in {sum(n for _, n in strange[1:]):,} rows" if len(strange) > 1 else ""
            raise ReplayError(
                f"replay.classes: {self._column} holds {value!r} in {n_rows:,} rows{others}, wanted one of {one_of(map(repr, self._classes), 10)}"
                f"{self._nearest(value)}; add it in the model's order, or leave such rows out by replay.where"
            )
        if len(self._ids) < 2:
            (only,) = self._ids
            raise ReplayError(f"{self._key}: {self._column} is {only!r} in every row, wanted two classes or more; name another label")

    def _nearest(self, value: Any) -> str:
        """Return the class that `value` may be a slip of: of texts only, since -1 is no slip of 10."""
        if not isinstance(value, str) or (any(c.isdecimal() for c in value) and not any(c.isalpha() for c in value)):
            return ""
        return did_you_mean(value, map(str, self._classes))

    def order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final number of each class by its present one, and the names in final order."""
        final = list(self._classes) or sorted(self._ids)
        remap = np.empty(len(final), np.int32)
        for number, value in enumerate(final):
            remap[self._ids[value]] = number
        return remap, tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in final)


class RegressionLabels(_Undivided):
    """Labels that are numbers."""

    def __init__(self, key: str, column: str) -> None:
        self._key, self._column = key, column
        self._n_infinite = self._n_known = 0

    def decode(self, column: pa.Array) -> NDArray[np.float64]:
        """Return float64 [n], NaN not known."""
        values = numbers(column)
        self._n_infinite += int(np.isinf(values).sum())
        self._n_known += int((~np.isnan(values)).sum())
        return values

    def finish(self) -> None:
        """Refuse labels that are never known, or infinite."""
        if self._n_infinite:
            raise ReplayError(
                f"{self._key}: {self._column} holds infinity in {self._n_infinite:,} rows; make it null where the outcome is not known,"
                " or leave such rows out by replay.where"
            )
        if not self._n_known:
            raise _never_known(self._key, self._column)


def _never_known(key: str, column: str) -> ReplayError:
    return ReplayError(f"{key}: {column} is null in every row; nothing can be judged: give labels")
