from __future__ import annotations

import numpy as np
import pytest

from harness.gates.net_gain import NetGain
from harness.gates.non_inferiority import NonInferiority
from harness.records.missing_bounds import MissingBounds

NAMED = ("all", "carrier=UA")


def gate(**more):
    return NonInferiority(**{"metric": "auc", "margin": 0.01, "slices": NAMED, **more})


def bounds(lower, upper, n_unlabelled, metric="auc", n_rows=(1000, 400, 600)):
    arrays = (np.array(a, np.float64) for a in (lower, upper))
    return (MissingBounds(metric, *arrays, np.array(n_rows, np.int64), np.array(n_unlabelled, np.int64), is_sharp=True),)


@pytest.fixture(name="passing")
def _passing(differences):
    return differences([0.0] * 3, [0.001] * 3)


@pytest.fixture(name="failing")
def _failing(differences):
    return differences([0.0, -0.1, 0.0], [0.001] * 3)


def judged(gate, found):
    (result,) = gate.judge((found,))
    return result


def test_a_pass_that_the_worst_labels_would_undo_is_undecided(evidence, passing) -> None:
    found = judged(gate(), evidence(differences=passing, missing_bounds=bounds([-0.005, -0.03, 0], [0.1] * 3, [50, 48, 2])))
    assert found.status == "UNDECIDED"
    assert found.sentence.startswith(
        "12.0% of the rows of carrier=UA have no label: were they the worst for it, its interval would reach -0.03196 "
    )
    assert "(margin 0.01)" in found.sentence
    assert "the PASS of the labelled rows is not certain" in found.sentence


def test_the_bound_at_the_margin_undoes_a_pass_and_above_it_does_not(evidence, passing) -> None:
    def status(lower):
        return judged(gate(), evidence(differences=passing, missing_bounds=bounds([lower] * 3, [0.1] * 3, [50, 48, 2]))).status

    # The interval of the labelled rows reaches 0.00196 below their difference: sampling comes on top of the missing labels.
    assert (status(-0.0081), status(-0.0080)) == ("UNDECIDED", "PASS")


def test_slices_that_are_not_named_or_lack_no_label_do_not_undo_a_pass(evidence, passing) -> None:
    unnamed = bounds([-0.001, -0.001, -0.9], [0.1] * 3, [50, 0, 50])
    assert judged(gate(), evidence(differences=passing, missing_bounds=unnamed)).status == "PASS"
    all_labelled = bounds([-0.9] * 3, [0.9] * 3, [0, 0, 0])
    assert judged(gate(), evidence(differences=passing, missing_bounds=all_labelled)).status == "PASS"
    assert judged(gate(), evidence(differences=passing)).status == "PASS", "nobody looked"


def test_a_fail_that_the_best_labels_would_undo_is_undecided(evidence, failing) -> None:
    found = judged(gate(), evidence(differences=failing, missing_bounds=bounds([-0.2] * 3, [0.1, -0.01, 0.1], [50, 48, 2])))
    assert found.status == "UNDECIDED"
    assert "were they the best for it, its interval would reach -0.00804" in found.sentence
    assert "the FAIL of the labelled rows is not certain" in found.sentence
    certain = bounds([-0.2] * 3, [0.1, -0.0121, 0.1], [50, 48, 2])
    assert judged(gate(), evidence(differences=failing, missing_bounds=certain)).status == "FAIL"


def test_one_certain_harm_is_enough_to_fail(evidence, differences) -> None:
    both = differences([0.0, -0.2, -0.1], [0.001] * 3)  # carrier=UA is named, carrier=OO is found by the screen
    found = judged(gate(), evidence(differences=both, missing_bounds=bounds([-0.3] * 3, [0.1, 0.1, -0.05], [50, 48, 2])))
    assert found.status == "FAIL"
    assert "in carrier=OO" in found.sentence
    doubtful = judged(gate(), evidence(differences=both, missing_bounds=bounds([-0.3] * 3, [0.1] * 3, [50, 48, 2])))
    assert doubtful.status == "UNDECIDED"
    labelled = judged(gate(), evidence(differences=both, missing_bounds=bounds([-0.3] * 3, [0.1] * 3, [50, 48, 0])))
    assert labelled.status == "FAIL", "carrier=OO has all its labels"


def test_where_less_is_better_the_upper_bound_is_the_worst(evidence, differences) -> None:
    better = differences([0.0] * 3, [0.001] * 3, metric="brier", higher_is_better=False)
    for lower, upper, status in ((-0.5, 0.005, "PASS"), (-0.005, 0.02, "UNDECIDED")):
        known = bounds([lower] * 3, [upper] * 3, [50, 48, 2], metric="brier")
        found = judged(gate(metric="brier"), evidence(differences=better, missing_bounds=known))
        assert found.status == status
    assert "its interval would reach +0.02196" in found.sentence


@pytest.mark.parametrize("known", [("brier", [-0.001] * 3), ("auc", [np.nan] * 3)], ids=["of another metric", "undefined"])
def test_a_metric_without_a_bound_is_undecided_where_labels_are_missing(evidence, passing, failing, known) -> None:
    metric, values = known
    for differences in (passing, failing):
        found = judged(gate(), evidence(differences=differences, missing_bounds=bounds(values, values, [50, 48, 2], metric)))
        assert found.status == "UNDECIDED"
        assert "have no label, and auc has no bound for what they could do" in found.sentence
        none_missing = evidence(differences=differences, missing_bounds=bounds(values, values, [0, 0, 0], metric))
        assert judged(gate(), none_missing).status == ("PASS" if differences is passing else "FAIL")


def test_ignore_takes_labels_to_be_missing_at_random_and_says_so_by_name(evidence, passing, failing) -> None:
    ignoring = gate(missing_labels="ignore")
    for differences, status in ((passing, "PASS"), (failing, "FAIL")):
        found = judged(ignoring, evidence(differences=differences, missing_bounds=bounds([-0.9] * 3, [0.9] * 3, [50, 48, 2])))
        assert found.status == status
        assert (
            found.details[-1] == "missing_labels: ignore takes labels to be missing at random; rows without one: all 5.0%, carrier=UA 12.0%"
        )
    complete = judged(ignoring, evidence(differences=passing, missing_bounds=bounds([0] * 3, [0] * 3, [0] * 3)))
    assert not any("missing at random" in line for line in complete.details)


def test_what_is_undecided_for_another_reason_keeps_it(evidence, differences) -> None:
    vague = differences([0.0] * 3, [0.01] * 3)
    found = judged(gate(), evidence(differences=vague, missing_bounds=bounds([-0.9] * 3, [0.9] * 3, [50, 48, 2])))
    assert found.status == "UNDECIDED"
    assert "no label" not in found.sentence
    nobody = judged(gate(), evidence(champion=None, missing_bounds=bounds([-0.9] * 3, [0.9] * 3, [50, 48, 2])))
    assert "there is no champion" in nobody.sentence


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"missing_labels: found 'ignored', wanted one of bounds, ignore; did you mean 'ignore'\?"):
        gate(missing_labels="ignored")


@pytest.mark.parametrize(
    ("net", "shift", "n", "mode", "status"),
    [
        ((5.0, 4.0, 6.0), (-3.0, 3.0), 10, "bounds", "PASS"),
        ((5.0, 4.0, 6.0), (-4.0, 3.0), 10, "bounds", "UNDECIDED"),
        ((5.0, 4.0, 6.0), (-4.0, 3.0), 0, "bounds", "PASS"),
        ((5.0, 4.0, 6.0), (-4.0, 3.0), 10, "ignore", "PASS"),
        ((-5.0, -6.0, -4.0), (-4.0, 3.9), 10, "bounds", "FAIL"),
        ((-5.0, -6.0, -4.0), (-4.0, 4.1), 10, "bounds", "UNDECIDED"),
    ],
)
def test_net_gain_is_undecided_where_missing_labels_could_turn_it(evidence, net, shift, n, mode, status) -> None:
    figures = dict(zip(("net_vs_champion", "net_vs_champion_low", "net_vs_champion_high"), net, strict=True))
    found = judged(NetGain(missing_labels=mode), evidence(**figures, missing_gain=shift, n_unlabelled=n))
    assert found.status == status
    assert ("10 rows have no label" in found.sentence) == (status == "UNDECIDED")
    assert any("missing at random" in line for line in found.details) == (mode == "ignore")
