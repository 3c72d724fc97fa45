"""The tests that need a card, or the packages of one, in pytest processes of their own; what JUnit XML says of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gpu_card.page import table
from tests.gpu_card.parent import ROOT, environment
from tests.gpu_card.record import FAILED, PASSED, Options, Result

CARD, INTERPRETED, STAND_IN = "tests.gpu_card.plugin", "tests.gpu_compile.plugin", "tests.gpu_card.stand_in"
N_SHOWN = 40


@dataclass(frozen=True)
class Counts:
    """What a JUnit file says: counts, names and first lines of failures, and how often each reason kept a test from running."""

    n_passed: int
    failures: tuple[tuple[str, str], ...]
    skips: tuple[tuple[str, int], ...]


def kernels(options: Options) -> list[Result]:
    plugin = INTERPRETED if options.stand_in else CARD
    return [suite("kernels", ["-p", plugin, "tests/gpu_sim"])]


def arrays(options: Options) -> list[Result]:
    return [suite("arrays", ["-p", STAND_IN if options.stand_in else CARD, "tests/gpu_card"])]


def packages(options: Options) -> list[Result]:
    return [suite("packages", ["tests/gpu_full", "tests/array_api", "tests/replay/test_replay_cudf_reader.py"])]


def compiled(options: Options) -> list[Result]:
    return [suite("compiled", ["-p", INTERPRETED, "tests/gpu_compile"])]


def suite(name: str, arguments: Sequence[str]) -> Result:
    """Run pytest in a child and return what came of it; no test that passed is a failure too."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={file}", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        tail = (done.stdout + done.stderr).splitlines()[-N_SHOWN:]
        if not file.is_file():
            return Result(name, FAILED, f"pytest ended with {done.returncode} and no report", ("```", *tail, "```"))
        counts = read_junit(file)
    return judged(name, counts, done.returncode, " ".join(["pytest", *arguments]), tail)


def judged(name: str, counts: Counts, code: int, command: str, tail: Sequence[str]) -> Result:
    n_skipped = sum(n for _, n in counts.skips)
    headline = f"{counts.n_passed:,} passed, {len(counts.failures):,} failed, {n_skipped:,} skipped or expected to fail"
    lines = [f"`{command}`"]
    if counts.failures:
        lines += ["", *table(("failed", "what it says"), counts.failures[:N_SHOWN], n_left=2)]
        lines += [f"\nand {len(counts.failures) - N_SHOWN} more"] if len(counts.failures) > N_SHOWN else []
    if counts.skips:
        lines += ["", *table(("not run, or expected to fail: why", "tests"), [(reason, f"{n:,}") for reason, n in counts.skips])]
    if not counts.failures and code == 0 and counts.n_passed:
        return Result(name, PASSED, headline, tuple(lines))
    if not counts.failures:
        headline += f", and pytest ended with {code}" if code else ": a suite in which nothing passes proves nothing"
        lines += ["", "```", *tail, "```"]
    return Result(name, FAILED, headline, tuple(lines))


def read_junit(file: Path) -> Counts:
    """Read the counts of a JUnit file; an error counts as a failure.

    Source: pytest documentation, "Creating JUnitXML format files".
    """
    n_passed, failures, skips = 0, list[tuple[str, str]](), Counter[str]()
    for case in ET.parse(file).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        ill = [one for kind in ("failure", "error") for one in case.findall(kind)]
        skipped = case.find("skipped")
        if ill:
            failures.append((name, (ill[0].get("message") or "").splitlines()[0][:200] if ill[0].get("message") else "no message"))
        elif skipped is not None:
            skips[skipped.get("message") or "no reason"] += 1
        else:
            n_passed += 1
    return Counts(n_passed, tuple(failures), tuple(skips.most_common()))
