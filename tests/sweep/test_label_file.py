"""Labels in another file give the tables of labels in the log, and other labels there need no inference."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.sweep.world import World, make_log, replay_conf


def with_label_file(world: World, labels: pd.Series) -> None:
    """Take the labels out of the world's log into a file of their own, shuffled."""
    log = make_log()
    log["request"] = [f"r{i}" for i in range(len(log))]
    world.log(log.drop(columns="y"))
    known = pd.DataFrame({"request": log["request"], "late": labels}).dropna()
    known.sample(frac=1, random_state=2).to_parquet(world.root / "labels.parquet", index=False)
    conf: dict[str, Any] = replay_conf()
    del conf["label"]
    world.conf("replay", "tiny", conf | {"labels": {"path": "labels.parquet", "on": "request", "column": "late"}})


def test_labels_may_stand_in_another_file_and_change_there(swept: World) -> None:
    wanted = swept.comparison()
    with_label_file(swept, make_log()["y"])
    swept.sweep()
    pd.testing.assert_frame_equal(swept.comparison(), wanted, check_exact=True)
    with_label_file(swept, 1 - make_log()["y"])
    swept.sweep()
    assert swept.run_json("better")["scores_reused"]
    assert abs(swept.comparison().loc["better", "auc"] - (1 - wanted.loc["better", "auc"])) < 1e-12
