"""Runs a function over consecutive blocks of cells on all cores; the result does not depend on their number."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_blocks(fill: Callable[[slice], None], n_cells: int, cells_per_block: int) -> None:
    """Call `fill` with each block of cells, from several threads at once: NumPy computes without the interpreter's lock.

    Parameters
    ----------
    fill : callable
        Takes the slice of a block and writes what belongs to these cells, and nothing else.
    n_cells, cells_per_block : int
        The last block may be smaller; no cells: no call.

    Examples
    --------
    >>> found = [0, 0, 0]
    >>> def fill(block):
    ...     found[block] = [block.stop] * len(found[block])
    >>> in_blocks(fill, 3, 2)
    >>> found
    [2, 2, 4]
    """
    blocks = [slice(start, start + cells_per_block) for start in range(0, n_cells, cells_per_block)]
    if len(blocks) < 2:
        for block in blocks:
            fill(block)
        return
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(min(n_cores, len(blocks))) as pool:
        for _ in pool.map(fill, blocks):  # raises what a block has raised
            pass
