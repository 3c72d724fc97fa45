"""The prepared replay on disk: written once under a lock, opened by every variant."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.comparison import RowAccount
from harness.records.conf import ReplayConf
from harness.records.replay import InputGroup, LogFiles, PreparedReplay
from harness.records.tally import Grid
from harness.replay.columns_file import read_array

_MARK = "prepared.json"  # written last: a folder without it is half-written
ARRAYS = (
    *("judged_labels", "tuning_labels", "reference_labels", "roles", "slice_ids", "window_ids", "timestamps_us"),
    *("weights", "cluster_ids", "production_scores", "production_version_ids"),
)
_NOT_PREPARED = ("name", "path", "id", "features", "rows_per_request", "contract")  # what the arrays do not depend on


def folder_of(cache_dir: Path, log: LogFiles, conf: ReplayConf, code_hash: str) -> Path:
    """Return the cache folder of this log under this configuration and this version of the code."""
    parts = {k: v for k, v in asdict(conf).items() if k not in _NOT_PREPARED}
    parts["production"] = [conf.production.score, conf.production.version]
    if conf.reference and conf.reference.path:
        parts["reference"] = None  # its rows are in another log
    if conf.labels:  # the label file is known by its bytes, as the log is
        parts["labels"] = [conf.labels.on, conf.labels.column, conf.labels.observed_at, log.labels.fingerprint if log.labels else None]
    key = hashlib.sha256(json.dumps([log.fingerprint, code_hash, parts], default=str, sort_keys=True).encode()).hexdigest()
    return cache_dir / "replay" / key[:24]


def tensor_file(folder: Path, group: InputGroup) -> Path:
    """Return the file of one input group."""
    digest = hashlib.sha256(json.dumps([group.dtype, *group.columns]).encode()).hexdigest()
    return folder / f"tensor-{digest[:16]}.arrow"


def open_tensor(folder: Path, group: InputGroup) -> NDArray[Any]:
    """Map one input group, [n_rows, width], read-only."""
    return read_array(tensor_file(folder, group))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of one cache folder, so that two sweeps prepare a log once."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        lock.acquire()
    except OSError as trouble:
        raise ReplayError(
            f"cache_dir: {folder.parent} cannot be written ({trouble.strerror}); set cache_dir to a folder that can"
        ) from trouble
    try:
        yield
    finally:
        lock.release()


def is_complete(folder: Path) -> bool:
    """Say whether the folder was written to its end and still has all of its files."""
    try:
        meta = json.loads((folder / _MARK).read_text())
    except (OSError, ValueError):
        return False
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in meta["files"].items())


def missing_groups(folder: Path, groups: Sequence[InputGroup]) -> list[InputGroup]:
    """Return the groups that have no tensor file yet."""
    return [group for group in groups if not tensor_file(folder, group).is_file()]


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `folder` when the block ends well, and is removed when it does not."""
    temporary = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as trouble:
        raise _unwritable(folder, trouble) from trouble
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def adding(folder: Path) -> Iterator[None]:
    """Let tensors be added to a complete folder; what is half-written is removed when the block does not end well."""
    try:
        yield
    except OSError as trouble:
        raise _unwritable(folder, trouble) from trouble
    finally:
        for left in (*folder.glob("tensor-*.raw"), *folder.glob("tensor-*.tmp")):
            left.unlink(missing_ok=True)


def _unwritable(folder: Path, trouble: OSError) -> ReplayError:
    reason = trouble.strerror or str(trouble)
    return ReplayError(f"cache_dir: {folder.parent} cannot be written ({reason}); free disk space or set cache_dir to another folder")


@dataclass(frozen=True)
class Description:
    """What is known of a prepared replay besides its arrays.

    Args:
        as_of_us: the moment at which the maturity of labels was judged, microseconds since the epoch; None where the log has no times.
    """

    fingerprint: str
    grid: Grid
    account: RowAccount
    notes: tuple[str, ...]
    classes: tuple[str, ...]
    as_of_us: int | None
    production_versions: tuple[str, ...] = ()


def write_meta(folder: Path, description: Description, n_nan: Mapping[str, int]) -> None:
    """Write the description of a prepared replay; it is the mark that the folder is complete."""
    files = {f.name: f.stat().st_size for f in folder.glob("*.arrow") if not f.name.startswith("tensor-")}
    meta = asdict(description) | {"n_nan": dict(n_nan), "files": files}
    (folder / _MARK).write_text(json.dumps(meta, default=str))


def add_to_meta(folder: Path, n_nan: Mapping[str, int]) -> None:
    """Describe columns that were added to a complete folder."""
    meta = json.loads((folder / _MARK).read_text())
    meta |= {"n_nan": meta["n_nan"] | dict(n_nan)}
    temporary = folder / f".{_MARK}.tmp"
    temporary.write_text(json.dumps(meta, default=str))
    temporary.replace(folder / _MARK)


def read_n_nan(folder: Path) -> dict[str, int]:
    """Return the rows that hold NaN, per feature that any variant has asked for so far."""
    return dict(json.loads((folder / _MARK).read_text())["n_nan"])


def read_as_of_us(folder: Path) -> int | None:
    """Return the moment at which the maturity of labels was judged, microseconds since the epoch; None where the log has no times."""
    as_of_us = json.loads((folder / _MARK).read_text())["as_of_us"]
    return None if as_of_us is None else int(as_of_us)


def read_immature_labels(folder: Path) -> NDArray[Any] | None:
    """Map the labels of rows of the judged period that are too young to be judged, as `judged_labels`; None where the log has no times."""
    file = folder / "immature_labels.arrow"
    return read_array(file) if file.exists() else None


def open_prepared(folder: Path) -> PreparedReplay:
    """Map a prepared replay."""
    meta = json.loads((folder / _MARK).read_text())
    arrays = {name: read_array(folder / f"{name}.arrow") if (folder / f"{name}.arrow").exists() else None for name in ARRAYS}
    grid = Grid(*(tuple(meta["grid"][k]) for k in ("slice_by", "slice_value", "windows")))
    account = meta["account"]
    labels, tuning, reference = (arrays[k] for k in ("judged_labels", "tuning_labels", "reference_labels"))
    roles, ids = arrays["roles"], arrays["slice_ids"]
    assert labels is not None
    assert tuning is not None
    assert reference is not None
    assert roles is not None
    assert ids is not None
    return PreparedReplay(
        folder=folder,
        fingerprint=meta["fingerprint"],
        n_rows=len(labels),
        grid=grid,
        account=RowAccount(account["n_log"], account["n_judged"], tuple((r, n) for r, n in account["left_out"])),
        judged_labels=labels,
        tuning_labels=tuning,
        reference_labels=reference,
        roles=roles,
        slice_ids=ids,
        window_ids=arrays["window_ids"],
        timestamps_us=arrays["timestamps_us"],
        notes=tuple(meta["notes"]),
        classes=tuple(meta["classes"]),
        weights=arrays["weights"],
        cluster_ids=arrays["cluster_ids"],
        production_scores=arrays["production_scores"],
        production_versions=tuple(meta["production_versions"]),
        production_version_ids=arrays["production_version_ids"],
    )
