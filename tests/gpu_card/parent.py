"""Runs the sections one after the other, each in a child, and writes the report after each. The standard library only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.gpu_card.page import brief, page
from tests.gpu_card.record import FAILED, NOT_RUN, Options, Result, read_results, write_whole
from tests.gpu_card.sections import Section, is_there, lacking

ROOT = Path(__file__).parents[2]
N_TAIL = 30


def run_all(
    sections: Sequence[Section],
    options: Options,
    report: Path,
    title: str,
    has: Callable[[str], bool] = is_there,
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Run every section and return all results; the report holds those that have ended at any time."""
    found: list[Result] = []
    for i, section in enumerate(sections):
        say(f"... {section.title}")
        missing = lacking(section, has)
        ended = [Result(section.name, NOT_RUN, missing)] if missing else run_one(section, options)
        found += ended
        for result in ended:
            say(brief(result))
        write_whole(report, page(title, found, len(found) + len(sections) - i - 1, options.stand_in))
    return found


def run_one(section: Section, options: Options) -> list[Result]:
    """Run a section in a child; one that dies or takes too long has failed, and everything that it started is ended with it."""
    with tempfile.TemporaryDirectory() as folder:
        target, log = Path(folder) / "result.json", Path(folder) / "log"
        command = [sys.executable, "-m", "tests.gpu_card.child", section.name, section.function, json.dumps(asdict(options)), str(target)]
        with log.open("wb") as stream:
            child = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, env=environment(), start_new_session=True)
            ended = _ended(child, section.timeout_s)
        if ended is None and target.is_file():
            return read_results(target)
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-N_TAIL:]
    return [Result(section.name, FAILED, ended or "it ended without a result", ("```", *tail, "```"))]


def environment() -> dict[str, str]:
    """Return the environment of every child: the checkout's own code, and no word of Numba's on small grids, which tests and warnings-as-errors
    would take for a failure."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTEST_ADDOPTS", "NUMBA_ENABLE_CUDASIM")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS": "0"}


def _ended(child: subprocess.Popen[bytes], timeout_s: float) -> str | None:
    """Wait for a child and say how it went wrong, or None."""
    try:
        code = child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return f"it took more than {timeout_s:,.0f} s and was ended"
    finally:  # also when this process is interrupted: what a section has started must not go on without it
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with {code}" if code else None
