"""Say whether a built folder is up to date, and put new files into it so that no reader sees half of one."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

STAMP = "demo.json"


@dataclass(frozen=True)
class Stamp:
    """What a finished build was made from, and its files with their sizes in bytes."""

    identity: str
    files: dict[str, int]


def identity(sources: Iterable[Path], packages: Iterable[str], built_from: str = "") -> str:
    """Answer what a build depends on, as one sha256: its source files, the versions of its packages, and what it was built from."""
    digest = hashlib.sha256(built_from.encode())
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    for package in packages:
        digest.update(f"{package}=={version(package)}\n".encode())
    return digest.hexdigest()


def is_current(folder: Path, wanted: str) -> bool:
    """Answer whether `folder` holds a finished build of identity `wanted`, every file there with its size."""
    stamp = _read_stamp(folder)
    files = [(folder / name, size) for name, size in stamp.files.items()]
    return stamp.identity == wanted and all(file.is_file() and file.stat().st_size == size for file, size in files)


def build_once(folder: Path, wanted: str, build: Callable[[Path], None]) -> bool:
    """Run `build` on a temporary folder and move its files to `folder`, unless they are there already; return whether it ran.

    Files of others in `folder` stay; those of an earlier build go. The stamp is written last: a build that was cut off is not current.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".demo.lock"):
        if is_current(folder, wanted):
            return False
        with tempfile.TemporaryDirectory(dir=folder, prefix=".demo-") as scratch:
            build(Path(scratch))
            _publish(Path(scratch), folder, wanted)
    return True


def _publish(scratch: Path, folder: Path, wanted: str) -> None:
    """Rename the built files into `folder`, remove an earlier build's others, and write the stamp last."""
    built = sorted(file for file in scratch.iterdir() if file.is_file())
    sizes = {file.name: file.stat().st_size for file in built}
    stale = set(_read_stamp(folder).files) - set(sizes)
    (folder / STAMP).unlink(missing_ok=True)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    for file in built:
        file.replace(folder / file.name)
    fresh = scratch / STAMP
    fresh.write_text(json.dumps(asdict(Stamp(wanted, sizes)), indent=2) + "\n")
    fresh.replace(folder / STAMP)


def _read_stamp(folder: Path) -> Stamp:
    """Read the stamp; an empty one where there is none or it cannot be read, which means: build."""
    try:
        return Stamp(**json.loads((folder / STAMP).read_text()))
    except (OSError, ValueError, TypeError):
        return Stamp("", {})
