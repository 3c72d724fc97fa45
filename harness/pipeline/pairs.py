"""Pairs of variants: what is kept of two challengers on the rows that both are judged on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.pipeline.progress import bar, say
from harness.pipeline.quality import Member
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import SweepConf, VariantConf
from harness.records.money import ValueMoments
from harness.records.replay import PreparedReplay
from harness.records.run import OK
from harness.records.tally import ALL, Grid
from harness.replay.prepared import open_prepared, open_tensor
from harness.runs import folder as files
from harness.runs import store
from harness.runs.identity import digest
from harness.tallies.stored_moments import moments_from_columns, moments_to_columns
from harness.workers.child import Channel, run_child

Floats = NDArray[np.float64]
_FORMAT = 1  # of what is kept: another number makes it anew
_MOST_RECORDS = 1 << 20  # slices times cases of one pass


@dataclass(frozen=True)
class Side:
    """One variant of a pair: its scores of all rows, and the threshold that they are decided at (None: regression)."""

    conf: VariantConf
    scores: NDArray[np.float32]
    threshold: float | None


def write_pairs(root: Path, members: Sequence[Member], conf: SweepConf, prepared: PreparedReplay) -> None:
    """Reduce every pair of scored challengers in a child, but for those that are kept under the same identities.

    The champion's own pairs are in the folders of its challengers. No rule reads pairs of weighted or clustered rows, nor of multiclass.
    Trouble is said, and is no end of the sweep: the front then tells these pairs apart by their differences to the champion.
    """
    file = root / "replay" / store.PAIRS
    challengers = [m for m in members if m.conf.label != conf.champion]
    wanted = {_key(a.identity.quality, b.identity.quality): (a, b) for a, b in combinations(challengers, 2)}
    is_read = conf.replay.task in ("binary", "regression") and conf.replay.weight is None and conf.replay.cluster is None
    if not wanted or not is_read:
        file.unlink(missing_ok=True)
        return
    kept = set() if conf.force else set(_stored_keys(file))
    n_new = len(wanted.keys() - kept)
    if n_new == 0:
        return
    with bar("pairs", n_new) as progress:
        outcome = run_child(_reduce_and_keep, (file, wanted, kept, conf, prepared.folder), conf.timeout_s, None, progress)
    if outcome.status != OK:
        what = "1 pair of challengers was" if n_new == 1 else f"{n_new} pairs of challengers were"
        say(
            f"pairs: {what} not compared ({outcome.status}: {outcome.reason}); the Pareto front uses their differences to the champion,"
            " and may be too large; run the sweep again to have them"
        )


def _reduce_and_keep(
    channel: Channel, file: Path, wanted: Mapping[str, tuple[Member, Member]], kept: set[str], conf: SweepConf, replay_folder: Path
) -> None:
    """Do the work inside the child, and write the file anew with what of it is still wanted."""
    new = {key: pair for key, pair in wanted.items() if key not in kept}
    members = list({m.conf.label: m for pair in new.values() for m in pair}.values())
    at = {m.conf.label: i for i, m in enumerate(members)}
    pairs = [(at[a.conf.label], at[b.conf.label]) for a, b in new.values()]
    found = reduce_pairs([_side(m) for m in members], pairs, open_prepared(replay_folder), conf, channel.progress)
    old = _stored_keys(file)
    columns = {f"{key}|{name}": old[key][name] for key in wanted.keys() & kept for name in old[key]}
    for key, pair in zip(new, pairs, strict=True):
        columns |= {f"{key}|{name}": values for name, values in moments_to_columns(found[pair]).items()}
    files.write_columns(file, columns)


def _side(member: Member) -> Side:
    run = store.read_run(member.folder)
    return Side(member.conf, store.read_scores(member.folder / store.SCORES), run.threshold if run is not None else None)


def reduce_pairs(
    sides: Sequence[Side],
    pairs: Sequence[tuple[int, int]],
    prepared: PreparedReplay,
    conf: SweepConf,
    on_pairs: Callable[[int], None],
) -> dict[tuple[int, int], ValueMoments]:
    """Return of every pair (a, b) what a business rule reads of the rows that both are judged on; windows are not told apart.

    Binary: moments of the rule's columns by case [label, a decides, b decides], in every slice; without columns the counts alone.
    Regression: moments of the differences of over- and under-prediction, b's less a's, over all rows.
    """
    if conf.replay.task == "regression":
        return _regression_pairs(sides, pairs, prepared, on_pairs)
    found: dict[tuple[int, int], ValueMoments] = {}
    for group, own in _passes([_until(s) for s in sides], pairs, _block_width(prepared.grid.n_slices)):
        moments = _cases_of_group([sides[i] for i in group], [sides[i] for i in own[0]], prepared, conf.gain)
        found |= {(a, b): pair_of_group(moments, len(group), group.index(a), group.index(b)) for a, b in own}
        on_pairs(len(found))
    return found


def _until(side: Side) -> float:
    from harness.pipeline.reduction import until_of

    until = until_of((side.conf,))
    return -math.inf if until is None else until


def _block_width(n_slices: int) -> int:
    """Return how many variants make a block, two of which are counted in one pass: cases are int8, so six variants and the label at most."""
    return next((width for width in (3, 2) if n_slices << (1 + 2 * width) <= _MOST_RECORDS), 1)


def _passes(
    untils: Sequence[float], pairs: Sequence[tuple[int, int]], width: int
) -> Iterator[tuple[tuple[int, ...], list[tuple[int, int]]]]:
    """Yield groups of variants that are counted together, with those of their pairs that are judged on the same rows.

    A pair is judged on the rows that neither of the two has learned from: those after the later of their ends of learning.

    >>> [len(own) for _, own in _passes([0.0] * 9, list(combinations(range(9), 2)), 3)]
    [15, 12, 9]
    """
    for until in sorted({max(untils[a], untils[b]) for a, b in pairs}):
        left = [pair for pair in pairs if max(untils[pair[0]], untils[pair[1]]) == until]
        variants = sorted({i for pair in left for i in pair})
        blocks = [tuple(variants[k : k + width]) for k in range(0, len(variants), width)]
        for group in [a + b for a, b in combinations(blocks, 2)] or blocks:
            own = [pair for pair in left if set(pair) <= set(group)]
            left = [pair for pair in left if pair not in own]
            if own:
                yield group, own


def _cases_of_group(group: Sequence[Side], pair: Sequence[Side], prepared: PreparedReplay, gain: Any) -> ValueMoments:
    """Return the moments of the rule's columns by case [label, each of the group decides], on the rows of `pair`."""
    from harness.pipeline.gain_tallies import value_group
    from harness.pipeline.reduction import judged_rows
    from harness.tallies.value_moments import decision_cases, tally_amounts

    rows = judged_rows("binary", prepared, [side.conf for side in pair])
    values = value_group(gain)
    names = () if values is None else values.columns if gain.policy_column() is None else values.columns[:-1]
    tensor = np.zeros((prepared.n_rows, 0)) if values is None else open_tensor(prepared.folder, values)
    cases = decision_cases(rows.labels, *(_decided(side) for side in group))
    return tally_amounts(
        tensor, names, cases, 2 << len(group), rows.slice_ids, None, Grid(rows.grid.slice_by, rows.grid.slice_value, (ALL,))
    )


def _decided(side: Side) -> NDArray[np.bool_]:
    assert side.threshold is not None  # every binary variant decides at some threshold
    return np.asarray(side.scores >= np.float32(side.threshold), np.bool_)


def pair_of_group(moments: ValueMoments, n_variants: int, a: int, b: int) -> ValueMoments:
    """Return the moments by case [label, a decides, b decides] from those by [label, each of n variants decides].

    Formula: cases that differ in other variants' decisions only are merged; m2 = Σ m2_g + Σ n_g (m_g - m)(m_g - m)ᵀ.

    >>> n = np.array([[1, 2, 4, 8, 16, 32, 64, 128]])  # label, two decisions
    >>> counts = ValueMoments((), n, np.zeros((1, 8, 0)), np.zeros((1, 8, 0, 0)))
    >>> pair_of_group(counts, 2, 1, 0).n.tolist()  # the second in the first place
    [[1, 4, 2, 8, 16, 64, 32, 128]]
    """
    digits = np.indices((2,) * (n_variants + 1)).reshape(n_variants + 1, -1)
    case = 4 * digits[0] + 2 * digits[1 + a] + digits[1 + b]
    parts = [_together(moments, case == c) for c in range(8)]
    n, mean, m2 = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
    return ValueMoments(moments.names, n, mean, m2)


def _together(moments: ValueMoments, at: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats, Floats]:
    rows, means = moments.n[:, at], moments.mean[:, at]
    n = rows.sum(axis=1)
    mean = (rows[..., None] * means).sum(axis=1) / np.maximum(n, 1)[:, None]
    apart = means - mean[:, None]
    return n, mean, moments.m2[:, at].sum(axis=1) + np.einsum("cg,cgi,cgj->cij", rows, apart, apart)


def _regression_pairs(
    sides: Sequence[Side], pairs: Sequence[tuple[int, int]], prepared: PreparedReplay, on_pairs: Callable[[int], None]
) -> dict[tuple[int, int], ValueMoments]:
    from harness.pipeline.reduction import judged_rows
    from harness.tallies.value_moments import tally_errors

    found: dict[tuple[int, int], ValueMoments] = {}
    everything = np.zeros_like(prepared.slice_ids[:, :1]), None, Grid((ALL,), (ALL,), (ALL,))
    for a, b in pairs:
        rows = judged_rows("regression", prepared, (sides[a].conf, sides[b].conf))
        both = tally_errors(sides[b].scores, rows.labels, *everything, sides[a].scores.__getitem__)
        found[a, b] = ValueMoments(both.names[2:], both.n, both.mean[..., 2:], both.m2[..., 2:, 2:])
        on_pairs(len(found))
    return found


def _key(first: str, second: str) -> str:
    return digest(_FORMAT, first, second)[:32]


def _stored_keys(file: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the columns of every pair by its key; none where there is no file, or a damaged one that is to be made anew."""
    found: dict[str, dict[str, NDArray[Any]]] = {}
    try:
        columns = files.read_columns(file)
    except ResultsError:
        return found
    for column, values in columns.items():
        key, _, name = column.partition("|")
        found.setdefault(key, {})[name] = values
    return found


def read_pairs(root: Path, variants: Sequence[StoredVariant]) -> dict[tuple[str, str], ValueMoments]:
    """Read the pairs that are kept of these variants under their present identities, by (in the champion's place, own)."""
    stored = _stored_keys(root / "replay" / store.PAIRS)
    keys = {(a.label, b.label): _key(a.run.identity.quality, b.run.identity.quality) for a in variants for b in variants if a is not b}
    return {pair: moments_from_columns(stored[key]) for pair, key in keys.items() if key in stored}
