"""A log, models and a configuration so small that a whole sweep takes seconds."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from harness.cli import main

REPO = Path(__file__).parents[2]
FEATURES = ("x0", "x1", "x2", "x3")
TRUTH = np.array([1.2, -0.8, 0.5, 0.0])
# Weights of the variants: the champion misses a feature, `better` has them all, `worse` has little to say.
WEIGHTS = {
    "champion": (1.0, -0.4, 0.0, 0.0),
    "better": (1.2, -0.8, 0.5, 0.0),
    "worse": (0.1, 0.3, 0.0, 0.4),
    "similar": (1.0, -0.41, 0.0, 0.01),
}
_SHEET = """\
sku,list_unit_price,pricing_unit,billing_currency,valid_from,retrieved_at
small,0.10,hour,USD,2024-01-01,2024-01-01
large,0.80,hour,USD,2024-01-01,2024-01-01
"""


def make_log(n_rows: int = 6000, seed: int = 7) -> pd.DataFrame:
    """Rows of sixty days; every fiftieth outcome is not known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, len(FEATURES))).astype(np.float32)
    positive = rng.random(n_rows) < 1 / (1 + np.exp(-(x @ TRUTH - 0.7)))
    log = pd.DataFrame(x, columns=list(FEATURES))
    log["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60 * 86400, n_rows)), unit="s")
    log["region"] = rng.choice(["north", "south", "east", "west"], n_rows, p=[0.4, 0.3, 0.2, 0.1])
    log["channel"] = rng.choice(["app", "web"], n_rows)
    log["prior_score"] = np.round(1 / (1 + np.exp(-0.8 * x[:, 0])), 2).astype(np.float32)
    log["y"] = pd.array(positive.astype(int), dtype="Int64")
    log.loc[log.index % 50 == 49, "y"] = pd.NA
    return log


def write_model(path: Path, weights: tuple[float, ...], bias: float = -0.7, *, nan: bool = False, steps: int | None = None) -> None:
    """Write a logistic regression; with `nan` every score is NaN, with `steps` scores are rounded to so many steps."""
    w = np.array(weights, np.float32).reshape(-1, 1)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["logit"])]
    if nan:
        nodes += [helper.make_node("Sqrt", ["minus_one"], ["root"]), helper.make_node("Mul", ["logit", "root"], ["score"])]
    else:
        nodes += [helper.make_node("Sigmoid", ["logit"], ["score"])]
    constants: dict[str, NDArray[np.float32]] = {"w": w, "b": np.array([bias], np.float32)}
    if nan:
        constants["minus_one"] = np.array([-1.0], np.float32)
    if steps is not None:
        nodes[-1].output[0] = "fine"
        nodes += [helper.make_node("Mul", ["fine", "steps"], ["step"]), helper.make_node("Round", ["step"], ["whole"])]
        nodes += [helper.make_node("Div", ["whole", "steps"], ["score"])]
        constants["steps"] = np.array([steps], np.float32)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


@dataclass(frozen=True)
class World:
    """One folder that holds everything, results included; commands expect it to be the working directory, so that a copy works alike."""

    root: Path

    @property
    def results(self) -> Path:
        """The folder of the sweep's results."""
        return self.root / "results" / "tiny"

    @property
    def manifest(self) -> dict[str, Any]:
        """What `sweep.json` says."""
        return read_json(self.results / "sweep.json")

    def model(self, name: str) -> Path:
        """The file of a model."""
        return self.root / "models" / f"{name}.onnx"

    def sweep_args(self, *overrides: str) -> list[str]:
        """Arguments of the command that sweeps."""
        return ["sweep", "sweep=tiny", "--config-dir", "conf", *overrides]

    def sweep(self, *overrides: str) -> int:
        """Run a sweep in this process (its variants run in children) and return the exit code."""
        return main(self.sweep_args(*overrides))

    def run(self, command: str, *overrides: str) -> int:
        """Run a command that reads the results."""
        return main([command, "results/tiny", *overrides])

    def folder(self, variant: str) -> Path:
        """The folder of a variant under its present identity."""
        return self.results / str(next(m["folder"] for m in self.manifest["members"] if m["variant"] == variant))

    def run_json(self, variant: str) -> dict[str, Any]:
        """What `run.json` of a variant says."""
        return read_json(self.folder(variant) / "run.json")

    def comparison(self) -> Any:
        """The comparison by variant."""
        return pd.read_csv(self.results / "comparison.csv").set_index("variant")

    def differences(self) -> Any:
        """The paired differences."""
        return pd.read_parquet(self.results / "differences.parquet")

    def conf(self, group: str, name: str, data: dict[str, Any], package: str | None = None) -> None:
        """Write one option."""
        file = self.root / "conf" / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((f"# @package {package}\n" if package else "") + yaml.safe_dump(data, sort_keys=False))

    def log(self, log: pd.DataFrame, n_files: int = 2) -> None:
        """Write the log, in files of similar size."""
        (self.root / "log").mkdir(parents=True, exist_ok=True)
        for i, rows in enumerate(np.array_split(np.arange(len(log)), n_files)):
            log.iloc[rows].to_parquet(self.root / "log" / f"part-{i}.parquet", index=False)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    return dict(json.loads(path.read_text()))


def make_world(root: Path, variants: tuple[str, ...] = ("champion", "better", "worse")) -> World:
    """Write the log, the models and the configuration under `root`."""
    world = World(root)
    world.log(make_log())
    for name, weights in WEIGHTS.items():
        write_model(world.model(name), weights)
        world.conf("model", name, {"name": name, "path": f"models/{name}.onnx", "trained_until": "2024-01-11"})
    world.conf("model", "logged", {"name": "logged", "source": "logged", "column": "prior_score", "trained_until": "2024-01-11"})
    world.conf("replay", "tiny", replay_conf())
    world.conf("gain", "tiny", gain_conf(2.0))
    world.conf("price", "tiny", {"name": "tiny", "file": "tiny.csv", "sku": "small"})
    (root / "conf" / "price" / "tiny.csv").write_text(_SHEET)
    world.conf("sweep", "tiny", sweep_conf(variants), "_global_")
    share_compiled_kernels(root / "cache")
    return world


def copy_world(source: World, root: Path) -> World:
    """Copy a world, hard links kept apart, and let its manifest speak of the new place."""
    shutil.copytree(source.root, root, symlinks=True)
    world = World(root)
    if (world.results / "sweep.json").exists():
        text = (world.results / "sweep.json").read_text()
        (world.results / "sweep.json").write_text(text.replace(str(source.root), str(root)))
    return world


def replay_conf() -> dict[str, Any]:
    """The replay: ten days of training, ten of reference and tuning, forty to judge."""
    return {
        "name": "tiny",
        "path": "log/*.parquet",
        "task": "binary",
        "label": "y",
        "features": list(FEATURES),
        "timestamp": "at",
        "slices": {"columns": ["region", "channel", {"column": "x0", "edges": [0]}], "crosses": [["region", "channel"]]},
        "windows": "1mo",
        "training": {"before": "2024-01-11"},
        "reference": {"from": "2024-01-11", "until": "2024-01-21"},
        "tuning": "reference",
        "label_maturity": {"age": "0d"},
    }


def gain_conf(true_positive: float) -> dict[str, Any]:
    """A business rule in which finding a positive row is worth `true_positive`."""
    values = {"true_positive": true_positive, "false_positive": -0.6, "false_negative": 0.0, "true_negative": 0.0}
    return {"_target_": "harness.gain.value_matrix.ValueMatrix", **values, "currency": "USD", "baseline": "none", "note": "made up"}


def sweep_conf(variants: tuple[str, ...], drift: str = "none") -> dict[str, Any]:
    """The named sweep; few draws, no speed phase and, where a test is not about it, no drift, so that it is quick."""
    return {
        "defaults": [
            {"override /replay": "tiny"},
            {"override /gain": "tiny"},
            {"override /price": "tiny"},
            {"override /metrics": ["accuracy", "log_loss", "auc"]},
            {"override /measure": "none"},
            {"override /drift": drift},
        ],
        "name": "tiny",
        "champion": "champion",
        "results_dir": "results",
        "cache_dir": "cache",
        "params": {"model": list(variants)},
    }


def share_compiled_kernels(cache_dir: Path) -> None:
    """Let a world's cache hold the kernels that this checkout has compiled: compiling takes longer than all the rest."""
    shared = REPO / ".cache" / "numba"
    shared.mkdir(parents=True, exist_ok=True)
    cache_dir.mkdir(parents=True, exist_ok=True)
    (cache_dir / "numba").symlink_to(shared)
