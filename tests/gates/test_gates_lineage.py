from __future__ import annotations

from dataclasses import replace

import pytest

from harness.gates.lineage import KnownLineage


def test_everything_known_passes(evidence) -> None:
    (result,) = KnownLineage().judge((evidence(),))
    assert (result.status, result.value) == ("PASS", 0.0)
    assert "git commit: c0ffee" in result.details


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"model_sha256": None}, "UNDECIDED", "model file's hash is not known"),
        ({"model_sha256": None, "is_logged": True}, "UNDECIDED", "scores come from the log"),
        ({"replay_fingerprint": ""}, "UNDECIDED", "replay's fingerprint"),
        ({"trained_until": None}, "UNDECIDED", "set model.trained_until"),
        ({"first_judged": None}, "UNDECIDED", "no time column, so which rows the model was trained on is not known"),
        ({"limited": True}, "UNDECIDED", "can never pass"),
        ({"champion_is_known": False}, "UNDECIDED", "the end of the champion's training is not known"),
        ({"n_judged_in_training": 3}, "FAIL", "3 judged rows lie in the model's training period"),
        ({"n_judged_in_training": 3, "limited": True}, "FAIL", "3 judged rows"),
    ],
)
def test_what_is_unknown_is_undecided_and_trained_rows_fail(evidence, changes, status: str, reason: str) -> None:
    base = evidence()
    (result,) = KnownLineage().judge((replace(base, lineage=replace(base.lineage, **changes)),))
    assert result.status == status
    assert reason in result.sentence


def test_uncommitted_changes_are_shown(evidence) -> None:
    base = evidence()
    (result,) = KnownLineage().judge((replace(base, lineage=replace(base.lineage, git_dirty=True)),))
    assert "git commit: c0ffee with uncommitted changes" in result.details
