"""What does the pipeline add to a bare `session.run` loop? Bar: at most 1.15 times the loop, for the 600-tree GBDT.

The pipeline here is a variant's whole quality pass after preparation: scoring from the memory-mapped replay, keeping the
scores, tallies with exact AUC by slice and window, intervals, metrics.parquet. The start of the child process is left
out. The loop scores the same rows, in memory, in the same batches, with the same session options. Both in one run,
interleaved, best of the repeats.

Run: python -m harness.demo && python benchmarks/bench_pipeline.py [--rows 1000000] [--repeats 3] [--model gbdt_large]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

BAR = 1.15


class NoChannel:
    """Takes the progress reports that a child would send."""

    def progress(self, done: int) -> None:
        """Drop the report."""


def tiled_flights(rows: int, folder: Path) -> str:
    """Write the flights log again and again, until it has so many rows that are not training rows."""
    log = pd.concat([pd.read_parquet(file) for file in sorted(Path("data/flights").glob("*.parquet"))])
    log = log[log["sched_dep"] >= "2013-03-01"]
    times = -(-rows // len(log))
    pd.concat([log] * times).head(rows).to_parquet(folder / "log.parquet", index=False)
    return str(folder / "log.parquet")


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="gbdt_large")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), options.rows, options.repeats, options.model)


def run(folder: Path, rows: int, repeats: int, model: str) -> None:
    """Prepare the log once, then time the loop and the pipeline in turn."""
    from harness.config import compose_sweep
    from harness.pipeline.environment import set_environment
    from harness.pipeline.planning import members_of, plan_sweep
    from harness.pipeline.prepare import prepare

    os.environ["OMP_WAIT_POLICY"] = "passive"
    cache = folder / "cache"
    set_environment(cache)
    path = tiled_flights(rows, folder)
    conf = compose_sweep(
        [
            "sweep=flights",
            f"model={model}",
            "champion=null",
            "gain=flights_example",
            f"replay.path={path}",
            "measure=none",
            f"cache_dir={cache}",
        ]
    )
    plan = plan_sweep(conf, cache)
    prepared = prepare(plan.log, conf.replay, plan.groups, cache, plan.replay_code, lambda *_: None)
    (member,) = members_of(conf, plan, folder / "results", cache)
    member.folder.mkdir(parents=True)
    matrix = loaded(prepared.folder, member.plan)

    from harness.pipeline.quality import score_and_reduce

    score_and_reduce(NoChannel(), member, None, conf, prepared.folder, None)  # type: ignore[arg-type]  # compiles the kernels
    loops, pipelines = [], []
    for _ in range(repeats):
        loops.append(bare_loop(member.plan, matrix))
        began = time.perf_counter()
        score_and_reduce(NoChannel(), member, None, conf, prepared.folder, None)  # type: ignore[arg-type]
        pipelines.append(time.perf_counter() - began)
    ratio = min(pipelines) / min(loops)
    print(
        f"{model}, {prepared.n_rows:,} rows, {prepared.grid.n_slices} slices x {prepared.grid.n_windows} windows, batches of {member.plan.batch_rows:,}"
    )
    print(f"bare session.run loop  best {min(loops):.2f} s of {[round(t, 2) for t in loops]}")
    print(f"quality pass           best {min(pipelines):.2f} s of {[round(t, 2) for t in pipelines]}")
    print(f"ratio {ratio:.3f}  bar {BAR}: {'held' if ratio <= BAR else 'MISSED'}")


def loaded(replay_folder: Path, plan: object) -> np.ndarray:
    """Return the prepared features as an ordinary array in memory."""
    from harness.replay.prepared import open_tensor

    return np.array(open_tensor(replay_folder, plan.inputs[0].group))


def bare_loop(plan: object, matrix: np.ndarray) -> float:
    """Score every row in batches and keep the positive class; return seconds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(plan.path, options, providers=["CPUExecutionProvider"])
    name = plan.inputs[0].name
    scores = np.empty(len(matrix), np.float32)
    began = time.perf_counter()
    for start in range(0, len(matrix), plan.batch_rows):
        batch = matrix[start : start + plan.batch_rows]
        scores[start : start + plan.batch_rows] = session.run([plan.output], {name: batch})[0][:, 1]
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
