"""How a challenger differs from the champion on the same rows, in every cell, with intervals and corrected p-values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.compare.estimate import PairedMetric
from harness.compare.multiclass_paired_mean import PairedMulticlassBrier, PairedMulticlassLogLoss
from harness.compare.multiclass_paired_share import PairedMulticlassAccuracy, PairedTopKAccuracy
from harness.compare.paired_accuracy import PairedAccuracy
from harness.compare.paired_auc import PairedAuc
from harness.compare.paired_balanced_accuracy import PairedBalancedAccuracy
from harness.compare.paired_brier import PairedBrier
from harness.compare.paired_f1 import PairedF1
from harness.compare.paired_fnr import PairedFnr
from harness.compare.paired_fpr import PairedFpr
from harness.compare.paired_log_loss import PairedLogLoss
from harness.compare.paired_mae import PairedMae
from harness.compare.paired_mape import PairedMape
from harness.compare.paired_mcc import PairedMcc
from harness.compare.paired_mse import PairedMse
from harness.compare.paired_npv import PairedNpv
from harness.compare.paired_precision import PairedPrecision
from harness.compare.paired_r2 import PairedR2
from harness.compare.paired_recall import PairedRecall
from harness.compare.paired_rmse import PairedRmse
from harness.compare.paired_selection_rate import PairedSelectionRate
from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.metric import Differences
from harness.records.tally import PairedTally
from harness.records.task_tally import PairedMulticlassTally, PairedRegressionTally
from harness.stats.holm import holm

Paired = PairedTally | PairedRegressionTally | PairedMulticlassTally
_BINARY: tuple[PairedMetric[PairedTally], ...] = (
    PairedAccuracy(),
    PairedRecall(),
    PairedFpr(),
    PairedSelectionRate(),
    PairedLogLoss(),
    PairedBrier(),
    PairedAuc(),
    PairedFnr(),
    PairedPrecision(),
    PairedNpv(),
    PairedF1(),
    PairedMcc(),
    PairedBalancedAccuracy(),
)
_REGRESSION: tuple[PairedMetric[PairedRegressionTally], ...] = (PairedMae(), PairedMse(), PairedRmse(), PairedR2(), PairedMape())
_MULTICLASS: tuple[PairedMetric[PairedMulticlassTally], ...] = (
    PairedMulticlassAccuracy(),
    PairedTopKAccuracy(),
    PairedMulticlassLogLoss(),
    PairedMulticlassBrier(),
)
PAIRED_METRICS: dict[type[Any], dict[str, PairedMetric[Any]]] = {
    PairedTally: {m.name: m for m in _BINARY},
    PairedRegressionTally: {m.name: m for m in _REGRESSION},
    PairedMulticlassTally: {m.name: m for m in _MULTICLASS},
}


def paired_differences(
    paired: Paired,
    metric: str,
    champion: str,
    challenger: str,
    confidence: float,
    n_family: int | None = None,
    n_windows: int = 1,
) -> Differences:
    """Return challenger minus champion for one metric over all cells.

    Parameters
    ----------
    paired : PairedTally, PairedRegressionTally or PairedMulticlassTally
        Both variants on the same rows.
    metric : str
        One of `PAIRED_METRICS` of that tally.
    champion, challenger : str
        Names of the variants.
    confidence : float
        Two-sided level of an interval.
    n_family : int, optional
        Size of the family; where it is not given, the number of slices whose difference is defined. Give slices times
        challengers to correct for several challengers too.
    n_windows : int
        Windows of the grid, "all" first; cell = slice * n_windows + window. Every window is a family of its own: the slices
        within it are corrected for one another, windows are not corrected for one another.

    Returns
    -------
    Differences
        `simultaneous_*` are Bonferroni intervals, at level 1 - (1 - confidence) / family; `p_value_corrected` is Holm's.

    Raises
    ------
    ConfigError
        When the metric has no paired comparison.

    Notes
    -----
    Bonferroni intervals: Dunn, Journal of the American Statistical Association 56:52-64, 1961.
    """
    known = PAIRED_METRICS[type(paired)]
    if metric not in known:
        raise ConfigError(f"compare: no paired comparison of '{metric}'; known: {one_of(known)}{did_you_mean(metric, known)}")
    kind = known[metric]
    estimate = kind.estimate(paired)
    difference = estimate.challenger - estimate.champion
    family = family_sizes(difference, n_windows, n_family)
    ci_low, ci_high = kind.interval(paired, estimate, np.full(len(difference), confidence))
    simultaneous_low, simultaneous_high = kind.interval(paired, estimate, 1.0 - (1.0 - confidence) / family)
    return Differences(
        metric=metric,
        champion=champion,
        challenger=challenger,
        higher_is_better=kind.higher_is_better,
        n=estimate.n,
        champion_value=estimate.champion,
        challenger_value=estimate.challenger,
        difference=difference,
        se=estimate.se,
        ci_low=ci_low,
        ci_high=ci_high,
        simultaneous_low=simultaneous_low,
        simultaneous_high=simultaneous_high,
        method=estimate.method,
        p_value=estimate.p_value,
        p_value_corrected=holm(estimate.p_value.reshape(-1, n_windows), n_family).reshape(-1),
        correction="holm",
        n_fewest_class=estimate.n_fewest_class,
        degrees=estimate.degrees,
    )


def family_sizes(difference: NDArray[np.float64], n_windows: int, n_family: int | None) -> NDArray[np.float64]:
    """Return per cell the number of slices of its window that have a difference, or `n_family` where that is larger.

    Examples
    --------
    >>> family_sizes(np.array([0.1, np.nan, 0.2, 0.3]), n_windows=2, n_family=None)
    array([2., 1., 2., 1.])
    """
    is_defined = np.isfinite(difference).reshape(-1, n_windows)
    sizes = np.maximum(is_defined.sum(axis=0), n_family or 1)
    return np.broadcast_to(sizes, is_defined.shape).reshape(-1).astype(np.float64)
