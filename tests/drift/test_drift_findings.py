"""One finding per column from the rows of all statistics, what changed in words, and both as files."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift.column_findings import column_findings
from harness.drift.what_changed import what_changed
from harness.errors import ResultsError
from harness.records.contract import ColumnRule, Contract, ContractReport, NotChecked, Violation
from harness.records.drift import DriftRow
from harness.records.log_findings import LogFindings
from harness.report.drift_frame import DRIFT_COLUMNS, drift_frame, drift_rows_of
from harness.runs import folder
from harness.runs.findings import FINDINGS, read_findings, remove_findings
from tests.support.column_pairs import pair_of

NAN = math.nan


def row(column="x", statistic="psi", value=0.1, threshold=0.2, drifted=False, window="all", **changes):
    base = DriftRow(None, column, "covariate", statistic, "harness", "all", "all", window, 10, 20, value, threshold, 0.01, 0.02, drifted)
    return replace(base, **changes)


def finding(*rows, **changed):
    (found,) = column_findings(rows, changed)
    return found


def test_the_statistic_furthest_beyond_its_threshold_speaks_for_the_column():
    found = finding(row(value=0.3, drifted=True), row(statistic="ks", value=0.5, threshold=0.1, drifted=True), x="moved")
    assert (found.statistic, found.value, found.threshold, found.drifted) == ("ks", 0.5, 0.1, True)
    assert (found.changed, found.kind, found.p_value_corrected) == ("moved", "covariate", 0.02)


def test_one_that_drifted_speaks_before_one_that_is_further_and_did_not():
    found = finding(row(value=0.9, drifted=False), row(statistic="ks", value=0.11, threshold=0.1, drifted=True))
    assert found.statistic == "ks"


def test_a_fall_is_as_far_as_a_rise():
    assert finding(row(value=0.1), row(statistic="mean", value=-0.9)).statistic == "mean"


def test_statistics_without_a_threshold_or_a_value_speak_only_where_no_other_does():
    found = finding(row(statistic="chi_square", value=1e9, threshold=None, drifted=None), row(value=0.01), row("x", "ks", NAN, 0.1, None))
    assert (found.statistic, found.drifted) == ("psi", False)
    alone = finding(row(statistic="chi_square", value=1e9, threshold=None, drifted=None))
    assert (alone.statistic, alone.drifted) == ("chi_square", None)


def test_windows_are_counted_once_and_the_first_that_drifted_is_named():
    rows = [row()]
    for window, hits in (("2024-01", ()), ("2024-02", ("ks",)), ("2024-03", ("ks", "psi")), ("2024-04", ())):
        rows += [row(statistic=s, window=window, drifted=s in hits) for s in ("psi", "ks", "mean")]
    found = finding(*rows)
    assert (found.first_window, found.n_windows_drifted, found.n_windows) == ("2024-02", 2, 4)
    quiet = finding(row(), row(window="2024-01", drifted=None))
    assert (quiet.first_window, quiet.n_windows_drifted, quiet.n_windows) == (None, 0, 1)


def test_slices_say_nothing_of_the_column():
    found = finding(
        row(), row(slice_by="region", slice_value="north", drifted=True), row(slice_by="region", slice_value="all", drifted=True)
    )
    assert (found.drifted, found.n_windows) == (False, 0)


def test_drifted_columns_stand_first_and_the_furthest_of_them():
    rows = [
        row("quiet", value=0.19),
        row("unknown", value=NAN, drifted=None),
        row("far", value=0.8, drifted=True),
        row("near", value=0.3, drifted=True),
        row("quieter", value=0.01),
        row("unmeasured", threshold=None, drifted=None),
    ]
    assert [f.column for f in column_findings(rows, {})] == ["far", "near", "quiet", "quieter", "unknown", "unmeasured"]
    assert column_findings(rows[::-1], {}) == column_findings(rows, {}), "in whatever order the rows are"


def test_a_label_and_an_input_of_one_name_are_two_findings():
    rows = [row("y", drifted=True), row("y", kind="label")]
    assert [(f.kind, f.drifted) for f in column_findings(rows, {})] == [("covariate", True), ("label", False)]


def numbers(*values):
    return np.array(values, np.float64)


def test_a_mean_is_told_with_its_distance_in_standard_deviations():
    assert what_changed(pair_of(numbers(1, 2, 3), numbers(3, 4, 5))) == "mean 2 -> 4 (+2.00 sd)"
    assert what_changed(pair_of(numbers(1, 2, 3), numbers(0, 2, 4))) == "mean 2 -> 2, sd 1 -> 2"
    assert what_changed(pair_of(numbers(5, 5), numbers(7, 7))) == "mean 5 -> 7", "without a spread there is no distance"


def test_a_time_is_told_in_days():
    day = 86_400_000_000
    assert what_changed(pair_of(np.array([0, day]), np.array([2 * day, 4 * day]), kind="time")) == "mean +2.5 days"


def test_the_category_that_moved_most_and_those_never_seen_are_named():
    found = what_changed(pair_of(["a"] * 6 + ["b"] * 4, ["a"] * 2 + ["b"] * 4 + ["c"] * 3 + ["d"]))
    assert found.startswith("a 60.0% -> 20.0%")
    assert "unseen: c, d (40.0%)" in found
    many = what_changed(pair_of(["a"], ["a", "b", "c", "d", "e", "f"]))
    assert "and 2 more" in many
    assert what_changed(pair_of(["a", "b"], ["a", "b"])) == ""


def test_missing_values_are_told_from_one_in_a_hundred_rows():
    assert "missing 0.0% -> 50.0%" in what_changed(pair_of(numbers(1, 2), numbers(1, NAN)))
    many = [1.0, 2.0] * 100
    assert "missing" not in what_changed(pair_of(numbers(*many), numbers(*many, NAN)))
    assert what_changed(pair_of(["a", "a"], [None, None])).endswith("missing 0.0% -> 100.0%")


def test_of_a_side_without_values_no_mean_is_told():
    assert what_changed(pair_of(numbers(1, 2), numbers(NAN, NAN))) == "missing 0.0% -> 100.0%"
    assert what_changed(pair_of(numbers(1, 2), numbers())) == ""


@given(
    st.lists(
        st.builds(
            row,
            column=st.text(max_size=3),
            value=st.floats() | st.just(NAN),
            threshold=st.none() | st.floats(0, 1),
            drifted=st.sampled_from([True, False, None]),
            window=st.sampled_from(["all", "2024-01"]),
            variant=st.sampled_from([None, "a"]),
            p_value=st.none() | st.floats(0, 1),
            p_value_corrected=st.none() | st.floats(0, 1),
            note=st.text(max_size=3),
        ),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_rows_that_became_a_table_come_back(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("t") / "drift.parquet"
    folder.write_parquet(file, drift_frame(rows))
    frame = folder.read_parquet(file)
    assert tuple(frame.columns) == DRIFT_COLUMNS
    assert tuple(f.name for f in fields(DriftRow)) == DRIFT_COLUMNS
    for found, wanted in zip(drift_rows_of(frame), rows, strict=True):
        same_value = found.value == wanted.value or (math.isnan(found.value) and math.isnan(wanted.value))
        assert same_value
        assert replace(found, value=0.0) == replace(wanted, value=0.0)


def log_findings():
    rules = (ColumnRule("x", type="float", minimum=-1.5, categories=("a", "b"), is_unique=True), ColumnRule("y"))
    violation = Violation("x", "range", "at least -1.5", "-3", 2, "2024-02", (4, 5), ("-3", "-2"), "x: range: ...")
    return LogFindings(
        option="standard",
        profile="harness",
        identity="abc",
        reference="until 2024-02-01",
        n_reference=10,
        n_current=20,
        left_out=(("training period", 3),),
        columns=column_findings(
            [row(drifted=True), row("y", value=NAN, threshold=None, drifted=None), row("z", value=math.inf)], {"x": "é"}
        ),
        not_compared=(("l", "is a list"),),
        contract=ContractReport(
            Contract(rules, "mine.yaml", is_inferred=False), (violation,), (NotChecked("y", "unit", "few rows"),), 7, ("l",)
        ),
        notes=("a note",),
    )


def test_findings_that_were_written_are_read_again(tmp_path):
    assert read_findings(tmp_path) is None
    wanted = log_findings()
    folder.write_json(tmp_path / FINDINGS, wanted)
    found = read_findings(tmp_path)
    assert math.isnan(found.columns[-1].value)
    same = [tuple(replace(c, value=0.0) if math.isnan(c.value) else c for c in f.columns) for f in (found, wanted)]
    assert same[0] == same[1]
    assert replace(found, columns=()) == replace(wanted, columns=())
    assert [c.column for c in found.drifted] == ["x"]


@pytest.mark.parametrize("text", ["{}", '{"contract": {}}', "[]", '"x"', "{", "null"])
def test_damaged_findings_are_refused(tmp_path, text):
    (tmp_path / FINDINGS).write_text(text)
    with pytest.raises(ResultsError, match=r"findings\.json"):
        read_findings(tmp_path)


def test_the_mark_is_removed_before_what_it_vouches_for(tmp_path, monkeypatch):
    names = []
    monkeypatch.setattr("pathlib.Path.unlink", lambda self, missing_ok=False: names.append(self.name))
    remove_findings(tmp_path)
    assert names[0] == FINDINGS
    assert sorted(names) == ["contract.json", "drift.parquet", "findings.json", "profile.json", "reference_profile.json"]


def test_slices_that_drifted_are_counted_and_the_furthest_is_named():
    of_slices = [
        row(slice_by="country", slice_value=name, value=value, drifted=drifted)
        for name, value, drifted in (("US", 0.9, True), ("FR", 0.3, True), ("DE", 2.0, False))
    ]
    found = finding(row(), *of_slices, row(slice_by="country", slice_value="FR", statistic="ks", threshold=None, drifted=None))
    assert (found.drifted, found.worst_slice, found.n_slices_drifted, found.n_slices) == (False, "country=US", 2, 3)
    assert (finding(row()).worst_slice, finding(row()).n_slices) == (None, 0)


def test_a_column_that_drifted_in_a_slice_stands_before_those_that_did_not():
    rows = [
        row("quiet", value=0.19),
        row("somewhere", value=0.01),
        row("somewhere", slice_by="c", slice_value="US", value=0.5, drifted=True),
    ]
    assert [f.column for f in column_findings(rows, {})] == ["somewhere", "quiet"]
