"""What a business rule reads of the log besides labels and scores: its columns, refused where they mean nothing, and their moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.pipeline.reduction import Rows
from harness.pipeline.variant_tables import is_unlabelled
from harness.records.conf import SweepConf, VariantConf
from harness.records.metric import Differences
from harness.records.money import GainEvidence, ValueMoments
from harness.records.replay import IMMATURE, JUDGED, TUNING, InputGroup, LogFiles, PreparedReplay
from harness.records.tally import Grid
from harness.replay.contract import require
from harness.replay.prepared import open_tensor
from harness.runs import folder as files
from harness.runs import store
from harness.tallies.stored_moments import moments_from_columns, moments_to_columns

if TYPE_CHECKING:
    from harness.pipeline.device_rows import Card
    from harness.pipeline.stored_variant import StoredVariant

Scored = tuple[Any, float | None]  # scores of all rows, on the host or a card, and the threshold they are decided at
_BLOCK_ROWS = 1 << 20
_NUMBERS = ("number", "integer", "boolean")


def value_group(gain: Any) -> InputGroup | None:
    """Return the columns that a business rule reads as one tensor of the prepared replay; None where it reads none."""
    columns = gain.columns() if gain is not None else ()
    return InputGroup(columns, "double") if columns else None


def check_value_columns(log: LogFiles, gain: Any) -> None:
    """Refuse a log that lacks a column that a business rule reads, or holds no numbers in it.

    Raises
    ------
    ReplayError
        Naming the column, its type and the nearest column.
    """
    group = value_group(gain)
    for name in group.columns if group else ():
        require(log, "gain", name)
        column = log.column(name)
        if column is not None and column.kind not in _NUMBERS:
            raise ReplayError(f"gain: column '{name}' is {column.type}, wanted numbers; name a column of numbers")


def check_amounts(prepared: PreparedReplay, gain: Any) -> None:
    """Refuse amounts that no value can be computed from, in any row that is judged or tuned on, or would be if its label were known.

    Raises
    ------
    ReplayError
        When one is missing or infinite, or decisions of the policy are other than 0 and 1.
    ConfigError
        When the rule names a slice that is not there.
    """
    if gain is None:
        return
    gain.check_slices(prepared.grid)
    group = value_group(gain)
    if group is None:
        return
    tensor = open_tensor(prepared.folder, group)
    n_bad, n_other = np.zeros(len(group.columns), np.int64), 0
    for start in range(0, prepared.n_rows, _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        values = tensor[block][_is_used(prepared.roles[block])]
        n_bad += (~np.isfinite(values)).sum(axis=0)
        n_other += int((~np.isin(values[:, -1], (0.0, 1.0))).sum())
    for name, n in zip(group.columns, n_bad.tolist(), strict=True):
        if n:
            raise ReplayError(
                f"gain: column '{name}' is missing or infinite in {n:,} rows of the judged or tuning period, and each needs a value;"
                " fill them in, or leave these rows out with replay.where"
            )
    if gain.values_decisions and gain.policy_column() is not None and n_other:
        raise ReplayError(
            f"gain.baseline: column '{gain.policy_column()}' holds values other than 0 and 1 in {n_other:,} rows of the judged or tuning period,"
            " wanted decisions; write 1 where the policy flags a row, else 0"
        )


def _is_used(roles: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(((roles & (JUDGED | IMMATURE)) == JUDGED) | ((roles & TUNING) > 0), np.bool_)


def tuning_values(
    prepared: PreparedReplay, gain: Any, tuning: NDArray[np.bool_]
) -> tuple[NDArray[np.float64] | None, NDArray[np.intp] | None]:
    """Return the amounts of the tuning rows, and which values each of them has: what a threshold that maximises gain is found from."""
    group = value_group(gain)
    amounts = None if group is None else np.asarray(open_tensor(prepared.folder, group)[tuning], np.float64)
    return amounts, gain.override_ids(prepared.slice_ids[tuning], prepared.grid)


def write_value_moments(
    folder: Path,
    scores: Any,
    threshold: float | None,
    against: Scored | None,
    rows: Rows,
    pair_rows: Rows | None,
    prepared: PreparedReplay,
    variants: Sequence[VariantConf],
    conf: SweepConf,
    card: Card | None = None,
) -> None:
    """Keep the moments of the values that the business rule reads: of the variant, of its pair, and of the pair's rows without a label.

    Those of a regression are kept whatever the rule is: they hang on no column but the policy's.

    Parameters
    ----------
    scores
        Of all rows; with `card` they may be there already.
    against
        The champion's scores and threshold; None without a pair.
    rows, pair_rows
        The rows that are judged of the variant, and of both.
    variants
        The variant, and the champion where there is a pair.
    card
        Where rows and scores are sent, and the moments taken; None: on the host.
    """
    if rows.is_designed or rows.task == "multiclass":  # no rule reads them
        return
    if card is not None:
        if against is not None and pair_rows is not None:
            both = card.scored(pair_rows, against[0])
            against, pair_rows = (both.scores[0], against[1]), both.rows
        own = card.scored(rows, scores)
        scores, rows = own.scores[0], own.rows
    found: dict[str, ValueMoments] = {}
    if rows.task == "regression":
        found = _of_errors(scores, against, rows, pair_rows, prepared, conf.gain, card is not None)
    elif value_group(conf.gain) is not None:
        assert threshold is not None
        found = _of_amounts((scores, threshold), against, rows, pair_rows, prepared, variants, conf.gain, card)
    for name, moments in found.items():
        files.write_columns(folder / name, moments_to_columns(moments))


def _of_errors(
    scores: Any,
    against: Scored | None,
    rows: Rows,
    pair_rows: Rows | None,
    prepared: PreparedReplay,
    gain: Any,
    is_on_card: bool,
) -> dict[str, ValueMoments]:
    from harness.tallies.value_moments import tally_errors
    from kernels.devices import to_device

    group = value_group(gain)
    tensor = None if group is None else open_tensor(prepared.folder, group)

    def of_policy(block: slice) -> Any:
        assert tensor is not None
        predictions = tensor[block, -1]
        return to_device(np.ascontiguousarray(predictions)) if is_on_card else predictions

    cells = (rows.slice_ids, rows.window_ids, rows.grid)
    policy = gain.policy_column() if group else None
    found = {store.VALUES: tally_errors(scores, rows.labels, *cells, of_policy if group else None, policy)}
    if against is not None and pair_rows is not None:
        champion = against[0]
        found[store.PAIRED_VALUES] = tally_errors(scores, pair_rows.labels, *cells, lambda block: champion[block])
    return found


def _of_amounts(
    own: Scored,
    against: Scored | None,
    rows: Rows,
    pair_rows: Rows | None,
    prepared: PreparedReplay,
    variants: Sequence[VariantConf],
    gain: Any,
    card: Card | None,
) -> dict[str, ValueMoments]:
    from harness.tallies.value_moments import CaseRule, decision_cases, flags_of, tally_amounts_by_block

    group = value_group(gain)
    assert group is not None
    tensor, policy = open_tensor(prepared.folder, group), gain.policy_column()
    names = group.columns if policy is None else group.columns[:-1]
    decided = _decided(own)

    def of_variant(block: slice, values: Any) -> Any:
        return decision_cases(rows.labels[block], flags_of(values, policy is not None), decided[block])

    rules: list[tuple[CaseRule, int]] = [(of_variant, 8)]
    if against is not None and pair_rows is not None:
        by_champion, labels = _decided(against), pair_rows.labels
        unlabelled = np.where(is_unlabelled(prepared, variants), np.int8(0), np.int8(-1))
        missing = unlabelled if card is None else card.send(unlabelled)
        rules += [
            (lambda block, _: decision_cases(labels[block], by_champion[block], decided[block]), 8),
            (lambda block, _: decision_cases(missing[block], by_champion[block], decided[block]), 4),
        ]
    found = tally_amounts_by_block(tensor, names, rules, rows.slice_ids, rows.window_ids, rows.grid)
    found[0] = replace(found[0], policy=policy)
    return dict(zip((store.VALUES, store.PAIRED_VALUES, store.UNLABELLED_VALUES), found, strict=False))


def _decided(scored: Scored) -> Any:
    from kernels.array_library import library_of

    assert scored[1] is not None
    _, scores, back = library_of(scored[0])
    return back(scores >= np.float32(scored[1]))


def read_value_moments(file: Path) -> ValueMoments | None:
    """Read kept moments; None where there are none."""
    return moments_from_columns(files.read_columns(file)) if file.is_file() else None


def gain_evidence(v: StoredVariant, champion: str | None, grid: Grid, differences: Sequence[Differences] = ()) -> GainEvidence:
    """Return what a business rule reads of one variant.

    Parameters
    ----------
    champion
        Full name of the champion, or None.
    grid
        What the cells of the tallies are.
    differences
        Of the variant to the champion.
    """
    return GainEvidence(
        variant=v.label,
        is_champion=v.label == champion,
        tally=v.tally,
        paired=v.paired,
        moments=v.moments,
        paired_moments=v.paired_moments,
        metrics=v.values,
        differences=tuple(differences),
        grid=grid,
        unlabelled_moments=v.unlabelled_moments,
    )
