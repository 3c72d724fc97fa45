"""What has changed for one variant: its scores, its loss in three parts, and, of the champion, whether it gives what production gave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.cell_groups import CellGroups
from harness.drift.column_on_card import ColumnOnCard
from harness.drift.column_tables import PairMaker, tabulate
from harness.drift.corrected import Found
from harness.drift.drift_rows import drift_rows
from harness.drift.loss_parts import loss_parts
from harness.drift.parity import parity_of, parity_rows
from harness.drift.residual_rows import residual_rows
from harness.drift.row_index import RowIndex
from harness.drift.score_columns import score_columns, score_rows, scores_on_card
from harness.pipeline.reduction import unseen, until_of
from harness.records.conf import DriftConf, SweepConf, VariantConf
from harness.records.drift import DriftKind, DriftRow, Parity
from harness.records.drift_cells import DriftCells
from harness.records.replay import JUDGED, REFERENCE, PreparedReplay
from harness.records.tally import ALL
from harness.report.drift_frame import drift_frame
from harness.runs import folder as files
from harness.runs import store
from harness.slicing.drift_cells import prepared_cells
from kernels.devices import check_fits, is_on_cuda, to_device

if TYPE_CHECKING:
    from harness.pipeline.device_rows import Card

_OF_SCORES = ("psi", "ks", "mean")  # of the house's own profile; a peer's applies all of its own


def write_variant_drift(
    folder: Path,
    variant: VariantConf,
    scores: NDArray[np.float32],
    prepared: PreparedReplay,
    conf: SweepConf,
    card: Card | None = None,
    there: Any = None,
) -> None:
    """Write the variant's `drift.parquet`, and of the champion how far it gives what production gave.

    Parameters
    ----------
    scores
        Of all rows, on the host.
    card, there
        Where they are counted and ordered instead, and the same scores there; None: on the host.
    """
    if conf.drift is None:
        return
    if card is not None and not is_on_cuda(there):
        there = card.send(scores)
    roles = _unlearned(prepared, variant)
    rows: list[DriftRow] = []
    if (roles & REFERENCE).any() and (roles & JUDGED).any():
        rows += _prediction(variant, scores, prepared, roles, conf, conf.drift, None if card is None else there)
        rows += _residual(variant, scores if card is None else there, prepared, conf, conf.drift, card)
    else:
        rows += _not_compared(variant, prepared, roles, conf.drift)
    parity = _parity(variant, scores if card is None else there, prepared, conf, conf.drift)
    if parity is not None:
        rows += parity_rows(parity, prepared.grid.windows, conf.replay.production.version)
        files.write_json(folder / store.PARITY, parity)
    files.write_parquet(folder / store.DRIFT, drift_frame(rows))


def _not_compared(variant: VariantConf, prepared: PreparedReplay, roles: NDArray[np.uint8], drift: DriftConf) -> Iterator[DriftRow]:
    """Say why nothing is known of a variant's scores and loss, in a row of either kind."""
    sides = [int(((own & bit) > 0).sum()) for own, bit in ((prepared.roles, REFERENCE), (roles, REFERENCE), (roles, JUDGED))]
    why = "the replay has no reference rows of its own (replay.reference)"
    if sides[0]:
        why = f"the variant has learned from every {'reference' if not sides[1] else 'judged'} row (trained_until {variant.trained_until:%Y-%m-%d})"
    kinds: tuple[tuple[DriftKind, str, str], ...] = (("prediction", "score", "mean"), ("residual", "loss", "loss_change"))
    for kind, column, statistic in kinds:
        yield DriftRow(
            variant.label, column, kind, statistic, drift.profile, ALL, ALL, ALL, sides[1], sides[2], math.nan, None, None, None, None, why
        )


def _unlearned(prepared: PreparedReplay, variant: VariantConf) -> NDArray[np.uint8]:
    """Return the roles of the rows, without those that the variant has learned from: of them its scores say little."""
    until, times = until_of((variant,)), prepared.timestamps_us
    if until is None or times is None:
        return prepared.roles
    return np.where(times < until, np.uint8(0), prepared.roles)


def _prediction(
    variant: VariantConf,
    scores: NDArray[np.float32],
    prepared: PreparedReplay,
    roles: NDArray[np.uint8],
    conf: SweepConf,
    drift: DriftConf,
    there: Any,
) -> tuple[DriftRow, ...]:
    kept, rows = score_rows(roles, prepared.timestamps_us)
    cells = prepared_cells(rows, conf.replay, prepared.slice_ids[kept], prepared.grid)
    index, groups = RowIndex(rows, cells), CellGroups(cells)
    found: list[Found] = []
    columns = score_columns(scores, kept, conf.replay.task, prepared.classes)
    on_card = _on_card(there, kept, cells, conf.replay.task) if there is not None else itertools.repeat(None)
    for column, own in zip(columns, on_card, strict=False):
        tables = tabulate(column, index, groups, None, drift.max_categories, there=own)
        maker = PairMaker(column, tables, index, groups, days=drift.resample == "days", there=own)
        for slice_by, slice_value, window, pair in maker.pairs(slices=True, windows=True):
            for statistic in drift.statistics:
                is_wanted = drift.profile != "harness" or statistic.name in _OF_SCORES
                is_wanted &= statistic.in_windows if window != ALL else statistic.in_slices if slice_by != ALL else True
                if is_wanted and statistic.applies_to("number", False) and (reading := statistic.read(pair)) is not None:
                    found.append(("prediction", column.name, slice_by, slice_value, window, statistic.name, reading))
    return drift_rows(found, drift.profile, drift.alpha, variant.label)


def _on_card(there: Any, kept: NDArray[np.bool_], cells: DriftCells, task: str) -> Iterator[ColumnOnCard]:
    check_fits("the cells of the compared rows", cells.ids.nbytes)
    ids = to_device(np.ascontiguousarray(cells.ids))
    for values in scores_on_card(there, kept, task):
        yield ColumnOnCard(values, ids, cells)


def _residual(
    variant: VariantConf, scores: Any, prepared: PreparedReplay, conf: SweepConf, drift: DriftConf, card: Card | None
) -> Iterator[DriftRow]:
    slice_ids, window_ids = prepared.slice_ids, prepared.window_ids
    parts = loss_parts(
        conf.replay.task,
        scores,
        unseen(prepared.reference_labels, prepared, (variant,)),
        unseen(prepared.judged_labels, prepared, (variant,)),
        slice_ids if card is None else card.send(slice_ids),  # there already, where rows were tallied
        tuple(dict.fromkeys(prepared.grid.slice_by[1:])),
        window_ids if card is None or window_ids is None else card.send(window_ids),
        prepared.grid.windows,
    )
    weighted = "; rows are not weighted here" if prepared.weights is not None else ""
    for row in residual_rows(parts, variant.label, drift.alpha):
        yield replace(row, note=row.note + weighted)


def _parity(variant: VariantConf, scores: Any, prepared: PreparedReplay, conf: SweepConf, drift: DriftConf) -> Parity | None:
    if why_no_parity(conf) is not None or variant.label != conf.champion or prepared.production_scores is None:
        return None
    return parity_of(
        variant.label,
        scores,
        prepared.production_scores,
        (prepared.roles & JUDGED) > 0,
        prepared.window_ids,
        prepared.grid.n_windows,
        prepared.production_version_ids,
        prepared.production_versions,
        drift.parity_tolerance,
    )


def why_no_parity(conf: SweepConf) -> str | None:
    """Say why replay parity cannot be measured; None where it can."""
    score = conf.replay.production.score
    champion = next((v for v in conf.variants if v.label == conf.champion), None)
    if score is None:
        return "the log names no score of the live model (replay.production.score)"
    if conf.drift is None:
        return "drift=none leaves it out"
    if champion is None:
        return "there is no champion to compare with what production gave (champion=NAME)"
    if conf.replay.task == "multiclass":
        return "a multiclass model has a score per class, and the log one"
    if champion.source == "logged" and champion.column == score:
        return f"the champion's scores are those that production logged ('{score}')"
    return None
