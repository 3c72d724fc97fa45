"""Worst slices: the search against its slow definition, planted slices, null worlds, and what must not change the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from harness.compare.slice_clusters import compare_clustered
from harness.compare.slice_columns import EDGE_ROWS, edge_rows, number_column, quantile_edges, sliced_column, text_column
from harness.compare.slice_confirm import confirm_slices
from harness.compare.slice_difference import compare_means, lower_bound, moments_of, p_value_worse, rest_of, sliceline_scores
from harness.compare.slice_search import minimum_n, search_slices
from harness.compare.slice_split import in_search_half
from harness.errors import ConfigError
from harness.pipeline.worst_slices import row_losses, worst_slices
from harness.records.slice_search import SearchColumn, SearchRule
from harness.records.tally import Grid
from kernels.moments import RowMoments
from tests.oracles import slice_search_oracle as oracle

N_WORLDS = 200


def columns_of(ids):
    return [SearchColumn(f"c{c}", tuple(f"v{v}" for v in range(int(own.max(initial=0)) + 1)), own) for c, own in enumerate(ids)]


def random_ids(rng, n_rows, widths):
    return np.array([rng.integers(0, width, n_rows) for width in widths], np.int32)


def find(losses, ids, rule, *, row_ids=None, clusters=None, n_threads=1):
    """Search one half and confirm on the other; returns the search and its confirmed or refuted rows."""
    columns = columns_of(ids)
    by = np.arange(len(losses)) if row_ids is None else row_ids
    half = in_search_half(by if clusters is None else clusters, rule.seed)
    search = search_slices(losses, columns, np.flatnonzero(half), rule, n_threads=n_threads)
    return search, confirm_slices(search, losses, columns, np.flatnonzero(~half), rule, clusters)


def names(rows):
    return [f"{row.slice_by}={row.slice_value}" for row in rows]


def planted(seed=0, n_rows=20_000):
    """Losses around 1; +0.5 where c0 is 1; +0.8 where c1 is 2 and c2 is 3, and nowhere else in either."""
    rng = np.random.default_rng(seed)
    ids = random_ids(rng, n_rows, (4, 4, 5, 3))
    losses = rng.gamma(2.0, 0.5, n_rows)
    losses[ids[0] == 1] += 0.5
    losses[(ids[1] == 2) & (ids[2] == 3)] += 0.8
    return losses, ids


# --- the split


def test_halves_depend_on_the_id_and_the_seed_alone():
    ids = np.array([5, -1, 2**62, 5, 0], np.int64)
    half = in_search_half(ids, 3)
    assert half[0] == half[3]
    order = np.array([4, 2, 0, 1, 3])
    assert in_search_half(ids[order], 3).tolist() == half[order].tolist()


@pytest.mark.parametrize("seed", [0, 1, -1, 2**70])
@pytest.mark.parametrize("step", [1, 2, 1000, 2**40])
def test_halves_are_even_for_any_spacing_of_ids(seed, step):
    n = 20_000
    share = in_search_half(np.arange(n) * step, seed).mean()
    assert abs(share - 0.5) < 5 * np.sqrt(0.25 / n)


def test_another_seed_is_another_split():
    ids = np.arange(20_000)
    assert 0.48 < (in_search_half(ids, 0) == in_search_half(ids, 1)).mean() < 0.52


# --- the columns


def test_bins_of_a_continuous_column_hold_equal_shares():
    column = number_column("x", np.random.default_rng(0).normal(size=1000), np.arange(1000), 10)
    assert np.bincount(column.ids, minlength=11).tolist() == [100] * 10 + [0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_ties_merge_edges_and_a_heavy_value_has_its_own_bin(dtype):
    values = np.array([0] * 60 + [1] * 5 + list(range(2, 37)), dtype)
    column = number_column("x", values, np.arange(100), 10)
    assert column.values[:2] == ("< 1", "[1, 7)")
    assert np.bincount(column.ids)[0] == 60


@pytest.mark.parametrize("n_heavy", [950, 500])
def test_values_rarer_than_a_bin_are_parted_from_the_heavy_value(n_heavy):
    values = np.array([0.0] * n_heavy + [1.0] * (1000 - n_heavy), np.float32)
    assert np.bincount(number_column("flag", values, np.arange(1000), 10).ids).tolist() == [n_heavy, 1000 - n_heavy]
    ends = np.where(np.arange(1000) < 20, -1.0, values)  # something below the heavy value, too
    assert np.bincount(number_column("x", ends, np.arange(1000), 10).ids).tolist() == [20, n_heavy - 20, 1000 - n_heavy]


def test_every_bin_edge_belongs_to_the_bin_above():
    values = np.arange(20.0, dtype=np.float32)
    edges = quantile_edges(values, 4)
    assert edges.tolist() == [5.0, 10.0, 15.0]
    assert number_column("x", values, np.arange(20), 4).ids[[4, 5, 9, 10, 14, 15]].tolist() == [0, 1, 1, 2, 2, 3]


def test_missing_is_a_bin_of_its_own_and_no_edge():
    values = np.array([np.nan, 1.0, 2.0, np.nan, 3.0, 4.0], np.float32)
    column = number_column("x", values, np.arange(6), 2)
    assert column.values == ("< 3", ">= 3", "missing")
    assert column.ids.tolist() == [2, 0, 0, 2, 1, 1]


@pytest.mark.parametrize("values", [np.full(5, 7.0), np.full(5, np.nan), np.zeros(0), np.zeros(0, np.int64)])
def test_a_column_of_one_value_or_none_has_one_bin(values):
    column = number_column("x", values, np.arange(len(values)), 10)
    assert column.values == ("any", "missing")
    assert set(column.ids.tolist()) <= {0, 1}


def test_edges_are_read_from_the_rows_named_and_no_others():
    values = np.array([1.0, 2.0, 3.0, 1e9, 1e9, 1e9])
    assert number_column("x", values, np.array([0, 1, 2]), 3).values == ("< 2", "[2, 3)", ">= 3", "missing")
    many = edge_rows(np.ones(2 * EDGE_ROWS + 1, bool))
    assert len(many) <= EDGE_ROWS
    assert len(edge_rows(np.zeros(3, bool))) == 0


def test_texts_in_order_with_null_last():
    column = text_column("x", np.array(["b", None, "missing", "a"], dtype=object))
    assert column.values == ("a", "b", "missing", "missing (null)")
    assert column.ids.tolist() == [1, 3, 2, 0]


# --- the figures


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])  # of the slice: Student's standard error is the larger one, or Welch's is
def test_the_difference_to_the_rest_is_scipys(scale):
    rng = np.random.default_rng(1)
    inside = rng.random(300) < 0.2
    losses = rng.gamma(0.5, size=300) * np.where(inside, scale, 1.0)
    part = moments_of(losses[inside])
    found = compare_means(part, rest_of(moments_of(losses), part))
    test = oracle.t_test(losses[inside], losses[~inside])
    assert p_value_worse(found)[0] == pytest.approx(test.pvalue, rel=1e-9)
    assert found.degrees[0] == pytest.approx(test.df, rel=1e-9)
    assert (found.degrees[0] == 298) == (scale < 2)
    assert lower_bound(found, 0.9)[0] == pytest.approx(test.confidence_interval(0.95).low, rel=1e-9)


def test_a_small_slice_without_variance_is_not_certain():
    """35 wrong of 35 where 868 of 965 are: by the binomial law that happens in 2.5 % of worlds."""
    slices = RowMoments(np.array([35]), np.array([1.0]), np.array([0.0]))
    share = 868 / 965
    rest = RowMoments(np.array([965]), np.array([share]), np.array([965 * share * (1 - share)]))
    assert 0.01 < p_value_worse(compare_means(slices, rest))[0] < 0.05


def test_nothing_is_claimed_of_a_side_without_rows_or_variance():
    few = RowMoments(np.array([0, 1, 5]), np.array([0.0, 1.0, 1.0]), np.zeros(3))
    found = compare_means(few, RowMoments(np.full(3, 9), np.zeros(3), np.zeros(3)))
    assert np.isnan(found.difference).tolist() == [True, True, False]
    assert np.isnan(found.se).all()
    assert np.isnan(p_value_worse(found)).all()


def test_sliceline_score_by_hand_and_where_it_is_not_defined():
    slices = RowMoments(np.array([25, 0]), np.array([0.6, 0.0]), np.zeros(2))
    whole = RowMoments(np.array([100]), np.array([0.2]), np.array([1.0]))
    score = sliceline_scores(slices, whole, 0.95)
    assert score[0] == pytest.approx(0.95 * 2 - 0.05 * 3)
    assert np.isnan(score[1])
    assert np.isnan(sliceline_scores(slices, RowMoments(whole.n, np.array([-0.2]), whole.m2), 0.95)).all()


def test_clusters_of_one_row_and_clusters_of_its_copies_give_the_standard_error_of_rows():
    rng = np.random.default_rng(2)
    losses, inside = rng.normal(size=4000), rng.random(4000) < 0.3
    plain = compare_means(moments_of(losses[inside]), moments_of(losses[~inside]))
    single = compare_clustered(losses, inside, np.arange(4000))
    assert single.se[0] == pytest.approx(plain.se[0], rel=1e-3)
    twice = compare_clustered(np.repeat(losses, 2), np.repeat(inside, 2), np.repeat(np.arange(4000), 2))
    assert twice.se[0] == pytest.approx(single.se[0], rel=1e-3)
    assert twice.difference[0] == pytest.approx(plain.difference[0], rel=1e-9)


def test_a_slice_that_cuts_through_clusters_is_not_punished_for_what_they_share():
    rng = np.random.default_rng(9)
    clusters = np.repeat(np.arange(400), 20)
    inside = np.tile(np.arange(20) < 5, 400)
    shared, own = 3.0 * rng.normal(size=400)[clusters], rng.normal(size=8000)
    assert compare_clustered(shared + own, inside, clusters).se[0] == pytest.approx(np.sqrt(1 / 2000 + 1 / 6000), rel=0.1)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_clustered_standard_error_is_the_spread_over_worlds(share):
    rng = np.random.default_rng(10)
    clusters = np.repeat(np.arange(300), 10)
    inside = (np.arange(300) < 300 * share)[clusters]
    worlds = [compare_clustered(rng.normal(size=300)[clusters] + rng.normal(size=3000), inside, clusters) for _ in range(300)]
    spread = np.std([world.difference[0] for world in worlds])
    assert np.median([world.se[0] for world in worlds]) == pytest.approx(spread, rel=0.15)


def test_clusters_of_a_slice_without_variance_are_not_certain():
    """Ten clusters of ten rows, all wrong, where nine of ten clusters are: that happens in a third of worlds."""
    clusters = np.repeat(np.arange(200), 10)
    losses = (clusters % 10 > 0).astype(np.float64)
    inside = (clusters % 10 > 0) & (clusters < 12)
    assert inside.sum() == 100
    assert losses[inside].all()
    assert 0.05 < p_value_worse(compare_clustered(losses, inside, clusters))[0] < 0.4


def test_fewer_than_ten_clusters_on_a_side_have_no_interval():
    losses, clusters = np.arange(200.0) % 7, np.arange(200) % 50
    assert np.isnan(compare_clustered(losses, clusters < 9, clusters).se[0])
    assert compare_clustered(losses, clusters < 10, clusters).degrees[0] == 9


# --- the search against its definition


@pytest.mark.parametrize("by", ["lower_bound", "sliceline"])
@pytest.mark.parametrize("seed", range(4))
def test_the_search_equals_its_slow_definition(by, seed):
    losses, ids = planted(seed, 3000)
    rule = SearchRule(ranking=by, min_n=40)
    found = search_slices(losses, columns_of(ids), np.arange(len(losses)), rule)
    expected = oracle.search(losses, ids, by=by, min_n=40, n_carried=10)
    assert expected
    assert [tuple((c.column, c.value) for c in one.conditions) for one in found.candidates] == expected
    values = {terms: value for value, terms in oracle.ranking(losses, ids, by=by, min_n=40)}
    for one, terms in zip(found.candidates, expected, strict=True):
        own = one.lower_bound if by == "lower_bound" else one.sliceline_score
        inside = oracle.members(terms, ids)
        assert own == pytest.approx(values[terms], rel=1e-8)
        assert one.n == inside.sum()
        assert one.difference == pytest.approx(losses[inside].mean() - losses[~inside].mean(), rel=1e-8)
    assert found.n_slices == len(values)


@pytest.mark.parametrize("by", ["lower_bound", "sliceline"])
def test_rare_values_are_left_out_without_changing_the_answer(by):
    losses, ids = planted(1, 3000)
    ids[3] = np.where(np.arange(3000) < 2900, ids[3] + 300, np.arange(3000) - 2900)  # 100 values of one row, ids above 255
    found = search_slices(losses, columns_of(ids), np.arange(3000), SearchRule(ranking=by, min_n=40))
    assert [tuple((c.column, c.value) for c in one.conditions) for one in found.candidates] == oracle.search(
        losses, ids, by=by, min_n=40, n_carried=10
    )


def test_the_minimum_is_slicelines_unless_given():
    assert [minimum_n(SearchRule(), n) for n in (0, 3200, 3201, 10**6)] == [32, 32, 33, 10**4]
    assert minimum_n(SearchRule(min_n=5), 10**6) == 5


def test_no_pairs_when_not_asked_for():
    losses, ids = planted()
    assert {row.slice_by for row in find(losses, ids, SearchRule(pairs=False))[1]} <= {"c0", "c1", "c2", "c3"}


# --- planted slices


@pytest.mark.parametrize("by", ["lower_bound", "sliceline"])
@pytest.mark.parametrize("seed", range(3))
def test_planted_slices_are_found_and_confirmed(by, seed):
    losses, ids = planted(seed)
    search, rows = find(losses, ids, SearchRule(ranking=by, alpha=0.99))
    confirmed = [row for row in rows if row.is_confirmed]
    assert {"c0=v1", "c1*c2=v2*v3"} == set(names(confirmed))
    assert search.n_ranked >= len(rows)
    for row in confirmed:
        assert row.simultaneous_low <= row.ci_low < row.difference < row.ci_high <= row.simultaneous_high
        assert row.simultaneous_low > 0
        assert row.difference == pytest.approx(row.mean_loss - row.rest_mean_loss)


def test_the_confirmation_figures_are_those_of_the_other_half():
    losses, ids = planted()
    _, rows = find(losses, ids, SearchRule())
    other = ~in_search_half(np.arange(len(losses)), 0)
    row = next(row for row in rows if row.slice_by == "c0")
    inside = (ids[0] == 1)[other]
    test = oracle.t_test(losses[other][inside], losses[other][~inside])
    assert (row.n, row.p_value) == (inside.sum(), pytest.approx(test.pvalue, rel=1e-9, abs=1e-300))
    assert row.n + row.n_search == (ids[0] == 1).sum()
    assert row.ci_low == pytest.approx(test.confidence_interval(0.975).low, rel=1e-9)
    assert row.ci_high - row.difference == pytest.approx(row.difference - row.ci_low)
    assert row.simultaneous_low == pytest.approx(test.confidence_interval(1 - 0.025 / len(rows)).low, rel=1e-9)
    assert row.ci_method == "Welch t, pooled floor"


def test_the_correction_counts_all_that_were_carried():
    losses, ids = planted()
    losses = losses + np.random.default_rng(3).normal(scale=4.0, size=len(losses))  # weak findings, large p-values
    _, rows = find(losses, ids, SearchRule(min_n=50))
    assert len(rows) > 1
    smallest = min(rows, key=lambda row: row.p_value)
    assert smallest.p_value_corrected == pytest.approx(len(rows) * smallest.p_value)


def test_a_pair_explained_by_one_of_its_columns_is_not_listed():
    rng = np.random.default_rng(4)
    ids = random_ids(rng, 20_000, (4, 4, 4))
    losses = rng.normal(size=20_000) + 1.0 * (ids[0] == 1)
    assert names(row for row in find(losses, ids, SearchRule(min_n=50))[1] if row.is_confirmed) == ["c0=v1"]


def test_pairs_that_beat_their_columns_by_chance_are_not_carried():
    n_pairs = 0
    for world in range(20):
        rng = np.random.default_rng([13, world])
        ids = random_ids(rng, 4000, (5,) * 8)
        losses = rng.normal(size=4000) + 1.0 * (ids[0] == 1)
        search = search_slices(losses, columns_of(ids), np.arange(4000), SearchRule())
        assert search.candidates[0].conditions[0].column == 0
        n_pairs += sum(len(one.conditions) == 2 for one in search.candidates)
    assert n_pairs <= 3  # about 2.5 % of 35 pairs a world, 17 in all, were they not corrected for their number


def test_a_column_explained_by_a_pair_is_not_listed():
    rng = np.random.default_rng(5)
    ids = random_ids(rng, 20_000, (4, 4, 4))
    losses = rng.normal(size=20_000) + 3.0 * ((ids[0] == 1) & (ids[1] == 2))
    assert names(row for row in find(losses, ids, SearchRule())[1] if row.is_confirmed) == ["c0*c1=v1*v2"]


def test_a_pair_worse_than_both_of_its_bad_columns_is_listed_beside_them():
    rng = np.random.default_rng(6)
    ids = random_ids(rng, 40_000, (4, 4))
    losses = rng.normal(size=40_000) + 1.0 * (ids[0] == 1) + 1.0 * (ids[1] == 2) + 1.0 * ((ids[0] == 1) & (ids[1] == 2))
    confirmed = names(row for row in find(losses, ids, SearchRule())[1] if row.is_confirmed)
    assert set(confirmed) == {"c0*c1=v1*v2", "c0=v1", "c1=v2"}


def test_the_same_rows_under_another_name_are_listed_once():
    losses, ids = planted()
    again = np.vstack([ids, 3 - ids[0]])  # the same column with its values renamed
    nearly = again[-1].copy()
    nearly[:20] = 0
    _, rows = find(losses, np.vstack([again, nearly]), SearchRule())
    assert set(names(row for row in rows if row.is_confirmed)) == {"c0=v1", "c1*c2=v2*v3"}


# --- null worlds: a false confirmation in at most (1 - confidence) / 2 of them


def most_false(level):
    return stats.binom.ppf(0.999, N_WORLDS, level)


def null_losses(kind, rng, n):
    if kind == "normal":
        return rng.normal(size=n)
    return rng.exponential(size=n) if kind == "skewed" else (rng.random(n) < (0.1 if kind == "rare errors" else 0.9)).astype(np.float64)


@pytest.mark.parametrize("by", ["lower_bound", "sliceline"])
@pytest.mark.parametrize("kind", ["normal", "skewed", "rare errors", "frequent errors"])
def test_null_worlds_confirm_nothing(kind, by):
    if by == "sliceline" and kind == "normal":
        kind = "uniform"
    n_false = n_carried = 0
    for world in range(N_WORLDS):
        rng = np.random.default_rng([10, world])
        losses = rng.random(2000) if kind == "uniform" else null_losses(kind, rng, 2000)
        _, rows = find(losses, random_ids(rng, 2000, (5, 5, 4, 3, 6, 6)), SearchRule(ranking=by, seed=world, alpha=0.999))
        n_false += any(row.is_confirmed for row in rows)
        n_carried += len(rows)
    assert n_carried > N_WORLDS / 5  # the search had something to offer
    assert n_false <= most_false(0.025)


@pytest.mark.parametrize("kind", ["skewed", "frequent errors"])
def test_clusters_confirm_nothing_where_rows_alone_would(kind):
    n_false = n_naive = 0
    rule = SearchRule(pairs=False)
    for world in range(N_WORLDS):
        rng = np.random.default_rng([11, world])
        clusters = np.repeat(np.arange(200), 10)
        ids = random_ids(rng, 200, (4, 4, 4, 4))[:, clusters]
        if kind == "skewed":
            losses = (rng.normal(size=200)[clusters] + 0.5 * rng.normal(size=2000)) ** 2
        else:
            losses = (rng.random(2000) < rng.beta(3.6, 0.4, 200)[clusters]).astype(np.float64)
        own = replace(rule, seed=world)
        n_false += any(row.is_confirmed for row in find(losses, ids, own, clusters=clusters)[1])
        n_naive += any(row.is_confirmed for row in find(losses, ids, own)[1])
    assert n_false <= most_false(0.025)
    assert n_naive > 3 * most_false(0.025)


def test_figures_of_the_search_half_alone_would_mislead():
    n_false = 0
    for world in range(N_WORLDS):
        rng = np.random.default_rng([12, world])
        search, _ = find(rng.normal(size=2000), random_ids(rng, 2000, (5, 5, 4, 3)), SearchRule(seed=world))
        n_false += any(one.lower_bound > 0 for one in search.candidates)
    assert n_false > N_WORLDS / 4


# --- what must not change the answer


def figures(rows):
    return [(row.slice_by, row.slice_value, row.n_search, row.n, row.is_confirmed) for row in rows]


def test_row_order_is_free():
    losses, ids = planted()
    order = np.random.default_rng(7).permutation(len(losses))
    plain, turned = (find(losses[o], ids[:, o], SearchRule(), row_ids=o)[1] for o in (np.arange(len(losses)), order))
    assert figures(plain) == figures(turned)
    assert [row.p_value for row in plain] == pytest.approx([row.p_value for row in turned], rel=1e-6)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr("kernels.pair_tally.chunk_rows", lambda n_cells: 1000)
    losses, ids = planted()
    assert len({repr(find(losses, ids, SearchRule(), n_threads=n)) for n in (1, 2, 3)}) == 1


def test_relabelled_values_are_found_under_their_new_names():
    losses, ids = planted()
    turned = ids.copy()
    turned[2] = 4 - ids[2]
    plain, other = (find(losses, each, SearchRule())[1] for each in (ids, turned))
    assert {"c1*c2=v2*v3", "c0=v1"} <= set(names(plain))
    assert {"c1*c2=v2*v1", "c0=v1"} <= set(names(other))
    assert [row.n for row in plain] == [row.n for row in other]


def test_losses_in_another_unit_give_the_same_slices():
    losses, ids = planted()
    plain, scaled = (find(factor * losses, ids, SearchRule())[1] for factor in (1.0, 100.0))
    assert figures(plain) == figures(scaled)


# --- edges


def test_one_column_one_value_and_no_rows():
    losses = np.random.default_rng(8).random(500)
    one_value = np.zeros((1, 500), np.int32)
    assert find(losses, one_value, SearchRule())[1] == ()
    assert find(losses[:0], one_value[:, :0], SearchRule())[1] == ()
    assert find(losses[:1], one_value[:, :1], SearchRule())[1] == ()
    assert find(losses, np.zeros((0, 500), np.int32), SearchRule())[1] == ()
    half = (np.arange(500) < 250).astype(np.int32)[None]
    assert names(find(losses + 5 * half[0], half, SearchRule())[1]) == ["c0=v1"]


def test_an_empty_confirmation_half_confirms_nothing_and_says_why():
    losses, ids = planted()
    columns = columns_of(ids)
    search = search_slices(losses, columns, np.arange(len(losses)), SearchRule())
    rows = confirm_slices(search, losses, columns, np.zeros(0, np.intp), SearchRule())
    assert len(rows) == len(search.candidates) > 0
    assert not any(row.is_confirmed for row in rows)
    assert rows[0].undefined_reason == "undefined: the slice has 0 rows in the confirmation half; wanted 30"
    assert np.isnan([rows[0].difference, rows[0].ci_low, rows[0].p_value, rows[0].p_value_corrected]).all()


def test_a_loss_that_does_not_vary_has_no_interval():
    ids = np.repeat(np.arange(2, dtype=np.int32), 500)[None]
    losses = np.random.default_rng(0).random(1000) + ids[0]
    columns = columns_of(ids)
    search = search_slices(losses, columns, np.arange(1000), SearchRule())
    row = confirm_slices(search, ids[0].astype(np.float64), columns, np.arange(1000), SearchRule())[0]
    assert (row.difference, row.ci_method, row.undefined_reason) == (1.0, "", "no interval: the loss does not vary")
    assert np.isnan(row.ci_low)
    assert not row.is_confirmed


def test_refused_in_one_sentence():
    losses, ids = planted(n_rows=200)
    with pytest.raises(ConfigError, match=r"mean loss is -.*rank by lower_bound"):
        search_slices(-losses, columns_of(ids), np.arange(200), SearchRule(ranking="sliceline"))
    wide = np.tile(np.arange(5000, dtype=np.int32), (2, 1))
    with pytest.raises(ConfigError, match=r"25,020,003 value pairs.*raise min_n"):
        search_slices(np.ones(5000), columns_of(wide), np.arange(5000), SearchRule(min_n=1))


# --- one variant of a replay


def tiny_replay(n=6000, seed=0):
    rng = np.random.default_rng(seed)
    carrier, origin, hour = rng.integers(0, 3, n), rng.integers(0, 2, n), rng.random(n).astype(np.float32)
    names_of = (("carrier", ("AA", "DL", "UA")), ("origin", ("EWR", "JFK")), ("carrier*origin", tuple(f"x{i}" for i in range(6))))
    by = ("all", *(column for column, values in names_of for _ in values))
    grid = Grid(by, ("all", *(value for _, values in names_of for value in values)), ("all",))
    slice_ids = np.column_stack([np.zeros(n, int), 1 + carrier, 4 + origin, 6 + 2 * carrier + origin]).astype(np.uint16)
    scores = rng.random(n).astype(np.float32)
    labels = (rng.random(n) < scores).astype(np.int8)
    is_bad = (carrier == 2) & (hour > 0.7)
    labels[is_bad] = rng.integers(0, 2, int(is_bad.sum()))
    features = np.column_stack([carrier, hour, np.where(rng.random(n) < 0.1, np.nan, rng.random(n))]).astype(np.float32)
    return {"labels": labels, "scores": scores, "features": features, "slice_ids": slice_ids, "grid": grid}


def run(replay, **more):
    rule = more.pop("rule", SearchRule())
    inputs = replay | more
    inputs["features"] = [(("carrier", "hour", "age"), inputs["features"])]
    return worst_slices("mlp", rule=rule, **inputs)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "zero_one"])
def test_the_worst_slices_of_a_variant(loss):
    found = run(tiny_replay(20_000), loss=loss)
    assert (found.columns, found.loss, found.split_by) == (("carrier", "origin", "hour", "age"), loss, "row")
    assert found.n_search + found.n_confirm == 20_000
    confirmed = [row for row in found.rows if row.is_confirmed]
    assert confirmed
    assert all(row.slice_by == "carrier*hour" and row.slice_value.startswith("UA*") for row in confirmed[:2])


def test_rows_that_are_not_judged_or_not_scored_change_nothing():
    replay = tiny_replay()
    plain = run(replay)
    labels, scores, features = replay["labels"].copy(), replay["scores"].copy(), replay["features"].copy()
    labels[5000:], scores[4990:5000], features[5000:] = -1, np.nan, 1e9
    found = run(replay | {"labels": labels, "scores": scores, "features": features})
    assert (found.n_search + found.n_confirm, found.n_left_out) == (4990, 10)
    cut = {name: replay[name][:4990] for name in ("labels", "scores", "features", "slice_ids")}
    assert run(replay | cut).rows == found.rows != plain.rows


def test_against_the_champion_the_loss_is_the_paired_difference():
    replay = tiny_replay(20_000)
    champion = replay["scores"].copy()
    replay["scores"] = np.where(replay["slice_ids"][:, 1] == 2, 1 - champion, champion)
    found = run(replay, champion_scores=champion, loss="squared_error")
    assert found.loss == "squared_error - champion"
    assert names(row for row in found.rows if row.is_confirmed) == ["carrier=DL"]
    judged = ~in_search_half(np.arange(20_000), 0) & (replay["slice_ids"][:, 1] == 2)
    difference = row_losses(replay["labels"], replay["scores"], "squared_error", 0.5) - row_losses(
        replay["labels"], champion, "squared_error", 0.5
    )
    assert found.rows[0].mean_loss == pytest.approx(difference[judged].mean())
    assert found.rows[0].rest_mean_loss == 0.0


def test_a_cluster_is_never_in_both_halves():
    replay = tiny_replay()
    clusters = np.arange(6000) // 6
    found = run(replay, clusters=clusters)
    half = in_search_half(clusters, 0)
    assert (found.split_by, found.n_search) == ("cluster", half.sum())
    assert found.rows
    assert {row.ci_method for row in found.rows} <= {"cluster-robust t, pooled floor", ""}


def test_text_features_are_searched_as_they_are():
    replay = tiny_replay()
    texts = np.where(replay["slice_ids"][:, 1:2] == 3, "west", "east").astype(object).repeat(3, axis=1)
    found = run(replay | {"features": texts, "slice_ids": replay["slice_ids"][:, :1], "grid": Grid(("all",), ("all",), ("all",))})
    assert found.n_edge_rows == 0
    assert [row.slice_value for row in found.rows] == ["west"]


def test_losses_by_hand():
    labels, scores = np.array([1, 0, 1], np.int8), np.array([0.25, 0.5, 0.0], np.float32)
    np.testing.assert_allclose(row_losses(labels, scores, "log_loss", 0.5), -np.log([0.25, 0.5, 1e-15]))
    assert row_losses(labels, scores, "zero_one", 0.5).tolist() == [1.0, 1.0, 1.0]
    assert row_losses(labels, scores, "zero_one", 0.25).tolist() == [0.0, 1.0, 1.0]
    assert np.isnan(row_losses(labels, np.full(3, np.nan, np.float32), "zero_one", 0.5)).all()


def test_a_sliced_column_counts_from_its_first_slice():
    assert sliced_column("x", np.array([7, 9], np.int32), 7, ("a", "b", "c")).ids.tolist() == [0, 2]
