"""The label of compared rows, decoded as the judged rows' labels are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.column import Column
from harness.records.conf import LabelSource, ReplayConf
from harness.records.replay import LogFiles, is_known
from harness.replay.join_keys import key_kind
from harness.replay.label_table import LabelTable
from harness.replay.labels import LabelDecoder, label_decoder, no_labels
from harness.replay.log_side import LogSide


def label_column(
    sides: Sequence[LogSide],
    conf: ReplayConf,
    name: str,
    label_files: LogFiles | None,
    as_of_us: int | None,
    is_immature: NDArray[np.bool_],
) -> Column:
    """Return the label of every row of all sides.

    Parameters
    ----------
    name
        Of the label's column.
    label_files
        Those that hold the labels, where the log does not. Another log's labels are looked up there too if it has the keys, else
        they are taken from its own column of that name.
    as_of_us
        Labels that became known after it are missing; microseconds since the epoch, None takes all.
    is_immature
        bool, one per row of all sides: labels of these rows are missing.

    Raises
    ------
    ReplayError
        When the labels that are known cannot be what the task says.
    """
    decoder = label_decoder(conf)
    found: list[NDArray[Any]] = []
    notes, types = [], []
    for side, whose in zip(sides, ("the reference", "the log") if len(sides) > 1 else ("the log",), strict=True):
        own, type_, why = _labels_of(side, conf, name, label_files, as_of_us, decoder)
        found += own
        types.append(type_)
        notes += [f"'{name}' is missing in all rows of {whose}: {why}"] if why else []
    labels = np.concatenate([no_labels(conf.task, 0), *found])
    if is_known(labels).any():
        decoder.finish()
    n_young = int((is_known(labels) & is_immature).sum())
    if n_young:
        notes.append(f"'{name}' of {n_young:,} rows is too young to be judged, and missing here")
    labels = np.where(is_immature, no_labels(conf.task, len(labels)), labels)
    return _column(Column(name, types[-1], types[0], "category", note="; ".join(notes)), conf.task, labels, decoder)


def _column(empty: Column, task: str, labels: NDArray[Any], decoder: LabelDecoder) -> Column:
    if task == "regression":
        return replace(empty, kind="number", values=labels)
    if task == "binary":
        return replace(empty, codes=labels.astype(np.int32), categories=("0", "1"))
    remap, classes = decoder.order()
    return replace(empty, codes=np.append(remap, np.int32(-1))[labels], categories=classes)  # -1, not known, is the last entry


def _labels_of(
    side: LogSide, conf: ReplayConf, name: str, label_files: LogFiles | None, as_of_us: int | None, decoder: LabelDecoder
) -> tuple[list[NDArray[Any]], str, str]:
    """Return a side's labels part by part, their type, and why there are none at all."""
    source = conf.labels
    if source is not None and label_files is not None and _has_keys(side.files, label_files, source):
        table = LabelTable(replace(side.files, labels=label_files), source, as_of_us)
        found = [decoder.decode(table.labels_of(batch)[0]) for batch in side.batches(source.on)]
        return found, _type(label_files, name), _refusal(table.finish)
    if side.files.column(name) is None:
        return [no_labels(conf.task, side.n_kept)], "", "there is no such column"
    found = [decoder.decode(batch.column(name)) for batch in side.batches([name])]
    why = "" if any(is_known(part).any() for part in found) else "the column is null"
    return found, _type(side.files, name), why


def _has_keys(files: LogFiles, label_files: LogFiles, source: LabelSource) -> bool:
    types = [(files.column(key), label_files.column(key)) for key in source.on]
    return all(own is not None and other is not None and key_kind(own.type) == key_kind(other.type) for own, other in types)


def _type(files: LogFiles, name: str) -> str:
    found = files.column(name)
    return found.type if found else ""


def _refusal(check: Callable[[], None]) -> str:
    """Return what a check refuses, "" where it passes: labels that are not there yet leave all other columns to compare."""
    try:
        check()
    except ReplayError as why:
        return str(why)
    return ""
