from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.gates.gate import Gate, Waiver
from harness.gates.lineage import KnownLineage
from harness.gates.non_inferiority import NonInferiority
from harness.gates.verdict import NOT_JUDGED, signoff, verdicts
from harness.records.evidence import GateResult, Verdict

WAIVER = {"by": "A. Risk", "reason": "pilot in one airport", "date": "2026-03-01"}


@dataclass(frozen=True, kw_only=True)
class Fixed(Gate):
    """Says what it is told to, and with how many it was asked."""

    says: str = "PASS"

    def default_name(self) -> str:
        return "fixed"

    def judge(self, evidence):
        return tuple(GateResult(self.name, e.variant, self.says, None, "none", f"asked with {len(evidence)}") for e in evidence)


def given(*statuses: str) -> list[Verdict]:
    names = "bcdef"
    return [Verdict(names[i], s, (GateResult("g", names[i], s, None, "", "because"),)) for i, s in enumerate(statuses)]


@pytest.mark.parametrize(
    ("says", "status"),
    [(["PASS", "PASS"], "PASS"), (["PASS", "UNDECIDED"], "UNDECIDED"), (["UNDECIDED", "FAIL"], "FAIL"), ([], NOT_JUDGED)],
)
def test_a_verdict_is_the_worst_of_its_gates(evidence, says: list[str], status: str) -> None:
    (verdict,) = verdicts([evidence()], [Fixed(says=s, name=f"g{i}") for i, s in enumerate(says)])
    assert (verdict.status, len(verdict.gates)) == (status, len(says))


@pytest.mark.parametrize("says", ["FAIL", "UNDECIDED"])
def test_a_waiver_with_name_reason_and_date_lets_it_through_and_stays_visible(evidence, says: str) -> None:
    (verdict,) = verdicts([evidence()], [Fixed(says=says, waiver=WAIVER), Fixed(name="other")])
    assert verdict.status == "PASS"
    assert verdict.gates[0].status == "WAIVED"
    assert verdict.gates[0].sentence == f"waived by A. Risk on 2026-03-01: pilot in one airport (was {says}: asked with 1)"
    assert "of which waived: fixed" in signoff("standard", "s", "a", None, [verdict]).reason


def test_a_waiver_touches_neither_a_pass_nor_another_challenger(evidence) -> None:
    (passed,) = verdicts([evidence()], [Fixed(waiver=WAIVER)])
    assert passed.gates[0].status == "PASS"
    one, other = verdicts([evidence("b"), evidence("c")], [Fixed(says="FAIL", waiver={**WAIVER, "variant": "c"})])
    assert (one.status, other.status) == ("FAIL", "PASS")


@pytest.mark.parametrize("field", ["by", "reason", "date"])
def test_a_waiver_without_name_reason_or_date_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="wanted by, reason and date"):
        Fixed(waiver={k: v for k, v in WAIVER.items() if k != field})
    with pytest.raises(ValueError, match=f"waiver.{field}: found"):
        Waiver(**{**WAIVER, field: " "})
    with pytest.raises(ValueError, match=r"waiver\.date: found 'soon', wanted a day such as 2026-03-01"):
        Waiver(**{**WAIVER, "date": "soon"})


def test_a_limited_replay_never_passes_even_with_every_gate_waived(evidence) -> None:
    base = evidence()
    limited = replace(base, lineage=replace(base.lineage, limited=True))
    (verdict,) = verdicts([limited], [KnownLineage(waiver=WAIVER)])
    assert verdict.status == "UNDECIDED"
    assert verdict.gates[-1].gate == "whole_replay"


def test_a_candidate_named_in_advance_is_judged_without_correction_for_the_others(evidence) -> None:
    found = verdicts([evidence("b"), evidence("c"), evidence("d")], [Fixed()], candidate="c")
    assert [(v.variant, v.gates[0].sentence) for v in found] == [("b", "asked with 2"), ("c", "asked with 1"), ("d", "asked with 2")]


@pytest.mark.parametrize(
    ("statuses", "decided_by", "status", "exit_code"),
    [
        (["FAIL", "UNDECIDED", "PASS"], "d", "PASS", 0),
        (["FAIL", "UNDECIDED", "FAIL"], "c", "UNDECIDED", 3),
        (["FAIL", "FAIL"], "b", "FAIL", 1),
        (["PASS", "PASS"], "b", "PASS", 0),
    ],
)
def test_without_a_candidate_the_best_challenger_decides(statuses, decided_by, status, exit_code) -> None:
    done = signoff("standard", "flights", "a", None, given(*statuses))
    assert (done.decided_by, done.status, done.exit_code) == (decided_by, status, exit_code)


@pytest.mark.parametrize(("candidate", "exit_code"), [("b", 1), ("c", 3), ("d", 0)])
def test_with_a_candidate_its_verdict_counts(candidate: str, exit_code: int) -> None:
    done = signoff("standard", "flights", "a", candidate, given("FAIL", "UNDECIDED", "PASS"))
    assert (done.decided_by, done.exit_code) == (candidate, exit_code)


def test_a_failed_variant_comes_first() -> None:
    done = signoff("standard", "flights", "a", None, given("PASS"), n_failed_variants=2)
    assert (done.status, done.exit_code) == ("PASS", 4)
    assert "2 variants failed or invalid" in done.reason


def test_without_champion_nothing_passes_but_a_failure_stands() -> None:
    assert signoff("standard", "flights", None, None, given("PASS")).exit_code == 3
    assert signoff("standard", "flights", None, None, []).exit_code == 3
    assert signoff("standard", "flights", None, None, given("FAIL")).exit_code == 1
    assert "champion=NAME" in signoff("standard", "flights", None, None, given("PASS")).reason


def test_nothing_to_judge_ends_well_and_is_no_pass() -> None:
    for done in (
        signoff("none", "flights", None, None, []),
        signoff("none", "flights", "a", None, [Verdict("b", NOT_JUDGED, ())]),
        signoff("standard", "flights", "a", None, []),
    ):
        assert (done.status, done.exit_code, done.decided_by) == (NOT_JUDGED, 0, None)


def test_whether_there_are_gates_decides_and_not_the_name_of_the_review() -> None:
    judged = signoff("none", "flights", "a", None, given("FAIL"))
    assert (judged.status, judged.exit_code, judged.decided_by) == ("FAIL", 1, "b")
    told = signoff("none", "flights", None, None, [], n_gates=2)
    assert (told.status, told.exit_code) == ("UNDECIDED", 3)
    empty = signoff("mine", "flights", None, None, [], n_gates=0)
    assert (empty.status, empty.exit_code, empty.reason) == (NOT_JUDGED, 0, "review 'mine' has no gates: nothing was judged")


@pytest.mark.parametrize(
    ("n_challengers", "who"), [(1, "the challenger could not be paired"), (2, "none of the 2 challengers could be paired")]
)
def test_challengers_that_could_not_be_paired_are_undecided(n_challengers: int, who: str) -> None:
    done = signoff("standard", "flights", "a", None, [], n_challengers=n_challengers)
    assert (done.status, done.exit_code, done.decided_by) == ("UNDECIDED", 3, None)
    assert done.reason.startswith(f"{who} with champion 'a' on the same rows")
    failed = signoff("standard", "flights", "a", None, [], 1, n_challengers=n_challengers)
    assert (failed.status, failed.exit_code) == ("UNDECIDED", 4)
    assert signoff("none", "flights", "a", None, [], n_challengers=n_challengers).exit_code == 0


def test_a_candidate_without_evidence_is_undecided() -> None:
    assert "no scores to judge" in signoff("standard", "flights", "a", "z", given("PASS")).reason
    champion = signoff("standard", "flights", "a", "a", given("PASS"))
    assert (champion.exit_code, "the champion itself" in champion.reason) == (3, True)


def test_the_real_gates_judge_together(evidence) -> None:
    (verdict,) = verdicts([evidence()], [NonInferiority(metric="auc", margin=0.01), KnownLineage()])
    assert (verdict.status, [g.gate for g in verdict.gates]) == ("PASS", ["non_inferiority_auc", "lineage"])


def test_a_review_whose_gates_had_nothing_to_read_is_undecided(evidence) -> None:
    class Silent(Fixed):
        def judge(self, evidence):
            return ()

    (verdict,) = verdicts([evidence()], [Silent()])
    assert (verdict.status, [g.gate for g in verdict.gates]) == ("UNDECIDED", ["nothing_measured"])
    assert signoff("r", "s", "a", None, [verdict]).exit_code == 3
