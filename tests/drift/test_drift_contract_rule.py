"""The rule that a column of a log is given: ids, times and counters are known by their rows, not by estimates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.pipeline.column_work import Checked, LogWork, compare_columns
from harness.records.conf import DriftConf
from harness.replay.log_files import open_replay
from harness.replay_schema import read_replay
from tests.support.compared import DAY_US, written

N = 12_000  # rows a side: more different values than are counted one by one
DRIFT = DriftConf("none", "harness", None, 0.05, "rows", 99, 1_000, None, 1e-4)
SHUFFLED = np.random.default_rng(1).permutation(2 * N)


class Silent:
    """A channel that nobody listens to."""

    def progress(self, done: int) -> None:
        """Report nothing."""


def checked(folder: Path, values: Any, **keys: Any) -> Checked:
    """Return the rule of column x, and what breaks it, in a log of 20 days, of which the first 10 are the reference."""
    times = pa.array(np.sort(np.arange(2 * N) * 10 // N) * DAY_US, pa.timestamp("us"))
    log = written(folder / "log.parquet", {"t": times, "x": pa.array(values)})
    data = {"name": "log", "path": str(log), "task": "binary", "label": None, "features": [], "timestamp": "t"}
    replay = read_replay(data | {"reference": {"until": "1970-01-11"}} | keys, needs_label=False)
    work = LogWork(open_replay(replay, None), None, replay, DRIFT, None, None, folder / "cache", folder, "")
    (found,) = [c for c in compare_columns(Silent(), work, 0, 1).columns if c.name == "x"]
    return found.checked


def test_an_id_of_more_rows_than_are_counted_is_unique_and_has_no_range(tmp_path: Path) -> None:
    found = checked(tmp_path, SHUFFLED, id="x")
    assert found.rule is not None
    assert (found.rule.is_unique, found.rule.minimum, found.rule.maximum, found.rule.check_unit) == (True, None, None, False)
    assert (found.violations, found.not_checked) == ((), ())


def test_one_id_that_repeats_in_the_current_rows_breaks_it(tmp_path: Path) -> None:
    (found,) = checked(tmp_path, [f"r{i}" for i in [*SHUFFLED[:-1], SHUFFLED[-2]]], id="x").violations
    assert (found.check, found.n_rows, found.rows) == ("unique", 1, (2 * N - 1,))
    assert f"(log row 23,999: r{SHUFFLED[-2]})" in found.sentence


def test_one_id_that_repeats_in_the_reference_promises_nothing(tmp_path: Path) -> None:
    found = checked(tmp_path, [SHUFFLED[1], *SHUFFLED[1:]], id="x")
    assert found.rule is not None
    assert (found.rule.is_unique, found.rule.maximum, found.violations) == (False, None, ())


@pytest.mark.parametrize("values", [SHUFFLED, np.arange(2 * N), np.arange(2 * N) // 100, [*range(N), None, *range(N, 2 * N - 1)]])
def test_numbers_of_rows_and_what_rises_with_them_have_no_range_though_nobody_names_them(tmp_path: Path, values: Any) -> None:
    found = checked(tmp_path, values)
    assert found.rule is not None
    assert (found.rule.is_unique, found.rule.minimum, found.rule.maximum, found.violations) == (False, None, None, ())


def test_only_the_time_of_the_replay_must_not_fall(tmp_path: Path) -> None:
    found = checked(tmp_path, np.arange(2 * N))
    assert found.rule is not None
    assert not found.rule.is_monotone


def test_another_unit_is_not_looked_for_where_the_bins_rule_it_out_and_is_where_they_do_not() -> None:
    from dataclasses import replace

    import numpy as np

    from harness.drift.contract_check import could_be_apart
    from harness.records.profile import Bins, Cardinality, CellMoments, ColumnProfile

    def profile(*counts: list[int]) -> ColumnProfile:
        n, zero = len(counts), np.zeros(len(counts))
        moments = CellMoments(*[np.zeros(n, np.int64)] * 3, zero, zero, zero, zero)
        table = np.array(counts, np.int64)
        windows = tuple(f"w{i}" for i in range(n - 1))
        return ColumnProfile(
            "x", "double", "number", Bins((0.0, 1.0, 2.0)), moments, table, None, "type7", Cardinality(0, "exact"), (), windows
        )

    reference, alike = profile([0, 50, 50, 0, 0]), profile([0, 5, 5, 0, 0])
    # Within [0, 1) the reference goes from 0 to .5: the distance there can be .5, and from .3 on a unit is looked for.
    assert could_be_apart(reference, alike, 0.5)
    assert not could_be_apart(reference, alike, 0.51)
    in_one_window = profile([0, 50, 50, 0, 0], [0, 50, 50, 0, 0], [0, 0, 0, 10, 3])
    assert could_be_apart(reference, in_one_window, 1.0)
    assert could_be_apart(None, alike, 0.51)
    infinite = replace(alike, moments=replace(alike.moments, n_infinite=np.ones(1, np.int64)))
    assert could_be_apart(reference, infinite, 0.51)


def test_a_constant_window_is_looked_for_wherever_the_profile_does_not_rule_it_out() -> None:
    from dataclasses import replace

    import numpy as np

    from harness.drift.contract_check import could_be_constant
    from harness.records.profile import Bins, Cardinality, CellMoments, ColumnProfile

    n = np.array([3, 2, 1])
    moments = CellMoments(n, 0 * n, 0 * n, np.array([1.0, 1.0, 4.0]), np.array([4.0, 2.0, 4.0]), np.zeros(3), np.zeros(3))
    args = (np.zeros((3, 3), np.int64), None, "type7", Cardinality(3, "exact"), (), ("a", "b"))
    number = ColumnProfile("x", "double", "number", Bins((1.0, 4.0)), moments, *args)
    assert could_be_constant(number)  # window b holds 4 alone
    varied = replace(moments, minimum=np.array([1.0, 1.0, 3.0]))
    assert not could_be_constant(replace(number, moments=varied))
    assert could_be_constant(replace(number, moments=replace(varied, n_infinite=n)))
    category = replace(number, kind="category", bins=Bins(categories=("p", "q")), counts=np.array([[2, 1, 0], [1, 1, 0], [1, 0, 0]]))
    assert could_be_constant(category)
    assert not could_be_constant(replace(category, counts=category.counts + np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]])))
    assert could_be_constant(None)
