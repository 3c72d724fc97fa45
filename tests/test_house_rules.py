"""The rules of the house, held against the source; each check is shown a planted violation, so that it can fail."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import GROUPS, shipped_conf
from harness.plugins import PLUGIN_BASES

REPO = Path(__file__).parents[1]
SOURCES = sorted(file for folder in ("harness", "kernels") for file in (REPO / folder).rglob("*.py"))
NAMES = [str(file.relative_to(REPO)) for file in SOURCES]

SHARED = {"harness.records", "harness.errors", "harness.units", "harness.device", "harness.gpu_stack", "harness.stats"}
# Who may import what of ours, besides itself; a folder of harness/ that is not named here is a room.
ALLOWED = {
    "kernels": set[str](),
    "harness.records": {"harness.errors", "harness.units"},
    "harness.errors": set[str](),
    "harness.units": set[str](),
    "harness.stats": set[str](),
    "harness.device": {"harness.errors"},
    "harness.gpu_stack": {"harness.device"},
    "harness.node": SHARED,
    "harness.plugins": SHARED | {"harness.node"},
    "harness.replay_schema": SHARED | {"harness.node"},
    "harness.schema": SHARED | {"harness.node"},
    "harness.compatibility": SHARED,
    "harness.drift_schema": SHARED | {"harness.node", "harness.plugins", "harness.replay_schema"},
    "harness.sweep_schema": SHARED
    | {"harness.compatibility", "harness.drift_schema", "harness.node", "harness.plugins", "harness.replay_schema", "harness.schema"},
    "harness.config": SHARED
    | {"harness.drift_schema", "harness.sweep_schema", "harness.node", "harness.plugins", "harness.replay_schema", "harness.schema"},
    "harness.stored_config": SHARED | {"harness.config", "harness.sweep_schema"},
    "harness.cli": {"harness.pipeline", "harness.config", "harness.errors"},
}
NOT_FOR_THE_PIPELINE = {"harness.cli", "harness.demo"}

# Where a heavy library may be imported: folders end in a slash.
HOMES = {
    "numba": ("kernels/",),
    "cupy": ("kernels/", "harness/replay/cudf_reader.py", "harness/inference/onnx_cuda.py"),
    "cudf": ("harness/replay/cudf_reader.py",),
    "pyarrow": ("harness/replay/", "harness/runs/", "harness/report/"),
    "onnxruntime": ("harness/inference/", "harness/demo/train.py"),  # the demo quantises its own model
    "pynvml": ("harness/meters/nvml.py",),
    "mlperf_loadgen": ("harness/meters/loadgen.py",),
    "hydra": ("harness/config.py",),
    "omegaconf": ("harness/config.py", "harness/stored_config.py"),
    "altair": ("harness/report/",),
    "sklearn": ("harness/demo/",),
    "lightgbm": ("harness/demo/",),
}
MAX_LINES = 350
PERSONAL_PATH = re.compile(r"(?<![\w.~}/-])(?:/(?:home|Users)/\w|/(?:root|work)/|[A-Z]:\\Users\\)")


def imports(text: str) -> Iterator[str]:
    """Yield every module that a source imports, also inside functions; of `from a import b` both a and a.b."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.dump(node.func) and node.args:
            yield from (str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def unit_of(module: str) -> str:
    """Return the part of our tree that a module belongs to: kernels, a room, or a file of harness/."""
    parts = module.split(".")
    return parts[0] if parts[0] == "kernels" else ".".join(parts[:2])


def forbidden_imports(name: str, text: str) -> list[str]:
    """Return what a file imports of ours though its place does not allow it."""
    own = unit_of(name.removesuffix(".py").replace("/", "."))
    ours = {unit_of(m) for m in imports(text) if m.split(".")[0] in ("harness", "kernels")} - {"harness", own}
    if own == "harness.pipeline":
        return sorted(ours & NOT_FOR_THE_PIPELINE)
    return sorted(ours - ALLOWED.get(own, SHARED | {"kernels"}))


def homeless_imports(name: str, text: str) -> list[str]:
    """Return the heavy libraries that a file imports though it is not their home."""
    heavy = {m.split(".")[0] for m in imports(text)} & set(HOMES)
    return sorted(lib for lib in heavy if not any(name == home or (home.endswith("/") and name.startswith(home)) for home in HOMES[lib]))


def is_docstring_only(text: str) -> bool:
    body = ast.parse(text).body
    return (
        len(body) == 1
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )


def targets(data: Any) -> Iterator[str]:
    """Yield every `_target_` of a configuration, however deep."""
    if isinstance(data, dict):
        yield from (str(v) for k, v in data.items() if k == "_target_")
        data = list(data.values())
    if isinstance(data, list):
        for item in data:
            yield from targets(item)


def placed_targets(group: str, data: Any) -> Iterator[tuple[str, str]]:
    """Yield every `_target_` of an option with the kind of plug-in that belongs there: in `drift` the key above says it."""
    kinds = {"review": "gates"}
    parts = [(key, data[key]) for key in data] if group == "drift" else [(kinds.get(group, group), data)]
    for kind, part in parts:
        yield from ((kind, target) for target in targets(part))


def wrong_target(kind: str, target: str) -> str | None:
    """Say what is wrong with the target of an option, or None."""
    if kind not in PLUGIN_BASES:
        return f"{kind} takes no _target_"
    module, _, name = target.rpartition(".")
    base_module, _, base_name = PLUGIN_BASES[kind].rpartition(".")
    base = getattr(importlib.import_module(base_module), base_name)
    found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, type) or found.__module__ != module:
        return f"{target} is not a class defined in {module}"
    return None if issubclass(found, base) and found is not base else f"{target} is not a {base_name}"


def lacks_comment(text: str) -> bool:
    """Say whether an option does not begin with a comment that says what it is (after its package line)."""
    lines = [line for line in text.splitlines()[:2] if not line.startswith("# @package")]
    return not lines or not re.match(r"# \w.{15,}", lines[0])


@pytest.mark.parametrize("name", NAMES)
def test_imports_keep_to_their_room(name: str) -> None:
    assert forbidden_imports(name, (REPO / name).read_text()) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("harness/gates/x.py", "from harness.cost.cost import cost_of", ["harness.cost"]),
        ("harness/gates/x.py", "def f():\n    import harness.replay.prepared", ["harness.replay"]),
        ("harness/gates/x.py", "from harness import pipeline", ["harness.pipeline"]),
        ("harness/meters/x.py", "import importlib\nimportlib.import_module('harness.runs.store')", ["harness.runs"]),
        ("harness/demo/x.py", "from harness.inference.inspect import inspect_model", ["harness.inference"]),
        ("harness/cli.py", "def f():\n    from harness.runs import store", ["harness.runs"]),
        ("harness/pipeline/x.py", "from harness.demo.build import build", ["harness.demo"]),
        ("harness/records/x.py", "from kernels.wide import add", ["kernels"]),
        ("harness/stats/x.py", "from harness.records.tally import Grid", ["harness.records"]),
        ("kernels/x.py", "from harness.errors import HarnessError", ["harness.errors"]),
    ],
)
def test_a_planted_import_across_rooms_is_found(name: str, text: str, found: list[str]) -> None:
    assert forbidden_imports(name, text) == found


@pytest.mark.parametrize("name", NAMES)
def test_heavy_libraries_stay_at_home(name: str) -> None:
    assert homeless_imports(name, (REPO / name).read_text()) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("harness/tallies/x.py", "def f():\n    from numba import njit", ["numba"]),
        ("harness/pipeline/probe.py", "import onnxruntime as ort", ["onnxruntime"]),
        ("harness/meters/machine.py", "import pynvml", ["pynvml"]),
        ("harness/schema.py", "from omegaconf import OmegaConf", ["omegaconf"]),
        ("harness/inference/onnx_cpu.py", "import cupy, onnxruntime", ["cupy"]),
    ],
)
def test_a_planted_heavy_import_is_found(name: str, text: str, found: list[str]) -> None:
    assert homeless_imports(name, text) == found


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("__init__.py")])
def test_init_files_hold_a_docstring_only(name: str) -> None:
    assert is_docstring_only((REPO / name).read_text())


@pytest.mark.parametrize("text", ["", '"""Docs."""\nfrom harness.errors import HarnessError', "x = 1"])
def test_a_planted_init_file_is_found(text: str) -> None:
    assert not is_docstring_only(text)


OPTIONS = sorted(str(file.relative_to(shipped_conf())) for file in shipped_conf().rglob("*.yaml"))


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_says_what_it_is_and_names_a_class_of_its_group(option: str) -> None:
    text = (shipped_conf() / option).read_text()
    group = option.split("/")[0]
    assert group == "config.yaml" or group in GROUPS
    assert not lacks_comment(text)
    assert [wrong for kind, target in placed_targets(group, yaml.safe_load(text)) if (wrong := wrong_target(kind, target))] == []


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.startswith("metrics/")])
def test_a_metric_option_has_a_node_of_its_own(option: str) -> None:
    text = (shipped_conf() / option).read_text()
    if "_target_" in text:
        assert text.splitlines()[0] == f"# @package metrics.{Path(option).stem}"


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        ("metrics", "harness.metrics.auc.np", "not a class defined"),
        ("metrics", "harness.metrics.auc.Metric", "not a class defined"),
        ("metrics", "harness.metrics.metric.Metric", "not a Metric"),
        ("metrics", "harness.gain.value_matrix.ValueMatrix", "not a Metric"),
        ("gain", "harness.metrics.auc.Auc", "not a GainRule"),
        ("gates", "harness.metrics.auc.Auc", "not a Gate"),
        ("statistics", "harness.drift.statistic.DriftStatistic", "not a DriftStatistic"),
        ("statistics", "harness.drift.sigma.DriftStatistic", "not a class defined"),
        ("gates", "harness.drift.psi.Psi", "not a Gate"),
        ("price", "harness.metrics.auc.Auc", "takes no _target_"),
    ],
)
def test_a_planted_target_is_found(kind: str, target: str, said: str) -> None:
    assert said in str(wrong_target(kind, target))


def test_the_place_of_a_target_says_what_it_must_be() -> None:
    drift = {"name": "x", "statistics": {"psi": {"_target_": "a.B"}}, "gates": {"g": {"_target_": "c.D"}}, "columns": {"_target_": "e.F"}}
    assert list(placed_targets("drift", drift)) == [("statistics", "a.B"), ("gates", "c.D"), ("columns", "e.F")]
    assert list(placed_targets("review", {"gates": {"g": {"_target_": "c.D"}}})) == [("gates", "c.D")]
    assert list(placed_targets("metrics", {"_target_": "a.B"})) == [("metrics", "a.B")]


def test_a_target_deep_in_an_option_is_found() -> None:
    assert list(targets({"gates": {"a": [{"_target_": "x.Y"}]}, "_target_": "z.W"})) == ["z.W", "x.Y"]


@pytest.mark.parametrize("text", ["name: x\n", "# @package metrics.auc\n_target_: a.B\n", "#\nname: x\n", ""])
def test_a_planted_option_without_a_comment_is_found(text: str) -> None:
    assert lacks_comment(text)


def too_long(name: str, text: str) -> bool:
    return len(text.splitlines()) > MAX_LINES


@pytest.mark.parametrize("name", NAMES)
def test_files_are_short(name: str) -> None:
    assert not too_long(name, (REPO / name).read_text())


def test_a_planted_long_file_is_found() -> None:
    assert too_long("harness/gates/x.py", "x = 1\n" * (MAX_LINES + 1))
    assert not too_long("harness/gates/x.py", "x = 1\n" * MAX_LINES)


def loaded_by(command: str) -> set[str]:
    """Return the top-level modules that are loaded once `harness COMMAND` has run in a process of its own."""
    code = f"import sys; from harness.cli import main; main({command.split()!r}); print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", ["--help", "sweep --help", "no-such-command"])
def test_help_loads_nothing_heavy(command: str) -> None:
    assert loaded_by(command) & {"hydra", "numpy", "pandas", "omegaconf", "yaml", "rich", *HOMES} == set()


def test_a_command_that_loads_something_heavy_is_found() -> None:
    assert "hydra" in loaded_by("sweep no_such_key=1")


def text_files() -> list[Path]:
    """Return the files that git keeps or would keep."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPO, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: which files are ours is not known")
    files = (REPO / name for name in listed.stdout.splitlines())
    return [file for file in files if file.is_file() and file.suffix not in (".png", ".parquet", ".onnx", ".arrow", ".gz", ".zip")]


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    files = text_files()
    assert len(files) > 100
    assert [str(f.relative_to(REPO)) for f in files if PERSONAL_PATH.search(f.read_text())] == []


# Each is cut in two here, lest this very file be found.
@pytest.mark.parametrize("path", ["/ho|me/ada/log.parquet", "/Us|ers/ada/x", "see /wo|rk/main", "'/ro|ot/.cache'", "C:\\Us|ers\\ada"])
def test_a_planted_personal_path_is_found(path: str) -> None:
    assert PERSONAL_PATH.search(path.replace("|", ""))


@pytest.mark.parametrize("text", ["https://example.org/home/x", "docs/work/x", "{root}/root/x", "in/Users/x"])
def test_other_paths_are_not_taken_for_personal_ones(text: str) -> None:
    assert not PERSONAL_PATH.search(text)
