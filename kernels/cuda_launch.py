"""The CUDA side of every rule: one thread walks one column of one piece; import it only where a CUDA array is in hand.

`cuda` is a module global here, and not imported inside a function, because the simulator replaces it in a kernel's globals.
"""

from __future__ import annotations

import functools
from typing import Any

from numba import cuda

THREADS_PER_BLOCK = 64


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
