"""Our meters against MLPerf LoadGen over the same model, and what the bookkeeping of a trial costs.

Bars: offline throughput within 5 % of LoadGen's; p50 and p99 under Poisson arrivals at no more than half load within 10 %; the
bookkeeping of a trial below 1 % of it, at worst with runs of one row (best of many short windows, so that what else runs on the machine is in neither).
One process, one session, the same batches in memory; both in one run, interleaved, the order turned round in every repeat; medians of
the repeats. Each repeat draws arrivals of its own (LoadGen keeps its schedule to itself), so that two p99 differ by chance too: the
spread over the repeats stands beside them.

A Poisson trial of either with more than 1 % late sends is unfit, and is run again with other arrivals, at most three times; how often is
printed. (On a busy machine both have them, and compare the machine with itself.)

LoadGen sleeps until a request is due and wakes up some 0.1 ms late, which is in its latencies: a request here has so many rows
that this does not decide. The model is the demo's, or a stand-in of about its size when the demo was not built.

Run: python benchmarks/bench_measure.py [--seconds 20] [--repeats 5] [--load 0.4] [--model models/mlp_wide_fp32.onnx]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from harness.errors import ConfigError
from harness.meters.load_summary import why_unusable
from harness.meters.loadgen import loadgen_offline, loadgen_server
from harness.meters.meter_for import cuda_energy_meter
from harness.meters.nvml_meter import NvmlMeter
from harness.meters.open_loop import open_loop
from harness.meters.schedules import poisson_schedule
from harness.meters.trial import timed_trial, warm_up
from harness.records.load import LoadTrial

OFFLINE_BAR, LATENCY_BAR, OVERHEAD_BAR = 0.05, 0.10, 0.01
N_BATCHES, N_FEATURES = 16, 15
N_PAIRS, PAIR_S = 2001, 0.002  # shorter than the scheduler's turns: some windows have the core to themselves
Run = Callable[[int], None]


def stand_in() -> bytes:
    """Return a graph of three layers, 15 x 256 x 256 x 2, with seeded weights."""
    rng, nodes, weights, name = np.random.default_rng(0), [], [], "features"
    for layer, (n_in, n_out) in enumerate(((N_FEATURES, 256), (256, 256), (256, 2))):
        weights.append(numpy_helper.from_array(rng.normal(0, n_in**-0.5, (n_in, n_out)).astype(np.float32), f"w{layer}"))
        nodes += [
            helper.make_node("MatMul", [name, f"w{layer}"], [f"m{layer}"]),
            helper.make_node("Tanh", [f"m{layer}"], [f"h{layer}"]),
        ]
        name = f"h{layer}"
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", width]) for end, width in (("features", N_FEATURES), (name, 2))]
    graph = helper.make_graph(nodes, "stand_in", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def session_of(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads
    source = str(path) if path.is_file() else stand_in()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def runner(session: onnxruntime.InferenceSession, n_rows: int) -> Run:
    """Return what runs batch number i of seeded rows."""
    (feature,) = session.get_inputs()
    rng = np.random.default_rng(1)
    batches = [{feature.name: rng.normal(size=(n_rows, feature.shape[1])).astype(np.float32)} for _ in range(N_BATCHES)]
    outputs = [session.get_outputs()[0].name]

    def run(batch_id: int) -> None:
        session.run(outputs, batches[batch_id])

    warm_up(run, N_BATCHES, 1.0)
    return run


def interleaved(runs: dict[str, Callable[[int], object]], repeats: int) -> dict[str, list]:
    """Run each once per repeat, the order turned round in every second one."""
    found: dict[str, list] = {name: [] for name in runs}
    for repeat in range(repeats):
        for name in list(runs)[:: 1 if repeat % 2 == 0 else -1]:
            found[name].append(runs[name](repeat))
    return found


def verdict(deviation: float, bar: float) -> str:
    return f"bar {bar:.0%}: {'PASS' if abs(deviation) <= bar else 'miss'}"


def compare(what: str, unit: str, mine: list[float], theirs: list[float], bar: float) -> None:
    ratio = np.median(mine) / np.median(theirs)
    spreads = [f"{np.median(x):>11,.3f} [{min(x):,.3f}, {max(x):,.3f}]" for x in (mine, theirs)]
    print(f"{what:<18}{spreads[0]:<38}{spreads[1]:<38}{unit:<7}ratio {ratio:.3f}  {verdict(ratio - 1.0, bar)}", flush=True)


def offline(run: Run, n_rows: int, seconds: float, repeats: int) -> None:
    """Compare rows per second, back to back."""
    runs_per_s = timed_trial(run, N_BATCHES, 1, 1.0, point="offline").rows_per_s
    trials = interleaved(
        {
            "harness": lambda _: timed_trial(run, N_BATCHES, n_rows, seconds, point="offline").rows_per_s,
            "loadgen": lambda seed: loadgen_offline(run, N_BATCHES, n_rows, runs_per_s, seconds, seed).rows_per_s,
        },
        repeats,
    )
    compare("offline", "rows/s", trials["harness"], trials["loadgen"], OFFLINE_BAR)


def fit_trial(run_at: Callable[[int], LoadTrial], seed: int, reruns: list[int]) -> LoadTrial:
    """Run a trial, and again with another seed while it is unfit; the last one is handed back as it is."""
    for again in range(4):
        trial = run_at(seed + 100 * again)
        if why_unusable([trial]) is None:
            break
        reruns[0] += again < 3
    return trial


def poisson(run: Run, load: float, seconds: float, repeats: int) -> None:
    """Compare percentiles of latency from the scheduled time."""
    rate = load * timed_trial(run, N_BATCHES, 1, 1.0, point="single").rows_per_s
    generators: dict[str, Callable[[int], LoadTrial]] = {
        "harness": lambda seed: open_loop(run, N_BATCHES, poisson_schedule(rate, seconds, np.random.default_rng(seed))),
        "loadgen": lambda seed: loadgen_server(run, N_BATCHES, rate, seconds, seed + 1),
    }
    reruns = {name: [0] for name in generators}
    trials: dict[str, list[LoadTrial]] = interleaved(
        {name: lambda seed, name=name: fit_trial(generators[name], seed, reruns[name]) for name in generators}, repeats
    )
    for q in (50, 99):
        mine, theirs = ([float(np.percentile(t.latencies_ns, q)) / 1e6 for t in trials[name]] for name in ("harness", "loadgen"))
        compare(f"Poisson p{q}", "ms", mine, theirs, LATENCY_BAR)
    for name, own in trials.items():
        sends = [f"{t.n_late}/{t.n_requests}" for t in own]
        print(
            f"  {name}: {rate:.0f}/s, {reruns[name][0]} unfit trials run again, late sends {', '.join(sends)}; {why_unusable(own) or 'fit for use'}",
            flush=True,
        )


def overhead(what: str, run: Run, seconds: float = PAIR_S, n_pairs: int = N_PAIRS) -> None:
    """Compare the time of a run within a trial with that in a loop that does nothing else."""
    runs_per_s = max(timed_trial(run, N_BATCHES, 1, seconds, point="single").rows_per_s for _ in range(100))
    n_runs = max(2, round(seconds * runs_per_s))

    def bare(_: int) -> float:
        began = time.perf_counter_ns()
        batch_id = 0
        for _ in range(n_runs):
            run(batch_id)
            batch_id = batch_id + 1 if batch_id + 1 < N_BATCHES else 0
        return (time.perf_counter_ns() - began) / n_runs

    def metered(_: int) -> float:
        trial = timed_trial(run, N_BATCHES, 1, seconds, point="single")
        return 1e9 * trial.elapsed_s / trial.n_runs

    times = interleaved({"bare": bare, "trial": metered}, n_pairs)
    best = {name: min(own) for name, own in times.items()}
    share, middle = best["trial"] / best["bare"] - 1.0, float(np.median(np.array(times["trial"]) / np.array(times["bare"]))) - 1.0
    print(
        f"{what:<18}{best['bare'] / 1e3:,.2f} us bare, {best['trial'] / 1e3:,.2f} us in a trial (best of {n_pairs}): {share:+.2%}"
        f", median of the pairs {middle:+.2%}  {verdict(max(share, 0.0), OVERHEAD_BAR)}",
        flush=True,
    )


def bookkeeping_alone() -> None:
    """Print what a trial adds to a run that does nothing."""
    trials = [timed_trial(lambda i: None, N_BATCHES, 1, 0.1, point="single") for _ in range(21)]
    print(f"  a run that does nothing: {min(1e9 * t.elapsed_s / t.n_runs for t in trials):.0f} ns, all of it bookkeeping", flush=True)


def poller(run: Run) -> None:
    """Compare runs with and without NVML's poller beside them; without a card it is not measured."""
    meter = cuda_energy_meter()
    if not isinstance(meter, NvmlMeter):
        print(f"poller            not measured: {meter.stop().reason}")
        return
    times = interleaved(
        {
            "without": lambda _: timed_trial(run, N_BATCHES, 1, 0.5, point="single").rows_per_s,
            "with": lambda _: timed_trial(run, N_BATCHES, 1, 0.5, point="single", meter=meter).rows_per_s,
        },
        21,
    )
    share = float(np.median(np.array(times["without"]) / np.array(times["with"]))) - 1.0
    print(f"{'poller':<18}{share:+.2%}  {verdict(max(share, 0.0), OVERHEAD_BAR)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/mlp_wide_fp32.onnx"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each Poisson trial; offline takes a quarter")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--load", type=float, default=0.4, help="share of what the model serves back to back")
    parser.add_argument("--batch-rows", type=int, default=4096)
    parser.add_argument("--request-rows", type=int, default=4096)
    options = parser.parse_args()
    session = session_of(options.model, options.threads)
    name = options.model.name if options.model.is_file() else "stand-in"
    print(f"{name}, {options.threads} thread(s), medians of {options.repeats} [least, greatest], load {os.getloadavg()[0]:.1f}")
    print(f"{'':<18}{'harness':<38}{'MLPerf LoadGen':<38}")
    try:
        offline(runner(session, options.batch_rows), options.batch_rows, options.seconds / 4, options.repeats)
        poisson(runner(session, options.request_rows), options.load, options.seconds, options.repeats)
    except ConfigError as trouble:
        print(f"MLPerf LoadGen: skipped: {trouble}")
    one_row = runner(session, 1)
    overhead("trial, 1 row", one_row)
    overhead("trial, 64 rows", runner(session, 64))
    bookkeeping_alone()
    poller(one_row)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
