"""A log beside its reference: which rows are on which side, and then one column after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa

from harness.errors import ReplayError, did_you_mean
from harness.records.column import Column, ComparedRows
from harness.records.conf import ReplayConf
from harness.records.replay import IMMATURE, LogFiles
from harness.replay.arrow_reader import LogReader
from harness.replay.column_kinds import family_of, values_of, why_not
from harness.replay.column_values import Unfit
from harness.replay.compared_labels import label_column
from harness.replay.compared_rows import Found, RolesOf, find_rows, refuse_empty
from harness.replay.contract import require
from harness.replay.log_side import LogSide, undecodable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPARED_AS = {"number": "float64", "text": "texts", "time": "times in UTC"}


class ComparedLog:
    """Reads a log for comparing it with its reference: a period of the same log, or another log.

    Rows of the judged period are current, with a mature label or without. Of another log all rows that `replay.where` keeps are the
    reference, and they come first; else rows stay in the order of the log. Threads may read different columns at once.

    Parameters
    ----------
    log, reference
        Opened files; `reference` are those of `replay.reference.path`, or None.
    roles_of
        Says what rows are used for, from their times (microseconds, or None), their number, the configuration, and the moment at which
        the maturity of labels is judged.
    cache_dir
        Where CSV files are kept as Parquet: one column of a CSV file takes as long as all of them.
    needs_reference
        False where a stored profile stands in for the reference rows.

    Raises
    ------
    ReplayError
        When no reference is named, it is (part of) the log itself, or it lacks a column that decides which rows are compared.
    """

    def __init__(
        self,
        log: LogFiles,
        conf: ReplayConf,
        reference: LogFiles | None,
        roles_of: RolesOf,
        cache_dir: Path,
        *,
        needs_reference: bool = True,
    ) -> None:
        self._log, self._reference, self._lock = log, reference, Lock()
        self._roles_of, self._cache_dir, self._needs_reference = roles_of, cache_dir, needs_reference
        # Rows of another log have no place in the periods of this one.
        is_another = reference is not None or (conf.reference is not None and conf.reference.path is not None)
        self._conf = replace(conf, reference=None) if is_another else conf
        if reference is not None:
            _refuse_same_files(log, reference)
            for name in dict.fromkeys([*(rule.column for rule in conf.where), *([conf.timestamp] if conf.timestamp else [])]):
                require(reference, "replay.reference.path", name)
        elif self._conf.reference is None and needs_reference:
            raise ReplayError(
                "replay.reference: found null; wanted a period ({from, until}), another log ({path: ...}) or drift.reference_profile=FILE"
            )

    def names(self) -> tuple[str, ...]:
        """Return the columns of the log, then those that only the reference has."""
        both = [*self._log.columns, *(self._reference.columns if self._reference else ())]
        return tuple(dict.fromkeys(c.name for c in both))

    def rows(self) -> ComparedRows:
        """Return which rows are compared, the side and the time of each.

        Raises
        ------
        ReplayError
            When a side has no rows, a row that is kept has no time, or a file cannot be decoded.
        """
        return self._found.rows

    def column(self, name: str) -> Column:
        """Return one column of all compared rows, in its own type.

        Memory: the column, and a part of it of at most a million rows.

        Raises
        ------
        ReplayError
            When neither side has such a column, or a file cannot be decoded.
        """
        sides = self._found.sides
        columns = [side.files.column(name) for side in sides]
        if not any(columns):
            raise ReplayError(f"drift.columns: no column '{name}' in the log{did_you_mean(name, self.names())}")
        texts = [c.type if c else "" for c in columns]
        empty = Column(name, texts[-1], texts[0], "none")
        types = [side.type_of(name) for side in sides]
        why = why_not(types, texts)
        return replace(empty, note=f"'{name}' {why}") if why else self._decoded(empty, sides, types, texts)

    def labels(self) -> Column | None:
        """Return the label of every compared row as the judged rows' labels are decoded; None where the replay has none.

        A binary label is a category "0" or "1", a class a category, a number a number. Labels of current rows that are too young are
        missing; those of another log are taken as final.

        Raises
        ------
        ReplayError
            When the labels that are known cannot be what the task says.
        """
        conf, found = self._conf, self._found
        if conf.label is None:
            return None
        as_of_us, times = self._as_of(found.sides[-1].files), found.rows.timestamps_us
        is_immature = np.zeros(found.rows.n_rows, np.bool_)
        first = found.rows.n_rows - found.sides[-1].n_kept  # of the log's own rows
        own = self._roles_of(None if times is None else times[first:], found.rows.n_rows - first, conf, as_of_us)
        is_immature[first:] = (own.roles & IMMATURE) > 0
        return label_column(found.sides, conf, conf.label, self._log.labels, as_of_us, is_immature)

    def _as_of(self, files: LogFiles) -> int | None:
        """Return the moment at which the maturity of labels is judged: as stated, else the last time of the whole log."""
        if self._conf.label_maturity.as_of is not None:
            return (self._conf.label_maturity.as_of - _EPOCH) // timedelta(microseconds=1)
        span = LogReader(files, self._conf, [], with_labels=False).time_range()
        return None if span is None else span[1]

    def _decoded(self, empty: Column, sides: Sequence[LogSide], types: Sequence[pa.DataType], texts: Sequence[str]) -> Column:
        typed = [t for t in types if family_of(t) != "null"]
        family = family_of(typed[0])
        notes = []
        if len(typed) < len(types):
            notes.append(f"has no value in any {'reference' if family_of(types[0]) == 'null' else 'current'} row (its type there is null)")
        elif texts[0] != texts[-1]:
            notes.append(f"is {texts[0]} in the reference and {texts[-1]} in the log, compared as {_COMPARED_AS.get(family, 'seconds')}")
        found = values_of(typed, sum(side.n_kept for side in sides))
        try:
            for side, type_ in zip(sides, types, strict=True):
                if family_of(type_) == "null":
                    found.skip(side.n_kept)
                    continue
                for part in side.parts(empty.name, as_codes=family == "text"):
                    found.add(part)
            found.finish()
        except Unfit as why:
            return replace(empty, note=f"'{empty.name}' {why}")
        except UnicodeDecodeError as trouble:
            raise undecodable("replay.path", trouble) from trouble
        notes += [found.note] if found.note else []
        return replace(
            empty,
            kind=found.kind,
            values=found.values,
            codes=found.codes,
            categories=found.categories,
            is_missing=found.is_missing,
            note=f"'{empty.name}' {'; '.join(notes)}" if notes else "",
        )

    @property
    def _found(self) -> Found:
        with self._lock:  # threads that ask for columns wait for the rows
            return self._found_once

    @cached_property
    def _found_once(self) -> Found:
        found = find_rows(self._log, self._reference, self._conf, self._roles_of, self._cache_dir)
        refuse_empty(found.rows, self._needs_reference, self._reference is not None)
        return found


def _refuse_same_files(log: LogFiles, reference: LogFiles) -> None:
    shared = {path.resolve() for path in log.paths} & {path.resolve() for path in reference.paths}
    if shared or log.fingerprint == reference.fingerprint:
        what = f"{min(shared).name} is also a file of the log" if shared else "it has the same bytes as the log"
        raise ReplayError(
            f"replay.reference.path: {what}, wanted other rows than the current ones; name another file, or a period of the log"
        )
