"""The CUDA side of every rule: one thread walks one column of one piece; import it only where a CUDA array is in hand.

`cuda` is a module global here, and not imported inside a function, because the simulator replaces it in a kernel's globals.
"""

from __future__ import annotations

import functools
from typing import Any

from numba import cuda

THREADS_PER_BLOCK = 64
MAX_FILL_BLOCKS = 1024


@functools.cache
def kernel_of(rule: Any) -> Any:
    """Compile the rule of a CPU driver, unchanged, as a CUDA kernel.

    `rule` is a compiled CPU function whose first four arguments are start, stop, first_column, stop_column. The kernel takes
    `starts` (int64 [n_pieces + 1]), the first column and the number of columns in their place, then the tuple of its other
    arguments, then tables [n_pieces, ...]: one per piece. Columns share no slice, so no two threads write to one word, and
    every sum has one fixed order.
    """
    device_rule = cuda.jit(device=True)(rule.py_func)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(starts: Any, first_column: int, n_columns: int, arguments: Any, tables: Any) -> None:
        thread = cuda.grid(1)
        piece = thread // n_columns
        column = first_column + thread - piece * n_columns
        if piece < starts.size - 1:
            device_rule(starts[piece], starts[piece + 1], column, column + 1, *arguments, tables[piece])

    return kernel


@functools.cache
def fold_of(merge: Any) -> Any:
    """Compile a merge of records as a CUDA kernel: a thread takes one cell, and merges its records in the order of the pieces.

    `merge` is a compiled CPU function (piece, cell, record, total, *more). The kernel takes the number of the first piece, the tables
    [n_pieces, n_cells, n_words], the totals [n_cells, n_total_words], and the tuple of further arguments, which must not be empty.
    """
    device_merge = cuda.jit(device=True)(merge.py_func)

    @cuda.jit  # type: ignore[untyped-decorator]
    def kernel(first_piece: int, tables: Any, totals: Any, more: Any) -> None:
        cell = cuda.grid(1)
        if cell < totals.shape[0]:
            for piece in range(tables.shape[0]):
                device_merge(first_piece + piece, cell, tables[piece, cell], totals[cell], *more)

    return kernel


@cuda.jit  # type: ignore[untyped-decorator]
def fill_tables(empty: Any, tables: Any) -> None:
    """Let every table [n_pieces, n_words] begin as `empty` [n_words]; threads share the words."""
    word = cuda.grid(1)
    while word < empty.size:
        for piece in range(tables.shape[0]):
            tables[piece, word] = empty[word]
        word += cuda.gridsize(1)
