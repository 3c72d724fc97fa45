"""The features of the kept rows as the tensors that models take, one file each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.records.replay import InputGroup, LogFiles, RowBatch
from harness.replay.columns_file import ArrayWriter, TextWriter
from harness.replay.prepared import tensor_file


class Tensors:
    """One row-major matrix per input group."""

    def __init__(self, folder: Path, groups: Sequence[InputGroup], log: LogFiles) -> None:
        self._writers = [_writer_of(folder, group, log) for group in groups]

    def add(self, batch: RowBatch, kept: NDArray[np.bool_]) -> None:
        """Append the kept rows of a batch."""
        for writer, rows in zip(self._writers, batch.tensors, strict=True):
            writer.append(rows[kept])

    def finish(self) -> None:
        """Write every tensor file."""
        for writer in self._writers:
            writer.finish()


def _writer_of(folder: Path, group: InputGroup, log: LogFiles) -> ArrayWriter | TextWriter:
    path = tensor_file(folder, group)
    if group.dtype == "string":
        return TextWriter(path, len(group.columns))
    width = sum(c.width for c in (log.column(name) for name in group.columns) if c is not None)
    return ArrayWriter(path, {"float": np.float32, "double": np.float64, "int64": np.int64}[group.dtype], width)
