"""Runs tests/gpu_sim in a process of its own: under the simulator, CUDA looks available to everything in the process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def test_cuda_drivers_agree_with_the_definitions_under_the_simulator():
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "tests/gpu_sim", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {"NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.strip().splitlines()[-1]
    passed = re.search(r"(\d+) passed", summary)
    assert passed
    assert int(passed[1]) > 0
    assert "skipped" not in summary
