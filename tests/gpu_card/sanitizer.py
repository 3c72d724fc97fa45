"""NVIDIA's compute-sanitizer over a launch of every kernel: memory out of bounds, races in shared memory, barriers.

Source: NVIDIA Compute Sanitizer documentation, "Command Line Options" and "Memcheck", "Racecheck", "Synccheck".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gpu_card.page import table
from tests.gpu_card.parent import ROOT, environment
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options, Result

NAME = "sanitizer"
TOOLS = ("memcheck", "racecheck", "synccheck")
SUMMARY = re.compile(r"(?:ERROR|RACECHECK) SUMMARY: ([\d,]+) (?:error|hazard)")
FOUND_EXIT, N_ROWS, TIMEOUT_S = 97, 300, 2400
MISSING = "compute-sanitizer is not installed; run: pip install 'cuda-toolkit[sanitizer]==13.0.*', or install the CUDA toolkit"


@dataclass(frozen=True)
class Finding:
    """What one tool says; `n_found` is None where it came to no summary."""

    tool: str
    n_found: int | None
    code: int
    n_launched: int
    said: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return self.n_found == 0 and self.code == 0 and self.n_launched > 0


def find_sanitizer() -> Path | None:
    """Look on the path, in the CUDA toolkit, and among the packages of this environment."""
    folders = [Path(os.environ[name]) / "bin" for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    folders += sorted(Path("/usr/local").glob("cuda*/bin"), reverse=True)
    folders += sorted(Path(sysconfig.get_paths()["purelib"]).glob("nvidia/*/bin"), reverse=True)
    found = [shutil.which("compute-sanitizer"), *(shutil.which("compute-sanitizer", path=str(folder)) for folder in folders)]
    return next((Path(one) for one in found if one), None)


def check(options: Options) -> list[Result]:
    program = find_sanitizer()
    if program is None:
        return [Result(NAME, NOT_RUN, MISSING)]
    target = [sys.executable, "-m", "tests.gpu_card.kernel_run", "--rows", str(N_ROWS), *(["--stand-in"] if options.stand_in else [])]
    return [judged(program, [run(program, tool, target) for tool in TOOLS])]


def run(program: Path, tool: str, target: Sequence[str]) -> Finding:
    command = [str(program), "--tool", tool, "--error-exitcode", str(FOUND_EXIT), "--print-limit", "20", *target]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Finding(tool, None, -1, 0, (f"it took more than {TIMEOUT_S:,} s and was ended",))
    return finding(tool, done.returncode, done.stdout + done.stderr)


def finding(tool: str, code: int, said: str) -> Finding:
    summaries = [int(n.replace(",", "")) for n in SUMMARY.findall(said)]
    lines = [line for line in said.splitlines() if line.startswith("=========")] or said.splitlines()[-20:]
    return Finding(tool, sum(summaries) if summaries else None, code, said.count("launched: "), tuple(lines[:60]))


def judged(program: Path, findings: Sequence[Finding]) -> Result:
    rows = [(f.tool, "no summary" if f.n_found is None else f"{f.n_found:,}", str(f.code), f"{f.n_launched:,}") for f in findings]
    lines = [f"`{program.name}`, {N_ROWS} rows", "", *table(("tool", "found", "exit code", "cases launched"), rows)]
    ill = [f for f in findings if not f.is_clean]
    for one in ill:
        lines += ["", f"{one.tool}:", "", "```", *one.said, "```"]
    said = "; ".join(f"{f.tool}: {'no summary' if f.n_found is None else f'{f.n_found:,} found'}" for f in findings)
    return Result(NAME, FAILED if ill or not findings else PASSED, said, tuple(lines))
