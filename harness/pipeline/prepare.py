"""From the log to the prepared replay: decode once, slice once, keep everything memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DeviceError, HarnessError, ReplayError
from harness.records.comparison import RowAccount
from harness.records.conf import ReplayConf
from harness.records.replay import REFERENCE, TUNING, InputGroup, LogFiles, PreparedReplay, RowBatch
from harness.records.tally import Grid
from harness.replay import prepared
from harness.replay.arrow_reader import LogReader
from harness.replay.columns_file import ArrayWriter
from harness.replay.cudf_reader import reader_for
from harness.replay.labels import label_dtype, no_labels
from harness.replay.missing_values import MissingValues
from harness.replay.tensors import Tensors
from harness.slicing.account import RowCounts, states_of
from harness.slicing.blocks import blocks
from harness.slicing.periods import RowRoles, microseconds, roles_of
from harness.slicing.slice_matrix import SliceMatrix
from harness.slicing.windows import write_windows
from harness.workers.child import Channel, run_child

Progress = Callable[[int, int], None]
_Args = tuple[LogFiles, ReplayConf, Sequence[InputGroup], Path]
_Work = Callable[..., list[str]]
_SILENT_S = 3600.0  # a child may be silent: before the first batch it reads the whole time column


def prepare(
    log: LogFiles,
    conf: ReplayConf,
    groups: Sequence[InputGroup],
    cache_dir: Path,
    code_hash: str,
    progress: Progress,
    device: str = "cpu",
) -> PreparedReplay:
    """Return the prepared replay with a tensor for every group, from the cache where it is there.

    A reference that is another log has no rows in it. The files are the same bytes whatever `device` (cpu or cuda) decodes the log; a note
    says what could not be decoded on it, when the log is decoded.
    """
    folder = prepared.folder_of(cache_dir, log, conf, code_hash)
    if conf.reference and conf.reference.path:
        conf = replace(conf, reference=None)
    device_notes: list[str] = []
    with prepared.locked(folder):
        if not prepared.is_complete(folder):
            with prepared.building(folder) as target:
                device_notes = _decode(_build, (log, conf, groups, target), device, progress)
        elif lacking := prepared.missing_groups(folder, groups):
            with prepared.adding(folder):
                device_notes = _decode(_add_groups, (log, conf, lacking, folder), device, progress)
    found = prepared.open_prepared(folder)
    return replace(found, notes=(*found.notes, *_nan_notes(prepared.read_n_nan(folder), groups), *device_notes))


def _decode(work: _Work, args: _Args, device: str, progress: Progress) -> list[str]:
    """Do the work here, or in a child where it takes a card: the sweep itself holds none of its memory and outlives what goes wrong on it."""
    if device != "cuda":
        return work(*args, device, progress)
    outcome = run_child(_decode_in_child, (work, args), _SILENT_S, None, lambda done: progress(done, args[0].n_rows))
    if isinstance(outcome.value, HarnessError):
        raise outcome.value
    if outcome.status != "ok":
        raise DeviceError(f"device: cuda was asked for, and the log could not be decoded on the card ({outcome.reason}); use device=cpu")
    return list(outcome.value)


def _decode_in_child(channel: Channel, work: _Work, args: _Args) -> list[str] | HarnessError:
    try:
        return work(*args, "cuda", lambda done, _: channel.progress(done))
    except HarnessError as trouble:  # raised again by the parent, of its own class and in its own words
        return trouble


def _build(log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], folder: Path, device: str, progress: Progress) -> list[str]:
    """Write a prepared replay and return what was not decoded on the device."""
    reader = reader_for(device, log, conf, groups)
    as_of_us = _as_of(conf, reader)
    rows = _Rows(folder, conf)
    tensors = Tensors(folder, groups, log)
    missing = MissingValues(groups)
    for batch in reader.batches(as_of_us):
        roles = rows.add(batch, as_of_us)
        kept = ~roles.training
        tensors.add(batch, kept)
        missing.add(batch, kept)
        progress(batch.first_row + batch.n_rows, log.n_rows)
    reader.finish()
    account = rows.account(log.n_rows)
    remap, classes = reader.class_order()
    version_remap, versions = reader.version_order()
    grid = rows.finish(account, remap, version_remap)
    tensors.finish()
    notes = (*_notes(conf), *reader.notes())
    description = prepared.Description(log.fingerprint, grid, account, notes, classes, as_of_us, versions)
    prepared.write_meta(folder, description, missing.n_nan)
    return reader.device_notes


def _add_groups(log: LogFiles, conf: ReplayConf, groups: Sequence[InputGroup], folder: Path, device: str, progress: Progress) -> list[str]:
    reader = reader_for(device, log, conf, groups, with_labels=False)
    tensors = Tensors(folder, groups, log)
    missing = MissingValues(groups)
    for batch in reader:
        roles = roles_of(batch.timestamps_us, len(batch.labels), conf, None)  # only training and reference are read of them
        kept = ~roles.training
        tensors.add(batch, kept)
        missing.add(batch, kept)
        progress(batch.first_row + batch.n_rows, log.n_rows)
    prepared.add_to_meta(folder, missing.n_nan)
    tensors.finish()  # after the description: a tensor that is there is a tensor that is described
    return reader.device_notes


def _as_of(conf: ReplayConf, reader: LogReader) -> int | None:
    if conf.label_maturity.as_of:
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


class _Rows:
    """Labels, roles, weights, clusters, production's answers, slices and windows of the rows that are kept."""

    def __init__(self, folder: Path, conf: ReplayConf) -> None:
        self.folder, self.conf, self.counts = folder, conf, RowCounts()
        names = [*_LABELS, *(["immature_labels"] if conf.timestamp else [])]
        self.labels = {name: self._new_array(name, label_dtype(conf.task)) for name in names}
        self.roles = self._new_array("roles", np.uint8)
        self.times = self._new_array("timestamps_us", np.int64) if conf.timestamp else None
        self.weights = self._new_array("weights", np.float64) if conf.weight else None
        self.clusters = self._new_array("cluster_ids", np.int64) if conf.cluster else None
        self.scores = self._new_array("production_scores", np.float64) if conf.production.score else None
        self.versions = self._new_array("production_version_ids", np.int32) if conf.production.version else None
        self.slices = SliceMatrix(conf, self._new_array)

    def _new_array(self, name: str, dtype: Any, width: int | None = None) -> ArrayWriter:
        return ArrayWriter(self.folder / f"{name}.arrow", dtype, width)

    def add(self, batch: RowBatch, as_of_us: int | None) -> RowRoles:
        """Add a batch and return what its rows are used for."""
        found = roles_of(batch.timestamps_us, len(batch.labels), self.conf, as_of_us)
        kept = ~found.training
        roles, labels = found.roles[kept], batch.labels[kept]
        states = states_of(roles, labels, None if batch.weights is None else batch.weights[kept])
        none = no_labels(self.conf.task, len(labels))
        used = (states.judged, (roles & TUNING) > 0, (roles & REFERENCE) > 0, states.immature)
        for writer, rows in zip(self.labels.values(), used, strict=False):  # the last only where there are times
            writer.append(np.where(rows & states.weighs, labels, none))
        self.roles.append(roles)
        given = (batch.timestamps_us, batch.weights, batch.clusters, batch.production_scores, batch.production_version_ids)
        for array, values in zip((self.times, self.weights, self.clusters, self.scores, self.versions), given, strict=True):
            if array is not None and values is not None:
                array.append(values[kept])
        late = None if batch.is_late is None else batch.is_late[kept]
        self.counts.add(batch.n_rows - len(batch.labels), int(found.training.sum()), roles, states, late)
        self.slices.add(batch, kept, states.in_period)
        return found

    def account(self, n_log: int) -> RowAccount:
        """Return how many rows are judged and why the others are not."""
        return self.counts.account(n_log, min(n_log, self.conf.limit or n_log))

    def finish(self, account: RowAccount, remap: NDArray[np.int32], version_remap: NDArray[np.int32]) -> Grid:
        """Refuse a log without judged rows, then give classes, versions, slices and windows their final ids."""
        if account.n_judged == 0:
            raise ReplayError(f"replay: no row is left to judge ({_listed(account)}); widen the judged period or give labels")
        slice_by, slice_value = self.slices.finish(self.roles.mapped())
        for writer in self.labels.values():
            _renumber(writer.mapped(), remap)
        if self.versions is not None:
            _renumber(self.versions.mapped(), version_remap)
        times = None if self.times is None else self.times.mapped()
        windows = write_windows(self.conf, self.labels["judged_labels"].mapped(), times, self._new_array)
        for array in (*self.labels.values(), self.roles, self.times, self.weights, self.clusters, self.scores, self.versions):
            if array is not None:
                array.finish()
        return Grid(slice_by, slice_value, windows)


_LABELS = ("judged_labels", "tuning_labels", "reference_labels")


def _renumber(labels: NDArray[Any], remap: NDArray[np.int32]) -> None:
    """Give classes, or versions, their final numbers, in place."""
    if (remap == np.arange(len(remap))).all():
        return
    table = np.append(remap, np.int32(-1))  # -1, not known, is its last entry
    for block in blocks(len(labels)):
        labels[block] = table[labels[block]]


def _listed(account: RowAccount) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in account.left_out) or "the log is empty"
