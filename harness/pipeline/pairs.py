"""Pairs of challengers: what is kept of them on the rows that both are judged on, and how their gains and their costs differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cost.rates import machine_h_per_1k
from harness.cost.trial_draws import mean_deviations
from harness.errors import ResultsError
from harness.pipeline.progress import bar, say
from harness.pipeline.quality import Member
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import SweepConf, VariantConf
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow, GainEvidence, GainRow, ValueMoments
from harness.records.replay import PreparedReplay
from harness.records.run import OK
from harness.records.tally import ALL, Grid, Moments, PairedTally
from harness.replay.prepared import open_prepared, open_tensor
from harness.runs import folder as files
from harness.runs import store
from harness.runs.identity import digest
from harness.tallies.stored_moments import moments_from_columns, moments_to_columns
from harness.workers.child import Channel, run_child

Floats = NDArray[np.float64]
Pairs = Mapping[tuple[str, str], ValueMoments]  # (in the champion's place, own) -> what a rule reads of both
N_DRAWS = 10_000
_FORMAT = 1  # of what is kept: another number makes it anew
_MOST_RECORDS = 1 << 20  # slices times cases of one pass
_MAX_LOG = 50.0  # the draws of two trials are Cauchy's: exp of the outermost would overflow
_ROUNDING = 1e-9  # of a cost: less than this apart are two sums of the same replicas


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
    return tally_amounts(tensor, names, cases, 2 << len(group), rows.slice_ids, None, _without_windows(rows.grid))


def _decided(side: Side) -> NDArray[np.bool_]:
    assert side.threshold is not None  # every binary variant decides at some threshold
    return np.asarray(side.scores >= np.float32(side.threshold), np.bool_)


def _without_windows(grid: Grid) -> Grid:
    return Grid(grid.slice_by, grid.slice_value, (ALL,))


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


def pair_gain(gain: Any, own: GainEvidence, moments: ValueMoments, confidence: float) -> tuple[float, float] | None:
    """Return by how much a variant's gain is above that of the one in the champion's place, per 1,000, and its standard error.

    The rule computes it as it does against the champion, from what is kept of the pair. None where it has no such form: that of a metric
    reads paired differences, which are made with the champion only.
    """
    unread = Moments(np.full(len(moments.n), np.nan), np.full(len(moments.n), np.nan))
    cells = moments.n.reshape(-1, 2, 2, 2) if moments.n.shape[1] == 8 else np.zeros((1, 2, 2, 2), np.int64)
    grid = None if own.grid is None else _without_windows(own.grid)
    pair = PairedTally(cells, unread, unread, unread, unread, None)
    row: GainRow = gain.gain(replace(own, is_champion=False, paired=pair, paired_moments=moments, differences=(), grid=grid), confidence)
    if row.vs_champion_n_rows == 0 or row.vs_champion_per_1k is None or row.vs_champion_se_per_1k is None:
        return None
    return row.vs_champion_per_1k, row.vs_champion_se_per_1k


def gain_differences(
    gain: Any, evidence: Sequence[GainEvidence], rows: Sequence[GainRow], pairs: Pairs, confidence: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return by how much the gain of each variant is above that of each other, its standard error, and what a reader has to know of them.

    Two challengers are compared on the rows of both (`pair_gain`). Where that is not known, by their differences to the champion, else by
    their gains, with the standard error √(se_a² + se_b²): gains on the same rows as a rule correlate positively, so that it is too large.
    """
    n = len(rows)
    difference, se = np.zeros((n, n)), np.zeros((n, n))
    why: dict[str, int] = {}
    for a, b in combinations(range(n), 2):
        value, reason = _of_pair(gain, (evidence[a], evidence[b]), (rows[a], rows[b]), pairs, confidence)
        if reason is not None:
            why[reason] = why.get(reason, 0) + 1
        difference[b, a], se[b, a] = value
        difference[a, b], se[a, b] = -value[0], value[1]
    return difference, se, tuple(_conservative_note(count, reason) for reason, count in why.items())


def _of_pair(
    gain: Any, evidence: tuple[GainEvidence, GainEvidence], rows: tuple[GainRow, GainRow], pairs: Pairs, confidence: float
) -> tuple[tuple[float, float], str | None]:
    """Return the second's gain less the first's with its standard error, and why it is not that of the rows of both."""
    to_champion = [
        None if r.vs_champion_per_1k is None or r.vs_champion_se_per_1k is None else (r.vs_champion_per_1k, r.vs_champion_se_per_1k)
        for r in rows
    ]
    first, second = to_champion
    if evidence[0].is_champion and second is not None:
        return second, None
    if evidence[1].is_champion and first is not None:
        return (-first[0], first[1]), None
    for sign, own, other in ((1, 1, 0), (-1, 0, 1)):
        moments = pairs.get((evidence[other].variant, evidence[own].variant))
        found = None if moments is None else pair_gain(gain, evidence[own], moments, confidence)
        if found is not None:
            return (sign * found[0], found[1]), None
    is_kept = any((evidence[i].variant, evidence[1 - i].variant) in pairs for i in (0, 1))
    reason = "the rule has no paired form between two challengers" if is_kept else "nothing is kept of their rows together"
    if first is None or second is None:
        first, second = ((r.gain_per_1k, r.se_per_1k) for r in rows)
    return (second[0] - first[0], math.hypot(second[1], first[1])), reason


def _conservative_note(n_pairs: int, reason: str) -> str:
    pairs = "1 pair" if n_pairs == 1 else f"{n_pairs} pairs"
    return f"Pareto: the gains of {pairs} of variants are compared as if they were independent, as {reason}; the front is at most too large by it"


@dataclass(frozen=True)
class Priced:
    """The cost of a variant with the trials that it is from; `hours_at` is the machine-hours per 1,000 at a throughput in rows/s."""

    cost: CostRow
    measurement: Measurement | None
    hours_at: Callable[[float], float]


def cost_difference_bounds(a: Priced, b: Priced, confidence: float, seed: int) -> tuple[float, float]:
    """Return the bounds of a's cost less b's, per 1,000 predictions; NaN where they are not known.

    Timed in the same blocks: percentiles of the difference of both costs at 10,000 joint draws of mean log throughput and mean log energy
    of both, from the multivariate Student t of the blocks (`mean_deviations`): what a block's minute did to both cancels. At full use without
    power charged this is the paired t test on the log ratio of throughputs. From the log, a fleet is planned at quantiles of each
    variant's draws and interpolated: variants that need the same replicas cost the same, however much faster one of them is.

    Else, as for a cost from the log beside one at full use: where the two intervals lie apart. Two intervals at `confidence` that do not
    overlap are at least as strong evidence as the interval of the difference, whatever the correlation, as se(a - b) ≤ se_a + se_b.
    """
    trials = _shared_trials(a, b)
    if trials is None or a.cost.utilisation_source != b.cost.utilisation_source:
        low_a, high_a, low_b, high_b = (
            math.nan if v is None else v for c in (a.cost, b.cost) for v in (c.cost_per_1k_low, c.cost_per_1k_high)
        )
        return low_a - high_b, high_a - low_b
    draws = np.clip(mean_deviations(trials, N_DRAWS, np.random.default_rng(seed)) + trials.mean(axis=0), -_MAX_LOG, _MAX_LOG)
    own, other = _drawn_costs(a, draws[:, :2], confidence), _drawn_costs(b, draws[:, 2:], confidence)
    if not (np.isfinite(own).all() and np.isfinite(other).all()):  # at some throughput no fleet holds the service level
        return math.nan, math.nan
    difference = own - other
    difference[np.abs(difference) <= _ROUNDING * np.abs(own)] = 0.0
    low, high = np.quantile(difference, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def _shared_trials(a: Priced, b: Priced) -> Floats | None:
    """Return log throughput and log energy of both over what their costs are from, [n_blocks, 4]; None where fewer than two blocks are shared.

    Zeros for energy that is not charged, or was not read in every trial.
    """
    own, other = _point(a), _point(b)
    if a.measurement is None or b.measurement is None or own is None or other is None:
        return None
    identity = a.measurement.set_identity
    shared = sorted(set(own.blocks) & set(other.blocks))
    if identity is None or identity != b.measurement.set_identity or len(shared) < 2:
        return None
    return np.stack([column for point in (own, other) for column in _log_trials(point, shared)], axis=1)


def _log_trials(point: OperatingPoint, blocks: Sequence[int]) -> tuple[Floats, Floats]:
    """Return log throughput and log energy of some blocks, less those of all that were kept."""
    at = [point.blocks.index(block) for block in blocks]
    energy = np.log(np.array(point.trial_j_per_1k)) if point.trial_j_per_1k else np.zeros(len(point.blocks))
    return np.log(np.array(point.trial_rows_per_s)[at] / point.throughput_rows_per_s), (energy - energy.mean())[at]


def _point(priced: Priced) -> OperatingPoint | None:
    """Return the operating point that is priced."""
    cost, points = priced.cost, () if priced.measurement is None else priced.measurement.points
    wanted = (cost.batch_rows, cost.threads, cost.throughput_rows_per_s)
    return next((p for p in points if (p.batch_rows, p.threads, p.throughput_rows_per_s) == wanted), None)


def _drawn_costs(priced: Priced, logs: Floats, confidence: float) -> Floats:
    """Return the cost at each draw of [log throughput, log energy], both less what was measured, float64 [n_draws]."""
    cost = priced.cost
    assert cost.throughput_rows_per_s is not None  # a point was found by it
    assert cost.price_per_hour is not None
    assert cost.cost_per_1k_at_full is not None
    rows_per_s = cost.throughput_rows_per_s * np.exp(logs[:, 0])
    full_h = machine_h_per_1k(1.0) / rows_per_s
    time_at_full = machine_h_per_1k(cost.throughput_rows_per_s) * cost.price_per_hour
    power_at_full = max(0.0, cost.cost_per_1k_at_full - time_at_full - cost.fee_per_1k)
    hours = full_h if cost.utilisation_source != "log" else _fleet_hours(priced.hours_at, rows_per_s, confidence)
    idle = (hours - full_h) * cost.idle_power_per_hour  # beyond full use, whose idle power is in its energy
    return np.asarray(hours * cost.price_per_hour + power_at_full * np.exp(logs[:, 1]) + idle + cost.fee_per_1k)


def _fleet_hours(hours_at: Callable[[float], float], rows_per_s: Floats, confidence: float) -> Floats:
    """Return the machine-hours at every throughput, from those at nine quantiles; NaN where one of these has no fleet.

    Hours times throughput are interpolated, which is exact for a fleet of a given size.
    """
    tail = (1.0 - confidence) / 2.0
    at = np.unique(np.quantile(rows_per_s, [tail / 2, tail, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - tail, 1 - tail / 2]))
    inverse_use = np.array([hours_at(float(x)) * x for x in at])
    if not np.isfinite(inverse_use).all():
        return np.full(rows_per_s.size, np.nan)
    return np.asarray(np.interp(rows_per_s, at, inverse_use) / rows_per_s)
