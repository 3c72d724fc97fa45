"""How compiled pieces of work are spread over threads, with their results handed back in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
CUDA_ROWS_PER_COLUMN = 1 << 10
WORDS_OF_A_CELL = 64  # of the tables by which the eight rows a cell were chosen


def thread_count(n_threads: int | None) -> int:
    """Return how many threads to use: `n_threads`, or every core that this process may run on when it is None.

    >>> thread_count(3)
    3
    """
    if n_threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_threads < 1:
        raise ValueError(f"n_threads is {n_threads}; wanted at least 1")
    return n_threads


def run_in_order(work: Callable[[int], Result], n_pieces: int, n_threads: int) -> Iterator[Result]:
    """Yield work(0), work(1), ... in this order while up to `n_threads` of them run; work must release the GIL.

    At most `n_threads` + 1 results are alive, which bounds the memory of the tables that they are.

    >>> list(run_in_order(lambda piece: piece * piece, 4, 2))
    [0, 1, 4, 9]
    """
    if n_threads == 1 or n_pieces <= 1:
        yield from map(work, range(n_pieces))
        return
    with ThreadPoolExecutor(min(n_threads, n_pieces)) as pool:
        running: deque[Future[Result]] = deque()
        for piece in range(n_pieces):
            if len(running) == n_threads:
                yield running.popleft().result()
            running.append(pool.submit(work, piece))
        while running:
            yield running.popleft().result()


def starts_of_pieces(n_rows: int, rows_per_piece: int) -> list[int]:
    """Return the borders of consecutive pieces of `rows_per_piece` rows, the last one shorter.

    >>> starts_of_pieces(5, 2)
    [0, 2, 4, 5]
    """
    return [*range(0, n_rows, rows_per_piece), n_rows] if n_rows else [0]


def tally_chunk_rows(n_cells: int) -> int:
    """Return the rows of one chunk of a tally: a function of the grid alone, so that sums do not depend on threads.

    Large grids take larger chunks, since a chunk costs a pass over its table.

    >>> tally_chunk_rows(1279), tally_chunk_rows(100_000)
    (262144, 1048576)
    """
    return min(max(1 << (8 * n_cells - 1).bit_length(), 1 << 18), 1 << 20)


def cuda_chunk_rows(n_cells: int, n_columns: int = 4, n_words: int = WORDS_OF_A_CELL) -> int:
    """Return the rows of one chunk of a tally on a card, where a thread walks a column of it: smaller chunks, more threads.

    A function of the grid alone, as `tally_chunk_rows`. A chunk has at least 1,024 rows for every column up to four, so that 100 million rows
    make about 100,000 threads, and eight rows for every cell of at most 64 words: its table is filled, read and merged once.

    >>> cuda_chunk_rows(1279), cuda_chunk_rows(10), cuda_chunk_rows(1_000_000)
    (16384, 4096, 1048576)
    >>> cuda_chunk_rows(10, n_columns=1), cuda_chunk_rows(10, n_columns=40), cuda_chunk_rows(1279, n_words=256)
    (1024, 4096, 65536)
    """
    n_like = n_cells * max(n_words, WORDS_OF_A_CELL) // WORDS_OF_A_CELL
    return min(max(1 << (8 * n_like - 1).bit_length(), CUDA_ROWS_PER_COLUMN * max(min(n_columns, 4), 1)), 1 << 20)
