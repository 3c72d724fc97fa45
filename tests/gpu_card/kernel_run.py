"""Launches every kernel once, on a small log: `python -m tests.gpu_card.kernel_run --rows 300`, for compute-sanitizer to look at.

Also the one place that puts the cases of interpreted PTX on a card.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import numpy as np


@contextmanager
def cases_on_card(is_stand_in: bool = False) -> Iterator[ModuleType]:
    """Yield tests.support.ptx_cases with its arrays on the card, or on interpreted PTX; a log is made once for all of its cases."""
    from numba import cuda

    from tests.support import ptx_cases
    from tests.support.ptx_device import installed

    before = ptx_cases.to_device, ptx_cases.made_log
    try:
        ptx_cases.made_log = functools.cache(before[1])
        if is_stand_in:
            with installed():
                yield ptx_cases
        else:
            ptx_cases.to_device = cuda.to_device
            yield ptx_cases
    finally:
        ptx_cases.to_device, ptx_cases.made_log = before


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu_card.kernel_run")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--stand-in", action="store_true")
    told = parser.parse_args(argv)
    with cases_on_card(told.stand_in) as cases:
        for case in cases.CASES:
            case.run(told.rows, np.uint16)
            print(f"launched: {case.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
