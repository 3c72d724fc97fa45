"""The results folder: one writer at a time, and files that are whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from harness.errors import ResultsError


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Hold a results folder for writing.

    Raises
    ------
    ResultsError
        When it cannot be written, or another sweep is writing it.
    """
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".lock")
        lock.acquire(timeout=1)  # a look by harness status holds it for a moment
    except Timeout:
        raise ResultsError(f"results: another harness is writing {root}; wait for it, or give this sweep another name=") from None
    except OSError as trouble:
        raise ResultsError(f"results_dir: {root} cannot be written ({trouble.strerror}); set results_dir to a folder that can") from trouble
    try:
        yield
    finally:
        _leave_no_trace(root, made)  # while the lock is held, so that nobody else's is removed
        lock.release()


def _leave_no_trace(root: Path, made: Sequence[Path]) -> None:
    """Remove the folders that were made for a sweep which was refused before it wrote anything."""
    if [p.name for p in root.iterdir()] != [".lock"]:
        return
    (root / ".lock").unlink()
    with contextlib.suppress(OSError):  # somebody else has put something there
        for folder in made or (root,):
            folder.rmdir()


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under a temporary name, flush it to the disk, and rename it.

    Raises
    ------
    ResultsError
        When the disk is full or the folder cannot be written; nothing half-written is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as trouble:
        reason = trouble.strerror or str(trouble)
        raise ResultsError(
            f"results: {path} cannot be written ({reason}); free disk space or set results_dir to another folder"
        ) from trouble
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""

    def write(file: Path) -> None:
        file.write_text(text, encoding="utf-8")

    write_whole(path, write)


def write_json(path: Path, data: Any) -> None:
    """Write JSON; records become objects, NaN becomes null, infinity the text `inf`."""
    write_text(path, json.dumps(_plain(data), indent=1, allow_nan=False) + "\n")


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet."""
    write_whole(path, lambda file: frame.to_parquet(file, index=False))


def write_columns(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays of equal length, [n] or [n, width], as the columns of an Arrow file."""
    arrays = [pa.array(np.ascontiguousarray(a).reshape(-1)) for a in columns.values()]
    shaped = [
        flat if a.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, a.shape[1])
        for flat, a in zip(arrays, columns.values(), strict=True)
    ]
    table = pa.record_batch(shaped, names=list(columns))

    def write(file: Path) -> None:
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_batch(table)

    write_whole(path, write)


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """Map the columns of an Arrow file read-only, without a copy (but for truth values).

    Raises
    ------
    ResultsError
        When the file is missing or damaged.
    """
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (OSError, pa.ArrowException) as trouble:
        raise _unreadable(path, trouble) from trouble
    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_fixed_size_list(column.type):
            found[name] = np.asarray(column.values.to_numpy(zero_copy_only=True)).reshape(-1, column.type.list_size)
        else:
            packed = pa.types.is_boolean(column.type)  # Arrow keeps eight of them in a byte
            found[name] = np.asarray(column.to_numpy(zero_copy_only=not packed))
    return found


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table, or some of its columns.

    Raises
    ------
    ResultsError
        When the file is missing or damaged.
    """
    try:
        return pd.read_parquet(path, columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as trouble:
        raise _unreadable(path, trouble) from trouble


def _unreadable(path: Path, trouble: Exception) -> ResultsError:
    reason = "it is missing" if isinstance(trouble, FileNotFoundError) else "it is damaged"
    return ResultsError(f"results: {path} cannot be read ({reason}); run the sweep again")


def new_mapped(path: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Map a new file of zeros for writing; its blocks are allotted first, since a full disk met through a map kills the process.

    Raises
    ------
    ResultsError
        When the disk has no room for it.
    """
    n_bytes = int(np.dtype(dtype).itemsize * np.prod(shape))
    try:
        with path.open("wb") as stream:
            if n_bytes and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, n_bytes)
        return np.memmap(path, dtype, "r+" if n_bytes and hasattr(os, "posix_fallocate") else "w+", shape=shape)
    except OSError as trouble:
        path.unlink(missing_ok=True)
        reason = trouble.strerror or str(trouble)
        raise ResultsError(
            f"results: {path} cannot be written ({reason}); free disk space or set results_dir to another folder"
        ) from trouble


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ResultsError
        When the file is missing or is not JSON.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ResultsError(f"results: no file {path}; name the folder of a sweep, as results/flights, or run the sweep again") from None
    except (OSError, TypeError, ValueError) as trouble:
        raise ResultsError(f"results: {path} cannot be read ({trouble}); run the sweep again") from trouble


def _plain(data: Any) -> Any:
    if is_dataclass(data) and not isinstance(data, type):
        return _plain(asdict(data))
    if isinstance(data, Mapping):
        return {str(k): _plain(v) for k, v in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(v) for v in data]
    if isinstance(data, np.ndarray):
        return _plain(data.tolist())
    if isinstance(data, np.generic):
        return _plain(data.item())
    if isinstance(data, float):
        return None if np.isnan(data) else data if np.isfinite(data) else str(data)
    return data if data is None or isinstance(data, (str, int, bool)) else str(data)
