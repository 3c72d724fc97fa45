"""A sweep over a log that has a reference and holds the live model's scores: contract, drift and parity in its lines, files and gates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.report.drift_frame import DRIFT_COLUMNS
from tests.conftest import Said
from tests.sweep.world import FEATURES, WEIGHTS, World, copy_world, make_log, read_json

WRONG_WINDOW = "2024-02-05"  # a Monday: in this week production served with two features swapped
WEEKS = ["2024-01-15", "2024-01-22", "2024-01-29", WRONG_WINDOW, "2024-02-12", "2024-02-19", "2024-02-26"]
LEARNED_UNTIL = "2024-01-16"  # by the challenger: within the reference
QUICK = ("drift=quick", "metrics=[accuracy]", "price=none", "gain=none", "review=none")


def served_log() -> pd.DataFrame:
    """Return the log with what the champion gave in production; in one week it was given two features in each other's place."""
    log = make_log()
    x = log[list(FEATURES)].to_numpy(np.float64, copy=True)
    is_wrong = (log["at"] >= WRONG_WINDOW) & (log["at"] < "2024-02-12")
    x[is_wrong] = x[is_wrong][:, [1, 0, 2, 3]]
    score = 1 / (1 + np.exp(-(x @ np.array(WEIGHTS["champion"]) - 0.7)))
    score[::100] = np.nan  # not logged
    log["served"] = score.astype(np.float32)
    log["version"] = np.where(is_wrong, "v2", "v1")
    log["x3"] = np.where(log["at"] >= "2024-01-29", log["x3"] + 1.0, log["x3"]).astype(np.float32)
    return log


def said_by(capfd: pytest.CaptureFixture[str], code: int) -> Said:
    out = capfd.readouterr()
    return Said(code, " ".join(out.out.split()), out.err)


@dataclass(frozen=True)
class Swept:
    world: World
    code: int
    lines: list[str]


@pytest.fixture(scope="module")
def served(template: World, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    world = copy_world(template, tmp_path_factory.mktemp("served") / "world")
    for part in (world.root / "log").iterdir():
        part.unlink()
    world.log(served_log())
    world.conf("model", "better", {"name": "better", "path": "models/better.onnx", "trained_until": LEARNED_UNTIL})
    gates = {
        "contract": {"_target_": "harness.gates.contract.ContractKept"},
        "inputs": {"_target_": "harness.gates.drift.DriftWithin", "name": "inputs", "max_drifted_share": 0.5},
        "scores": {"_target_": "harness.gates.drift.DriftWithin", "name": "scores", "max_drifted_share": 0.5, "kinds": ["prediction"]},
        "parity": {"_target_": "harness.gates.replay_parity.ReplayParity"},
    }
    world.conf("review", "rows", {"name": "rows", "gates": gates})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.chdir(world.root)
        production = "replay.production={score: served, version: version}"
        code = world.sweep(
            "drift=standard",
            "model=champion,better",
            "review=rows",
            "metrics=[accuracy,log_loss]",
            "price=none",
            production,
            "replay.windows=1w",
        )
    return Swept(world, code, (world.results / "comparison.md").read_text().splitlines())


@pytest.fixture
def stored(served: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The finished sweep without its log and without its cache."""
    world = copy_world(served.world, tmp_path / "world")
    for part in (world.root / "log").iterdir():
        part.unlink()
    monkeypatch.chdir(world.root)
    return world


def gates_of(world: World) -> dict[str, tuple[str, str]]:
    """Return status and sentence of every gate on the challenger."""
    (verdict,) = [v for v in read_json(world.results / "signoff.json")["verdicts"] if v["variant"] == "better"]
    return {g["gate"]: (g["status"], g["sentence"]) for g in verdict["gates"]}


def test_features_that_production_swapped_fail_the_gate_and_name_the_window(served: Swept) -> None:
    assert served.code == 1
    status, sentence = gates_of(served.world)["replay_parity"]
    assert status == "FAIL"
    log = served_log()
    judged = log[(log["at"] >= "2024-01-21") & log["served"].notna()]
    wrong = judged[judged["version"] == "v2"]
    assert f"{len(judged):,} rows" in sentence
    assert f"worst window {WRONG_WINDOW}" in sentence
    assert f"{len(log[(log['at'] >= '2024-01-21') & log['served'].isna()])} rows without a logged score" in sentence
    parity = read_json(served.world.folder("champion") / "parity.json")
    assert parity["n_compared"][0] == len(judged)
    # Where two features are nearly equal their swap changes nothing that can be seen.
    assert 0.98 * len(wrong) <= parity["n_beyond"][0] <= len(wrong)
    assert parity["n_without"] == (log["at"] >= "2024-01-21").sum() - len(judged)
    assert {name: n for name, n, _ in parity["by_version"]} == judged["version"].value_counts().to_dict()
    assert {name: k for name, _, k in parity["by_version"]}["v1"] == 0


def test_only_the_champion_has_a_parity(served: Swept) -> None:
    frames = {name: pd.read_parquet(served.world.folder(name) / "drift.parquet") for name in ("champion", "better")}
    assert set(frames["champion"]["kind"]) == {"prediction", "residual", "parity"}
    assert set(frames["better"]["kind"]) == {"prediction", "residual"}
    assert not (served.world.folder("better") / "parity.json").exists()
    parity = frames["champion"].query("kind == 'parity' and slice_by == 'all'").set_index("window")["value"]
    assert parity.index.tolist()[0] == "all"
    assert [window for window, share in parity.items() if share > 0.5] == [WRONG_WINDOW]
    assert parity[[w for w in WEEKS[2:] if w != WRONG_WINDOW]].tolist() == [0.0] * 4


def test_scores_and_losses_of_every_variant_are_held_against_the_reference(served: Swept) -> None:
    for name in ("champion", "better"):
        frame = pd.read_parquet(served.world.folder(name) / "drift.parquet")
        assert tuple(frame.columns) == DRIFT_COLUMNS
        assert set(frame["variant"]) == {name}
        prediction = frame[frame["kind"] == "prediction"]
        assert set(prediction["statistic"]) == {"psi", "ks", "mean"}
        whole = prediction[(prediction["window"] == "all") & (prediction["slice_by"] == "all")].set_index("statistic")
        assert not whole["drifted"].any()
        assert set(prediction["slice_by"]) == {"all", "region", "channel", "x0", "region*channel"}
        residual = frame[(frame["kind"] == "residual") & (frame["slice_by"] == "all") & (frame["window"] == "all")]
        parts = residual.set_index(["column", "statistic"])["value"]
        for loss in parts.index.unique("column"):
            own = parts[loss]
            assert own["covariate"] + own["outside_support"] + own["residual"] == pytest.approx(own["loss_change"], abs=1e-9)


def test_rows_that_a_variant_learned_from_are_no_reference_of_its_own(served: Swept) -> None:
    log = served_log()
    for name, since in (("champion", "2024-01-11"), ("better", LEARNED_UNTIL)):
        own = log[(log["at"] >= since) & (log["at"] < "2024-01-21")]
        frame = pd.read_parquet(served.world.folder(name) / "drift.parquet").query("window == 'all' and slice_by == 'all'")
        assert set(frame[frame["kind"] == "prediction"]["n_reference"]) == {len(own)}
        assert set(frame[frame["kind"] == "residual"]["n_reference"]) == {int(own["y"].notna().sum())}


def test_prediction_drift_is_of_the_scores(served: Swept) -> None:
    from scipy.stats import ks_2samp

    log = served_log()
    x = log[list(FEATURES)].to_numpy(np.float64)
    score = 1 / (1 + np.exp(-(x @ np.array(WEIGHTS["champion"]) - 0.7)))
    is_reference = (log["at"] >= "2024-01-11") & (log["at"] < "2024-01-21")
    frame = pd.read_parquet(served.world.folder("champion") / "drift.parquet")
    whole = frame.query("kind == 'prediction' and window == 'all' and slice_by == 'all'").set_index("statistic")
    expected = ks_2samp(score[is_reference], score[log["at"] >= "2024-01-21"]).statistic
    assert whole.loc["ks", "value"] == pytest.approx(expected, abs=2 / is_reference.sum()), "scores are float32"
    assert whole.loc["ks", ["n_reference", "n_current"]].tolist() == [is_reference.sum(), (log["at"] >= "2024-01-21").sum()]


def test_contract_and_drift_and_parity_stand_before_the_table(served: Swept) -> None:
    table = next(i for i, line in enumerate(served.lines) if line.startswith("|"))
    head = "\n".join(served.lines[:table])
    assert "replay parity: " in head
    assert f"worst window {WRONG_WINDOW}" in head
    assert "contract (inferred from the reference, from 2024-01-11 until 2024-01-21): kept" in head
    assert "drift (standard): 1 of 7 inputs" in head
    assert "x3" in head
    comparison = read_json(served.world.results / "comparison.json")
    assert len(comparison["data_lines"]) == 2
    assert comparison["parity"].startswith("replay parity: ")


def test_inputs_and_scores_have_gates_of_their_own(served: Swept) -> None:
    gates = gates_of(served.world)
    assert gates["inputs"] == ("PASS", "1 of 7 columns drifted")
    assert gates["scores"] == ("PASS", "0 of 1 columns drifted"), "of the challenger's own scores"
    assert gates["contract"][0] == "PASS"
    findings = read_json(served.world.results / "replay" / "findings.json")
    assert findings["columns"][0]["column"] == "x3"
    assert findings["columns"][0]["first_window"] == "2024-01-29"
    assert {c["column"] for c in findings["columns"]} == {*FEATURES, "region", "channel", "prior_score", "y"}, "not what production logged"


def test_what_is_stored_gives_the_same_verdict_without_the_log(served: Swept, stored: World, capfd: pytest.CaptureFixture[str]) -> None:
    before = gates_of(stored), (stored.results / "comparison.md").read_text()
    assert stored.run("compare") == 1
    assert (stored.results / "comparison.md").read_text() == before[1]
    capfd.readouterr()
    said = said_by(capfd, stored.run("signoff", "review=rows"))
    assert said.code == 1
    assert gates_of(stored) == before[0]
    assert f"worst window {WRONG_WINDOW}" in said.out


def test_the_next_sweep_keeps_what_is_known_of_the_log(served: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = copy_world(served.world, tmp_path / "world")
    monkeypatch.chdir(world.root)

    def child(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.pipeline.log_comparison.run_child", child)
    production = "replay.production={score: served, version: version}"
    again = (
        "drift=standard",
        "model=champion,better",
        "review=none",
        "metrics=[accuracy,log_loss]",
        "price=none",
        production,
        "replay.windows=1w",
    )
    assert world.sweep(*again) == 0
    assert world.sweep(*again, "drift=quick") == 130, "another option compares again"


def test_without_drift_nothing_of_it_is_there_and_it_says_so(own_world: World, capfd: pytest.CaptureFixture[str]) -> None:
    said = said_by(capfd, own_world.sweep("model=champion", "drift=none", "champion=champion", *QUICK[1:]))
    assert "contract and drift: not measured, drift=none leaves it out" in said.out
    assert "replay parity: not measured" in said.out
    assert not (own_world.folder("champion") / "drift.parquet").exists()
    assert {f.name for f in (own_world.results / "replay").iterdir()} & {"contract.json", "drift.parquet", "findings.json"} == set()
    assert own_world.sweep("model=champion", "champion=champion", *QUICK) == said.code
    assert (own_world.results / "replay" / "findings.json").exists()
    prediction = pd.read_parquet(own_world.folder("champion") / "drift.parquet").query("kind == 'prediction'")
    assert set(prediction["slice_by"]) == {"all"}, "quick looks at no slices"
    assert set(prediction["window"]) == {"all", "2024-01", "2024-02"}
    assert own_world.sweep("model=champion", "champion=champion", "drift=none", *QUICK[1:]) == said.code
    assert not (own_world.results / "replay" / "findings.json").exists(), "findings of a configuration that compares nothing would mislead"


def test_without_a_reference_one_line_says_why(own_world: World, capfd: pytest.CaptureFixture[str]) -> None:
    own_world.sweep("model=champion", "replay.reference=null", "replay.tuning={from: 2024-01-11, until: 2024-01-21}", *QUICK)
    said = said_by(capfd, 0)
    (line,) = [line for line in (own_world.results / "comparison.md").read_text().splitlines() if "contract and drift" in line]
    assert "not measured, replay.reference is null, and replay.contract too" in line
    assert "contract and drift: not measured" in said.out
    assert not (own_world.results / "replay" / "drift.parquet").exists()


def test_a_variant_that_learned_from_the_whole_reference_has_a_row_that_says_so(own_world: World) -> None:
    own_world.conf("model", "late", {"name": "late", "path": "models/better.onnx", "trained_until": "2024-01-25"})
    assert own_world.sweep("model=champion,late", *QUICK) == 0
    frame = pd.read_parquet(own_world.folder("late") / "drift.parquet").set_index("kind")
    assert frame["note"].to_dict() == dict.fromkeys(
        ("prediction", "residual"), "the variant has learned from every reference row (trained_until 2024-01-25)"
    )
    assert frame["value"].isna().all()
    assert (frame["n_reference"] == 0).all()
    assert len(pd.read_parquet(own_world.folder("champion") / "drift.parquet")) > 2
