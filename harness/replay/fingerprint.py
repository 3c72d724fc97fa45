"""The sha256 of a log's bytes, remembered so that a large log is read once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import ReplayError


def file_sha256(path: Path) -> str:
    """Return the sha256 of one file as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(paths: Sequence[Path], cache_dir: Path | None) -> str:
    """Return one sha256 over the bytes of all files, in their order.

    Hashes are remembered in `cache_dir` by path, size, modification time and inode; None remembers nothing.

    Raises
    ------
    ReplayError
        When `cache_dir` cannot be written.
    """
    store = cache_dir / "fingerprints.json" if cache_dir else None
    known = _load(store)
    whole = hashlib.sha256()
    fresh = {}
    for path in paths:
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        digest = known.get(key) or file_sha256(path)
        fresh[key] = digest
        whole.update(bytes.fromhex(digest))
    if store and not fresh.keys() <= known.keys():
        _remember(store, known | fresh)
    return whole.hexdigest()


def _remember(store: Path, hashes: dict[str, str]) -> None:
    temporary = store.with_name(f"{store.name}.{os.getpid()}.tmp")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(hashes))
        temporary.replace(store)
    except OSError as trouble:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ReplayError(
            f"cache_dir: {store.parent} cannot be written ({trouble.strerror}); free disk space or set cache_dir to a folder that can"
        ) from trouble


def _load(store: Path | None) -> dict[str, str]:
    try:
        return dict(json.loads(store.read_text())) if store else {}
    except (OSError, ValueError):
        return {}
