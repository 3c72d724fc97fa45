"""Weighted and clustered statistics of one cell from their definitions: every pair of rows, every cluster in turn."""

from __future__ import annotations

import numpy as np


def placements(scores, labels, weights):
    """Weight of negatives below a positive row, of positives above a negative one; equal scores count one half."""
    out = np.zeros(len(scores))
    for row in range(len(scores)):
        for other in range(len(scores)):
            if labels[row] != labels[other]:
                gap = (float(scores[row]) - float(scores[other])) * (1 if labels[row] == 1 else -1)
                out[row] += weights[other] * (1.0 if gap > 0 else 0.5 if gap == 0 else 0.0)
    return out


def auc(scores, labels, weights):
    positive, negative = labels == 1, labels == 0
    placed = placements(scores, labels, weights)
    return (weights * placed)[positive].sum() / (weights[positive].sum() * weights[negative].sum())


def influences(scores, labels, weights):
    """What each row adds to the AUC, to first order: zero in sum, for each class."""
    positive = labels == 1
    own = np.where(positive, weights[positive].sum(), weights[~positive].sum())
    other = np.where(positive, weights[~positive].sum(), weights[positive].sum())
    return weights * (placements(scores, labels, weights) / other - auc(scores, labels, weights)) / own


def obuchowski(influence, labels, clusters):
    """Variance from the clusters' sums over positive and over negative rows, each with its own small-sample factor."""
    groups = [clusters == one for one in np.unique(clusters)]
    a = np.array([influence[g & (labels == 1)].sum() for g in groups if (g & (labels == 1)).any()])
    b = np.array([influence[g & (labels == 0)].sum() for g in groups if (g & (labels == 0)).any()])
    both = sum(influence[g & (labels == 1)].sum() * influence[g & (labels == 0)].sum() for g in groups)
    factors = [n / (n - 1) for n in (len(a), len(b), len(groups))]
    return factors[0] * (a**2).sum() + factors[1] * (b**2).sum() + 2 * factors[2] * both


def obuchowski_1997(scores, labels, clusters):
    """The paper's own formulas, unweighted: S10 / m + S01 / n + 2 S11 / (m n) from sums of placements over clusters."""
    x, y = scores[labels == 1].astype(float), scores[labels == 0].astype(float)
    psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    theta, m, n = psi.mean(), len(x), len(y)
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    names = np.unique(clusters)
    of_x, of_y = clusters[labels == 1], clusters[labels == 0]
    d10 = np.array([v10[of_x == c].sum() - (of_x == c).sum() * theta for c in names])
    d01 = np.array([v01[of_y == c].sum() - (of_y == c).sum() * theta for c in names])
    i10, i01, i = len(np.unique(of_x)), len(np.unique(of_y)), len(names)
    s10, s01 = i10 / ((i10 - 1) * m) * (d10**2).sum(), i01 / ((i01 - 1) * n) * (d01**2).sum()
    s11 = i / (i - 1) * (d10 * d01).sum()
    return theta, s10 / m + s01 / n + 2 * s11 / (m * n)


def effective(weights, clusters):
    """How many clusters of equal size hold weight as unevenly: (sum M)² / sum M²."""
    sums = [weights[clusters == c].sum() for c in np.unique(clusters)]
    return sum(sums) ** 2 / sum(s * s for s in sums)


def design_unit(change, inside, weights, clusters):
    """Weight gained, weight lost, and the weight that counts as one independent row; `change` is 1 or -1 in discordant rows inside."""
    gained, lost = (weights[inside & (change == sign)].sum() for sign in (1, -1))
    whole = weights[inside].sum()
    names = np.unique(clusters)
    all_of = np.array([weights[inside & (clusters == c)].sum() for c in names])
    discordant = np.array([weights[inside & (change != 0) & (clusters == c)].sum() for c in names])
    net = np.array([(weights * change)[inside & (clusters == c)].sum() for c in names])
    difference = (gained - lost) / whole
    variance = len(names) / (len(names) - 1) * ((net - difference * all_of) ** 2).sum()
    observed = variance / (gained + lost - (gained - lost) ** 2 / whole)
    n_discordant = discordant.sum() ** 2 / (discordant**2).sum()
    together = (discordant**2).sum() / (discordant * all_of).sum()
    return gained, lost, max(observed, (all_of**2).sum() / whole * together ** (n_discordant / 6))


def cluster_totals(components, weights, clusters):
    """(clusters, totals, sum over clusters of the outer product of their totals) of the rows of one cell."""
    p = components.shape[1]
    sums = [(weights[clusters == c, None] * components[clusters == c]).sum(axis=0) for c in np.unique(clusters)]
    return len(sums), sum(sums, np.zeros(p)), sum((np.outer(s, s) for s in sums), np.zeros((p, p)))


def ratio_and_variance(numerator, denominator, weights, clusters):
    """A ratio of weighted sums and its sandwich variance: G / (G - 1) sum over clusters of (sum w (a - R b))² / (sum w b)²."""
    size = (weights * denominator).sum()
    ratio = (weights * numerator).sum() / size
    residual = weights * (numerator - ratio * denominator)
    sums = np.array([residual[clusters == c].sum() for c in np.unique(clusters)])
    return ratio, len(sums) / (len(sums) - 1) * (sums**2).sum() / size**2
