"""How does the memory of a whole sweep grow with the rows? Bar: at most 40 bytes a row, however many features there are.

A log of N and of 10 N rows (16 float features, 3 slice columns, 3 crosses, daily windows), champion and challenger as ONNX files, paired, exact
AUC. The anonymous memory (RssAnon: mapped pages do not count) of the sweep and its children is sampled every 10 ms; the growth is the
difference of the peaks over the difference of the rows. With --limit the larger sweep also runs under RLIMIT_DATA: what the smaller took and
40 bytes for each further row.

Run: python benchmarks/bench_memory.py [--rows 1000000] [--factor 10] [--limit]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from onnx import TensorProto, helper, numpy_helper

BAR_BYTES = 40.0
N_FEATURES = 16
EVERY_S = 0.01
BLOCK = 250_000


def write_log(path: Path, n_rows: int) -> None:
    """Write the log block by block, rows in the order of time."""
    rng, writer = np.random.default_rng(0), None
    names = [f"f{i}" for i in range(N_FEATURES)]
    for start in range(0, n_rows, BLOCK):
        n = min(BLOCK, n_rows - start)
        x = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
        columns = dict(zip(names, x.T, strict=True))
        columns |= {f"s{k}": rng.integers(0, size, n).astype(np.int16) for k, size in enumerate((5, 20, 40))}
        columns["y"] = (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(np.int8)
        columns["at"] = np.datetime64("2024-01-01", "us") + ((start + np.arange(n)) * (30 * 86_400_000_000 // n_rows)).astype(
            "timedelta64[us]"
        )
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_model(path: Path, slope: float) -> None:
    """Write a logistic regression on the first feature."""
    weights = np.zeros((N_FEATURES, 1), np.float32)
    weights[0], weights[1] = slope, 0.1
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logit"]), helper.make_node("Sigmoid", ["logit"], ["score"])]
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", N_FEATURES])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)


def make_world(root: Path, n_rows: int) -> None:
    """Write the log, two models and the configuration."""
    write_log(root / "log.parquet", n_rows)
    replay = {
        "name": "memory",
        "path": "log.parquet",
        "task": "binary",
        "label": "y",
        "features": [f"f{i}" for i in range(N_FEATURES)],
        "timestamp": "at",
        "slices": {"columns": ["s0", "s1", "s2"], "crosses": [["s0", "s1"], ["s0", "s2"], ["s1", "s2"]]},
        "windows": "1d",
        "label_maturity": {"age": "0d"},
    }
    options = {"replay/memory": replay}
    for name, slope in (("old", 0.7), ("new", 1.0)):
        write_model(root / f"{name}.onnx", slope)
        options[f"model/{name}"] = {"name": name, "path": f"{name}.onnx"}
    for option, data in options.items():
        file = root / "conf" / f"{option}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(data))


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def rss_anon(pid: int) -> int:
    """Return the anonymous memory of a process in bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def peak_bytes(root: Path, cache: Path, limit: int | None) -> tuple[int, str]:
    """Run a sweep and return the highest RssAnon of any of its processes, and which process had it; it must end well."""
    fixed = ["replay=memory", "model=old,new", "champion=old", "review=none", "measure=none", f"cache_dir={cache}", "name=memory"]
    command = [sys.executable, "-m", "harness.cli", "sweep", "--config-dir", "conf", *fixed]
    set_limit = (lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=set_limit, text=True)
    found = {"peak": 0, "who": 0}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(EVERY_S):
            for one in family(process.pid):
                anon = rss_anon(one)
                if anon > found["peak"]:
                    found.update(peak=anon, who=one)

    sampler = threading.Thread(target=sample)
    sampler.start()
    said = process.stderr.read() if process.stderr else ""
    code = process.wait()
    done.set()
    sampler.join()
    if code != 0:
        raise SystemExit(f"the sweep ended with {code}: {said[-2000:]}")
    return found["peak"], "the sweep itself" if found["who"] == process.pid else "a child"


def main() -> None:
    """Print the growth per row and whether it is within the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--factor", type=int, default=10)
    parser.add_argument("--limit", action="store_true", help="also run the larger sweep under RLIMIT_DATA at the budget")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        peaks = []
        for n_rows in (options.rows, options.rows * options.factor):
            root = Path(temporary) / str(n_rows)
            root.mkdir()
            make_world(root, n_rows)
            if not peaks:
                peak_bytes(root, Path(temporary) / "cache", None)  # compiles the kernels; its memory is not the sweep's
                for left in ("results", "cache/replay"):
                    subprocess.run(["rm", "-rf", str(root / left), str(Path(temporary) / left)], check=True)
            peak, who = peak_bytes(root, Path(temporary) / "cache", None)
            peaks.append(peak)
            print(f"{n_rows:,} rows: peak RssAnon {peak / 1e6:.0f} MB, in {who}")
        further = options.rows * (options.factor - 1)
        growth = (peaks[1] - peaks[0]) / further
        print(f"growth: {growth:.1f} bytes a row (bar {BAR_BYTES:g}): {'within' if growth <= BAR_BYTES else 'MISSED'}")
        if options.limit:
            budget = int(peaks[0] + BAR_BYTES * further)
            root = Path(temporary) / str(options.rows * options.factor)
            for left in (root / "results", Path(temporary) / "cache" / "replay"):
                subprocess.run(["rm", "-rf", str(left)], check=True)
            peak_bytes(root, Path(temporary) / "cache", budget)
            print(f"under RLIMIT_DATA of {budget / 1e6:.0f} MB the sweep ends well")


if __name__ == "__main__":
    main()
