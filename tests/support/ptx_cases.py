"""A made log for every kernel that has a CUDA side, handed to its public function as the harness hands it: in the dtypes of a real replay.

The log: 4 slice columns of 1, 4, 8 and 16 values, 3 windows, scores with 3 decimals, one label in ten unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kernels import (
    chunks,
    class_rows,
    class_tally,
    cluster_tally,
    cuda_counts,
    order_pieces,
    pair_tally,
    rank_sum,
    two_sample,
    two_sample_walk,
)
from kernels.cell_counts import cell_counts
from kernels.cell_moments import cell_moments
from kernels.class_influence import add_influence
from kernels.logit_fit import logit_fit
from kernels.paired_tally import paired_tally
from kernels.placement import placements
from kernels.rank_cross import rank_cross
from kernels.rank_curve import rank_curve
from kernels.replica_queue import replay_queues
from kernels.score_histogram import add_scores, empty
from kernels.score_order import score_order
from kernels.slice_tally import slice_tally
from kernels.value_moments import value_moments
from kernels.value_tally import value_tally
from tests.support.ptx_device import to_device

WIDTHS = (1, 4, 8, 16)
N_COLUMNS, N_SLICES, N_WINDOWS = len(WIDTHS), sum(WIDTHS), 3
N_CELLS = N_SLICES * N_WINDOWS
EDGES = (-1.0, 0.0, 0.5, 2.0)


class Log(NamedTuple):
    scores: Any
    labels: Any
    slice_ids: Any
    window_ids: Any


def made_log(n_rows: int, id_dtype: Any = np.uint16, seed: int = 1) -> Log:
    rng = np.random.default_rng(seed)
    scores = rng.random(n_rows).round(3).astype(np.float32)
    labels = np.where(rng.random(n_rows) < 0.1, -1, rng.random(n_rows) < scores).astype(np.int8)
    firsts = np.cumsum((0, *WIDTHS[:-1]))
    slice_ids = np.stack([first + rng.integers(0, width, n_rows) for first, width in zip(firsts, WIDTHS, strict=True)], axis=1)
    return Log(scores, labels, slice_ids.astype(id_dtype), rng.integers(0, N_WINDOWS, n_rows).astype(np.int32))


def _on_card(*arrays: Any) -> list[Any]:
    return [to_device(array) for array in arrays]


def _cell_counts_of(log: Log, label: int) -> np.ndarray:
    n = np.zeros(N_CELLS, np.int64)
    for column in range(N_COLUMNS):
        cell = log.slice_ids[:, column].astype(np.int64) * N_WINDOWS
        of_label = log.labels == label
        np.add.at(n, cell[of_label], 1)
        in_window = of_label & (log.window_ids > 0)
        np.add.at(n, (cell + log.window_ids)[in_window], 1)
    return n


def _tally(n: int, ids: Any) -> None:
    slice_tally(*_on_card(*made_log(n, ids)), N_SLICES, N_WINDOWS, 0.5)


def _paired(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    paired_tally(*_on_card(log.scores, made_log(n, ids, 2).scores, *log[1:]), N_SLICES, N_WINDOWS, 0.5, 0.4)


def _order(log: Log) -> Any:
    return to_device(score_order(log.scores, log.labels, n_threads=1))


def _rank_sum(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    rank_sum.rank_sum(_order(log), *_on_card(*log[2:]), N_SLICES, N_WINDOWS)


def _rank_cross(n: int, ids: Any) -> None:
    log, other = made_log(n, ids), made_log(n, ids, 2)
    rank_cross(_order(log), _order(log._replace(scores=other.scores)), *_on_card(*log[2:]), N_SLICES, N_WINDOWS)


def _rank_curve(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    positive, negative = _cell_counts_of(log, 1), _cell_counts_of(log, 0)
    device = to_device(log.scores), _order(log), *_on_card(*log[2:])
    rank_curve(*device, N_SLICES, N_WINDOWS, positive, negative, negative // 10, (positive + negative) // 10)


def _placements(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    weights = np.random.default_rng(3).gamma(2.0, 1.0, n)
    placements(_order(log), *_on_card(*log[2:], weights), N_SLICES, N_WINDOWS, 2)


def _influence(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    weights, scale = np.ones(n), np.ones((N_CELLS, 2))
    positive = _cell_counts_of(log, 1).astype(np.float64)
    influence = to_device(np.zeros((N_COLUMNS, n, 2)))
    add_influence(influence, _order(log), *_on_card(*log[2:], weights), positive, scale, N_SLICES, N_WINDOWS)


def _logit(n: int, ids: Any) -> None:
    logit_fit(*_on_card(*made_log(n, ids)), N_SLICES, N_WINDOWS)


def _histogram(n: int, ids: Any) -> None:
    add_scores(empty(N_CELLS, 64), *_on_card(*made_log(n, ids)), N_SLICES, N_WINDOWS)


def _histogram_in_global_memory(n: int, ids: Any) -> None:
    add_scores(empty(N_CELLS, 4096), *_on_card(*made_log(n, ids)), N_SLICES, N_WINDOWS)


def _cell_ids(log: Log) -> np.ndarray:
    ids = log.slice_ids.astype(np.int32)
    ids[::7, 1] = -1
    return ids


def _cell_counts(n: int, ids: Any) -> None:
    codes = np.random.default_rng(4).integers(-1, 5, n).astype(np.int32)
    cell_counts(*_on_card(codes, _cell_ids(made_log(n))), N_SLICES, np.array([0, 1, 2, 2, 1], np.int32), 4)


def _cell_moments_of(dtype: Any) -> Callable[[int, Any], None]:
    def run(n: int, ids: Any) -> None:
        values = np.random.default_rng(5).normal(0.0, 10.0, n).astype(dtype)
        log = made_log(n)
        is_missing = to_device(np.random.default_rng(6).random(n) < 0.1) if dtype is np.int64 else None
        cell_moments(*_on_card(values, _cell_ids(log)), N_SLICES, EDGES, is_missing=is_missing)

    return run


def _classes(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(7)
    raw = rng.gamma(0.7, size=(n, 4)) + 1e-3
    return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32), rng.integers(-1, 4, n).astype(np.int32)


def _class_tally(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    class_tally.class_tally(*_on_card(*_classes(n), *log[2:]), N_SLICES, N_WINDOWS, 2)


def _value_tally(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    values, categories = np.random.default_rng(8).normal(size=(n, 2)), (log.labels.astype(np.int32) + 1) % 3 - 1
    value_tally(values, categories, *_on_card(*log[2:]), N_SLICES, N_WINDOWS, 2)


def _value_moments(n: int, ids: Any) -> None:
    log = made_log(n, ids)
    values = np.random.default_rng(8).normal(size=(n, 2))
    value_moments(*_on_card(values, log.labels, *log[2:]), N_SLICES, N_WINDOWS, 2, 2)


def _clustered(clusters: bool) -> Callable[[int, Any], None]:
    def run(n: int, ids: Any) -> None:
        log, rng = made_log(n, ids), np.random.default_rng(9)
        categories, values = rng.integers(-1, 3, (n, 1)).astype(np.int32), rng.normal(size=(n, 2))
        cluster_ids = to_device(rng.integers(0, n // 3 + 1, n)) if clusters else None
        weights = to_device(rng.integers(1, 4, n) / 2)
        of = lambda some: (to_device(categories[some]), to_device(values[some]))  # noqa: E731
        cluster_tally.cluster_tally(of, np.arange(n), weights, cluster_ids, *_on_card(*log[2:]), N_SLICES, N_WINDOWS, 3, 2)

    return run


def _pairs_of(loss: Any, ids_of: Any) -> Callable[[int, Any], None]:
    def run(n: int, ids: Any) -> None:
        rng = np.random.default_rng(10)
        category_ids = np.stack([rng.integers(0, width, n) for width in WIDTHS]).astype(ids_of)
        pair_tally.pair_tally(*_on_card(rng.gamma(0.5, size=n).astype(loss), category_ids), WIDTHS)

    return run


def _two_sample_of(dtype: Any) -> Callable[[int, Any], None]:
    def run(n: int, ids: Any) -> None:
        rng = np.random.default_rng(11)
        sides = [np.sort(rng.integers(0, 10 * n, size).astype(dtype)) for size in (n - n // 2, n // 2)]
        two_sample_walk.walk_rows(*_on_card(*sides), two_sample.CUDA_PIECE_ROWS, 1)

    return run


def _queue(n: int, ids: Any) -> None:
    arrivals = np.sort(np.random.default_rng(12).integers(0, 50 * n, n))
    free = [np.zeros(2, np.int64)]
    replay_queues(to_device(arrivals), 0, np.array([[0, n]]), free, np.array([70_000, 90_000]), 3000, 120_000)


def _columns_of(n_cells: int, n_words: int = 0, columns: int = N_COLUMNS) -> Callable[[int], int]:
    return _pieces(chunks.cuda_chunk_rows(n_cells, columns, n_words), columns)


def _components_at_once(n: int) -> int:
    """Threads while the components of two values are on a card that has memory enough."""
    return _columns_of(N_CELLS)(min(n, cluster_tally.CUDA_BYTES // (8 * (3 + 2))))


def _pieces(rows: int, columns: int = N_COLUMNS) -> Callable[[int], int]:
    return lambda n: math.ceil(n / rows) * columns


@dataclass(frozen=True)
class Case:
    """A launch of one or more kernels: `run(n_rows, dtype of slice ids)`, and how many threads share n rows of a large log at once."""

    name: str
    run: Callable[[int, Any], None]
    threads: Callable[[int], int] | dict[str, int]
    has_slice_ids: bool = True
    in_roofline: bool = True
    is_pass: bool = False  # launched as often as it takes: one launch is reported

    def n_threads(self, rule: str, n_rows: int) -> int:
        return self.threads[rule] if isinstance(self.threads, dict) else self.threads(n_rows)


_PAIR_CELLS = len(pair_tally.tables_of(WIDTHS).moments.n)
_CHUNKS = _pieces(chunks.cuda_chunk_rows(N_CELLS))
_COUNTS = _pieces(cuda_counts.PIECE_ROWS, cuda_counts.THREADS_PER_BLOCK)
_ORDER_PIECES = _pieces(order_pieces.rows_per_piece(N_CELLS, N_COLUMNS))


def _ranks(n: int) -> int:
    rows = max(rank_sum.MIN_CUDA_PIECE_ROWS, 4 * N_CELLS, math.ceil(n / rank_sum.MAX_CUDA_PIECES))
    return math.ceil(n / min(rank_sum.MAX_PIECE_ROWS, rows)) * N_COLUMNS


_CLASSES = {  # rows are taken in blocks, one after the other
    "class_rows._read_rows": class_tally.CUDA_BLOCK_ROWS // class_rows.CUDA_PIECE_ROWS,
    "class_tally._slot [shared_counts_of]": _COUNTS(class_tally.CUDA_BLOCK_ROWS),
    "value_tally._add_values": _CHUNKS(class_tally.CUDA_BLOCK_ROWS),
}
CASES = (
    Case("binary tally", _tally, _CHUNKS),
    Case("paired tally", _paired, _CHUNKS),
    Case("rank sums", _rank_sum, _ranks),
    Case("paired rank sums", _rank_cross, _ranks),
    Case("rank curve", _rank_curve, _ORDER_PIECES),
    Case("placements of one column", _placements, _columns_of(WIDTHS[2] * N_WINDOWS, columns=1)),
    Case("class influence", _influence, _ORDER_PIECES),
    Case("recalibration, one pass", _logit, _CHUNKS, is_pass=True),
    Case("score histogram", _histogram, _COUNTS),
    Case("score histogram beyond shared memory", _histogram_in_global_memory, _COUNTS, in_roofline=False),
    Case("category counts", _cell_counts, _COUNTS, has_slice_ids=False),
    Case("value moments of float32", _cell_moments_of(np.float32), _columns_of(N_SLICES + 1), has_slice_ids=False),
    Case("value moments of float64", _cell_moments_of(np.float64), _columns_of(N_SLICES + 1), False, False),
    Case("value moments of int64", _cell_moments_of(np.int64), _columns_of(N_SLICES + 1), False, False),
    Case("class tally", _class_tally, _CLASSES),
    Case("values by category", _value_tally, _CHUNKS),
    Case("joint moments", _value_moments, _columns_of(2 * N_CELLS)),
    Case("weighted rows", _clustered(False), _components_at_once),
    Case("clustered rows", _clustered(True), _components_at_once),
    Case("pairs of values", _pairs_of(np.float64, np.uint8), _columns_of(_PAIR_CELLS, columns=10), has_slice_ids=False),
    Case("pairs of values, float32", _pairs_of(np.float32, np.uint16), _columns_of(_PAIR_CELLS, columns=10), False, False),
    Case("two samples of float64", _two_sample_of(np.float64), _pieces(two_sample.CUDA_PIECE_ROWS, 1), has_slice_ids=False),
    Case("two samples of int64", _two_sample_of(np.int64), _pieces(two_sample.CUDA_PIECE_ROWS, 1), False, False),
    Case("replica queue, one scenario", _queue, lambda n: 1, has_slice_ids=False),
)
