"""Tallies of every task and design from arrays of a card, against the same tallies of the host."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pytest

import harness.tallies.class_auc as class_auc_module
import kernels
from harness.errors import ScoreError
from harness.pipeline.device_rows import Card
from harness.pipeline.reduction import Orders, Rows, paired_of, tally_of
from harness.records.needs import Needs
from harness.records.tally import Grid
from harness.tallies.stored import to_columns
from kernels.devices import CardMemoryError, is_on_cuda
from tests.oracles import multiclass_oracle, tally_oracle

K, N_ROWS = 3, 40
NEEDS = Needs(ranks=True, binned_auc=True, curve=True, max_fpr=0.3, top_share=0.2, calibration=True, auc_by_class=True, top_k=2)
DESIGNS = {"plain": (False, False), "weights": (True, False), "clusters": (False, True), "both": (True, True)}
CASES = [
    ("binary", "plain", 1),
    ("binary", "weights", 2),
    ("binary", "clusters", 1),
    ("binary", "both", 2),
    ("regression", "plain", 2),
    ("regression", "weights", 1),
    ("regression", "both", 2),
    ("multiclass", "plain", 2),
    ("multiclass", "weights", 1),
    ("multiclass", "both", 2),
]


def grid_of(n_slices, n_windows):
    names = tuple(str(i) for i in range(n_slices))
    return Grid(names, names, tuple(str(i) for i in range(n_windows)))


def a_log(task, design="plain", n_windows=1, n_rows=N_ROWS, seed=3):
    """Scores of champion and challenger, and the rows, some of which weigh nothing or have no label."""
    rng = np.random.default_rng(seed + 100)
    if task == "multiclass":
        both = [multiclass_oracle.random_log(seed + i, n_rows, K, n_windows=n_windows, n_score_values=5) for i in range(2)]
        scores, labels = [log[0] for log in both], both[0][1]
    else:
        both = [tally_oracle.random_log(seed + i, n_rows, n_windows=n_windows, n_score_values=7) for i in range(2)]
        scores, labels = [log[0] for log in both], both[0][1]
    if task == "regression":
        scores = [rng.normal(5, 2, n_rows).astype(kind) for kind in (np.float32, np.float64)]
        labels = np.where(rng.random(n_rows) < 0.1, np.nan, rng.normal(5, 2, n_rows).round())
    weighted, clustered = DESIGNS[design]
    weights = np.where(rng.random(n_rows) < 0.1, 0.0, rng.gamma(2.0, 1.0, n_rows)) if weighted else None
    clusters = rng.integers(0, max(n_rows // 4, 1), n_rows) * 10 if clustered else None
    slice_ids, window_ids, n_slices = both[0][2:]
    ids = np.ascontiguousarray(slice_ids[:, :2])
    rows = Rows(task, labels, ids, window_ids, grid_of(n_slices, n_windows), K if task == "multiclass" else 0, weights, clusters)
    return scores, rows


def assert_same(found, expected):
    """Counts are the same; floats are sums of other pieces."""
    found, expected = to_columns(found), to_columns(expected)
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        if values.dtype.kind in "iu":
            np.testing.assert_array_equal(found[name], values, err_msg=name)
        else:  # recalibration ends where a step is small
            np.testing.assert_allclose(found[name], values, rtol=1e-6 if "calibration" in name else 1e-9, atol=1e-9, err_msg=name)


def host_refuses(monkeypatch):
    """Let every kernel that spreads work over threads of the host fail."""

    def refused(*_):
        raise AssertionError("computed on the host")

    modules = [importlib.import_module(f"kernels.{found.name}") for found in pkgutil.iter_modules(kernels.__path__)]
    spread = [module for module in modules if hasattr(module, "run_in_order") and module.__name__ != "kernels.chunks"]
    assert len(spread) > 10
    for module in spread:
        monkeypatch.setattr(module, "run_in_order", refused)


@pytest.fixture
def components(monkeypatch):
    """Where the components lay that `cluster_tally` was given: (categories, values) of every block."""
    seen = []

    def watched(real):
        def tally(components_of, *args, **kwargs):
            def watch(rows):
                found = components_of(rows)
                seen.append([is_on_cuda(one) for one in found])
                return found

            return real(watch, *args, **kwargs)

        return tally

    for name in ("regression", "weighted", "influence", "class_auc", "multiclass"):
        module = importlib.import_module(f"harness.tallies.{name}")
        monkeypatch.setattr(module, "cluster_tally", watched(module.cluster_tally))
    return seen


@pytest.mark.parametrize(("task", "design", "n_windows"), CASES)
def test_a_card_leaves_what_the_host_leaves_and_the_host_computes_nothing(monkeypatch, components, task, design, n_windows):
    scores, rows = a_log(task, design, n_windows)
    alone = tally_of(scores[1], rows, 0.5, NEEDS)
    pair = paired_of(*scores, rows, 0.4, 0.5, NEEDS)
    assert components == [] or not np.any(components)
    components.clear()
    card, orders = Card(), Orders()
    host_refuses(monkeypatch)
    there = paired_of(*scores, rows, 0.4, 0.5, NEEDS, on_card=card.scored(rows, *scores), orders=orders)
    assert_same(there, pair)
    assert_same(tally_of(scores[1], rows, 0.5, NEEDS, on_card=card.scored(rows, scores[1]), orders=orders), alone)
    assert np.all(components)
    assert (components == []) == (task != "regression" and design == "plain" and task == "binary")


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
@pytest.mark.parametrize("n_rows", [0, 1])
def test_no_row_and_one_row(task, n_rows):
    scores, rows = a_log(task, "both", 1, n_rows)
    card = Card()
    assert_same(tally_of(scores[1], rows, 0.5, NEEDS, on_card=card.scored(rows, scores[1])), tally_of(scores[1], rows, 0.5, NEEDS))
    there = paired_of(*scores, rows, 0.4, 0.5, NEEDS, on_card=card.scored(rows, *scores))
    assert_same(there, paired_of(*scores, rows, 0.4, 0.5, NEEDS))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_rows_of_which_none_is_judged(task):
    scores, rows = a_log(task, "both", 2, 9)
    rows = replace(rows, labels=np.full_like(rows.labels, np.nan if task == "regression" else -1))
    on_card = Card().scored(rows, scores[1])
    assert_same(tally_of(scores[1], rows, None, NEEDS, on_card=on_card), tally_of(scores[1], rows, None, NEEDS))


def test_weights_and_clusters_are_sent_once():
    sent = []
    card = Card(lambda array: sent.append(array) or array.copy())
    scores, rows = a_log("binary", "both", 2)
    for _ in range(2):
        card.rows(rows)
    wanted = [rows.labels, rows.slice_ids, rows.window_ids, rows.weights, rows.cluster_ids]
    assert [array.shape for array in sent] == [array.shape for array in wanted]
    assert all(any(array is own or np.array_equal(array, own) for own in wanted) for array in sent)
    assert scores[0].shape == rows.weights.shape


@pytest.mark.parametrize("on_card", [False, True], ids=["host", "card"])
def test_a_pair_and_the_curve_order_the_challenger_once(monkeypatch, on_card):
    import kernels.score_order as module

    made, real = [], module.score_order
    count = lambda *args, **kwargs: made.append(args[0]) or real(*args, **kwargs)  # noqa: E731
    for name in ("kernels.score_order", "harness.tallies.binary", "harness.tallies.paired"):
        monkeypatch.setattr(f"{name}.score_order", count)
    scores, rows = a_log("binary")
    card, orders = Card(), Orders()
    both, one = (card.scored(rows, *scores), card.scored(rows, scores[1])) if on_card else (None, None)
    pair = paired_of(*scores, rows, 0.4, 0.5, NEEDS, on_card=both, orders=orders)
    tally = tally_of(scores[1], rows, 0.5, NEEDS, pair.ranks.challenger, on_card=one, orders=orders)
    assert len(made) == 2  # the champion's and the challenger's
    assert [is_on_cuda(array) for array in made] == [on_card] * 2
    assert_same(tally, tally_of(scores[1], rows, 0.5, NEEDS))
    assert len(made) == 3  # without a pair the ranks and the curve share one


def test_an_order_of_other_rows_is_not_taken():
    scores, rows = a_log("binary")
    other = replace(rows, labels=1 - rows.labels)
    orders = Orders()
    paired_of(*scores, other, 0.4, 0.5, NEEDS, orders=orders)
    assert_same(tally_of(scores[1], rows, 0.5, NEEDS, orders=orders), tally_of(scores[1], rows, 0.5, NEEDS))


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_scores_on_a_card_are_not_looked_at_twice(task):
    """The host refuses what is no score; the same scores are on the card."""
    scores, rows = a_log(task)
    scores[1][:] = np.nan
    with pytest.raises(ScoreError, match="NaN"):
        tally_of(scores[1], rows, 0.5, NEEDS)
    tally_of(scores[1], rows, 0.5, Needs(binned_auc=True), on_card=Card().scored(rows, scores[1]))


def test_fewer_columns_at_once_change_nothing(monkeypatch):
    scores, rows = a_log("multiclass", "both", 2)
    on_card = Card().scored(rows, scores[1])
    monkeypatch.setattr(class_auc_module, "free_bytes", lambda: 100.0)
    assert_same(tally_of(scores[1], rows, None, NEEDS, on_card=on_card), tally_of(scores[1], rows, None, NEEDS))


def test_influences_that_do_not_fit_are_refused(monkeypatch):
    scores, rows = a_log("multiclass")
    on_card = Card().scored(rows, scores[1])

    def refuse(what, n_bytes):
        raise CardMemoryError(f"{what} takes {n_bytes}")

    monkeypatch.setattr(class_auc_module, "free_bytes", lambda: 100.0)  # less than two columns
    monkeypatch.setattr(class_auc_module, "check_fits", refuse)
    with pytest.raises(CardMemoryError, match=rf"the influences of {N_ROWS} rows on the AUC of a class.* takes {8 * N_ROWS}"):
        tally_of(scores[1], rows, None, NEEDS, on_card=on_card)
