"""Sliced binary metrics of a log that is never in memory: plain tally and binned AUC, batch by batch.

python benchmarks/bench_binned_auc.py --rows 10000000
python benchmarks/bench_binned_auc.py --rows 100000000

Rows are made as in bench_sliced_metrics.py, 1 M at a time, with eight slice columns (1,278 slices and all rows). Bar: under 1.5 GB of
anonymous memory (RssAnon, sampled every 10 ms), whatever the number of rows. The time of making the rows is told apart. Before that the
binned AUC of one batch is held against the exact one: it must lie within its bound in every slice.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from pathlib import Path

import numpy as np
from bench_sliced_metrics import THRESHOLD, WIDTHS, make_log

from harness.metrics.values import ratio
from harness.records.tally import Grid
from harness.tallies.binned_auc import binned_auc_of_table
from harness.tallies.ordered import binned_auc_of
from kernels.rank_sum import rank_sum
from kernels.score_histogram import add_scores, empty, n_bins_within
from kernels.score_order import score_order
from kernels.slice_tally import empty as empty_tally
from kernels.slice_tally import merge, slice_tally

BAR_BYTES = 1_500_000_000
N_SLICES = 1 + sum(WIDTHS)


class PeakMemory:
    """Largest RssAnon of this process while the block runs, sampled every 10 ms."""

    def __enter__(self) -> PeakMemory:
        self.peak_bytes, self._stop = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            lines = Path("/proc/self/status").read_text().splitlines()
            anonymous = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))
            self.peak_bytes = max(self.peak_bytes, anonymous)


def assert_within_bound(batch_rows: int, n_threads: int) -> None:
    scores, labels, ids = make_log(batch_rows)
    names = ("",) * N_SLICES
    binned = binned_auc_of(scores, labels, ids, None, Grid(names, names, ("all",)), n_threads=n_threads)
    sums = rank_sum(score_order(scores, labels, n_threads=n_threads), ids, None, N_SLICES, 1, n_threads=n_threads)
    exact = ratio(sums.sum_a, 2 * sums.n_positive * sums.n_negative)
    off = np.abs(binned.value - exact)
    assert (off <= binned.bound + 1e-12).all()
    print(
        f"one batch of {batch_rows:,} rows: binned AUC within its bound of the exact one in all {N_SLICES:,} slices; worst {off.max():.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--batch-rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    assert_within_bound(min(options.rows, options.batch_rows), options.threads)
    n_bins = n_bins_within(N_SLICES)
    seconds = {"rows": 0.0, "slice_tally": 0.0, "histogram": 0.0, "auc": 0.0}
    with PeakMemory() as memory:
        table, tally = empty(N_SLICES, n_bins), empty_tally(N_SLICES)
        for seed, first in enumerate(range(0, options.rows, options.batch_rows)):
            times = [time.perf_counter()]
            batch = make_log(min(options.batch_rows, options.rows - first), seed)
            times.append(time.perf_counter())
            tally = merge(tally, slice_tally(*batch, None, N_SLICES, 1, THRESHOLD, n_threads=options.threads))
            times.append(time.perf_counter())
            add_scores(table, *batch, None, N_SLICES, 1, n_threads=options.threads)
            times.append(time.perf_counter())
            for name, spent in zip(("rows", "slice_tally", "histogram"), np.diff(times), strict=True):
                seconds[name] += float(spent)
        start = time.perf_counter()
        auc = binned_auc_of_table(table, 1)
        seconds["auc"] = time.perf_counter() - start
    assert int(tally.counts[0].sum()) == int(table[0].sum()) == options.rows
    print(f"{options.rows:,} rows in batches of {options.batch_rows:,}, {N_SLICES:,} slices, {n_bins} bins, {options.threads} threads")
    print(f"  AUC of all rows {auc.value[0]:.6f} ± {np.sqrt(auc.variance[0]):.6f} (standard error), bound {auc.bound[0]:.1e}")
    print("  " + ", ".join(f"{name} {spent:.2f} s" for name, spent in seconds.items()))
    print(f"  peak RssAnon {memory.peak_bytes / 1e6:,.0f} MB (bar {BAR_BYTES / 1e6:,.0f} MB)")
    assert memory.peak_bytes < BAR_BYTES, "above the bar"


if __name__ == "__main__":
    main()
