"""Fairness per slice column against Fairlearn, by simulation, and where it is not defined."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep

from harness.compare.fairness import fairness
from harness.compare.fairness_to_overall import newcombe_interval
from harness.compare.slice_rates import RATES
from harness.records.tally import BINARY_COMPONENTS, BinaryTally, ClusterTotals, Grid, Moments
from harness.report.fairness_frame import FAIRNESS_COLUMNS, TO_OVERALL_COLUMNS, fairness_frame, to_overall_frame

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Fairlearn's imports
    import fairlearn.metrics as fairlearn

COLUMN, OTHER = ("a", "b", "c"), ("x", "y")
GRID = Grid(("all", *("carrier",) * 3, *("origin",) * 2), ("all", *COLUMN, *OTHER), ("all", "w"))
MEASURES = ("demographic_parity", "equal_opportunity", "equalized_odds")


def tally_of(confusion, totals=None):
    confusion = np.asarray(confusion, np.int64)
    n = len(confusion)
    bins, none = np.zeros((n, 15), np.int64), Moments(np.zeros(n), np.zeros(n))
    return BinaryTally(confusion, bins, bins, bins.astype(np.float64), none, none, None, totals=totals)


def counted(labels, decisions, member, n_windows=2):
    """Confusion counts of the cells of window "all"; the other window is left with figures that must not be read."""
    cells = np.full((len(member) * n_windows, 2, 2), 10**6, np.int64)
    for k, rows in enumerate(member):
        for y in (0, 1):
            for d in (0, 1):
                cells[k * n_windows, y, d] = np.sum((labels == y) & (decisions == d) & rows)
    return cells


@pytest.fixture(scope="module", name="rows")
def _rows():
    rng = np.random.default_rng(12)
    n = 3000
    carrier, origin = rng.choice(3, n, p=[0.5, 0.4, 0.1]), rng.integers(0, 2, n)
    labels = (rng.random(n) < 0.3 + 0.1 * carrier).astype(int)
    decisions = (rng.random(n) < 0.2 + 0.5 * labels - 0.05 * carrier + 0.04 * origin).astype(int)
    member = [np.ones(n, np.bool_), *(carrier == k for k in range(3)), *(origin == k for k in range(2))]
    return labels, decisions, {"carrier": carrier, "origin": origin}, member


@pytest.fixture(scope="module", name="found")
def _found(rows):
    labels, decisions, _, member = rows
    return fairness(tally_of(counted(labels, decisions, member)), GRID, 0.95)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["difference", "ratio"])
def test_values_are_fairlearns(measure, kind, rows, found):
    labels, decisions, columns, _ = rows
    assert [(r.slice_by, r.measure) for r in found.between].count(("carrier", f"{measure}_{kind}")) == 1
    for by, groups in columns.items():
        (row,) = [r for r in found.between if (r.slice_by, r.measure) == (by, f"{measure}_{kind}")]
        expected = getattr(fairlearn, f"{measure}_{kind}")(labels, decisions, sensitive_features=groups)
        assert row.value == pytest.approx(expected, rel=1e-12)
        assert row.ci_low < row.value < row.ci_high
        ends = row.lowest_rate, row.highest_rate
        assert row.value == pytest.approx(ends[1] - ends[0] if kind == "difference" else ends[0] / ends[1])
    assert len(found.between) == 2 * 6


def test_the_slices_at_the_ends_are_named(rows, found):
    labels, decisions, columns, _ = rows
    (row,) = [r for r in found.between if (r.slice_by, r.measure) == ("carrier", "equal_opportunity_difference")]
    recall = [decisions[(labels == 1) & (columns["carrier"] == k)].mean() for k in range(3)]
    assert (row.lowest, row.highest) == (COLUMN[int(np.argmin(recall))], COLUMN[int(np.argmax(recall))])
    assert (row.rate, row.n_slices, row.n_left_out, row.undefined_reason) == ("recall", 3, 0, None)


def test_intervals_are_those_of_all_slices_at_once():
    (row,) = [r for r in fairness(tally_of([[[0, 0], [0, 0]], [[60, 40], [0, 0]], [[30, 70], [0, 0]]]),
                                  Grid(("all", "s", "s"), ("all", "u", "v"), ("all",)), 0.95).between
              if r.measure == "demographic_parity_difference"]  # fmt: skip
    z = 2.241402728  # of 1 - .05 / 2

    def wilson(p, n):
        centre, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)

    (low_u, high_u), (low_v, high_v) = wilson(0.4, 100), wilson(0.7, 100)
    assert (row.ci_low, row.ci_high) == (pytest.approx(low_v - high_u), pytest.approx(high_v - low_u))


@pytest.mark.parametrize("n_slices", [2, 10])
@pytest.mark.parametrize("truth", ["alike", "one low"])
def test_intervals_hold_the_true_spread(n_slices, truth):
    n_worlds, n, rng = 400, 200, np.random.default_rng(n_slices)
    p = np.full(n_slices, 0.3)
    if truth == "one low":
        p[0] = 0.15
    grid = Grid(("all", *("s",) * n_slices), ("all", *map(str, range(n_slices))), ("all",))
    held = {"difference": 0, "ratio": 0}
    for _ in range(n_worlds):
        positive = rng.binomial(n, p)
        cells = np.zeros((n_slices + 1, 2, 2), np.int64)
        cells[1:, 0, 0], cells[1:, 0, 1] = n - positive, positive
        for row in fairness(tally_of(cells), grid, 0.95).between[:2]:
            kind = row.measure.rsplit("_", 1)[1]
            true = p.max() - p.min() if kind == "difference" else p.min() / p.max()
            held[kind] += row.ci_low <= true <= row.ci_high
    assert min(held.values()) >= binom.ppf(0.001, n_worlds, 0.95)


def test_small_slices_are_left_out_of_the_rate_and_counted():
    grid = Grid(("all", *("s",) * 4), ("all", "u", "v", "tiny", "empty"), ("all",))
    cells = [[[0, 0], [0, 0]], [[40, 10], [10, 40]], [[40, 20], [20, 40]], [[40, 0], [29, 0]], [[0, 0], [0, 0]]]
    found = {r.measure: r for r in fairness(tally_of(cells), grid, 0.95).between}
    recall = found["equal_opportunity_difference"]
    assert (recall.n_slices, recall.n_left_out, recall.lowest) == (2, 1, "v")
    selection = found["demographic_parity_difference"]
    assert (selection.n_slices, selection.n_left_out, selection.lowest) == (3, 0, "tiny")


def test_a_slice_with_few_rows_of_both_classes_is_left_out_once():
    grid = Grid(("all", *("s",) * 3), ("all", "u", "v", "tiny"), ("all",))
    cells = [[[0, 0], [0, 0]], [[40, 10], [10, 40]], [[40, 20], [20, 40]], [[5, 5], [5, 5]]]
    odds = {r.measure: r for r in fairness(tally_of(cells), grid, 0.95).between}["equalized_odds_difference"]
    assert (odds.n_slices, odds.n_left_out) == (2, 1)


def test_fewer_than_two_slices_and_rates_of_0_are_not_defined():
    grid = Grid(("all", "s", "s"), ("all", "u", "v"), ("all",))
    lonely = fairness(tally_of([[[0, 0], [0, 0]], [[40, 10], [10, 40]], [[1, 1], [1, 1]]]), grid, 0.95)
    assert {r.undefined_reason for r in lonely.between} == {"fewer than 2 slices with 30 rows"}
    assert all(np.isnan([r.value, r.ci_low, r.ci_high]).all() for r in lonely.between)
    never = {r.measure: r for r in fairness(tally_of([[[0, 0], [0, 0]], [[40, 0], [40, 0]], [[40, 0], [50, 0]]]), grid, 0.95).between}
    assert (never["demographic_parity_difference"].value, never["demographic_parity_difference"].ci_low) == (0.0, 0.0)
    assert never["demographic_parity_ratio"].undefined_reason == "the highest rate is 0"
    assert never["equalized_odds_ratio"].undefined_reason == "the highest rate is 0"
    assert fairness(tally_of([[[1, 1], [1, 1]]]), Grid(("all",), ("all",), ("all",)), 0.95).between == ()


@pytest.mark.parametrize("rate", RATES)
def test_to_overall_compares_a_slice_with_its_complement(rate, rows, found):
    labels, decisions, _, member = rows
    (part,) = [p for p in found.to_overall if p.rate == rate]
    of_class = {"recall": labels == 1, "fpr": labels == 0}.get(rate, labels >= 0)
    assert part.slice_id.tolist() == [1, 2, 3, 4, 5]
    for i, k in enumerate(part.slice_id):
        own, rest = (decisions[side & of_class] for side in (member[k], ~member[k]))
        assert (part.n[i], part.n_rest[i]) == (len(own), len(rest))
        np.testing.assert_allclose(
            [part.value[i], part.rest_value[i], part.difference[i]], [own.mean(), rest.mean(), own.mean() - rest.mean()]
        )
        expected = confint_proportions_2indep(own.sum(), len(own), rest.sum(), len(rest), method="newcomb")
        np.testing.assert_allclose([part.ci_low[i], part.ci_high[i]], expected, rtol=1e-6)
    assert set(part.ci_method) == {"Newcombe hybrid score"}


def test_to_overall_of_few_rows_is_not_defined():
    grid = Grid(("all", "s", "s"), ("all", "u", "v"), ("all",))
    part = fairness(tally_of([[[0, 0], [0, 0]], [[40, 10], [10, 40]], [[10, 5], [5, 9]]]), grid, 0.95).to_overall[0]
    assert part.undefined_reason.tolist() == ["fewer than 30 rows in the rest", "fewer than 30 rows"]
    assert np.isnan([part.difference, part.ci_low, part.value]).all()


@pytest.mark.parametrize("counts", [(0, 10, 0, 20), (10, 10, 20, 20), (9, 10, 3, 10)])
def test_newcombes_interval_is_statsmodels(counts):
    found = newcombe_interval(*(np.array([c]) for c in counts), 0.9)
    np.testing.assert_allclose(np.ravel(found), confint_proportions_2indep(*counts, method="newcomb", alpha=0.1), rtol=1e-6)


def with_totals(cells, n_clusters, weight=1.0):
    cells = np.asarray(cells, np.float64)
    decisions = np.zeros((len(cells), len(BINARY_COMPONENTS)))
    decisions[:, :4] = weight * cells.reshape(-1, 4)
    cross = np.zeros((len(cells), len(BINARY_COMPONENTS), len(BINARY_COMPONENTS)))
    for k in range(4):
        cross[:, k, k] = weight**2 * cells.reshape(-1, 4)[:, k]
    return tally_of(cells, ClusterTotals(np.asarray(n_clusters), decisions, cross))


def test_weighted_rows_have_rates_of_weight_and_linearised_intervals():
    cells = [[[0, 0], [0, 0]], [[400, 100], [100, 400]], [[400, 200], [200, 400]]]
    grid = Grid(("all", "s", "s"), ("all", "u", "v"), ("all",))
    plain, weighted = (fairness(t, grid, 0.95) for t in (tally_of(cells), with_totals(cells, [2200, 1000, 1200], 3.0)))
    for old, new in zip(plain.between, weighted.between, strict=True):
        assert new.value == pytest.approx(old.value)
        np.testing.assert_allclose([new.ci_low, new.ci_high], [old.ci_low, old.ci_high], atol=0.01)
        assert "linearised" in new.ci_method
    overall = weighted.to_overall[1]
    np.testing.assert_allclose(overall.difference, plain.to_overall[1].difference)
    assert np.isnan(overall.ci_low).all()
    assert set(overall.ci_method) == {"no interval: rows are weighted or clustered"}
    heavy = with_totals(cells, [2200, 1000, 1200])
    heavy.totals.cross[1] *= 1000 / 9.0  # as if the rows of the slice were in nine clusters
    few = fairness(heavy, grid, 0.95).between[0]
    assert few.ci_method == "no interval: a slice has too few clusters, or no variance"
    assert np.isnan([few.ci_low, few.ci_high]).all()
    assert few.value == pytest.approx(plain.between[0].value)


def test_weighted_rates_of_0_have_wilsons_interval_with_the_effective_number():
    cells = [[[0, 0], [0, 0]], [[400, 0], [100, 0]], [[400, 200], [200, 400]]]
    row = fairness(with_totals(cells, [2200, 500, 1200], 2.0), Grid(("all", "s", "s"), ("all", "u", "v"), ("all",)), 0.95).between[0]
    plain = fairness(tally_of(cells), Grid(("all", "s", "s"), ("all", "u", "v"), ("all",)), 0.95).between[0]
    assert row.lowest_rate == 0.0
    np.testing.assert_allclose([row.ci_low, row.ci_high], [plain.ci_low, plain.ci_high], atol=0.002)


def test_frames_hold_one_row_per_measure_and_one_per_slice(found):
    between = fairness_frame("mlp", found)
    assert tuple(between.columns) == FAIRNESS_COLUMNS
    assert between.groupby("slice_by").size().to_dict() == {"carrier": 6, "origin": 6}
    overall = to_overall_frame("mlp", GRID, found)
    assert tuple(overall.columns) == TO_OVERALL_COLUMNS
    assert overall.loc[overall["rate"] == "fpr", "slice_value"].tolist() == [*COLUMN, *OTHER]
    assert overall["min_n"].unique().tolist() == [30]
    empty = replace(found, between=(), to_overall=())
    assert tuple(fairness_frame("mlp", empty).columns) == FAIRNESS_COLUMNS
    assert tuple(to_overall_frame("mlp", GRID, empty).columns) == TO_OVERALL_COLUMNS
