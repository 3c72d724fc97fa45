"""From the log to the prepared replay: decode once, slice once, keep everything memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.comparison import RowAccount
from harness.records.conf import ReplayConf
from harness.records.replay import IMMATURE, JUDGED, REFERENCE, TUNING, InputGroup, LogFiles, PreparedReplay, RowBatch
from harness.records.tally import ALL, Grid
from harness.replay import prepared
from harness.replay.arrow_reader import LogReader
from harness.replay.columns_file import ArrayWriter, TextWriter, write_array
from harness.replay.ranges import Ranges
from harness.slicing import windows as time_windows
from harness.slicing.columns import BandEncoder, CategoryEncoder, cross, refuse_same_names
from harness.slicing.periods import RowRoles, microseconds, roles_of

Progress = Callable[[int, int], None]
_PERIODS = ((REFERENCE | TUNING, "reference and tuning period"), (REFERENCE, "reference period"), (TUNING, "tuning period"))


def prepare(
    log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], cache_dir: Path, code_hash: str, progress: Progress
) -> PreparedReplay:
    """Return the prepared replay with a tensor for every group, from the cache where it is there."""
    folder = prepared.folder_of(cache_dir, log, conf, code_hash)
    with prepared.locked(folder):
        if not prepared.is_complete(folder):
            with prepared.building(folder) as target:
                _build(log, conf, groups, target, progress)
        elif lacking := prepared.missing_groups(folder, groups):
            with prepared.adding(folder):
                _add_groups(log, conf, lacking, folder, progress)
    found = prepared.open_prepared(folder)
    return replace(found, notes=(*found.notes, *_nan_notes(prepared.read_n_nan(folder), groups)))


@dataclass
class _Counts:
    filtered: int = 0
    training: int = 0
    by_period: dict[str, int] = field(default_factory=dict)
    immature: int = 0
    unlabelled: int = 0
    judged: int = 0


def _build(log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], folder: Path, progress: Progress) -> None:
    reader = LogReader(log, conf, groups)
    as_of_us = _as_of(conf, reader)
    core = _Core(folder, conf)
    tensors = _Tensors(folder, groups, log)
    ranges = Ranges(log, groups)
    for batch in reader:
        roles = core.add(batch, as_of_us)
        kept = ~roles.training
        tensors.add(batch, kept)
        ranges.add(batch, kept, _reference(kept, roles, conf))
        progress(batch.first_row + batch.n_rows, log.n_rows)
    reader.finish()
    grid = core.finish()
    tensors.finish()
    account = core.account(log.n_rows)
    contract = ranges.contract("reference" if conf.reference else "all rows that are not training rows")
    prepared.write_meta(folder, log.fingerprint, grid, account, _notes(conf), contract, ranges.n_nan)


def _reference(kept: NDArray[np.bool_], roles: RowRoles, conf: ReplayConf) -> NDArray[np.bool_]:
    return kept if conf.reference is None else kept & ((roles.roles & REFERENCE) > 0)


def _add_groups(log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], folder: Path, progress: Progress) -> None:
    reader = LogReader(log, conf, groups)
    as_of_us = _as_of(conf, reader)
    tensors = _Tensors(folder, groups, log)
    ranges = Ranges(log, groups)
    for batch in reader:
        roles = roles_of(batch.timestamps_us, len(batch.labels), conf, as_of_us)
        kept = ~roles.training
        tensors.add(batch, kept)
        ranges.add(batch, kept, _reference(kept, roles, conf))
        progress(batch.first_row + batch.n_rows, log.n_rows)
    before = prepared.read_contract(folder)
    prepared.add_to_meta(folder, ranges.contract(before["inferred_from"], before), ranges.n_nan)
    tensors.finish()  # after the description: a tensor that is there is a tensor that is described


def _as_of(conf: ReplayConf, reader: LogReader) -> int | None:
    if conf.timestamp and conf.label_maturity.as_of:
        return microseconds(conf.label_maturity.as_of)
    span = reader.time_range()
    return None if span is None else span[1]


def _notes(conf: ReplayConf) -> list[str]:
    notes = []
    if conf.timestamp and not conf.label_maturity.stated:
        notes.append("label_maturity is not set: the youngest rows are judged as if their labels were final")
    if conf.timestamp is None:
        notes.append("the log has no time column: all rows are judged, and whether a model was trained on them is not known")
    if conf.limit:
        notes.append(f"replay.limit={conf.limit}: only the first rows were read; such a result can never pass a review")
    return notes


def _nan_notes(n_nan: dict[str, int], groups: Sequence[InputGroup]) -> list[str]:
    notes = []
    for texts, passed_as in ((False, "NaN"), (True, "the empty text")):
        used = {name for group in groups for name in group.columns if (group.dtype == "string") is texts}
        missing = sorted(((k, v) for k, v in n_nan.items() if v and k in used), key=lambda item: -item[1])
        if missing:
            most = ", ".join(f"{k} {v:,}" for k, v in missing[:4])
            more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
            notes.append(f"features with missing values, passed to the models as {passed_as} (rows): {most}{more}")
    return notes


class _Core:
    """Labels, roles, slices and windows of the rows that are kept."""

    def __init__(self, folder: Path, conf: ReplayConf) -> None:
        self.folder, self.conf, self.counts = folder, conf, _Counts()
        self.judged = ArrayWriter(folder / "judged_labels.arrow", np.int8, None)
        self.tuning = ArrayWriter(folder / "tuning_labels.arrow", np.int8, None)
        self.reference = ArrayWriter(folder / "reference_labels.arrow", np.int8, None)
        self.roles = ArrayWriter(folder / "roles.arrow", np.uint8, None)
        self.times = ArrayWriter(folder / "timestamps_us.arrow", np.int64, None) if conf.timestamp else None
        self.encoders = [BandEncoder(s) if s.edges else CategoryEncoder(s, conf.max_slices) for s in conf.slice_columns]
        self.columns = [ArrayWriter(folder / f"slice-{i}.arrow", np.int32, None) for i in range(len(self.encoders))]

    def add(self, batch: RowBatch, as_of_us: int | None) -> Any:
        """Add a batch and return what its rows are used for."""
        found = roles_of(batch.timestamps_us, len(batch.labels), self.conf, as_of_us)
        kept = ~found.training
        roles, labels = found.roles[kept], batch.labels[kept]
        in_judged = (roles & JUDGED) > 0
        mature = in_judged & ((roles & IMMATURE) == 0)
        judged = mature & (labels >= 0)
        self.judged.append(np.where(judged, labels, np.int8(-1)))
        self.tuning.append(np.where((roles & TUNING) > 0, labels, np.int8(-1)))
        self.reference.append(np.where((roles & REFERENCE) > 0, labels, np.int8(-1)))
        self.roles.append(roles)
        if self.times is not None and batch.timestamps_us is not None:
            self.times.append(batch.timestamps_us[kept])
        self._count(batch, roles, int(found.training.sum()), in_judged, mature, judged)
        self._encode(batch, kept, in_judged)
        return found

    def _count(
        self,
        batch: RowBatch,
        roles: NDArray[np.uint8],
        n_training: int,
        in_judged: NDArray[np.bool_],
        mature: NDArray[np.bool_],
        judged: NDArray[np.bool_],
    ) -> None:
        counts = self.counts
        counts.filtered += batch.n_rows - len(batch.labels)
        counts.training += n_training
        for bits, name in _PERIODS:
            counts.by_period[name] = counts.by_period.get(name, 0) + int(((roles & (REFERENCE | TUNING)) == bits).sum())
        counts.immature += int(in_judged.sum() - mature.sum())
        counts.unlabelled += int(mature.sum() - judged.sum())
        counts.judged += int(judged.sum())

    def _encode(self, batch: RowBatch, kept: NDArray[np.bool_], in_judged: NDArray[np.bool_]) -> None:
        categories, numbers = iter(batch.categories), iter(batch.numbers)
        for encoder, writer in zip(self.encoders, self.columns, strict=True):
            # Only rows of the judged period name slices; elsewhere the id is 0 and nobody reads it.
            ids = np.zeros(len(in_judged), np.int32)
            if isinstance(encoder, BandEncoder):
                ids[in_judged] = encoder.add(next(numbers)[kept][in_judged])
            else:
                column = next(categories)
                subset = type(column)(column.codes[kept][in_judged], column.values)
                ids[in_judged] = encoder.add(subset)
            writer.append(ids)

    def account(self, n_log: int) -> RowAccount:
        """Return how many rows are judged and why the others are not."""
        c = self.counts
        read = min(n_log, self.conf.limit or n_log)
        reasons = [
            ("beyond replay.limit", n_log - read),
            ("left out by replay.where", c.filtered),
            ("training period", c.training),
            *c.by_period.items(),
            ("label not yet mature", c.immature),
            ("label not known", c.unlabelled),
        ]
        return RowAccount(n_log, c.judged, tuple((r, n) for r, n in reasons if n))

    def finish(self) -> Grid:
        """Refuse a log without judged rows, then give slices and windows their final ids."""
        if self.counts.judged == 0:
            raise ReplayError(f"replay: no row is left to judge ({_listed(self.account(0))}); widen the judged period or give labels")
        slice_by, slice_value, columns = self._slices()
        windows = self._windows()
        n_slices = len(slice_by)
        dtype = np.uint16 if n_slices <= np.iinfo(np.uint16).max else np.int32
        n_rows = len(self.judged.mapped())
        matrix = ArrayWriter(self.folder / "slice_ids.arrow", dtype, len(columns) + 1)
        for start in range(0, n_rows, 1 << 20):
            stop = min(start + (1 << 20), n_rows)
            block = np.zeros((stop - start, len(columns) + 1), dtype)
            for j, (offset, ids) in enumerate(columns):
                block[:, j + 1] = offset + ids[start:stop]
            matrix.append(block)
        matrix.finish()
        for writer in self.columns:
            writer.discard()
        for array in (self.judged, self.tuning, self.reference, self.roles, self.times):
            if array is not None:
                array.finish()
        return Grid(slice_by, slice_value, windows)

    def _slices(self) -> tuple[tuple[str, ...], tuple[str, ...], list[tuple[int, NDArray[np.int32]]]]:
        by, value, columns = [ALL], [ALL], []
        final: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]] = {}
        for conf, encoder, writer in zip(self.conf.slice_columns, self.encoders, self.columns, strict=True):
            remap, names = encoder.finish()
            ids = writer.mapped()
            for start in range(0, len(ids), 1 << 20):  # in place, block by block: the whole column stays in the file
                ids[start : start + (1 << 20)] = np.maximum(remap[ids[start : start + (1 << 20)]], 0)
            final[conf.column] = ids, names
        for columns_of in [(s.column,) for s in self.conf.slice_columns] + list(self.conf.crosses):
            if len(columns_of) == 1:
                ids, names = final[columns_of[0]]
            else:
                ids, names = self._cross(columns_of, final)
            columns.append((len(by), ids))
            by += ["*".join(columns_of)] * len(names)
            value += names
            if len(by) - 1 > self.conf.max_slices:
                raise ReplayError(
                    f"replay.slices: {len(by) - 1:,} slices up to {'*'.join(columns_of)}, above slices.max_slices={self.conf.max_slices:,};"
                    " slice by fewer or coarser columns, or raise max_slices"
                )
        return tuple(by), tuple(value), columns

    def _cross(self, names_of: tuple[str, ...], final: dict[str, Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        in_judged = (self.roles.mapped() & JUDGED) > 0
        dense, names = cross([final[c][0][in_judged] for c in names_of], [final[c][1] for c in names_of])
        ids = np.zeros(len(in_judged), np.int32)
        ids[in_judged] = dense
        return ids, refuse_same_names("*".join(names_of), names)

    def _windows(self) -> tuple[str, ...]:
        windows, rows = self.conf.windows, self.conf.window_rows
        judged = self.judged.mapped() >= 0
        if windows and self.times is not None:
            ids, present = time_windows.dense(time_windows.window_keys(self.times.mapped(), windows), judged)
            names = [time_windows.window_name(k, windows) for k in present.tolist()]
        elif rows:
            ids, present = time_windows.dense(np.maximum(np.cumsum(judged) - 1, 0) // rows, judged)
            names = [time_windows.row_window_name(k, rows) for k in present.tolist()]
        else:
            return (ALL,)
        write_array(self.folder / "window_ids.arrow", ids)
        return (ALL, *names)


def _listed(account: RowAccount) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in account.left_out) or "the log is empty"


class _Tensors:
    """One row-major matrix per input group."""

    def __init__(self, folder: Path, groups: Sequence[InputGroup], log: LogFiles) -> None:
        self._writers = [_tensor_writer(folder, group, log) for group in groups]

    def add(self, batch: RowBatch, kept: NDArray[np.bool_]) -> None:
        """Append the kept rows of a batch."""
        for writer, rows in zip(self._writers, batch.tensors, strict=True):
            writer.append(rows[kept])

    def finish(self) -> None:
        """Write every tensor file."""
        for writer in self._writers:
            writer.finish()


def _tensor_writer(folder: Path, group: InputGroup, log: LogFiles) -> ArrayWriter | TextWriter:
    path = prepared.tensor_file(folder, group)
    if group.dtype == "string":
        return TextWriter(path, len(group.columns))
    width = sum(c.width for c in (log.column(name) for name in group.columns) if c is not None)
    return ArrayWriter(path, {"float": np.float32, "double": np.float64, "int64": np.int64}[group.dtype], width)
