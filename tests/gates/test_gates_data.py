"""Gates on the rows: contract, drift, replay parity; each status with its sentence."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.errors import ConfigError
from harness.gates.contract import ContractKept
from harness.gates.data_gate import DataGate
from harness.gates.drift import DriftWithin
from harness.gates.lineage import KnownLineage
from harness.gates.replay_parity import ReplayParity
from harness.gates.verdict import verdicts
from harness.plugins import build
from harness.records.contract import ColumnRule, Contract, ContractReport, NotChecked, Violation
from harness.records.data_evidence import DataEvidence
from harness.records.drift import DriftRow, Parity


def report(violations: int = 0, not_checked: int = 0, n_checks: int = 3) -> ContractReport:
    broken = tuple(
        Violation(f"c{i}", "range", "at most 1", "2", 5, "w1", (1,), ("2",), f"c{i}: expected at most 1, found 2")
        for i in range(violations)
    )
    without = tuple(NotChecked(f"n{i}", "monotone", "categories have no order") for i in range(not_checked))
    return ContractReport(Contract((ColumnRule("c0"),), "c.yaml", False), broken, without, n_checks)


def drift_row(column: str, drifted: bool | None = False, **changes: Any) -> DriftRow:
    base = DriftRow(None, column, "covariate", "psi", "harness", "all", "all", "all", 10, 10, 0.5, 0.2, 0.001, 0.002, drifted)
    return replace(base, **changes)


def parity(n: tuple[int, ...] = (1000, 400, 600), beyond: tuple[int, ...] = (10, 1, 9), without: int = 0) -> Parity:
    return Parity("a", 1e-5, np.array(n), np.array(beyond), without, 0.25, (("v7", 600, 9),))


def test_a_kept_contract_passes() -> None:
    result = ContractKept().judge_data(DataEvidence(contract=report()))
    assert (result.gate, result.variant, result.status, result.value, result.details) == ("contract", "log", "PASS", 0.0, ())
    assert result.sentence == "all 3 checks of 1 columns kept"
    assert result.limit == "no promise broken, every check run"


def test_a_broken_contract_fails_with_its_first_sentence_and_ten_of_them() -> None:
    result = ContractKept().judge_data(DataEvidence(contract=report(12, 1)))
    assert (result.status, result.value) == ("FAIL", 12.0)
    assert result.sentence == "12 promises broken in 12 columns; the first: c0: expected at most 1, found 2"
    assert result.details == (*(f"c{i}: expected at most 1, found 2" for i in range(10)), "and 2 more")
    assert "1 promise broken in 1 column;" in ContractKept().judge_data(DataEvidence(contract=report(1))).sentence


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DataEvidence(contract=report(0, 2)), "2 checks could not run; the first: n0, monotone: categories have no order"),
        (DataEvidence(contract=report(n_checks=0)), "the contract has nothing to check"),
        (DataEvidence(contract_reason="no reference"), "no contract was checked: no reference"),
        (DataEvidence(), "no contract was checked: no reason was recorded"),
    ],
)
def test_a_check_that_could_not_run_is_undecided(data: DataEvidence, said: str) -> None:
    result = ContractKept().judge_data(data)
    assert result.status == "UNDECIDED"
    assert said in result.sentence


def drift(gate: DriftWithin, *rows: DriftRow) -> tuple[str, float | None, str]:
    result = gate.judge_data(DataEvidence(drift=rows))
    return result.status, result.value, result.sentence


@pytest.mark.parametrize(("limit", "status"), [(0.5, "FAIL"), (0.51, "PASS"), (0.2, "FAIL")])
def test_a_share_of_drifted_columns_fails_from_its_limit_on(limit: float, status: str) -> None:
    rows = (drift_row("x", True), drift_row("x", True, statistic="ks"), drift_row("y"), drift_row("z", None))
    found, share, sentence = drift(DriftWithin(max_drifted_share=limit), *rows)
    assert (found, share) == (status, 0.5)
    assert sentence.startswith("1 of 2 columns drifted")


def test_a_named_column_that_drifted_fails_whatever_the_share() -> None:
    rows = (drift_row("x", True), *(drift_row(name) for name in "yzabc"))
    assert drift(DriftWithin(columns=("x", "y")), *rows) == ("FAIL", 1 / 6, "x drifted, of x, y; 1 of 6 columns drifted")
    assert drift(DriftWithin(max_drifted_share=0.5, columns=("y",)), *rows)[0] == "PASS"
    assert DriftWithin(max_drifted_share=0.5, columns=("y",)).limit_text() == "fewer than 0.5 of the columns drifted; no drift of y"


@pytest.mark.parametrize(
    ("gate", "row"),
    [
        (DriftWithin(max_drifted_share=0.1), drift_row("x", True, window="2013-04")),
        (DriftWithin(max_drifted_share=0.1), drift_row("x", True, slice_by="carrier", slice_value="UA")),
        (DriftWithin(max_drifted_share=0.1), drift_row("x", True, kind="label")),
        (DriftWithin(max_drifted_share=0.1, kinds=("label",)), drift_row("x", True)),
        (DriftWithin(max_drifted_share=0.1, statistics=("ks",)), drift_row("x", True)),
    ],
)
def test_other_rows_do_not_count(gate: DriftWithin, row: DriftRow) -> None:
    kept = replace(row, drifted=False, window="all", slice_by="all", kind=gate.kinds[0], statistic=(gate.statistics or ("psi",))[0])
    assert drift(gate, row, kept)[:2] == ("PASS", 0.0)


def test_every_window_counts_where_any_is_asked() -> None:
    rows = (drift_row("x"), drift_row("x", True, window="2013-04"), drift_row("y"))
    result = DriftWithin(max_drifted_share=0.5, windows="any").judge_data(DataEvidence(drift=rows))
    assert (result.status, result.value) == ("FAIL", 0.5)
    assert result.details == ("x: psi 0.5, threshold 0.2, corrected p 0.002, window 2013-04",)


@pytest.mark.parametrize(
    ("gate", "rows", "said"),
    [
        (DriftWithin(max_drifted_share=0.5), (), "no column could be compared: no reference"),
        (DriftWithin(max_drifted_share=0.5), (drift_row("x", None),), "no column could be compared: no row says drifted or not"),
        (DriftWithin(columns=("carier",)), (drift_row("carrier"),), "column 'carier' was not compared; .*; did you mean 'carrier'"),
        (DriftWithin(max_drifted_share=0.5, statistics=("kss",)), (drift_row("x"),), "no statistic 'kss' was computed; .* psi"),
    ],
)
def test_what_was_not_compared_is_undecided(gate: DriftWithin, rows: tuple[DriftRow, ...], said: str) -> None:
    result = gate.judge_data(DataEvidence(drift=rows, drift_reason="no reference"))
    assert result.status == "UNDECIDED"
    assert re.search(said, result.sentence)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "found neither max_drifted_share nor columns"),
        ({"max_drifted_share": 0}, "max_drifted_share: found 0, wanted a share above 0"),
        ({"max_drifted_share": True}, "max_drifted_share: found True"),
        ({"columns": ("x",), "kinds": ("covariat",)}, "kinds: found 'covariat', wanted some of .*; did you mean 'covariate'"),
        ({"columns": ("x",), "kinds": ()}, "kinds: found none"),
        ({"columns": "x"}, "columns: found 'x', wanted a list of names"),
        ({"columns": ("x",), "windows": "each"}, "windows: found 'each', wanted all or any"),
    ],
)
def test_limits_of_drift_that_mean_nothing_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DriftWithin(**fields)


@pytest.mark.parametrize(("limit", "status"), [(0.001, "FAIL"), (0.0099, "FAIL"), (0.01, "PASS")])
def test_parity_fails_above_its_share_and_names_the_worst_window(limit: float, status: str) -> None:
    data = DataEvidence(parity=parity(without=3), windows=("all", "2013-04", "2013-05"))
    result = ReplayParity(max_share=limit).judge_data(data)
    assert (result.status, result.value, result.limit_value) == (status, 0.01, limit)
    assert result.sentence.startswith(
        "10 of 1,000 rows (0.01) differ from the logged score by more than 1e-05, by 0.25 at most; 3 rows without"
    )
    assert ("worst window 2013-05: 9 of 600" in result.sentence) == (status == "FAIL")
    assert result.details == ("version v7: 9 of 600 rows",)


def test_an_empty_window_is_not_the_worst_and_one_without_a_name_has_its_number() -> None:
    data = DataEvidence(parity=parity((100, 0, 100), (100, 0, 100)))
    assert ReplayParity().judge_data(data).sentence.endswith("worst window number 2: 100 of 100")
    assert "worst" not in ReplayParity().judge_data(DataEvidence(parity=parity((100,), (100,)))).sentence


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DataEvidence(parity_reason="the log has no score"), "replay parity was not measured: the log has no score"),
        (DataEvidence(parity=parity((0, 0), (0, 0), 7)), "no row could be compared; 7 rows without a logged score; name a column"),
    ],
)
def test_parity_that_was_not_measured_is_undecided(data: DataEvidence, said: str) -> None:
    result = ReplayParity().judge_data(data)
    assert (result.status, result.value) == ("UNDECIDED", None)
    assert result.sentence.startswith(said)


@pytest.mark.parametrize("share", [-0.1, 1.1, "few", True])
def test_a_share_of_parity_that_means_nothing_is_refused(share: Any) -> None:
    with pytest.raises(ValueError, match="max_share: found"):
        ReplayParity(max_share=share)


@pytest.mark.parametrize("gate", [ContractKept(), DriftWithin(max_drifted_share=0.5), ReplayParity()])
def test_every_challenger_has_the_result_of_its_rows(gate: DataGate, evidence: Any) -> None:
    data = DataEvidence(report(1), (drift_row("x", True), drift_row("score", True, variant="c")), parity((100, 100), (5, 5)))
    results = gate.judge((evidence(variant="b", data=data), evidence(variant="c"), evidence(variant="d", data=data)))
    assert [r.variant for r in results] == ["b", "c", "d"]
    assert [r.status for r in results] == ["FAIL", "UNDECIDED", "FAIL"]
    assert "use another drift option than none" in results[1].sentence
    assert {replace(r, variant="b") for r in (results[0], results[2])} == {results[0]}


def test_a_challenger_answers_for_its_own_predictions_and_windows_are_the_grids(evidence: Any) -> None:
    data = DataEvidence(
        drift=(drift_row("score", True, variant="c", kind="prediction"), drift_row("score", variant="b", kind="prediction"))
    )
    gate = DriftWithin(max_drifted_share=0.5, kinds=("prediction",))
    assert [r.status for r in gate.judge((evidence(variant="b", data=data), evidence(variant="c", data=data)))] == ["PASS", "FAIL"]
    (result,) = ReplayParity().judge((evidence(data=DataEvidence(parity=parity((100, 100), (10, 10)))),))
    assert result.sentence.endswith("worst window 2013-04: 10 of 100")


OPTIONAL = [ContractKept(required=False), DriftWithin(max_drifted_share=0.5, required=False), ReplayParity(required=False)]
MEASURED = DataEvidence(report(1), (drift_row("x", True),), parity((100, 100), (5, 5)))


@pytest.mark.parametrize("gate", OPTIONAL)
@pytest.mark.parametrize("data", [None, DataEvidence(), DataEvidence(contract_reason="no reference", drift_reason="no reference")])
def test_what_need_not_be_measured_and_was_not_has_no_result_in_a_review(gate: DataGate, data: DataEvidence | None, evidence: Any) -> None:
    challengers = (evidence(variant="b", data=data), evidence(variant="c", data=data))
    assert gate.judge(challengers) == ()
    assert [r.status for r in replace(gate, required=True).judge(challengers)] == ["UNDECIDED", "UNDECIDED"]
    assert gate.judge_data(data or DataEvidence()).status == "UNDECIDED"  # of a log alone


@pytest.mark.parametrize("gate", OPTIONAL)
def test_what_was_measured_is_judged_whether_it_had_to_be_or_not(gate: DataGate, evidence: Any) -> None:
    one, other = evidence(variant="b", data=MEASURED), evidence(variant="c")
    assert [r.status for r in gate.judge((one,))] == ["FAIL"]
    assert gate.judge((one, other)) == replace(gate, required=True).judge((one, other))  # nothing is left out beside it
    assert [r.status for r in gate.judge((one, other))] == ["FAIL", "UNDECIDED"]


def test_a_check_that_could_not_run_and_a_log_without_scores_are_undecided_all_the_same(evidence: Any) -> None:
    data = DataEvidence(contract=report(0, 1), parity=parity((0, 0), (0, 0), 7))
    assert [gate.judge((evidence(data=data),))[0].status for gate in (OPTIONAL[0], OPTIONAL[2])] == ["UNDECIDED", "UNDECIDED"]


def test_predictions_of_another_variant_are_none_of_a_challengers(evidence: Any) -> None:
    data = DataEvidence(drift=(drift_row("score", True, variant="c", kind="prediction"),))
    gate = DriftWithin(max_drifted_share=0.5, kinds=("prediction",), required=False)
    assert gate.judge((evidence(variant="b", data=data),)) == ()
    assert [r.status for r in gate.judge((evidence(variant="b", data=data), evidence(variant="c", data=data)))] == ["UNDECIDED", "FAIL"]


@pytest.mark.parametrize("gate", OPTIONAL)
def test_required_is_true_or_false(gate: DataGate) -> None:
    with pytest.raises(ValueError, match="required: found 'no', wanted true or false"):
        replace(gate, required="no")  # type: ignore[arg-type]


def test_a_verdict_is_that_of_the_other_gates_where_nothing_was_measured(evidence: Any) -> None:
    gates = (KnownLineage(), *OPTIONAL)
    (without,) = verdicts((evidence(),), gates)
    assert ([g.gate for g in without.gates], without.status) == (["lineage"], "PASS")
    (broken,) = verdicts((evidence(data=MEASURED),), gates)
    assert ([g.status for g in broken.gates], broken.status) == (["PASS", "FAIL", "FAIL", "FAIL"], "FAIL")


def test_they_are_built_from_a_review() -> None:
    assert build({"_target_": "harness.gates.contract.ContractKept"}, "gates", "gates.contract") == ContractKept()
    gate = build({"_target_": "harness.gates.drift.DriftWithin", "columns": ["x"], "windows": "any"}, "gates", "gates.drift")
    assert gate == DriftWithin(columns=("x",), windows="any")
    with pytest.raises(ConfigError, match=r"gates\.parity\.max_shares: unknown key"):
        build({"_target_": "harness.gates.replay_parity.ReplayParity", "max_shares": 1}, "gates", "gates.parity")


def test_parity_of_a_few_rows_says_nothing_of_the_others() -> None:
    few = parity(n=(29, 29), beyond=(0, 0), without=11_000)
    result = ReplayParity().judge_data(DataEvidence(parity=few))
    assert result.status == "UNDECIDED"
    assert result.sentence == "29 rows could be compared, wanted at least 30; 11,000 rows without a logged score"
    assert ReplayParity().judge_data(DataEvidence(parity=parity(n=(30, 30), beyond=(0, 0)))).status == "PASS"
