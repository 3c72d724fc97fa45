"""`python -m harness.demo [--root DIR]`: build the demo's log and models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.demo.build import build
from harness.errors import HarnessError


def main(argv: list[str] | None = None) -> int:
    """Build the demo under `--root` and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.demo", description="Build data/flights/*.parquet and models/*.onnx.")
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="folder that gets data/ and models/ (default: this one)")
    try:
        build(parser.parse_args(argv).root)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
