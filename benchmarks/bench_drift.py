"""Four drift statistics of many columns: this project against SciPy, NannyML and Evidently, in one run.

python benchmarks/bench_drift.py
python -m venv PEERS && PEERS/bin/pip install -r benchmarks/peers_drift/requirements.txt
python benchmarks/bench_drift.py --peers PEERS/bin/python
python benchmarks/bench_drift.py --parquet 10000000

Seeded float64 columns, a quarter each normal, lognormal, whole numbers and shifted normal, the same number of rows on both sides. Ours, on
the path of `harness drift`, without p-values: PSI and Jensen-Shannon distance in deciles of the reference with below, above and missing,
exact Kolmogorov-Smirnov and exact Wasserstein-1. SciPy: `wasserstein_distance` and `ks_2samp(method="asymp")`, two of the four, and the
p-value that the latter cannot leave out. NannyML: Jensen-Shannon, Kolmogorov-Smirnov and Wasserstein, the latter two in 10,000 bins from
10,000 rows on. Evidently: `ValueDrift` by psi, jensenshannon, ks and wasserstein. Data in memory for all; ours and SciPy's columns over the
same number of threads, the others' libraries limited to it; answers of ours equal to SciPy's (KS to 1e-12, Wasserstein to 1e-9) before any
time is taken; best of the repeats, interleaved; NannyML and Evidently once, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp, kstwo, wasserstein_distance

from harness.drift.bins import DECILES
from harness.drift.cell_groups import CellGroups
from harness.drift.column_tables import PairMaker, tabulate
from harness.drift.jensen_shannon import JensenShannon
from harness.drift.kolmogorov_smirnov import KolmogorovSmirnov
from harness.drift.psi import Psi
from harness.drift.row_index import RowIndex
from harness.drift.shares import compared
from harness.drift.wasserstein import Wasserstein
from harness.records.column import Column, ComparedRows
from harness.records.drift import ColumnPair, Reading
from harness.records.drift_cells import DriftCells, TimeCells
from kernels.cell_moments import cell_moments
from kernels.chunks import run_in_order
from kernels.two_sample import two_sample
from kernels.two_sample_quantiles import exact_quantiles

BAR_S, BARS = 0.6, {"scipy": 15, "nannyml": 4, "evidently": 100}
PSI, JENSEN_SHANNON = Psi(), JensenShannon()
STATISTICS = (PSI, JENSEN_SHANNON, KolmogorovSmirnov(), Wasserstein())
Table = dict[str, np.ndarray]


def make_columns(n_rows: int, n_columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return reference and current, float64 [n_columns, n_rows]."""
    rng = np.random.default_rng(seed)
    sides = np.empty((2, n_columns, n_rows))
    for column in range(n_columns):
        for side in range(2):
            sides[side, column] = (
                lambda side=side: rng.normal(0, 1, n_rows),
                lambda side=side: rng.lognormal(0.01 * side, 1, n_rows),
                lambda side=side: rng.poisson(20 + 0.1 * side, n_rows),
                lambda side=side: rng.normal(0.3 * side, 1 + 0.1 * side, n_rows),
            )[column % 4]()
    return sides[0], sides[1]


def two_cells(n_reference: int, n_current: int) -> tuple[RowIndex, CellGroups]:
    """Return where the rows lie that are compared side against side, without windows and slices."""
    side = np.repeat(np.array([0, 1], np.int8), [n_reference, n_current])
    no_windows = TimeCells(np.array([0, 1], np.int8), np.zeros(2, np.int32), np.full(2, -1))
    cells = DriftCells(side.astype(np.int32)[:, None], no_windows, ("all",), ("all",), ("all",), ("all",))
    return RowIndex(ComparedRows(side, None, n_reference, n_current), cells), CellGroups(cells)


def pair_of(column: Column, index: RowIndex, groups: CellGroups) -> ColumnPair:
    tables = tabulate(column, index, groups, None, max_categories=100)
    ((_, _, _, pair),) = PairMaker(column, tables, index, groups).pairs(slices=False, windows=False)
    return pair


def statistics_of(column: Column, index: RowIndex, groups: CellGroups) -> tuple[float, ...]:
    """Return all four of one column, whose reference rows come first."""
    pair = pair_of(column, index, groups)
    counts = compared(pair, pair.reference.counts), compared(pair, pair.current.counts)
    return float(PSI.of_counts(*counts)), float(JENSEN_SHANNON.of_counts(*counts)), pair.ordered.ks, pair.ordered.wasserstein


def readings(pair: ColumnPair) -> list[Reading]:
    """Return values and p-values."""
    return [statistic.read(pair) for statistic in STATISTICS]


def ours(columns: list[Column], index: RowIndex, groups: CellGroups, n_threads: int) -> Table:
    rows = list(run_in_order(lambda column: statistics_of(columns[column], index, groups), len(columns), n_threads))
    return dict(zip((statistic.name for statistic in STATISTICS), np.array(rows).T, strict=True))


def scipys(reference: np.ndarray, current: np.ndarray, n_threads: int) -> Table:
    def both(column: int) -> tuple[float, float]:
        sides = reference[column], current[column]
        return float(ks_2samp(*sides, method="asymp").statistic), float(wasserstein_distance(*sides))

    return dict(zip(("ks", "wasserstein"), np.array(list(run_in_order(both, len(reference), n_threads))).T, strict=True))


def run_peers(python: str, reference: np.ndarray, current: np.ndarray, n_threads: int) -> dict[str, dict[str, object]]:
    """Run each peer on the same columns in a process of its own; name -> what `run_peer.py` prints."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict.fromkeys(variables, str(n_threads))
    script = Path(__file__).parent / "peers_drift" / "run_peer.py"
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "reference.npy", reference)
        np.save(Path(folder) / "current.npy", current)
        done = {}
        for peer in ("nannyml", "evidently"):
            run = subprocess.run([python, script, peer, folder], env=environment, capture_output=True, text=True, check=False)
            if run.returncode:
                print(f"{peer}: did not run: {(run.stderr.strip().splitlines() or ['no message'])[-1]}")
                continue
            done[peer] = json.loads(run.stdout.strip().splitlines()[-1])
    return done


def print_parts(columns: list[Column], index: RowIndex, groups: CellGroups) -> None:
    """Print what each part of ours takes on one thread, over all columns; the p of KS is SciPy's, and in SciPy's time too."""
    first, second = index.sides
    pairs = [pair_of(column, index, groups) for column in columns]
    parts: dict[str, Callable[[int], object]] = {
        "deciles": lambda at: exact_quantiles(columns[at].values[first], DECILES),
        "counts and moments": lambda at: cell_moments(columns[at].values, index.cells.ids, 2, pairs[at].bins.edges, n_threads=1),
        "ks and wasserstein": lambda at: two_sample(columns[at].values[first], columns[at].values[second]),
        "all four": lambda at: statistics_of(columns[at], index, groups),
        "p of KS": lambda at: kstwo.sf(pairs[at].ordered.ks, len(columns[at].values) // 4),
        "all four, with p": lambda at: readings(pair_of(columns[at], index, groups)),
    }
    for name, part in parts.items():
        start = time.process_time()
        for at in range(len(columns)):
            part(at)
        print(f"  {name:<20}{(time.process_time() - start) / len(columns) * 1e3:>7.2f} ms CPU a column", flush=True)


REPLAY = """name: bench
path: {path}
task: binary
label: label
labels: null
positive: 1
features: [{features}]
where: null
timestamp: time
slices: {{columns: [], crosses: []}}
windows: null
weight: null
cluster: null
id: id
rows_per_request: 1
production: null
training: null
reference: {{from: 2024-01-01, until: 2024-01-02}}
tuning: null
label_maturity: null
contract: null
limit: null
nan: pass
"""


def write_log(path: Path, n_rows: int, n_columns: int) -> None:
    """Write a log with pyarrow's defaults (Snappy), a million rows at a time: float32 columns, half of the rows on each of two days."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, day_ms = np.random.default_rng(0), 86_400_000
    first_ms, writer = int(np.datetime64("2024-01-01", "ms").astype(int)), None
    for start in range(0, n_rows, 1_000_000):
        rows = np.arange(start, min(start + 1_000_000, n_rows))
        times = first_ms + rows * (2 * day_ms) // n_rows
        columns = {"id": rows, "time": times.astype("datetime64[ms]"), "label": rng.integers(0, 2, len(rows)).astype(np.int8)}
        columns |= {f"c{column}": rng.normal(size=len(rows)).astype(np.float32) for column in range(n_columns)}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def time_log(n_rows: int, n_columns: int, option: str) -> None:
    """Time `harness drift` over a log of so many rows, start of the process and all (kernels compiled before), and pyarrow's decoding of the same columns."""
    import pyarrow.parquet as pq

    names = [f"c{column}" for column in range(n_columns)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder / "log.parquet", n_rows, n_columns)
        (folder / "conf" / "replay").mkdir(parents=True)
        conf = REPLAY.format(path=folder / "log.parquet", features=", ".join(names))
        (folder / "conf" / "replay" / "bench.yaml").write_text(conf)
        start = time.perf_counter()
        n_read = sum(len(batch) for batch in pq.ParquetFile(folder / "log.parquet").iter_batches(1 << 20, columns=names))
        decode_s = time.perf_counter() - start
        command = "import sys; from harness.cli import main; sys.exit(main())"
        folders = [f"results_dir={folder / 'results'}", f"cache_dir={folder / 'cache'}"]
        arguments = ["drift", "--config-dir", str(folder / "conf"), "replay=bench", f"drift={option}", *folders]
        # Kernels are compiled once for a machine, as a first comparison of a few rows does.
        write_log(folder / "few.parquet", 50_000, n_columns)
        few = [*arguments, "name=few", f"replay.path={folder / 'few.parquet'}"]
        subprocess.run([sys.executable, "-c", command, *few], capture_output=True, check=False)
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", command, *arguments], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"harness drift ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    print(f"{n_read:,} rows x {n_columns} float32 columns, drift={option}, load {os.getloadavg()[0]:.1f}")
    print(f"harness drift {seconds:.2f} s, pyarrow decode {decode_s:.2f} s, ratio {seconds / decode_s:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="of either side")
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scipy-repeats", type=int, default=5)
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with NannyML and Evidently")
    parser.add_argument("--parquet", type=int, metavar="ROWS", help="instead: time the command over a Parquet log of so many rows")
    parser.add_argument("--option", default="standard", help="of conf/drift/, with --parquet")
    options = parser.parse_args()
    if options.parquet:
        time_log(options.parquet, options.columns, options.option)
        return
    reference, current = make_columns(options.rows, options.columns)
    columns = [
        Column(f"c{at}", "double", "double", "number", np.concatenate(sides))
        for at, sides in enumerate(zip(reference, current, strict=True))
    ]
    index, groups = two_cells(options.rows, options.rows)
    runs: dict[str, tuple[Callable[[], Table], int]] = {
        "ours": (lambda: ours(columns, index, groups, options.threads), options.repeats),
        "scipy": (lambda: scipys(reference, current, options.threads), options.scipy_repeats),
    }
    mine, theirs = (runs[name][0]() for name in ("ours", "scipy"))
    np.testing.assert_allclose(mine["ks"], theirs["ks"], rtol=0, atol=1e-12, err_msg="KS, SciPy")
    np.testing.assert_allclose(mine["wasserstein"], theirs["wasserstein"], rtol=1e-9, err_msg="Wasserstein, SciPy")
    print(f"{options.columns} float64 columns, {options.rows:,} against {options.rows:,} rows, {options.threads} threads")
    print("answers equal SciPy's: KS to 1e-12, Wasserstein to 1e-9", flush=True)
    best = dict.fromkeys(runs, float("inf"))
    for repeat in range(max(n for _, n in runs.values())):
        for name, (run, n_repeats) in runs.items():
            if repeat < n_repeats:
                start = time.perf_counter()
                run()
                best[name] = min(best[name], time.perf_counter() - start)
    print_parts(columns, index, groups)
    if options.peers:
        for name, found in run_peers(options.peers, reference, current, options.threads).items():
            best[name] = found["seconds"]
            for method, key in (("kolmogorov_smirnov", "ks"), ("wasserstein", "wasserstein")):
                if method in found["values"] and name == "nannyml":
                    print(f"  {found['peer']}, {method}: at most {np.abs(mine[key] - found['values'][method]).max():.2g} from exact")
    else:
        print("NannyML and Evidently: skipped, no --peers PYTHON was given")
    print(f"{'':<12}{'best s':>10}{'ratio':>10}{'bar':>10}   load {os.getloadavg()[0]:.1f}")
    print(f"{'ours':<12}{best['ours']:>10.3f}{'':>10}{f'{BAR_S} s':>10}")
    for name in [peer for peer in best if peer != "ours"]:
        print(f"{name:<12}{best[name]:>10.3f}{best[name] / best['ours']:>9.1f}x{f'{BARS[name]}x':>10}")


if __name__ == "__main__":
    main()
