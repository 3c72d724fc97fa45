"""What a variant leaves beside its metrics: its tally on the reference rows, and the slices where it is worst."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.pipeline.reduction import Rows, reference_rows, tally_of
from harness.records.conf import SweepConf, VariantConf
from harness.records.model import ScoringPlan
from harness.records.needs import Needs
from harness.records.replay import PreparedReplay, is_known
from harness.runs import folder as files
from harness.runs import store


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

    (folder / store.REFERENCE).unlink(missing_ok=True)
    rows = reference_rows(task, prepared, (variant,))
    known = np.flatnonzero(is_known(rows.labels))
    if len(known):
        tally = tally_of(scores[known], _only(rows, known), threshold, needs)
        files.write_columns(folder / store.REFERENCE, to_columns(tally))


def _only(rows: Rows, known: NDArray[np.intp]) -> Rows:
    weights = None if rows.weights is None else rows.weights[known]
    clusters = None if rows.cluster_ids is None else rows.cluster_ids[known]
    return replace(rows, labels=rows.labels[known], slice_ids=rows.slice_ids[known], weights=weights, cluster_ids=clusters)


def write_worst_slices(
    folder: Path,
    variant: str,
    scores: NDArray[np.float32],
    threshold: float | None,
    champion: tuple[NDArray[np.float32], float | None] | None,
    rows: Rows,
    prepared: PreparedReplay,
    plan: ScoringPlan,
    conf: SweepConf,
) -> None:
    """Search for the slices where a variant is worst, or worse than the champion, and keep them; nothing unless asked for."""
    from harness.pipeline.worst_slices import slices_to_search, worst_slices
    from harness.report.worst_slices_frame import worst_slices_frame

    search = conf.slice_search
    (folder / store.WORST_SLICES).unlink(missing_ok=True)
    if search is None or (search.against == "champion" and champion is None):
        return
    rule, loss = slices_to_search(search, rows.task, conf.seed)
    against: dict[str, Any] = {}
    if search.against == "champion" and champion is not None:
        against = {"champion_scores": champion[0], "champion_threshold": champion[1] or 0.0}
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
