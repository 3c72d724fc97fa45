"""What a section of the check leaves, and its way from the child that ran it to the report. The standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass(frozen=True)
class Result:
    """How one section ended.

    Args:
        headline: one sentence of what was found; of what is missing and the command that mends it, where it was not run.
        lines: the section of the report, in Markdown.
    """

    name: str
    status: str
    headline: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What every section is told.

    Args:
        rows: of the log that kernels are timed on.
        work: folder for what a section leaves behind, as the two sweeps.
        stand_in: no card: kernels run on interpreted PTX, and the sweep of the card on the CPU.
    """

    rows: int
    work: str
    stand_in: bool = False


def write_whole(path: Path, text: str) -> None:
    """Write a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def write_results(path: Path, results: Sequence[Result]) -> None:
    write_whole(path, json.dumps([asdict(result) for result in results]))


def read_results(path: Path) -> list[Result]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Result(**{**one, "lines": tuple(one["lines"])}) for one in found]
