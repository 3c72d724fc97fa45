"""What a variant leaves beside its metrics: its tally on the reference rows, what unlabelled rows could do, where it is worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.pipeline.reduction import Rows, Tally, reference_rows, tally_of, until_of
from harness.records.conf import SweepConf, VariantConf
from harness.records.model import ScoringPlan
from harness.records.needs import Needs
from harness.records.replay import IMMATURE, JUDGED, PreparedReplay, is_known
from harness.records.task_tally import MulticlassTally
from harness.runs import folder as files
from harness.runs import store

if TYPE_CHECKING:
    from harness.pipeline.device_rows import Card


def write_reference(
    folder: Path,
    scores: NDArray[np.float32],
    prepared: PreparedReplay,
    variant: VariantConf,
    task: str,
    threshold: float | None,
    needs: Needs,
) -> None:
    """Keep the tally of the reference rows that the variant has not learned from; nothing where there are none."""
    from harness.tallies.stored import to_columns

    rows = reference_rows(task, prepared, (variant,))
    known = np.flatnonzero(is_known(rows.labels))
    if len(known):
        tally = tally_of(scores[known], _only(rows, known), threshold, needs)
        files.write_columns(folder / store.REFERENCE, to_columns(tally))


def _only(rows: Rows, known: NDArray[np.intp]) -> Rows:
    weights = None if rows.weights is None else rows.weights[known]
    clusters = None if rows.cluster_ids is None else rows.cluster_ids[known]
    return replace(rows, labels=rows.labels[known], slice_ids=rows.slice_ids[known], weights=weights, cluster_ids=clusters)


def write_unlabelled(
    folder: Path,
    scores: NDArray[np.float32],
    threshold: float | None,
    champion: tuple[NDArray[np.float32], float | None] | None,
    rows: Rows,
    prepared: PreparedReplay,
    variants: Sequence[VariantConf],
) -> None:
    """Keep the sums over the rows of a pair that are old enough and have no label: zeros where every row has one.

    Bounds are known for decisions of unweighted rows; otherwise the number of such rows is kept, so that nobody takes them for none.
    """
    from harness.compare.unlabelled_sums import unlabelled_sums
    from harness.tallies.stored import to_columns

    missing = is_unlabelled(prepared, variants)
    if champion is None:
        return
    n_slices = rows.grid.n_slices
    if rows.task == "binary" and not rows.is_designed:
        assert threshold is not None
        assert champion[1] is not None
        sums = unlabelled_sums(champion[0], scores, missing, rows.slice_ids, n_slices, champion[1], threshold)
        files.write_columns(folder / store.UNLABELLED, to_columns(sums))
        return
    n = sum(np.bincount(rows.slice_ids[missing, j], minlength=n_slices) for j in range(rows.slice_ids.shape[1]))
    files.write_columns(folder / store.UNLABELLED, {"n": np.asarray(n, np.int64)})


def is_unlabelled(prepared: PreparedReplay, variants: Sequence[VariantConf]) -> NDArray[np.bool_]:
    """Return which rows would be judged of all these variants, and have no label."""
    missing = ((prepared.roles & (JUDGED | IMMATURE)) == JUDGED) & ~is_known(prepared.judged_labels)
    if prepared.weights is not None:
        missing &= prepared.weights > 0
    learned_until = until_of(variants)
    if learned_until is not None and prepared.timestamps_us is not None:
        missing &= prepared.timestamps_us >= learned_until
    return np.asarray(missing, np.bool_)


def write_confusion(folder: Path, variant: str, tally: Tally, rows: Rows, prepared: PreparedReplay) -> None:
    """Keep the confusion tables of several classes."""
    from harness.report.confusion_frame import confusion_frame

    if isinstance(tally, MulticlassTally):
        files.write_parquet(folder / store.CONFUSION, confusion_frame(variant, rows.grid, tally, prepared.classes))


def write_worst_slices(
    folder: Path,
    variant: str,
    scores: Any,
    threshold: float | None,
    champion: tuple[NDArray[np.float32], float | None] | None,
    rows: Rows,
    prepared: PreparedReplay,
    plan: ScoringPlan,
    conf: SweepConf,
    card: Card | None = None,
) -> None:
    """Search for the slices where a variant is worst, or worse than the champion, and keep them; nothing unless asked for.

    With `card` losses are made and tallied there, where `scores` may be already.
    """
    from harness.pipeline.worst_slices import slices_to_search, worst_slices
    from harness.report.worst_slices_frame import worst_slices_frame
    from kernels.devices import is_on_cuda

    search = conf.slice_search
    if search is None or (search.against == "champion" and champion is None):
        return
    rule, loss = slices_to_search(search, rows.task, conf.seed)
    against: dict[str, Any] = {}
    if search.against == "champion" and champion is not None:
        against = {"champion_scores": champion[0] if card is None else card.send(champion[0]), "champion_threshold": champion[1] or 0.0}
    if card is not None and not is_on_cuda(scores):
        scores = card.send(scores)
    found = worst_slices(
        variant,
        rows.labels,
        scores,
        _features(prepared, plan),
        rows.slice_ids,
        rows.grid,
        replace(rule, confidence=conf.confidence),
        loss=loss,
        threshold=threshold or 0.0,
        clusters=rows.cluster_ids,
        n_bins=search.n_bins,
        **against,
    )
    files.write_parquet(folder / store.WORST_SLICES, worst_slices_frame(found))


def _features(prepared: PreparedReplay, plan: ScoringPlan) -> list[tuple[tuple[str, ...], NDArray[Any]]]:
    """Return the variant's inputs; a logged score is none, and a column that is itself a tensor has no values to slice by."""
    from harness.replay.prepared import open_tensor

    if plan.source == "logged":
        return []
    groups = list(dict.fromkeys(planned.group for planned in plan.inputs))
    opened = [(group.columns, open_tensor(prepared.folder, group)) for group in groups]
    return [(columns, tensor) for columns, tensor in opened if tensor.shape[1] == len(columns)]
