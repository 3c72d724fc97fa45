"""One array in one memory-mapped Arrow file: written row block by row block, read without a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class ArrayWriter:
    """Appends rows of a fixed width to a file that `finish` turns into an Arrow file.

    The raw bytes go to disk first and are mapped when the Arrow file is written, so that memory does not grow
    with the number of rows.
    """

    def __init__(self, path: Path, dtype: Any, width: int | None) -> None:
        self.path, self.dtype, self.width = path, np.dtype(dtype), width
        self._raw = path.with_suffix(".raw")
        self._raw.write_bytes(b"")
        self._n_rows = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows, [n] or [n, width]."""
        if rows.size == 0:  # a memoryview of no bytes cannot be cast
            return
        # Opened anew for each block of rows, so that nothing stays open when a later row refuses the log.
        with self._raw.open("ab") as stream:
            stream.write(np.ascontiguousarray(rows, self.dtype).data.cast("B"))
        self._n_rows += len(rows)

    def mapped(self) -> NDArray[Any]:
        """Map what was appended for changes in place."""
        shape = (self._n_rows,) if self.width is None else (self._n_rows, self.width)
        if self._n_rows == 0:
            return np.empty(shape, self.dtype)
        return np.memmap(self._raw, self.dtype, "r+", shape=shape)

    def finish(self) -> None:
        """Write the Arrow file and remove the raw one."""
        rows = self.mapped()
        temporary = self.path.with_suffix(".tmp")
        write_array(temporary, rows)
        temporary.replace(self.path)
        self._raw.unlink()

    def discard(self) -> None:
        """Remove the raw file without writing an Arrow file."""
        self._raw.unlink()


class TextWriter:
    """Appends rows of texts to an Arrow file, one record batch per block, so that memory does not grow with the rows."""

    def __init__(self, path: Path, width: int) -> None:
        self.path, self.width = path, width
        self._temporary = path.with_suffix(".tmp")
        self._schema = pa.schema([("values", pa.list_(pa.large_string(), width))])
        self._sink: Any = None
        self._writer: Any = None

    def append(self, rows: NDArray[np.object_]) -> None:
        """Append texts [n, width]; None, a missing text, is written as the empty text, which is what models get."""
        if self._writer is None:
            self._sink = pa.OSFile(str(self._temporary), "wb")
            self._writer = pa.ipc.new_file(self._sink, self._schema)
        flat = pc.fill_null(pa.array(rows.reshape(-1), pa.large_string()), "")
        column = pa.FixedSizeListArray.from_arrays(flat, type=self._schema.field(0).type)
        self._writer.write_batch(pa.record_batch([column], schema=self._schema))

    def finish(self) -> None:
        """Close the file and give it its name."""
        if self._writer is None:
            self.append(np.empty((0, self.width), object))
        self._writer.close()
        self._sink.close()
        self._temporary.replace(self.path)


def write_array(path: Path, rows: NDArray[Any]) -> None:
    """Write an array [n] or [n, width] as the one column `values` of an Arrow file."""
    flat = pa.array(np.asarray(rows).reshape(-1))
    column = flat if rows.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
    _write(path, column)


def _write(path: Path, column: pa.Array) -> None:
    batch = pa.record_batch([column], names=["values"])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_array(path: Path) -> NDArray[Any]:
    """Map the array of an Arrow file read-only, without a copy; texts come back as an object array."""
    source = pa.memory_map(str(path))
    reader = pa.ipc.open_file(source)
    column = reader.get_batch(0).column(0)
    if not pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=True))
    if pa.types.is_large_string(column.type.value_type):
        blocks = (reader.get_batch(i).column(0).flatten() for i in range(reader.num_record_batches))
        texts = [np.asarray(block.to_numpy(zero_copy_only=False), object) for block in blocks]
        return np.concatenate(texts).reshape(-1, column.type.list_size)
    return np.asarray(column.values.to_numpy(zero_copy_only=True)).reshape(-1, column.type.list_size)
