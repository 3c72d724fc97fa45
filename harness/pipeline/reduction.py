"""From the scores of one variant, or of two on the same rows, to the tally of the task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.records.conf import VariantConf
from harness.records.needs import Needs
from harness.records.replay import PreparedReplay, is_known
from harness.records.tally import ALL, BinaryTally, Grid, PairedTally, RankSums
from harness.records.task_tally import MulticlassTally, PairedMulticlassTally, PairedRegressionTally, RegressionTally

if TYPE_CHECKING:
    from harness.pipeline.running_tally import Counted

Tally = BinaryTally | RegressionTally | MulticlassTally
Paired = PairedTally | PairedRegressionTally | PairedMulticlassTally
KINDS: dict[str, tuple[type[Any], type[Any]]] = {
    "binary": (BinaryTally, PairedTally),
    "regression": (RegressionTally, PairedRegressionTally),
    "multiclass": (MulticlassTally, PairedMulticlassTally),
}
DEFAULT_TOP_K = 3


def _nothing() -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class Rows:
    """The rows that are judged, and the cells that they are in: what the tallies of all variants have in common.

    Args:
        labels: as `PreparedReplay.judged_labels`.
        n_classes: of multiclass, else 0.
    """

    task: str
    labels: NDArray[Any]
    slice_ids: NDArray[Any]
    window_ids: NDArray[np.int32] | None
    grid: Grid
    n_classes: int = 0
    weights: NDArray[np.float64] | None = None
    cluster_ids: NDArray[np.int64] | None = None

    @property
    def is_designed(self) -> bool:
        """Whether rows are weighted or clustered."""
        return self.weights is not None or self.cluster_ids is not None


@dataclass(frozen=True)
class OnCard:
    """The same scores and rows on a card, weights and clusters too: of one variant, or of champion and challenger.

    `counted` is what was counted of them while they were scored, and is not counted again.
    """

    scores: tuple[Any, ...]
    rows: Rows
    counted: Counted | None = None


class Orders:
    """The orders of scores that were asked for, each made once: what a pair has ordered, the rank curve of the variant alone walks along."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Any, Any]] = []

    def of(self, scores: Any, labels: Any) -> Any:
        """Return what `score_order` returns for these very arrays; it lies where they do."""
        from kernels.score_order import score_order

        for made_scores, made_labels, order in self._made:
            if made_scores is scores and made_labels is labels:
                return order
        self._made.append((scores, labels, score_order(scores, labels)))
        return self._made[-1][2]


def judged_rows(task: str, prepared: PreparedReplay, variants: Sequence[VariantConf]) -> Rows:
    """Return the judged rows that none of these variants has learned from."""
    labels = unseen(prepared.judged_labels, prepared, variants)
    cells = (prepared.slice_ids, prepared.window_ids, prepared.grid)
    return Rows(task, labels, *cells, len(prepared.classes), prepared.weights, prepared.cluster_ids)


def reference_rows(task: str, prepared: PreparedReplay, variants: Sequence[VariantConf]) -> Rows:
    """Return the rows of the reference period that none of these variants has learned from, all in one cell."""
    labels = unseen(prepared.reference_labels, prepared, variants)
    everything = (np.zeros_like(prepared.slice_ids[:, :1]), None, Grid((ALL,), (ALL,), (ALL,)))
    return Rows(task, labels, *everything, len(prepared.classes), prepared.weights, prepared.cluster_ids)


def unseen(labels: NDArray[Any], prepared: PreparedReplay, variants: Sequence[VariantConf]) -> NDArray[Any]:
    """Return the labels without those of rows that one of these variants has learned from; -1 (NaN for numbers) in their place."""
    until, times = until_of(variants), prepared.timestamps_us
    if until is None or times is None:
        return labels
    seen = (times < until) & is_known(labels)
    none = labels.dtype.type(np.nan if labels.dtype.kind == "f" else -1)
    return np.where(seen, none, labels) if seen.any() else labels


def until_of(variants: Sequence[VariantConf]) -> int | None:
    """Return when the last of these variants stopped learning, in microseconds since the epoch; None where none of them says so."""
    from harness.slicing.periods import microseconds

    return max((microseconds(v.trained_until) for v in variants if v.trained_until is not None), default=None)


def tally_of(
    scores: NDArray[np.float32],
    rows: Rows,
    threshold: float | None,
    needs: Needs,
    ranks: RankSums | None = None,
    on_part: Callable[[], None] = _nothing,
    on_card: OnCard | None = None,
    orders: Orders | None = None,
) -> Tally:
    """Reduce one variant's scores, on the card where `on_card` is given.

    `ranks` are its rank sums where a pair on the very same rows has ordered them already, and `orders` what such a pair has left; `on_part`
    is called after each part that costs a pass over the rows, so that a long reduction is not taken for a standstill.
    """
    if on_card is not None:
        (scores,), rows = on_card.scores, on_card.rows
    if rows.task == "regression":
        from harness.tallies.regression import tally_regression

        return tally_regression(scores, rows.labels, rows.slice_ids, rows.window_ids, rows.grid, rows.weights, rows.cluster_ids)
    if rows.task == "multiclass":
        from harness.tallies.multiclass import tally_multiclass

        return tally_multiclass(
            scores, rows.labels, rows.slice_ids, rows.window_ids, rows.grid, rows.n_classes, _top_k(needs, rows),
            rows.weights, rows.cluster_ids, with_auc=needs.auc_by_class, on_part=on_part,
        )  # fmt: skip
    assert threshold is not None  # every binary variant decides at some threshold
    return _binary(scores, rows, threshold, needs, ranks, on_part, orders or Orders(), on_card.counted if on_card is not None else None)


def _binary(
    scores: NDArray[np.float32],
    rows: Rows,
    threshold: float,
    needs: Needs,
    ranks: RankSums | None,
    on_part: Callable[[], None],
    orders: Orders,
    counted: Counted | None,
) -> BinaryTally:
    from harness.tallies.binary import tally_binary

    cells = (rows.slice_ids, rows.window_ids, rows.grid)
    scored = (scores, rows.labels, *cells)
    with_ranks = _is_ordered(needs) and ranks is None and not rows.is_designed
    order: Any = orders.of(scores, rows.labels) if needs.curve or with_ranks else None
    tally = tally_binary(*scored, threshold, with_ranks=with_ranks, order=order, counted=counted.alone if counted else None)
    tally = tally if ranks is None else replace(tally, ranks=ranks)
    on_part()
    if rows.is_designed:
        from harness.tallies.weighted import binary_totals, weighted_auc

        design = (rows.weights, rows.cluster_ids)
        totals = binary_totals(*scored, threshold, *design)
        on_part()
        auc = weighted_auc(*scored, *design, on_part=on_part) if needs.ranks else None
        tally = replace(tally, totals=totals, auc=auc)
    if needs.curve:
        from harness.tallies.ordered import rank_curve_of

        curve = rank_curve_of(scores, rows.labels, order, *cells, tally.confusion, needs.max_fpr, needs.top_share)
        tally = replace(tally, curve=curve)
        on_part()
    if needs.calibration and not rows.is_designed:  # the one metric with a weighted form takes it from the totals
        from harness.tallies.ordered import calibration_of

        tally = replace(tally, calibration=calibration_of(*scored))
        on_part()
    if needs.binned_auc:
        from harness.tallies.ordered import binned_auc_of

        tally = replace(tally, binned_auc=binned_auc_of(*scored, counted=counted.histogram if counted else None))
    return tally


def paired_of(
    champion_scores: NDArray[np.float32],
    scores: NDArray[np.float32],
    rows: Rows,
    champion_threshold: float | None,
    threshold: float | None,
    needs: Needs,
    on_part: Callable[[], None] = _nothing,
    on_card: OnCard | None = None,
    orders: Orders | None = None,
) -> Paired:
    """Reduce the scores of champion and challenger on the same rows; `on_part`, `on_card` as in `tally_of`; `orders` take the challenger's."""
    if on_card is not None:
        (champion_scores, scores), rows = on_card.scores, on_card.rows
    cells, design = (rows.slice_ids, rows.window_ids, rows.grid), (rows.weights, rows.cluster_ids)
    both = (champion_scores, scores, rows.labels, *cells)
    if rows.task == "regression":
        from harness.tallies.regression import tally_paired_regression

        return tally_paired_regression(*both, *design)
    if rows.task == "multiclass":
        from harness.tallies.multiclass import tally_paired_multiclass

        return tally_paired_multiclass(*both, rows.n_classes, _top_k(needs, rows), *design)
    from harness.tallies.paired import tally_paired

    assert champion_threshold is not None
    assert threshold is not None
    with_ranks = _is_ordered(needs) and not rows.is_designed
    order: Any = (orders or Orders()).of(scores, rows.labels) if with_ranks else None
    counted = on_card.counted.pairs if on_card is not None and on_card.counted is not None else None
    paired = tally_paired(*both, champion_threshold, threshold, with_ranks=with_ranks, challenger_order=order, counted=counted)
    on_part()
    if rows.is_designed:
        from harness.tallies.weighted import paired_totals, paired_weighted_auc

        totals = paired_totals(*both, champion_threshold, threshold, *design)
        on_part()
        champion_auc, auc = paired_weighted_auc(*both, *design, on_part=on_part) if needs.ranks else (None, None)
        paired = replace(paired, totals=totals, champion_auc=champion_auc, auc=auc)
    return paired


def _is_ordered(needs: Needs) -> bool:
    """Say whether rows are ordered: always, so that stored results answer for AUC later, unless bins were asked for in its place."""
    return needs.ranks or not needs.binned_auc


def _top_k(needs: Needs, rows: Rows) -> int:
    return min(needs.top_k or DEFAULT_TOP_K, rows.n_classes)
