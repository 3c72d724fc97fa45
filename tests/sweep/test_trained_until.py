"""Rows that a variant has learned from are in none of its figures and in no pair that it is part of."""

from __future__ import annotations

import pandas as pd

from tests.sweep.world import World, make_log, read_json


def judged(since: str) -> pd.DataFrame:
    """Return the rows of the log that are judged from a day on, by the definition."""
    log = make_log()
    return log[(log["at"] >= since) & log["y"].notna()]


def all_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["slice_by"] == "all") & (frame["window"] == "all")]


def test_judged_rows_that_a_challenger_has_learned_from_are_in_none_of_its_pairs(own_world: World) -> None:
    own_world.conf("model", "better", {"name": "better", "path": "models/better.onnx", "trained_until": "2024-02-05"})
    own_world.sweep()
    table, pairs = own_world.comparison(), all_rows(own_world.differences()).set_index(["challenger", "metric"])["n"]
    everything, later = len(judged("2024-01-21")), len(judged("2024-02-05"))
    assert 0 < later < everything
    assert table["n_rows"].to_dict() == {"champion": everything, "better": later, "worse": everything}
    assert pairs["better"].unique().tolist() == [later]
    assert pairs["worse"].unique().tolist() == [everything]
    assert own_world.run_json("better")["n_in_training"] == everything - later


def test_rows_that_the_champion_has_learned_from_are_in_no_pair(own_world: World) -> None:
    own_world.conf("model", "champion", {"name": "champion", "path": "models/champion.onnx", "trained_until": "2024-02-05"})
    own_world.sweep()
    pairs = all_rows(own_world.differences())
    assert pairs["n"].unique().tolist() == [len(judged("2024-02-05"))]
    assert own_world.comparison().loc["better", "n_rows"] == len(judged("2024-01-21"))


def test_the_border_itself_is_judged(own_world: World) -> None:
    log = make_log()
    border = log["at"].iloc[5000]
    own_world.conf("model", "better", {"name": "better", "path": "models/better.onnx", "trained_until": border.isoformat()})
    own_world.sweep("model=champion,better")
    assert own_world.comparison().loc["better", "n_rows"] == int((log["y"].notna() & (log["at"] >= border)).sum())


def test_an_unknown_end_of_training_is_said_and_the_lineage_undecided(own_world: World) -> None:
    own_world.conf("model", "better", {"name": "better", "path": "models/better.onnx"})
    own_world.sweep("model=champion,better", "review=standard")
    said = (own_world.results / "comparison.md").read_text()
    assert "training: not known of better" in said
    lineage = [g for v in read_json(own_world.results / "signoff.json")["verdicts"] for g in v["gates"] if g["gate"] == "lineage"]
    assert [g["status"] for g in lineage] == ["UNDECIDED"]
