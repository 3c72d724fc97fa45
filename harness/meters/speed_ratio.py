"""Whether one variant is faster than another, beyond the noise of the machine and beyond what matters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from harness.records.measurement import OperatingPoint
from harness.records.trial import SpeedRatio

MARGIN = 0.02  # ratios nearer to 1 than this do not matter in practice


def speed_ratio(
    challenger_rows_per_s: Sequence[float],
    champion_rows_per_s: Sequence[float],
    confidence: float = 0.95,
    margin: float = MARGIN,
) -> SpeedRatio:
    """Say whether a challenger is faster, slower or neither, from trials paired by block.

    Formula: d = log(challenger / champion) per block; mean(d) ± t(n-1) · s(d) / √n, exponentiated. *Faster* when
    that interval lies above 1 *and* the ratio is above 1 + margin; *slower* when it lies below 1 and the ratio is below
    1 / (1 + margin); else *ambiguous*. Equal pairs are thus called different in at most 1 - confidence of the cases.

    Parameters
    ----------
    challenger_rows_per_s, champion_rows_per_s : sequence of float
        Throughput per block, rows per second, in the same order of blocks.
    confidence : float
        Of the two-sided interval.
    margin : float
        The practical margin, as a share.

    Returns
    -------
    SpeedRatio
        Undefined when there are fewer than two blocks, when the blocks do not pair, or when a throughput is not
        positive: bounds NaN, call ambiguous, with the reason.

    Source: Student's t for paired differences, Snedecor & Cochran, Statistical Methods, 8th ed., chapter 6. A
    percentile bootstrap is not used: over 3 to 10 blocks its intervals are too narrow.

    Examples
    --------
    >>> found = speed_ratio([90.0, 91.0, 89.0], [100.0, 101.0, 99.0])
    >>> found.call, round(found.ratio, 2)
    ('slower', 0.9)
    """
    challenger, champion = np.asarray(challenger_rows_per_s, float), np.asarray(champion_rows_per_s, float)
    reason = _why_not(challenger.size, champion.size, bool((challenger > 0).all() and (champion > 0).all()))
    if reason:
        return SpeedRatio(float("nan"), float("nan"), float("nan"), min(challenger.size, champion.size), "ambiguous", reason)
    differences = np.log(challenger / champion)
    n, centre = differences.size, float(differences.mean())
    half = float(stats.t.ppf((1.0 + confidence) / 2.0, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    call = _call(centre, half, float(np.log1p(margin)))
    return SpeedRatio(float(np.exp(centre)), float(np.exp(centre - half)), float(np.exp(centre + half)), n, call)


def point_ratio(challenger: OperatingPoint, champion: OperatingPoint, confidence: float = 0.95, margin: float = MARGIN) -> SpeedRatio:
    """Say whether a challenger is faster at one operating point than the champion at one of its own, paired by the numbers of the blocks.

    Only blocks that both have are compared: a trial that was left out takes the other variant's trial of its block with it. A record
    without numbers counts as having a trial in each block.

    Returns
    -------
    SpeedRatio
        As `speed_ratio`; `n_blocks` counts the blocks that both have.

    Examples
    --------
    >>> champion = OperatingPoint("offline", 64, 9, (100.0, 50.0, 99.0), 79.1, 0.0, 0.0, (), blocks=(0, 1, 3))
    >>> challenger = OperatingPoint("offline", 64, 9, (200.0, 202.0, 198.0), 200.0, 0.0, 0.0, (), blocks=(0, 2, 3))
    >>> found = point_ratio(challenger, champion)
    >>> found.n_blocks, round(found.ratio, 2), found.call
    (2, 2.0, 'faster')
    """
    ours, theirs = _by_block(challenger), _by_block(champion)
    shared = sorted(ours.keys() & theirs.keys())
    return speed_ratio([ours[block] for block in shared], [theirs[block] for block in shared], confidence, margin)


def _by_block(point: OperatingPoint) -> dict[int, float]:
    blocks = point.blocks or range(len(point.trial_rows_per_s))
    return dict(zip(blocks, point.trial_rows_per_s, strict=True))


def _why_not(n_challenger: int, n_champion: int, positive: bool) -> str | None:
    if n_challenger != n_champion:
        return f"trials do not pair: {n_challenger} of the challenger, {n_champion} of the champion"
    if n_champion < 2:
        return f"{n_champion} block(s): an interval needs two"
    return None if positive else "a trial has no throughput"


def _call(centre: float, half: float, margin: float) -> str:
    if centre - half > 0 and centre > margin:
        return "faster"
    if centre + half < 0 and centre < -margin:
        return "slower"
    return "ambiguous"
