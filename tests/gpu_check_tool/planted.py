"""Sections that go wrong in every way that one can, for the tests of the tool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.gpu_card.record import PASSED, Options, Result


def passes(options: Options) -> list[Result]:
    return [Result("good", PASSED, f"looked at {options.rows} rows", ("a line",))]


def raises(options: Options) -> list[Result]:
    raise ZeroDivisionError("a kernel | divided\nby nothing")


def dies(options: Options) -> list[Result]:
    print("the last words")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def hangs(options: Options) -> list[Result]:
    """Leave a grandchild that would go on alone."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (Path(options.work) / "pid").write_text(str(child.pid))
    time.sleep(600)
    return []


def exits(options: Options) -> list[Result]:
    os._exit(5)
