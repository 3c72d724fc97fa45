"""auc: how the ranking differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.linearised_difference import AUC_NOT_RANKED, auc_bounds, auc_estimate
from harness.compare.placement_covariance import auc_of, paired_delong_variance
from harness.records.metric import MIN_CLASS_ROWS
from harness.records.tally import PairedTally

FEW_OF_A_CLASS = f"; fewer than {MIN_CLASS_ROWS} of a class: not gated"


class PairedAuc(PairedMetric[PairedTally]):
    """Difference of AUC with DeLong's paired variance, normal on the scale of the difference.

    Undefined when: a class is empty, or the ranks of the scores were not kept (as with metrics.auc.method=binned). No interval when a class
    has fewer than 2 rows, or when the variance is 0; the p-value is then 1 if both rank all rows alike, else NaN. Fewer than 20 rows of a
    class: the method says "not gated". Of weighted or clustered rows: Obuchowski's variance and Student's t of the effective clusters less 1,
    those of the class that has fewer; no interval under 10 of them.
    """

    name: ClassVar[str] = "auc"
    higher_is_better: ClassVar[bool] = True

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both AUCs, DeLong's standard error of their difference and the p-value of its z test (t over clusters)."""
        fewest = np.minimum(paired.cells[:, 0].sum(axis=(1, 2)), paired.cells[:, 1].sum(axis=(1, 2)))
        if paired.totals is not None:
            few = np.where(fewest < MIN_CLASS_ROWS, FEW_OF_A_CLASS, "").astype(np.object_)
            return auc_estimate(paired.n, paired.totals, paired.champion_auc, paired.auc, fewest, few)
        if paired.ranks is None:
            return _not_ordered(paired, fewest)
        champion, challenger = auc_of(paired.ranks.champion), auc_of(paired.ranks.challenger)
        variance = paired_delong_variance(paired.ranks)
        varies = variance > 0
        se = np.sqrt(np.where(varies, variance, np.nan))
        p_value = 2.0 * ndtr(-np.abs(challenger - champion) / se)
        p_value[(variance == 0) & (challenger == champion)] = 1.0
        return Estimate(
            n=paired.n,
            champion=champion,
            challenger=challenger,
            se=se,
            p_value=np.asarray(p_value, dtype=np.float64),
            method=self._method(fewest, variance),
            n_fewest_class=fewest,
        )

    def _method(self, fewest: NDArray[np.int64], variance: NDArray[np.float64]) -> NDArray[np.object_]:
        texts = [
            (fewest == 0, "undefined: one class only"),
            (fewest < 2, "no interval: fewer than 2 rows of a class"),
            (~(variance > 0), "no interval: the placements differ by the same amount in all rows"),
            (fewest < MIN_CLASS_ROWS, "paired DeLong" + FEW_OF_A_CLASS),
        ]
        method: NDArray[np.object_] = np.full(len(fewest), "paired DeLong", dtype=np.object_)
        for holds, text in reversed(texts):
            method[holds] = text
        return method

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the normal interval of the difference (Student's over clusters), cut at -1 and 1; NaN where the standard error is."""
        if paired.totals is not None:
            return auc_bounds(estimate, confidence)
        difference = estimate.challenger - estimate.champion
        half = ndtri(0.5 + confidence / 2) * estimate.se
        return (difference - half).clip(-1.0), (difference + half).clip(None, 1.0)


def _not_ordered(paired: PairedTally, fewest: NDArray[np.int64]) -> Estimate:
    unknown = np.full(len(fewest), np.nan)
    method: NDArray[np.object_] = np.full(len(fewest), AUC_NOT_RANKED, dtype=np.object_)
    return Estimate(paired.n, unknown, unknown, unknown, unknown, method, fewest)
