"""How long does a user wait for `harness --help`? Bar: 0.2 s. Beside it: a bare interpreter, and importing what a sweep needs.

Run: python benchmarks/bench_startup.py [--repeats 10]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

BAR_S = 0.2


def best_and_median_s(command: list[str], repeats: int) -> tuple[float, float]:
    """Return the best and the median wall time of a command, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times), statistics.median(times)


def main() -> None:
    """Print one line per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "harness --help": [str(Path(sys.executable).with_name("harness")), "--help"],
        "import of numpy, pandas, pyarrow, hydra": [sys.executable, "-c", "import numpy, pandas, pyarrow, hydra"],
    }
    for name, command in commands.items():
        best, median = best_and_median_s(command, repeats)
        bar = f"  bar {BAR_S} s: {'held' if median <= BAR_S else 'MISSED'}" if name == "harness --help" else ""
        print(f"{name:42} best {best:.3f} s  median {median:.3f} s of {repeats}{bar}")


if __name__ == "__main__":
    main()
