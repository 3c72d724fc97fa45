from datetime import datetime
from decimal import Decimal

import pytest
import yaml

from harness.errors import ConfigError, ReplayError
from harness.onboarding import guess, write
from harness.records.onboarding import ColumnSummary, Proposal


def column(name, kind="number", n_distinct=1000, values=(), low=None, high=None, n_null=0, n_rows=1000):
    return ColumnSummary(name, kind, kind, n_rows, n_null, n_distinct, tuple(values), low, high)


def flag(name, values=(0, 1)):
    return column(name, "integer", 2, values)


def test_a_column_named_like_an_outcome_wins_over_another_with_two_values():
    chosen, why = guess.guess_label([flag("is_weekend"), flag("fraud"), flag("has_card")], None)
    assert chosen.name == "fraud"
    assert "is_weekend, has_card" in why.why


def test_a_prediction_is_never_the_label():
    with pytest.raises(ReplayError, match=r"no column has exactly two values.*--label"):
        guess.guess_label([flag("y_pred"), column("amount")], None)


def test_a_label_that_was_named_but_is_not_there_suggests_the_nearest():
    with pytest.raises(ConfigError, match=r"no column 'frad'.*did you mean 'fraud'"):
        guess.guess_label([flag("fraud")], "frad")


@pytest.mark.parametrize(
    ("values", "positive"), [((0, 1), 1), (("no", "yes"), "yes"), ((False, True), True), (("<=50K", ">50K"), ">50K"), ((0.0, 1.0), 1.0)]
)
def test_the_positive_value_is_the_one_that_says_so(values, positive):
    assert guess.guess_positive(flag("y", values))[0] == positive


def test_a_time_column_with_gaps_is_not_taken():
    assert guess.guess_timestamp([column("time", "time", n_null=3)], None)[0] is None
    assert guess.guess_timestamp([column("start", "time"), column("event_time", "time")], None)[0] == "event_time"


def test_a_score_lies_within_the_unit_interval():
    assert guess.guess_score([column("credit_score", low=300, high=850)])[0] is None
    assert guess.guess_score([column("y_pred_proba", low=0.0, high=1.0)])[0] == "y_pred_proba"


def test_slices_are_columns_with_few_values_and_texts_stand_first():
    columns = [column("n_items", "integer", 5), column("country", "text", 12), column("user", "text", 900), flag("y")]
    assert guess.guess_slices(columns, {"y"})[0] == ("country", "n_items")


def test_features_are_all_numbers_that_are_left_if_as_many_as_the_model_takes():
    columns = [column("a"), column("b", "integer"), column("city", "text"), flag("y")]
    assert guess.guess_features(columns, {"y"}, 2, None)[0] == ("a", "b")


def test_another_number_of_features_is_refused_with_the_columns_and_the_option():
    with pytest.raises(ConfigError, match=r"take 3 features, and the log has 2 numeric columns .*\(a, b\).*--features"):
        guess.guess_features([column("a"), column("b")], set(), 3, None)


@pytest.mark.parametrize(("days", "windows"), [(365, "1mo"), (60, "1w"), (10, "1d"), (1, "1h")])
def test_windows_follow_the_span_of_the_log(days, windows):
    first = datetime(2025, 1, 1)
    assert guess.guess_windows(first, first.replace(year=2025) + (datetime(2025, 1, 2) - first) * days)[0] == windows


def test_the_reference_is_the_first_fifth_cut_at_midnight_of_a_long_log():
    first, until, _ = guess.guess_reference(datetime(2025, 1, 1, 3), datetime(2025, 4, 11, 3))
    assert (first, until) == (datetime(2025, 1, 1, 3), datetime(2025, 1, 21))


def test_the_files_are_yaml_with_odd_names_and_texts_kept():
    proposal = Proposal("log", 'la"bel', "yes", "t: x", ("a b", "ü"), ("#s",), "1d", "2025-01-01", "2025-02-01", "p", None, ())
    replay = yaml.safe_load(write.replay_yaml(proposal, "C: odd/*.parquet"))
    assert (replay["label"], replay["positive"], replay["timestamp"]) == ('la"bel', "yes", "t: x")
    assert replay["features"] == ["a b", "ü"]
    assert replay["slices"]["columns"] == ["#s"]
    assert yaml.safe_load(write.model_yaml("m", "m.onnx", "fp32", "none", {"x:0": ["a b"]}, None))["inputs"] == {
        "x:0": {"columns": ["a b"]}
    }
    assert yaml.safe_load(write.sweep_yaml("log", ["a", "b"], "a"))["params"] == {"model": ["a", "b"]}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (column("user", "integer", 1500), r"--label: column 'user' holds 1,500 values in the first 1,000 rows, wanted 2"),
        (column("grade", "text", 3, ("a", "b", "c")), r"column 'grade' holds 3 values"),
        (column("late", "integer", 1, (1,)), r"column 'late' holds 1 value in"),
        (column("late", "number", 0), r"column 'late' holds no value in"),
        (column("at", "time", 2), r"column 'at' is time, wanted numbers, texts or booleans"),
    ],
)
def test_a_named_label_without_two_values_is_refused(named, said):
    with pytest.raises(ConfigError, match=said):
        guess.guess_label([named], named.name)


def test_the_task_says_what_was_looked_at():
    assert guess.guess_task(flag("late")).why == "the label has 2 values in the first 1,000 rows"


def test_a_positive_decimal_is_written_as_a_number():
    proposal = Proposal("log", "y", Decimal("1.00"), None, (), (), None, None, None, None, None, ())
    assert yaml.safe_load(write.replay_yaml(proposal, "log.parquet"))["positive"] == 1
