"""`python -m benchmarks.null_worlds` simulates every world and writes docs/coverage.md; `--quick` for a small run elsewhere."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.null_worlds.page import page
from benchmarks.null_worlds.results import run

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
FULL, QUICK = (2000, 2000), (100, 50)  # data sets of a world, repetitions of a verdict


def main(arguments: list[str] | None = None) -> None:
    """Run the worlds and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null_worlds", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few data sets, printed and not written unless --out is given")
    parser.add_argument("--sets", type=int, help="data sets of a world")
    parser.add_argument("--reps", type=int, help="repetitions of a verdict")
    parser.add_argument("--out", type=Path, help="where to write the page; docs/coverage.md for a full run")
    given = parser.parse_args(arguments)
    n_sets, n_reps = QUICK if given.quick else FULL
    start = time.perf_counter()
    text = page(run(given.sets or n_sets, given.reps or n_reps))
    is_full = not (given.quick or given.sets or given.reps)
    out = given.out or (PAGE if is_full else None)
    if out is None:
        print(text)
    else:
        out.write_text(text, encoding="utf-8")
    print(f"{out or 'printed'}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
