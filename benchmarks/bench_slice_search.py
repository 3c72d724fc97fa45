"""Worst slices of one or two columns: this project against the sliceline package, in one run.

python benchmarks/bench_slice_search.py --rows 1000000 --peers ""
python benchmarks/bench_slice_search.py --rows 100000

Twenty columns of ten values, all 190 pairs, a 0/1 error that is .1 everywhere and .5 in one pair and one value. `whole` is what
a user waits for: twenty float32 features in quantile bins, the losses, the search on one half, the confirmation on the other.
`search` takes numbered categories and searches all rows by SliceLine's score, as the package does at max_l=2. Before any time is
taken, the package's ten best slices must have the scores, sizes and mean errors of ours. Data in memory for both, interleaved.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

from harness.compare.slice_difference import moments_of, sliceline_scores
from harness.compare.slice_search import minimum_n, search_slices
from harness.pipeline.worst_slices import worst_slices
from harness.records.slice_search import SearchColumn, SearchRule
from harness.records.tally import Grid
from kernels.pair_tally import pair_tally

N_COLUMNS, N_VALUES, K = 20, 10, 10
RULE = SearchRule(ranking="sliceline")


def make_rows(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return 0/1 errors float64 [n_rows] and category numbers uint8 [20, n_rows]."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, N_VALUES, (N_COLUMNS, n_rows)).astype(np.uint8)
    is_bad = ((ids[2] == 3) & (ids[5] == 7)) | (ids[11] == 0)
    return (rng.random(n_rows) < np.where(is_bad, 0.5, 0.1)).astype(np.float64), ids


def best_by_score(losses: np.ndarray, ids: np.ndarray, alpha: float = RULE.alpha) -> np.ndarray:
    """Return score, size and mean error of the K best slices, nothing left out, [K, 3]."""
    moments = pair_tally(losses, ids, [N_VALUES] * N_COLUMNS).moments
    scores = sliceline_scores(moments, moments_of(losses), alpha)
    scores[moments.n < minimum_n(RULE, len(losses))] = -np.inf
    best = np.argsort(-scores, kind="stable")[:K]
    return np.column_stack([scores[best], moments.n[best], moments.mean[best]])[scores[best] > 0]


def package_search(losses: np.ndarray, values: np.ndarray, alpha: float = RULE.alpha) -> np.ndarray:
    """Return the same of the package; `values` is [n_rows, 20]."""
    from sliceline.slicefinder import Slicefinder

    finder = Slicefinder(alpha=alpha, k=K, max_l=2, min_sup=minimum_n(RULE, len(losses)), verbose=False)
    finder.fit(values, losses)
    found = finder.top_slices_statistics_
    return np.array([[one["slice_score"], one["slice_size"], one["slice_average_error"]] for one in found])


def whole_run(n_rows: int) -> Callable[[], object]:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(n_rows, N_COLUMNS)).astype(np.float32)
    scores = rng.beta(2, 5, n_rows).astype(np.float32)
    labels = (rng.random(n_rows) < scores).astype(np.int8)
    is_bad = (features[:, 3] > 1.2) & (features[:, 7] < 0)
    labels[is_bad] = rng.integers(0, 2, int(is_bad.sum()))
    names, grid = [f"f{j}" for j in range(N_COLUMNS)], Grid(("all",), ("all",), ("all",))
    all_rows = np.zeros((n_rows, 1), np.uint16)
    return lambda: worst_slices("variant", labels, scores, [(names, features)], all_rows, grid, SearchRule())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peers", default="sliceline")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer-repeats", type=int, default=1)
    options = parser.parse_args()
    losses, ids = make_rows(options.rows)
    columns = [SearchColumn(f"c{c}", tuple(map(str, range(N_VALUES))), own) for c, own in enumerate(ids)]
    rows = np.arange(options.rows)
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "whole": (whole_run(options.rows), options.repeats),
        "tally": (lambda: pair_tally(losses, ids, [N_VALUES] * N_COLUMNS), options.repeats),
        "search": (lambda: search_slices(losses, columns, rows, RULE), options.repeats),
    }
    if options.peers:
        few, few_ids = make_rows(10_000, seed=2)
        for alpha in (0.9, 0.95, 0.99):
            found = package_search(few, few_ids.T + 1, alpha)
            np.testing.assert_allclose(found, best_by_score(few, few_ids, alpha), rtol=1e-9)
            print(f"answers equal on 10,000 rows, alpha {alpha}: score, size and mean error of {len(found)} slices")
        values = np.ascontiguousarray(ids.T) + 1
        runs["sliceline"] = (lambda: package_search(losses, values), options.peer_repeats)
    best = dict.fromkeys(runs, np.inf)
    for repeat in range(max(n for _, n in runs.values())):
        for name, (run, n) in runs.items():
            if repeat < n:
                began = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - began)
    print(f"{options.rows:,} rows, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    for name, seconds in best.items():
        ratio = f"  {seconds / best['search']:8.1f} x search" if name == "sliceline" else ""
        print(f"{name:>10}: {seconds:8.3f} s{ratio}")


if __name__ == "__main__":
    main()
