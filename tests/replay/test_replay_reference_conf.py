"""What the replay group accepts of references in other logs, labels that are not known yet, and contracts."""

import pytest

from harness.errors import ConfigError
from harness.records.conf import Period
from harness.replay.contract import overlap
from harness.replay_schema import read_replay

BASE = {"name": "log", "path": "log.parquet", "task": "binary", "label": "y", "features": [], "timestamp": "t"}
OTHER = {"path": "before.parquet"}


def test_another_log_may_be_the_reference():
    assert read_replay(BASE | {"reference": OTHER}).reference == Period(path="before.parquet")


def test_another_log_needs_no_time_column():
    assert read_replay(BASE | {"reference": OTHER, "timestamp": None}).reference == Period(path="before.parquet")
    with pytest.raises(ConfigError, match=r"replay.reference: needs replay.timestamp, which is null"):
        read_replay(BASE | {"reference": {"until": "2024-01-01"}, "timestamp": None})


def test_another_log_overlaps_no_period():
    overlap(read_replay(BASE | {"reference": OTHER, "training": {"before": "2024-01-01"}}))
    with pytest.raises(Exception, match=r"replay.reference: overlaps replay.training"):
        overlap(read_replay(BASE | {"reference": {"until": "2023-01-01"}, "training": {"before": "2024-01-01"}}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"reference": OTHER | {"from": "2024-01-01"}},
            r"replay.reference: found from together with path; use one: all rows of another log",
        ),
        ({"reference": OTHER | {"until": "2024-01-01"}}, r"replay.reference: found until together with path"),
        ({"reference": OTHER | {"before": "2024-01-01"}}, r"replay.reference: found before together with path"),
        ({"reference": {"path": 7}}, r"replay.reference.path: found 7, wanted a text"),
        ({"reference": OTHER | {"label": "y"}}, r"replay.reference.label: unknown key"),
        (
            {"reference": OTHER, "tuning": "reference"},
            r"replay.tuning: found reference, which is another log \('before.parquet'\), wanted a period",
        ),
        ({"training": OTHER}, r"replay.training.path: periods from another file cannot be read in this version"),
        ({"tuning": OTHER}, r"replay.tuning.path: periods from another file cannot be read in this version"),
        ({"contract": 7}, r"replay.contract: found 7, wanted a text"),
    ],
)
def test_what_cannot_be_meant_is_refused(keys, words):
    with pytest.raises(ConfigError, match=words):
        read_replay(BASE | keys)


def test_a_tuning_period_may_be_the_reference_period_of_this_log():
    period = {"until": "2024-01-01"}
    conf = read_replay(BASE | {"reference": period, "tuning": "reference"})
    assert conf.tuning == conf.reference == read_replay(BASE | {"reference": period}).reference
    assert read_replay(BASE | {"tuning": "reference"}).tuning is None


def test_a_label_that_is_not_known_yet_is_accepted_where_none_is_needed():
    assert read_replay(BASE | {"label": None}, needs_label=False).label is None
    assert read_replay(BASE, needs_label=False).label == "y"
    with pytest.raises(ConfigError, match=r"replay.label: found null, and replay.labels is null too"):
        read_replay(BASE | {"label": None})


def test_a_contract_is_a_file():
    assert read_replay(BASE | {"contract": "contract.yaml"}).contract == "contract.yaml"
    assert read_replay(BASE).contract is None
