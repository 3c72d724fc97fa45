"""Sliced binary metrics from one log: this project against Polars, a scikit-learn loop and Fairlearn, in one run.

python benchmarks/bench_sliced_metrics.py --rows 10000000 --peers polars
python benchmarks/bench_sliced_metrics.py --rows 1000000 --peers polars,sklearn
python benchmarks/bench_sliced_metrics.py --rows 100000 --peers fairlearn
python benchmarks/bench_sliced_metrics.py --rows 5000000 --threads 1 --parts

Eight slice columns of 2, 4, 8, 16, 32, 64, 128 and 1,024 values, and all rows together. Per slice: n, accuracy, precision, recall,
fpr, fnr, selection rate, F1, log loss, Brier, ECE-15, exact AUC and DeLong's variance (Polars only). Data in memory for all, the
same number of threads, equal answers to 1e-9 before any time is taken, best of the repeats, interleaved.
"""

from __future__ import annotations

import argparse
import functools
import os
import time
from collections.abc import Callable

import numpy as np

WIDTHS = (2, 4, 8, 16, 32, 64, 128, 1024)
THRESHOLD = 0.5
NAMES = ("n", "accuracy", "precision", "recall", "fpr", "fnr", "selection_rate", "f1", "log_loss", "brier", "ece", "auc", "auc_variance")
Table = dict[str, np.ndarray]


def make_log(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores float32, labels int8 and slice ids uint16 [n_rows, 9] of global numbers."""
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.beta(2, 5, n_rows), 1e-6, 1 - 1e-6).astype(np.float32)
    labels = (rng.random(n_rows) < scores).astype(np.int8)
    ids = np.zeros((n_rows, 1 + len(WIDTHS)), np.uint16)
    first = 1
    for column, width in enumerate(WIDTHS, start=1):
        ids[:, column] = first + rng.integers(0, width, n_rows)
        first += width
    return scores, labels, ids


def ours(scores: np.ndarray, labels: np.ndarray, ids: np.ndarray, n_threads: int) -> Table:
    from harness.records.tally import Grid
    from harness.tallies.binary import tally_binary

    names = ("",) * (1 + sum(WIDTHS))
    tally = tally_binary(scores, labels, ids, None, Grid(names, names, ("all",)), THRESHOLD, n_threads=n_threads)
    (tn, fp), (fn, tp) = (tally.confusion[:, label].T.astype(float) for label in (0, 1))
    n, positives, negatives = tp + fp + tn + fn, tp + fn, tn + fp
    r = tally.ranks
    sum_a, sum_b = r.sum_a.astype(float), 2 * positives * negatives - r.sum_a
    a2, b2 = (hi * 2.0**32 + lo for hi, lo in ((r.sum_a2_hi, r.sum_a2_lo), (r.sum_b2_hi, r.sum_b2_lo)))
    var_a = (a2 - sum_a * sum_a / positives) / (positives - 1) / (2 * negatives) ** 2
    var_b = (b2 - sum_b * sum_b / negatives) / (negatives - 1) / (2 * positives) ** 2
    return {
        "n": n,
        "accuracy": (tp + tn) / n,
        "precision": tp / (tp + fp),
        "recall": tp / positives,
        "fpr": fp / negatives,
        "fnr": fn / positives,
        "selection_rate": (tp + fp) / n,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "log_loss": tally.log_loss.mean,
        "brier": tally.brier.mean,
        "ece": np.abs(tally.bin_score - tally.bin_positive).sum(axis=1) / n,
        "auc": sum_a / (2 * positives * negatives),
        "auc_variance": var_a / positives + var_b / negatives,
    }


def polars_frame(scores: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> object:
    import polars as pl

    columns = {f"c{column}": np.ascontiguousarray(ids[:, column]) for column in range(ids.shape[1])}
    return pl.DataFrame({"s": scores, "y": labels.astype(bool), **columns})


def polars_tables(frame: object, *, presorted: bool) -> Table:
    """One lazy group_by per slice column with every aggregate in one agg, all columns collected together."""
    import polars as pl

    y, s, p = pl.col("y"), pl.col("s"), pl.col("p")
    rows = frame.lazy().with_columns(  # type: ignore[attr-defined]
        p=s >= np.float32(THRESHOLD),
        s64=s.cast(pl.Float64),
    )
    rows = rows.with_columns(
        loss=-pl.when(y).then(pl.col("s64")).otherwise(1 - pl.col("s64")).clip(1e-15).log(),
        residual=pl.col("s64") - y.cast(pl.Float64),
        bin=(pl.col("s64") * 15).cast(pl.UInt8).clip(upper_bound=14),
    )
    if presorted:  # one global sort, so that every rank within a group meets sorted values
        rows = rows.sort("s")
    a = s.rank("average").filter(y) - s.filter(y).rank("average")  # negatives below each positive, ties one half
    b = s.rank("average").filter(~y) - s.filter(~y).rank("average")
    aggregates = [
        pl.len().alias("n"),
        (y & p).sum().alias("tp"),
        (~y & p).sum().alias("fp"),
        y.sum().alias("positives"),
        pl.col("loss").mean().alias("log_loss"),
        (pl.col("residual") ** 2).mean().alias("brier"),
        a.mean().alias("a_mean"),
        a.var().alias("a_var"),
        b.var().alias("b_var"),
    ]
    columns = [f"c{column}" for column in range(1 + len(WIDTHS))]
    queries = [rows.group_by(column).agg(aggregates).sort(column) for column in columns]
    queries += [
        rows.group_by(column, "bin").agg(pl.col("residual").sum().abs()).group_by(column).agg(pl.col("residual").sum()).sort(column)
        for column in columns
    ]
    done = pl.collect_all(queries)
    parts = [g.with_columns(e["residual"]).drop(c) for c, g, e in zip(columns, done[: len(columns)], done[len(columns) :], strict=True)]
    t = {name: values.to_numpy().astype(float) for name, values in pl.concat(parts).to_dict().items()}
    n, tp, fp, positives = t["n"], t["tp"], t["fp"], t["positives"]
    negatives, fn = n - positives, positives - tp
    return {
        "n": n,
        "accuracy": (n - fp - fn) / n,
        "precision": tp / (tp + fp),
        "recall": tp / positives,
        "fpr": fp / negatives,
        "fnr": fn / positives,
        "selection_rate": (tp + fp) / n,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "log_loss": t["log_loss"],
        "brier": t["brier"],
        "ece": t["residual"] / n,
        "auc": t["a_mean"] / negatives,
        "auc_variance": t["a_var"] / negatives**2 / positives + t["b_var"] / positives**2 / negatives,
    }


def ece(labels: np.ndarray, scores: np.ndarray) -> float:
    bins = np.minimum((scores * 15).astype(np.int64), 14)
    return float(np.abs(np.bincount(bins, scores - labels, 15)).sum() / len(labels))


def metric_functions() -> dict[str, tuple[Callable[..., float], bool]]:
    """Return name -> (function, whether it takes scores rather than predictions)."""
    from sklearn import metrics as m

    def rates(y: np.ndarray, p: np.ndarray, wanted: int) -> float:
        (tn, fp), (fn, tp) = m.confusion_matrix(y, p, labels=[0, 1])
        return float(fp / (fp + tn) if wanted == 0 else fn / (fn + tp))

    return {
        "n": (lambda y, p: float(len(y)), False),
        "accuracy": (m.accuracy_score, False),
        "precision": (m.precision_score, False),
        "recall": (m.recall_score, False),
        "fpr": (lambda y, p: rates(y, p, 0), False),
        "fnr": (lambda y, p: rates(y, p, 1), False),
        "selection_rate": (lambda y, p: float(np.mean(p)), False),
        "f1": (m.f1_score, False),
        "log_loss": (lambda y, s: m.log_loss(y, s, labels=[0, 1]), True),
        "brier": (lambda y, s: m.brier_score_loss(y, s), True),
        "ece": (ece, True),
        "auc": (m.roc_auc_score, True),
    }


def sklearn_loop(scores: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> Table:
    """Sort the rows of each column by slice once, then call scikit-learn per slice."""
    functions = metric_functions()
    predicted = (scores >= np.float32(THRESHOLD)).astype(np.int8)
    wide = scores.astype(np.float64)
    out: dict[str, list[float]] = {name: [] for name in functions}
    for column in range(ids.shape[1]):
        order = np.argsort(ids[:, column], kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(ids[order, column])) + 1):
            y, s, p = labels[rows], wide[rows], predicted[rows]
            for name, (function, takes_scores) in functions.items():
                out[name].append(function(y, s if takes_scores else p))
    return {name: np.array(values) for name, values in out.items()}


def fairlearn_frame(scores: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> Table:
    """One MetricFrame per slice column for the metrics of predictions, one for those of scores."""
    from fairlearn.metrics import MetricFrame

    functions = metric_functions()
    predicted = (scores >= np.float32(THRESHOLD)).astype(np.int8)
    wide = scores.astype(np.float64)
    out: dict[str, list[np.ndarray]] = {name: [] for name in functions}
    for column in range(ids.shape[1]):
        for takes_scores, values in ((False, predicted), (True, wide)):
            chosen = {name: function for name, (function, is_scored) in functions.items() if is_scored == takes_scores}
            frame = MetricFrame(metrics=chosen, y_true=labels, y_pred=values, sensitive_features=ids[:, column])
            for name in chosen:
                out[name].append(frame.by_group[name].to_numpy(dtype=float))
    return {name: np.concatenate(values) for name, values in out.items()}


def assert_equal(mine: Table, theirs: Table, peer: str) -> None:
    for name, values in theirs.items():
        np.testing.assert_allclose(mine[name], values, rtol=1e-9, atol=1e-9, err_msg=f"{peer}: {name}")


def print_parts(scores: np.ndarray, labels: np.ndarray, ids: np.ndarray, n_threads: int, repeats: int) -> None:
    """Print CPU and wall time of each kernel, in nanoseconds a row; the challenger is the champion with noise on its logit."""
    from kernels.paired_tally import paired_tally
    from kernels.rank_cross import rank_cross
    from kernels.rank_sum import rank_sum
    from kernels.score_order import score_order
    from kernels.slice_tally import slice_tally

    n_slices, n_rows = 1 + sum(WIDTHS), len(scores)
    logit = np.log(scores / (1 - scores)) + np.random.default_rng(1).normal(0, 0.2, n_rows)
    challenger = (1 / (1 + np.exp(-logit))).astype(np.float32)
    orders = {name: score_order(values, labels) for name, values in (("", scores), ("2", challenger), ("tied", np.round(scores, 3)))}
    grid = (ids, None, n_slices, 1)
    parts: dict[str, Callable[[], object]] = {
        "slice_tally": lambda: slice_tally(scores, labels, *grid, THRESHOLD, n_threads=n_threads),
        "score_order": lambda: score_order(scores, labels, n_threads=n_threads),
        "rank_sum": lambda: rank_sum(orders[""], *grid, n_threads=n_threads),
        "rank_sum, scores of 3 digits": lambda: rank_sum(orders["tied"], *grid, n_threads=n_threads),
        "paired_tally": lambda: paired_tally(scores, challenger, labels, *grid, THRESHOLD, THRESHOLD, n_threads=n_threads),
        "rank_cross, 5 columns a block": lambda: rank_cross(orders[""], orders["2"], *grid, n_threads=n_threads),
        "rank_cross, 9 columns a block": lambda: rank_cross(
            orders[""], orders["2"], *grid, n_threads=n_threads, placement_bytes_per_row=36
        ),
    }
    for name, part in parts.items():
        cpu_s, wall_s = float("inf"), float("inf")
        for _ in range(repeats):
            cpu, wall = time.process_time(), time.perf_counter()
            part()
            cpu_s, wall_s = min(cpu_s, time.process_time() - cpu), min(wall_s, time.perf_counter() - wall)
        print(f"{name:<32}{cpu_s / n_rows * 1e9:>8.1f} ns CPU{wall_s / n_rows * 1e9:>8.1f} ns wall, a row", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peers", default="polars")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", action="store_true", help="time each kernel instead, without peers")
    options = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = str(options.threads)
    scores, labels, ids = make_log(options.rows)
    if options.parts:
        print_parts(scores, labels, ids, options.threads, options.repeats)
        return
    runs: dict[str, tuple[Callable[[], Table], int]] = {"ours": (lambda: ours(scores, labels, ids, options.threads), options.repeats)}
    for peer in filter(None, options.peers.split(",")):
        if peer in ("polars", "polars-sorted"):
            run = functools.partial(polars_tables, polars_frame(scores, labels, ids), presorted=peer == "polars-sorted")
            runs[peer] = (run, min(options.repeats, 2 if options.rows > 2_000_000 else 5))
        elif peer == "sklearn":
            runs[peer] = (lambda: sklearn_loop(scores, labels, ids), 1)
        elif peer == "fairlearn":
            runs[peer] = (lambda: fairlearn_frame(scores, labels, ids), 1)
        else:
            parser.error(f"--peers: no peer '{peer}'; peers are: polars, polars-sorted, sklearn, fairlearn")
    start = time.perf_counter()
    with np.errstate(invalid="ignore"):  # most slices are empty in a thousand rows
        ours(scores[:1000], labels[:1000], ids[:1000], options.threads)
    print(
        f"{options.rows:,} rows, {1 + sum(WIDTHS):,} slices, {options.threads} threads; first call (compile or cache): {time.perf_counter() - start:.2f} s"
    )
    mine = runs["ours"][0]()
    best = dict.fromkeys(runs, float("inf"))
    for repeat in range(max(n for _, n in runs.values())):
        for name, (run, n_repeats) in runs.items():
            if repeat < n_repeats:
                start = time.perf_counter()
                table = run()
                seconds = time.perf_counter() - start
                best[name] = min(best[name], seconds)
                print(f"  {name}: {seconds:.3f} s", flush=True)
                assert_equal(mine, table, name)
    print(f"{'':<12}{'best s':>10}{'ratio':>10}  repeats")
    for name, seconds in best.items():
        print(f"{name:<12}{seconds:>10.3f}{seconds / best['ours']:>9.1f}x  {runs[name][1]}")


if __name__ == "__main__":
    main()
