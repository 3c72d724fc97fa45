"""Runs one section in this process: `python -m tests.gpu_card.child NAME FUNCTION OPTIONS RESULT`; the parent outlives whatever happens here."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.gpu_card.record import FAILED, Options, Result, write_results

Function = Callable[[Options], Sequence[Result]]


def run(section: str, function: str, options: Options) -> list[Result]:
    """Return the section's results; one that raises has failed, with its traceback."""
    try:
        module, _, name = function.partition(":")
        work: Function = getattr(importlib.import_module(module), name)
        return list(work(options))
    except Exception as trouble:
        return [Result(section, FAILED, f"it broke off: {_first_line(trouble)}", ("```", *_traceback(trouble), "```"))]


def _first_line(trouble: Exception) -> str:
    return f"{type(trouble).__name__}: {(str(trouble).splitlines() or [''])[0][:300]}"


def _traceback(trouble: Exception) -> list[str]:
    return "".join(traceback.format_exception(trouble)).rstrip().splitlines()


def main(argv: Sequence[str]) -> int:
    section, function, options, target = argv
    write_results(Path(target), run(section, function, Options(**json.loads(options))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
