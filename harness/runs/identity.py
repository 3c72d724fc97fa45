"""What a result depends on, as hashes: equal identity, equal result."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def digest(*parts: Any) -> str:
    """Return a sha256 (hex) over the JSON of `parts`; keys are sorted."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def code_hash(places: Sequence[Path]) -> str:
    """Return a sha256 over the Python sources of folders, and over single files, by name and content."""
    whole = hashlib.sha256()
    for place in places:
        for file in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            whole.update(file.name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


def slug(label: str) -> str:
    """Return a variant's name as part of a folder name."""
    return re.sub(r"[^\w.=-]+", "_", label).strip("_")[:60]


@dataclass(frozen=True)
class GitState:
    """Commit of the working directory and whether it has changes; None outside of a repository."""

    commit: str | None
    dirty: bool | None


def git_state() -> GitState:
    """Ask git for the commit of the working directory."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        status = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return GitState(None, None)
    return GitState(commit, bool(status.strip()))
