"""Worlds of which it is known what changed: nothing, the scores, the relation, an input that the score ignores, a new category."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from harness.drift.loss_parts import loss_parts
from harness.drift.residual_rows import RESIDUAL_WORDS, residual_rows

COVERED = 178, 199  # of 200 where 95 % should be: binom(200, .95) at .001 and above .999


def expit(x):
    return 1 / (1 + np.exp(-x))


def world(seed, n, change="", task="binary"):
    """Return the arguments of `loss_parts`: the score knows x and not u, outcomes depend on both, and curves are bent and differ by category."""
    rng = np.random.default_rng([seed, n])
    current = np.arange(2 * n) >= n
    x = rng.normal(size=2 * n) + (0.7 * current if change == "covariate" else 0)
    u = rng.normal(size=2 * n) + (1.2 * current if change == "unmodelled" else 0)
    weight = np.where(current & (change == "covariate"), 0.7, 0.3)
    category = (rng.random(2 * n) < weight).astype(int)
    signal = 0.8 * x - 0.15 * x**2 + 0.6 * category + (0.7 * current if change == "relation" else 0)
    if task == "binary":
        scores, labels, nothing = expit(x - 0.3).astype(np.float32), (rng.random(2 * n) < expit(signal + 0.7 * u)).astype(np.int8), -1
    else:
        scores, labels, nothing = x.astype(np.float32), signal + 0.7 * u + rng.normal(size=2 * n) * expit(x), np.nan
    sides = (np.where(side, labels, np.array(nothing, labels.dtype)) for side in (~current, current))
    return task, scores, *sides, np.stack([np.zeros(2 * n, int), 1 + category], axis=1), ("category",)


def of_category(args):
    return [part for part in loss_parts(*args) if part.slice_by == "category"]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_covariate_world_has_a_residual_of_zero(task):
    found = [of_category(world(seed, 2000, "covariate", task)) for seed in range(200)]
    for i in range(len(found[0])):
        covered = sum(abs(parts[i].residual) <= 1.959964 * parts[i].residual_se for parts in found)
        assert COVERED[0] <= covered <= COVERED[1]
        change = np.mean([parts[i].current_loss - parts[i].reference_loss for parts in found])
        assert np.mean([parts[i].covariate + parts[i].outside_support for parts in found]) == pytest.approx(change, abs=0.15 * abs(change))


@pytest.mark.parametrize("change", ["relation", "unmodelled"])
def test_changed_outcomes_at_the_same_scores_are_the_residual(change):
    found = [of_category(world(seed, 2000, change))[0] for seed in range(60)]
    total = np.mean([part.current_loss - part.reference_loss for part in found])
    assert abs(total) > 0.01
    assert np.mean([part.residual for part in found]) == pytest.approx(total, rel=0.1)
    assert sum(part.p_value < 0.05 for part in found) >= 40
    assert abs(np.mean([part.covariate for part in found])) < 0.1 * abs(total)


def test_the_words_do_not_tell_a_changed_relation_from_an_ignored_input():
    assert RESIDUAL_WORDS == "the relation changed, or an input that the score ignores did"
    for change in ("relation", "unmodelled"):
        rows = residual_rows(loss_parts(*world(3, 20_000, change)), "a", 0.05)
        residuals = [row for row in rows if row.statistic == "residual"]
        assert all(row.drifted for row in residuals)
        assert {row.note.split(";")[0] for row in residuals} == {RESIDUAL_WORDS}


def test_nothing_changed_is_called_a_change_at_the_level():
    n_worlds = 500
    p_values = np.array([[part.p_value for part in loss_parts(*world(seed, 400))] for seed in range(n_worlds)])
    assert ((p_values < 0.05).sum(axis=0) <= binom.ppf(0.999, n_worlds, 0.05)).all()
    assert ((p_values < 0.05).sum(axis=0) >= binom.ppf(0.001, n_worlds, 0.05)).all()
    assert np.median(p_values) == pytest.approx(0.5, abs=0.08)


def test_nothing_changed_in_a_regression_is_called_a_change_at_the_level():
    p_values = np.array([[part.p_value for part in loss_parts(*world(seed, 400, task="regression"))] for seed in range(500)])
    assert ((p_values < 0.05).sum(axis=0) <= binom.ppf(0.999, 500, 0.05)).all()


def test_a_small_reference_widens_the_interval():
    task, scores, before, after, ids, names = world(4, 4000)
    whole = loss_parts(task, scores, before, after, ids, names)[0]
    few = before.copy()
    few[400:] = -1
    part = loss_parts(task, scores, few, after, ids, names)[0]
    n, m = 4000, 400  # the current rows' share of the variance is the same, the reference's ten times as large
    assert part.residual_se / whole.residual_se == pytest.approx(np.sqrt((1 / n + 1 / m) / (2 / n)), rel=0.1)
