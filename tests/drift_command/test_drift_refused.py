"""What `harness drift` cannot do it refuses in one sentence, with exit code 2, and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_cli_refused_log import assert_refused
from tests.drift_command.conftest import Drift
from tests.drift_command.drift_world import DriftWorld, make_world, requests

NO_REFERENCE = "replay.reference=null"


def another(path: Path | str) -> list[str]:
    """Return the overrides that put another log in place of the period."""
    return [f"replay.reference.path={path}", "replay.reference.until=null"]


OVERRIDES = {
    "no reference": ([NO_REFERENCE], ["replay.reference: found null", "period", "drift.reference_profile", "replay.contract"]),
    "no log": (["replay.path=nowhere.parquet"], ["replay.path: no file 'nowhere.parquet'"]),
    "a period without rows": (["replay.reference={until: 2024-01-01}"], ["replay.reference: no row of the log is left as reference"]),
    "nothing but reference": (["replay.reference={until: 2026-01-01}"], ["no row of the log is left to hold against the reference"]),
    "nothing but training": (
        ["replay.reference={from: 2025-05-01, until: null}", "replay.training={before: 2025-05-01}"],
        ["training period"],
    ),
    "no reference log": (another("nowhere.parquet"), ["replay.reference.path: no file 'nowhere.parquet'"]),
    "a reference log and a period": (
        ["replay.reference={path: x.parquet, until: 2025-02-17}"],
        ["replay.reference: found until together with path"],
    ),
    "an unknown column": (["drift.columns=[amuont]"], ["drift.columns: no column 'amuont'", "did you mean 'amount'?"]),
    "columns as a text": (["drift.columns=amount"], ["drift.columns: found 'amount', wanted a list"]),
    "an unknown option": (["drift=standart"], ["drift: no option 'standart'", "did you mean 'standard'?"]),
    "no drift": (["drift=none"], ["drift: found none", "drift=standard"]),
    "an unknown profile": (["drift.profile=evidentl"], ["drift.profile: found 'evidentl'", "did you mean 'evidently'?"]),
    "no statistics": (
        [
            "~drift.statistics.psi",
            "~drift.statistics.ks",
            "~drift.statistics.missing_share",
            "~drift.statistics.mean",
            "~drift.statistics.chi_square",
            "drift=quick",
        ],
        ["drift.statistics: found none; name some"],
    ),
    "an unknown key": (["drift.alfa=0.1"], ["drift.alfa: unknown key", "did you mean 'alpha'?"]),
    "a key of a statistic": (["drift.statistics.psi.limit=0.1"], ["statistics.psi.limit: unknown key; Psi takes"]),
    "a statistic that is none": (
        ["drift.statistics.psi._target_=harness.drift.shares.Shares"],
        ["statistics.psi._target_", "is not a DriftStatistic"],
    ),
    "a gate among statistics": (
        ["drift.statistics.psi._target_=harness.gates.contract.ContractKept"],
        ["is not a DriftStatistic of harness.drift"],
    ),
    "a gate of variants": (["+drift.gates.net._target_=harness.gates.net_gain.NetGain"], ["drift.gates: 'net_gain' judges variants"]),
    "a threshold below 0": (["drift.statistics.psi.threshold=-1"], ["threshold: found -1, wanted a number of at least 0"]),
    "a level above 1": (["drift.alpha=2"], ["drift.alpha: found 2"]),
    "resampled hours": (["drift.resample=hours"], ["drift.resample: found 'hours', wanted one of days, rows"]),
    "no profile there": ([NO_REFERENCE, "drift.reference_profile=nowhere.json"], ["drift.reference_profile: nowhere.json cannot be read"]),
    "no contract there": (["replay.contract=nowhere.yaml"], ["nowhere.yaml"]),
    "a missing time": (["replay.timestamp=when"], ["replay.timestamp: no column 'when'"]),
    "a missing slice column": (["replay.slices.columns=[land]"], ["replay.slices.columns: no column 'land'"]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> DriftWorld:
    world = make_world(tmp_path_factory.mktemp("refused") / "world")
    log = requests()
    world.log(log, "same.parquet")
    world.log(log[["at", "request_id"]], "few.parquet")
    world.log(log[["amount", "late"]], "timeless.parquet")
    return world


@pytest.mark.parametrize("case", OVERRIDES)
def test_a_configuration_that_cannot_be_compared(case: str, world: DriftWorld, drift: Drift, tmp_path: Path) -> None:
    overrides, words = OVERRIDES[case]
    assert_refused(drift(world, *overrides, f"results_dir={tmp_path / 'results'}"), words, tmp_path / "results")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("log.parquet", ["replay.reference.path: log.parquet is also a file of the log", "or a period of the log"]),
        ("same.parquet", ["replay.reference.path: it has the same bytes as the log"]),
        ("timeless.parquet", ["replay.reference.path: no column 'at' in timeless.parquet"]),
    ],
)
def test_a_reference_log_that_is_none(name: str, words: list[str], world: DriftWorld, drift: Drift, tmp_path: Path) -> None:
    said = drift(world, *another(world.root / name), f"results_dir={tmp_path / 'results'}")
    assert_refused(said, words, tmp_path / "results")


PROFILES: dict[str, tuple[Callable[[str], str], str]] = {
    "no JSON": (lambda text: text[:1000], "is no profile"),
    "another file": (lambda text: json.dumps({"rules": []}), "is no profile"),
    "changed": (lambda text: text.replace('"n_rows": 840', '"n_rows": 841'), "is not what harness drift wrote (its sha256 differs)"),
    "another format": (lambda text: text.replace('"format": 1', '"format": 7'), "has format 7, this harness reads 1"),
}


@pytest.mark.parametrize("case", PROFILES)
def test_a_profile_that_cannot_stand_in(
    case: str, world: DriftWorld, unchanged_once: tuple[DriftWorld, int], drift: Drift, tmp_path: Path
) -> None:
    change, words = PROFILES[case]
    text = (unchanged_once[0].results / "reference_profile.json").read_text()
    assert change(text) != text
    file = tmp_path / "profile.json"
    file.write_text(change(text))
    said = drift(world, NO_REFERENCE, f"drift.reference_profile={file}", f"results_dir={tmp_path / 'results'}")
    assert_refused(said, ["drift.reference_profile", "profile.json", words], tmp_path / "results")


def test_a_profile_of_another_log(world: DriftWorld, unchanged_once: tuple[DriftWorld, int], drift: Drift, tmp_path: Path) -> None:
    profile = unchanged_once[0].results / "reference_profile.json"
    world.log(requests()[["amount"]].rename(columns={"amount": "other"}), "other.parquet")
    keys = [
        "replay.timestamp=null",
        "replay.windows=null",
        "replay.label=null",
        "replay.features=[]",
        "replay.id=null",
        "replay.slices.columns=[]",
    ]
    other = [f"replay.path={world.root / 'other.parquet'}", NO_REFERENCE, *keys, f"results_dir={tmp_path / 'results'}"]
    said = drift(world, *other, f"drift.reference_profile={profile}")
    assert_refused(said, ["drift.reference_profile", "has none of the log's columns", "log.parquet"], tmp_path / "results")


def test_two_references(world: DriftWorld, unchanged_once: tuple[DriftWorld, int], drift: Drift, tmp_path: Path) -> None:
    profile = f"drift.reference_profile={unchanged_once[0].results / 'reference_profile.json'}"
    said = drift(world, *another(world.root / "few.parquet"), profile, f"results_dir={tmp_path / 'results'}")
    assert_refused(said, ["drift.reference_profile", "beside replay.reference.path", "wanted one reference"], tmp_path / "results")


def test_a_folder_that_holds_a_sweep_over_another_log(world: DriftWorld, drift: Drift, tmp_path: Path) -> None:
    root = tmp_path / "results" / "requests"
    root.mkdir(parents=True)
    (root / "sweep.json").write_text("{}")
    said = drift(world, f"results_dir={tmp_path / 'results'}")
    assert said.code == 2
    assert {file.name for file in root.iterdir()} - {".lock"} == {"sweep.json"}
