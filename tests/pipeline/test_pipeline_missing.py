"""Tables of rows without a label: written where there are such rows, removed where there are none, and then no pass is made for them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.pipeline import missing
from harness.pipeline.missing import write_missing_labels
from harness.records.comparison import RowAccount
from harness.records.replay import IMMATURE, JUDGED, PreparedReplay
from harness.records.tally import Grid

DAY_US = 86_400_000_000
FILES = ["label_age.parquet", "missing_labels.parquet"]


def prepared_of(folder, labels, young, left_out):
    n = len(labels)
    labels, none = np.array(labels, np.int8), np.full(n, -1, np.int8)
    roles = np.where(young, JUDGED | IMMATURE, JUDGED).astype(np.uint8)
    account = RowAccount(n, int((labels >= 0).sum()), left_out)
    cells = (np.zeros((n, 1), np.uint16), None, np.arange(n) * DAY_US)
    return PreparedReplay(folder, "f", n, Grid(("all",), ("all",), ("all",)), account, labels, none, none, roles, *cells, ())


def stored(root):
    return sorted(path.name for path in (root / "replay").glob("*.parquet"))


@pytest.fixture
def passes(monkeypatch):
    """Names of the passes over the rows that were made; the immature rows have no label."""
    made = []

    def counted(name):
        function = getattr(missing, name)

        def call(*args):
            made.append(name)
            return function(*args)

        monkeypatch.setattr(missing, name, call)

    counted("missing_by_slice")
    counted("labels_by_age")
    monkeypatch.setattr(missing, "read_immature_labels", lambda folder: np.full(4, -1, np.int8))
    monkeypatch.setattr(missing, "read_as_of_us", lambda folder: 5 * DAY_US)
    return made


@pytest.mark.parametrize(
    ("labels", "young", "left_out", "expected", "n_passes"),
    [
        ([0, 1, 1, 0], [0, 0, 0, 0], (("training period", 9),), [], 0),
        ([0, 1, -1, 0], [0, 0, 0, 0], (("label not known", 1),), FILES, 2),
        ([0, 1, -1, 0], [0, 0, 0, 0], (("label known only after as_of", 1),), FILES, 2),
        ([0, 1, 0, -1], [0, 0, 0, 1], (("label not yet mature", 1),), FILES[:1], 1),
    ],
    ids=["none", "unknown", "late", "young"],
)
def test_tables_are_written_for_the_rows_that_there_are(tmp_path, passes, labels, young, left_out, expected, n_passes):
    (tmp_path / "replay").mkdir()
    for name in FILES:
        (tmp_path / "replay" / name).write_text("of an earlier sweep")
    write_missing_labels(tmp_path, prepared_of(tmp_path, labels, np.array(young, bool), left_out))
    assert stored(tmp_path) == expected
    assert len(passes) == n_passes
    assert all((tmp_path / "replay" / name).read_bytes()[:4] == b"PAR1" for name in expected)
