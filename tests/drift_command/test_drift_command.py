"""`harness drift` from the command to its files: what it writes, what it says, with which exit code, and what it keeps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml

from harness.drift.profile_file import _digest
from harness.report.drift_frame import DRIFT_COLUMNS
from tests.conftest import harness_environment
from tests.drift_command.conftest import Drift
from tests.drift_command.drift_world import FIRST_CURRENT, REFERENCE_DAYS, WINDOWS, DriftWorld, is_current, make_world, requests

FILES = {"contract.json", "profile.json", "reference_profile.json", "findings.json", "drift.parquet"}
COMPARED = ["amount", "n_items", "country", "channel", "is_new"]


def headline(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows over all rows."""
    return frame[(frame["slice_by"] == "all") & (frame["window"] == "all")]


def files_of(world: DriftWorld) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in world.results.iterdir()}


def test_without_drift_it_passes_and_writes_its_files(unchanged_once: tuple[DriftWorld, int]) -> None:
    world, code = unchanged_once
    assert code == 0
    assert set(files_of(world)) == FILES
    assert {file.name for file in world.results.parent.iterdir()} == {"replay", ".lock"}, "nothing of a sweep"
    findings = world.json("findings.json")
    assert (findings["option"], findings["profile"]) == ("standard", "harness")
    assert (findings["n_reference"], findings["n_current"]) == (REFERENCE_DAYS * 20, 78 * 20)
    assert findings["contract"]["violations"] == []
    assert not any(column["drifted"] for column in findings["columns"])
    assert findings["not_compared"] == []
    assert FIRST_CURRENT in findings["reference"]


def test_drift_parquet_has_the_columns_of_the_contract_and_a_row_of_every_cell(unchanged_once: tuple[DriftWorld, int]) -> None:
    frame = unchanged_once[0].drift()
    assert tuple(frame.columns) == DRIFT_COLUMNS
    assert set(frame["column"]) == {*COMPARED, "late"}
    assert set(frame[frame["kind"] == "label"]["column"]) == {"late"}
    assert set(frame["kind"]) == {"covariate", "label"}
    assert frame["variant"].isna().all()
    amount = frame[(frame["column"] == "amount") & (frame["statistic"] == "psi")]
    assert amount[amount["slice_by"] == "all"]["window"].tolist() == ["all", *WINDOWS]
    assert amount[amount["slice_by"] == "country"]["slice_value"].tolist() == ["DE", "FR", "IT"]
    assert not frame.duplicated(["column", "kind", "statistic", "slice_by", "slice_value", "window"]).any()
    assert frame["drifted"].dtype == "boolean"
    assert ((frame["value"].notna()) | (frame["note"] != "")).all(), "what is undefined says why"


def test_figures_are_those_of_scipy_on_the_rows(unchanged_once: tuple[DriftWorld, int]) -> None:
    from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

    world, _ = unchanged_once
    log, frame = requests(), headline(world.drift()).set_index(["column", "statistic"])
    reference, current = log[~is_current(log)], log[is_current(log)]
    for column in ("amount", "n_items"):
        a, b = reference[column].to_numpy(), current[column].to_numpy()
        assert frame.loc[(column, "ks"), "value"] == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)
        assert frame.loc[(column, "wasserstein"), "value"] == pytest.approx(wasserstein_distance(a, b), rel=1e-9)
        assert frame.loc[(column, "mean"), "value"] == pytest.approx(b.mean() - a.mean(), rel=1e-9), "in the unit of the column"
        assert frame.loc[(column, "wasserstein_normed"), "value"] == pytest.approx(wasserstein_distance(a, b) / a.std(ddof=1), rel=1e-9)
    table = pd.crosstab(is_current(log), log["country"])
    assert frame.loc[("country", "chi_square"), "value"] == pytest.approx(chi2_contingency(table).statistic, rel=1e-9)
    assert frame.loc[("late", "base_rate"), "value"] == pytest.approx(current["late"].mean() - reference["late"].mean(), rel=1e-9)


def test_profiles_are_those_of_the_rows(unchanged_once: tuple[DriftWorld, int]) -> None:
    world, _ = unchanged_once
    log = requests()
    for name, own in (("profile.json", log[is_current(log)]), ("reference_profile.json", log[~is_current(log)])):
        profile = world.json(name)
        columns = {c["name"]: c for c in profile["columns"]}
        assert profile["n_rows"] == len(own)
        assert columns["amount"]["moments"]["mean"][0] == pytest.approx(own["amount"].mean(), rel=1e-12)
        assert columns["amount"]["quantiles"][8] == pytest.approx(own["amount"].median(), rel=1e-12)
        assert dict(columns["country"]["top"]) == own["country"].value_counts().to_dict()
        assert columns["n_items"]["n_distinct"] == own["n_items"].nunique()
        assert columns["amount"]["slice_value"] == ["DE", "FR", "IT"]
        assert columns["amount"]["moments"]["n_rows"][-3:] == own["country"].value_counts().sort_index().tolist()


def test_a_second_run_keeps_what_is_there_and_another_option_does_not(
    unchanged_once: tuple[DriftWorld, int], tmp_path: Path, drift: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = DriftWorld(tmp_path / "world")
    shutil.copytree(unchanged_once[0].root, world.root, symlinks=True)
    world.conf(path=str(unchanged_once[0].root / "log.parquet"))  # as it was compared
    before = files_of(world)

    def no_child(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("harness.pipeline.log_comparison.run_child", no_child)
        said = drift(world)
        assert said.code == 0
        assert "contract (inferred" in said.out
        assert files_of(world) == before
        stricter = drift(world, "drift.gates.drift.columns=[nope]")
        assert stricter.code == 3, "gates read what was found"
        assert "'nope' was not compared" in stricter.out
        for change in ("drift=quick", "drift.alpha=0.01", "replay.windows=1mo", "replay.limit=2000", "drift.columns=[amount]"):
            assert drift(world, change).code == 130, "a child was started"
    # What was there is gone before its successor is: nothing stale is ever read.
    assert "findings.json" not in files_of(world)
    assert drift(world, "drift=quick", "drift.columns=[amount]", "replay.windows=null").code == 0
    assert set(files_of(world)) == FILES
    assert set(world.drift()["column"]) == {"amount", "late"}


def test_children_that_nobody_waits_for_end_with_their_next_column(
    own_world: DriftWorld, drift: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, has_begun = [], threading.Event()

    def child(_: object, args: tuple[object, int, int], *more: object) -> None:
        if args[1] == 0:
            assert has_begun.wait(10)
            raise KeyboardInterrupt
        on_columns = more[-1]
        has_begun.set()
        try:
            for n in range(1000):
                on_columns(n)  # type: ignore[operator]
                time.sleep(0.01)
        except InterruptedError:
            ended.append(args[1])

    monkeypatch.setattr("harness.pipeline.log_comparison.run_child", child)
    monkeypatch.setattr("harness.pipeline.log_comparison.thread_count", lambda: 2)
    assert drift(own_world).code == 130
    assert ended == [1]


@pytest.mark.parametrize("text", ["{", "null", "{}"])
def test_damaged_findings_are_found_again(own_world: DriftWorld, drift: Drift, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    own_world.results.mkdir(parents=True)
    (own_world.results / "findings.json").write_text(text)

    def child(work: object, *_: object) -> None:
        started.append(work)
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.pipeline.log_comparison.run_child", child)
    said = drift(own_world)
    assert started, said.err


def test_a_column_in_another_unit_breaks_the_contract_and_is_named_with_factor_and_window(tmp_path: Path, drift: Drift) -> None:
    log = requests()
    late = log["at"] >= WINDOWS[4]
    log.loc[late, "amount"] *= 100
    world = make_world(tmp_path / "world", log)
    said = drift(world, "drift=quick")
    assert said.code == 1
    (violation,) = [v for v in world.violations() if v["check"] == "unit"]
    assert (violation["column"], violation["window"]) == ("amount", WINDOWS[4])
    assert "100" in violation["sentence"]
    assert " ".join(violation["sentence"].split()) in " ".join(said.out.split()), "lines are wrapped"
    assert "FAIL contract" in said.out
    assert {v["column"] for v in world.violations()} == {"amount"}
    found = world.columns()["amount"]
    assert (found["drifted"], found["first_window"], found["n_windows_drifted"]) == (True, WINDOWS[4], len(WINDOWS) - 4)
    assert "PASS drift: 1 of 5" in said.out, "one column of five is under the limit of one half"


def test_columns_that_drift_fail_the_gate_and_a_limit_above_their_share_passes(tmp_path: Path, drift: Drift) -> None:
    log = requests()
    now = is_current(log)
    log.loc[now, "amount"] += 10
    log.loc[now, "n_items"] = log.loc[now, "n_items"].clip(lower=12)
    log.loc[now & (log["country"] == "IT"), "country"] = "DE"
    world = make_world(tmp_path / "world", log)
    said = drift(world, "drift=quick")
    assert said.code == 1
    assert "FAIL drift: 3 of 5 columns drifted" in said.out
    assert "PASS contract" in said.out
    assert [c["column"] for c in world.json("findings.json")["columns"] if c["drifted"]] == [
        c["column"] for c in world.json("findings.json")["columns"][:3]
    ], "those that drifted stand first"
    kept = drift(world, "drift=quick", "drift.gates.drift.max_drifted_share=0.9")
    assert kept.code == 0
    assert "PASS drift: 3 of 5 columns drifted" in kept.out


def test_a_drift_of_the_label_is_told(tmp_path: Path, drift: Drift) -> None:
    log = requests()
    rng = np.random.default_rng(4)
    late = log["at"] >= WINDOWS[6]
    log.loc[late, "late"] = (rng.random(int(late.sum())) < 0.6).astype(int)
    log.loc[log.index % 9 == 0, "late"] = pd.NA
    world = make_world(tmp_path / "world", log)
    said = drift(world, "drift.columns=[amount]", "replay.slices.columns=[]")
    assert said.code == 0, "the gate counts inputs"
    label = world.columns()["late"]
    assert (label["kind"], label["drifted"], label["first_window"]) == ("label", True, WINDOWS[6])
    row = headline(world.drift()).set_index(["column", "statistic"]).loc[("late", "base_rate")]
    known = log[log["late"].notna()]
    rates = known.groupby(is_current(known))["late"].mean()
    assert row["value"] == pytest.approx(rates[True] - rates[False], rel=1e-9)
    assert "label late drifted" in said.out


def test_another_log_as_reference(tmp_path: Path, drift: Drift) -> None:
    log = requests()
    world = make_world(tmp_path / "world", log[is_current(log)])
    world.log(log[~is_current(log)], "before.parquet")
    world.conf(reference={"path": str(world.root / "before.parquet")})
    said = drift(world, "drift=quick")
    assert said.code == 0, said.err
    one = make_world(tmp_path / "one", log)
    assert drift(one, "drift=quick").code == 0
    pd.testing.assert_frame_equal(world.drift(), one.drift())
    assert "before.parquet" in said.out


def test_a_stored_profile_stands_in_for_the_reference(unchanged_once: tuple[DriftWorld, int], tmp_path: Path, drift: Drift) -> None:
    first, _ = unchanged_once
    log = requests()
    log.loc[log.index % 7 == 0, "country"] = log["country"].where(~is_current(log), "ES")  # unseen
    world = make_world(tmp_path / "world", log[is_current(log)], reference=None)
    profile = shutil.copy(first.results / "reference_profile.json", tmp_path)
    option = ["drift=quick", "drift.statistics.psi.in_slices=true", "drift.resample=rows"]
    said = drift(world, f"drift.reference_profile={profile}", *option)
    assert said.code in (0, 1, 3), said.err
    assert world.json("findings.json")["n_reference"] == REFERENCE_DAYS * 20
    assert not (world.results / "reference_profile.json").exists(), "there were no reference rows"
    both = make_world(tmp_path / "both", log)
    drift(both, *option)
    keys = ["column", "kind", "statistic", "slice_by", "slice_value", "window"]
    found, wanted = (w.drift().set_index(keys) for w in (world, both))
    found = found[found.index.get_level_values("kind") == "covariate"]
    found = found[found.index.get_level_values("statistic") != "ks"]
    assert set(found.index.unique("statistic")) == {"psi", "mean", "chi_square", "missing_share"}
    assert set(found[found.index.get_level_values("slice_value") == "ES"]["n_reference"]) == {0}, "a slice that the reference never had"
    wanted = wanted.loc[found.index]
    np.testing.assert_allclose(found["value"], wanted["value"], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found["n_reference"], wanted["n_reference"])
    assert "ES" in world.columns()["country"]["changed"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_contract_written_by_hand(tmp_path: Path, drift: Drift, is_kept: bool) -> None:
    log = requests()
    world = make_world(tmp_path / "world", log, reference=None, contract=str(tmp_path / "contract.yaml"))
    rules = {
        "amount": {"minimum": 0, "maximum": 1000 if is_kept else 80},
        "country": {"categories": ["DE", "FR", "IT"] if is_kept else ["DE", "FR"]},
        "request_id": {"is_unique": True},
    }
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump({"columns": [{"column": name, **rule} for name, rule in rules.items()]}))
    said = drift(world, "drift=quick", *(["~drift.gates.drift"] if is_kept else []))
    assert said.code == (0 if is_kept else 1), said.out + said.err
    assert ("PASS contract" if is_kept else "FAIL contract") in said.out
    nothing = "UNDECIDED drift: no column could be compared: there is no reference, only a contract"
    assert (nothing in said.out) == (not is_kept)
    assert set(files_of(world)) == FILES - {"reference_profile.json"}
    broken = {(v["column"], v["check"]) for v in world.violations()}
    assert broken == (set() if is_kept else {("amount", "range"), ("country", "categories")})
    if not is_kept:
        (violation,) = [v for v in world.violations() if v["column"] == "amount"]
        too_large = log[log["amount"] > 80]
        assert violation["n_rows"] == len(too_large)
        assert violation["rows"] == too_large.index[:3].tolist()
    assert len(world.drift()) == 0
    assert world.json("profile.json")["n_rows"] == len(log), "without a reference all rows are current"


def test_a_run_that_is_killed_leaves_no_findings_and_the_next_completes(own_world: DriftWorld, drift: Drift) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *own_world.args()],
        cwd=own_world.root,
        env=harness_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    try:
        while not (own_world.results / "contract.json").exists() and not len(psutil.Process(process.pid).children(recursive=True)) > 2:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
        started = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
    assert process.wait() == -9
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive
    assert not (own_world.results / "findings.json").exists()
    assert drift(own_world, "drift=quick").code == 0
    assert set(files_of(own_world)) == FILES


def test_another_comparison_beside_a_sweep_stands_in_a_folder_of_its_own(
    own_world: DriftWorld, drift: Drift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-offs read what the sweep found: a comparison by another configuration must not take its place."""
    assert drift(own_world, "drift=quick").code == 0
    kept = (own_world.results / "findings.json").read_bytes()
    root = own_world.results.parent
    (root / "sweep.json").write_text("{}")
    monkeypatch.setattr("harness.pipeline.drift._refuse_other_sweep", lambda *_: None)
    said = drift(own_world, "drift=quick", "drift.alpha=0.01")
    assert (said.code, (own_world.results / "findings.json").read_bytes()) == (0, kept)
    (other,) = (root / "drift").iterdir()
    assert other.name.startswith("quick-")
    assert str(other) in said.err
    assert {f.name for f in other.iterdir()} == {f.name for f in own_world.results.iterdir()}
    assert drift(own_world, "drift=quick").code == 0
    assert [f.name for f in (root / "drift").iterdir()] == [other.name], "the sweep's own comparison is kept where it is"


def test_a_broken_contract_is_exit_code_1_without_any_gate(own_world: DriftWorld, drift: Drift) -> None:
    contract = own_world.root / "contract.yaml"
    contract.write_text("columns: [{column: amount, maximum: 1}]\n")
    assert drift(own_world, "drift=quick", f"replay.contract={contract}", "~drift.gates.contract", "~drift.gates.drift").code == 1


def test_a_period_beside_a_stored_profile_says_only_which_rows_are_current(
    unchanged_once: tuple[DriftWorld, int], own_world: DriftWorld, drift: Drift
) -> None:
    profile = json.loads((unchanged_once[0].results / "reference_profile.json").read_text())
    lacking = {**profile, "columns": [c for c in profile["columns"] if c["name"] != "amount"]}
    body = {k: v for k, v in lacking.items() if k != "sha256"}
    file = own_world.root / "profile.json"
    file.write_text(json.dumps({"sha256": _digest(body), **body}))
    assert drift(own_world, "drift=quick", f"drift.reference_profile={file}").code == 0
    rows = own_world.drift()
    assert "amount" not in set(rows["column"])
    assert "n_items" in set(rows["column"])
    assert ["amount", "'amount' is not in the profile"] in own_world.json("findings.json")["not_compared"]


def test_a_contract_column_that_the_reference_lacks_is_not_of_another_type(tmp_path: Path, drift: Drift) -> None:
    world = make_world(tmp_path / "world")
    log = requests()
    world.log(log[~is_current(log)], "reference.parquet")
    world.log(log[is_current(log)].assign(extra=1.5))
    (world.root / "contract.yaml").write_text("columns: [{column: extra, type: double}, {column: amount, minimum: 0}]\n")
    world.conf(reference={"path": str(world.root / "reference.parquet")}, contract=str(world.root / "contract.yaml"))
    assert drift(world, "drift=quick").code == 0
    assert world.violations() == []


@pytest.mark.parametrize(("n_columns", "alpha", "n_resamples"), [(10, 0.05, 999), (60, 0.05, 1200), (32, 0.001, 32_000)])
def test_days_are_dealt_out_often_enough_for_the_correction_over_columns(n_columns: int, alpha: float, n_resamples: int) -> None:
    from harness.drift.missing_share import MissingShare
    from harness.drift.psi import Psi
    from harness.pipeline.column_work import _resampled_for

    found = _resampled_for(Psi(n_resamples=999), n_columns, alpha)
    assert found.n_resamples == n_resamples
    assert n_columns / (found.n_resamples + 1) < alpha
    assert _resampled_for(MissingShare(), n_columns, alpha).name == "missing_share"


@pytest.mark.parametrize(
    ("n_rows", "n_slice_columns", "n_cores", "gigabytes", "n_children"),
    [(1_000_000, 4, 2, 20, 2), (1_000_000, 4, 16, 20, 4), (100_000_000, 4, 16, 20, 1), (40_000_000, 4, 16, 20, 2), (10, 0, 16, 20, 3)],
)
def test_a_large_log_has_fewer_children(n_rows: int, n_slice_columns: int, n_cores: int, gigabytes: int, n_children: int) -> None:
    from types import SimpleNamespace

    from harness.pipeline import log_comparison

    n_columns = 3 if n_rows == 10 else 32
    log = SimpleNamespace(n_rows=n_rows, columns=[None] * n_columns)
    replay = SimpleNamespace(slice_columns=[None] * n_slice_columns, crosses=[])
    work: Any = SimpleNamespace(log=log, reference=None, replay=replay)
    assert log_comparison.n_children(work, n_cores, gigabytes * 10**9) == n_children
