"""Moments of amounts and of errors against exact fractions, and that keeping them loses nothing."""

from __future__ import annotations

import numpy as np
import pytest

import harness.tallies.value_moments as module
from harness.errors import ResultsError
from harness.records.money import ValueMoments
from harness.records.tally import Grid
from harness.runs import folder as files
from harness.tallies.stored_moments import moments_from_columns, moments_to_columns
from harness.tallies.value_moments import decision_cases, tally_amounts, tally_errors
from tests.oracles.value_moments_oracle import joint_moments

GRID = Grid(("all", "c", "c"), ("all", "x", "y"), ("all", "one", "two"))


def rows(n: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    ids = np.stack([np.zeros(n, int), 1 + rng.integers(0, 2, n)], axis=1).astype(np.uint16)
    return rng, ids, rng.integers(0, 3, n).astype(np.int32)


def close(found: ValueMoments, wanted) -> None:
    np.testing.assert_array_equal(found.n, wanted[0])
    np.testing.assert_allclose(found.mean, wanted[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.m2, wanted[2], rtol=1e-9, atol=1e-6)


def test_a_case_is_read_as_binary_digits_and_a_row_without_label_is_in_none() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1], np.int8)
    first = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1], bool)
    own = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1], bool)
    assert decision_cases(labels, first, own).tolist() == [*range(8), -1]


@pytest.mark.parametrize("n", [0, 1, 50])
def test_amounts_by_case(n: int) -> None:
    rng, ids, windows = rows(n)
    values, cases = rng.lognormal(2, 1, (n, 3)), rng.integers(-1, 8, n).astype(np.int8)
    found = tally_amounts(values, ("a", "b"), cases, 8, ids, windows, GRID, "flag")
    close(found, joint_moments(values, cases, ids, windows, 3, 3, 8, 2))
    assert (found.names, found.policy) == (("a", "b"), "flag")


@pytest.mark.parametrize("n", [0, 1, 60])
@pytest.mark.parametrize("with_other", [False, True])
def test_errors_in_blocks(n: int, with_other: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    rng, ids, windows = rows(n, 2)
    labels, other = np.round(rng.normal(size=(2, n)), 1)
    scores = np.round(rng.normal(size=n), 1).astype(np.float32)
    labels[rng.random(n) < 0.1] = np.nan
    found = tally_errors(scores, labels, ids, windows, GRID, (lambda block: other[block]) if with_other else None)
    errors = [np.nan_to_num(p.astype(np.float64) - labels) for p in ([scores, other] if with_other else [scores])]
    parts = [side for e in errors for side in (np.where(e > 0, e, 0), np.where(e < 0, -e, 0))]
    parts[2:] = [own - another for own, another in zip(parts[:2], parts[2:], strict=False)]
    values = np.array(parts).reshape(len(parts), n).T
    cases = np.where(np.isnan(labels), -1, 0)
    close(found, joint_moments(values, cases, ids, windows, 3, 3, 1, len(parts)))
    assert found.names == ("over", "under", "over_difference", "under_difference")[: len(parts)]


def test_a_difference_of_two_models_keeps_its_digits_beside_their_common_error() -> None:
    labels = np.array([1e9, 0.0, 5.0])
    scores, other = np.array([0.0, 0.5, 5.0], np.float32), np.array([0.0, 0.0, 5.0])
    ids = np.zeros((3, 1), np.uint16)
    found = tally_errors(scores, labels, ids, None, Grid(("all",), ("all",), ("all",)), lambda block: other[block])
    assert found.m2[0, 0, 2, 2] == pytest.approx(0.5**2 * 2 / 3)


@pytest.mark.parametrize(("names", "policy"), [(("amount", "a:b"), None), (("amount",), "flag"), ((), "flag")])
def test_what_is_kept_is_read_back_without_loss(names, policy, tmp_path) -> None:
    rng, ids, windows = rows(40, 3)
    values, cases = rng.lognormal(2, 1, (40, len(names))), rng.integers(-1, 8, 40).astype(np.int8)
    kept = tally_amounts(values, names, cases, 8, ids, windows, GRID, policy)
    files.write_columns(tmp_path / "kept.arrow", moments_to_columns(kept))
    found = moments_from_columns(files.read_columns(tmp_path / "kept.arrow"))
    assert (found.names, found.policy) == (names, policy)
    for part in ("n", "mean", "m2"):
        assert getattr(found, part).shape == getattr(kept, part).shape
        assert getattr(found, part).tobytes() == getattr(kept, part).tobytes()


def test_a_file_without_its_columns_is_refused() -> None:
    with pytest.raises(ResultsError, match="found columns n, mean:a, wanted n, mean and m2; run the sweep again with force=true"):
        moments_from_columns({"n": np.zeros((1, 2)), "mean:a": np.zeros((1, 2))})
