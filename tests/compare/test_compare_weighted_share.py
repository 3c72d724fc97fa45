"""Shares of weighted and clustered rows whose discordant rows are few: against Tango's interval, and by simulation at the margin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from harness.compare.paired_differences import paired_differences
from harness.records.tally import PAIRED_COMPONENTS, ClusterTotals, Moments, PairedTally
from harness.stats.effective_clusters import FEW_EFFECTIVE


def compare(paired, metric):
    return paired_differences(paired, metric, "champion", "challenger", 0.95)


def cell_of(totals, n_clusters):
    """A paired tally of cells whose clusters' totals of the eight cells are float64 [n_cells, n_clusters, 8]."""
    padded = np.concatenate([totals, np.zeros((*totals.shape[:2], len(PAIRED_COMPONENTS) - 8))], axis=2)
    cross = np.einsum("cgi,cgj->cij", padded, padded)
    none = Moments(*np.zeros((2, len(totals))))
    cells = np.ceil(totals.sum(axis=1)).astype(np.int64).reshape(-1, 2, 2, 2)
    return PairedTally(cells, none, none, none, none, None, ClusterTotals(np.asarray(n_clusters), padded.sum(axis=1), cross))


def of_rows(gained, lost, n_positive, n_negative):
    """Rows of weight 1, each a cluster of its own; only positive rows are discordant."""
    decisions = np.repeat([0, 4, 5, 6], [n_negative, n_positive - gained - lost, gained, lost])
    return cell_of(np.eye(8)[decisions][None], [len(decisions)])


def test_few_discordant_rows_of_weight_1_have_about_tangos_interval():
    counts = [(0, 0), (0, 1), (1, 0), (1, 2), (0, 3), (4, 4), (10, 5)]
    plain, weighted = ([compare(t, "recall") for t in tallies] for tallies in zip(*map(tallies_of_both, counts), strict=True))
    for old, new in zip(plain, weighted, strict=True):
        assert new.ci_low[0] < old.ci_low[0]
        assert new.ci_high[0] > old.ci_high[0]
        np.testing.assert_allclose([new.ci_low, new.ci_high], [old.ci_low, old.ci_high], atol=0.04 * (old.ci_high - old.ci_low)[0])
    assert weighted[1].ci_low[0] < -0.0545


def tallies_of_both(counts):
    weighted = of_rows(*counts, 100, 300)
    return replace(weighted, totals=None), weighted


def test_no_lost_row_raises_the_lower_bound():
    heavy = np.repeat([0.2, 1.0, 4.0], 40)  # weights of 120 rows, all decided alike at first
    for weights in (np.ones(120), heavy, heavy[::-1]):
        before = np.inf
        for n_lost in range(6):
            decisions = np.where(np.arange(120) < n_lost, 6, 7)
            low = compare(cell_of((weights[:, None] * np.eye(8)[decisions])[None], [120]), "recall").ci_low[0]
            assert low < before
            before = low


def test_a_lost_row_of_each_of_many_clusters_leaves_the_plain_interval_and_whole_clusters_do_not():
    rows, n_clusters = 20, 60
    spread, whole = np.zeros((2, 1, n_clusters, 8))
    spread[0, :, 7], whole[0, :, 7] = rows, rows
    spread[0, ::2, [6, 7]] += [[1.0], [-1.0]]  # thirty clusters lose a row each
    whole[0, 0, [6, 7]] = [20.0, 0.0]  # one loses all of its rows
    whole[0, 1:11, [6, 7]] += [[1.0], [-1.0]]
    found, lumped = (compare(cell_of(t, [n_clusters]), "recall") for t in (spread, whole))
    np.testing.assert_allclose([found.difference[0], lumped.difference[0]], -30 / 1200)
    assert found.ci_low[0] > -0.045
    assert lumped.ci_low[0] < -0.06


WORLDS = {  # rows a cluster, clusters, share lost, share gained, correlation within a cluster, sd of the log weight
    "weights of 1": (1, 100, 0.05, 0.02, 0.0, 0.0),
    "unequal weights": (1, 300, 0.03, 0.0, 0.0, 1.0),
    "clusters whose rows are independent": (20, 100, 0.03, 0.0, 0.0, 0.0),
    "clusters whose rows are alike": (20, 30, 0.05, 0.02, 0.2, 0.0),
    "clusters that change as a whole": (5, 40, 0.05, 0.02, 1.0, 0.0),
    "weighted clusters": (5, 40, 0.03, 0.0, 0.2, 1.0),
}


def drawn(rng, size, share, alike, shape):
    """Rows of each cluster that change, beta-binomial with a correlation within clusters."""
    if alike == 1.0:
        return size * (rng.random(shape) < share)
    rate = share if alike == 0.0 or share == 0.0 else rng.beta(*((1 / alike - 1) * np.array([share, 1 - share])), shape)
    return rng.binomial(size, rate, shape)


@pytest.mark.parametrize("name", WORLDS)
def test_at_the_margin_a_share_of_weight_passes_in_no_more_worlds_than_its_level(name):
    size, n_clusters, share_lost, share_gained, alike, sd = WORLDS[name]
    n_worlds, rng = 2000, np.random.default_rng(41)
    shape = (n_worlds, n_clusters)
    lost = drawn(rng, size, share_lost, alike, shape)
    gained = drawn(rng, size, share_gained, alike, shape) * (lost == 0 if alike == 1.0 else 1)
    gained = np.minimum(gained, size - lost)
    totals = np.zeros((*shape, 8))
    for row in range(size):  # weights are drawn row by row
        weight = np.exp(sd * rng.normal(size=shape) - sd * sd / 2)
        for decision, inside in ((6, row < lost), (5, (row >= lost) & (row < lost + gained)), (7, row >= lost + gained)):
            totals[..., decision] += weight * inside
    truth = share_gained * (1 - share_lost if alike == 1.0 else 1) - share_lost
    found = compare(cell_of(totals, np.full(n_worlds, n_clusters)), "recall")
    false_pass, false_fail = (found.ci_low > truth).mean(), (found.ci_high < truth).mean()
    assert np.isfinite(found.ci_low).mean() > 0.9
    assert false_pass <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / n_worlds)
    assert false_fail <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / n_worlds)
    plain = found.difference - stdtrit(found.degrees, 0.975) * found.se
    assert (plain > truth).mean() > 1.3 * max(false_pass, 0.02), "which is why the linearised interval is not used"


def test_a_denominator_of_few_rows_has_no_interval():
    totals = np.zeros((1, 40, 8))
    totals[0, :, 0], totals[0, :3, [5, 6, 7]] = 10, np.eye(3)  # three positive rows of 403, in three clusters
    found = compare(cell_of(totals, [40]), "recall")
    assert np.isfinite(found.difference[0])
    assert np.isnan([found.se[0], found.ci_low[0], found.p_value[0]]).all()
    assert found.method[0] == FEW_EFFECTIVE
    assert np.isfinite(compare(cell_of(totals, [40]), "accuracy").ci_low[0])
