"""Do the rows without a label differ from those that have one: by slice, and by age."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.missing_labels import LabelAge, MissingLabels
from harness.records.replay import IMMATURE, JUDGED, PreparedReplay, is_known
from harness.slicing.blocks import blocks
from harness.stats.holm import holm
from harness.stats.two_proportions import two_proportion_p

N_BANDS = 10


def missing_by_slice(replay: PreparedReplay) -> MissingLabels:
    """Return how many rows of each slice have no label, and whether its share of them differs from the rest's.

    A row is counted when it is of the judged period, old enough for its label, and weighs more than 0.
    """
    n_slices = replay.grid.n_slices
    n, n_labelled = np.zeros(n_slices, np.int64), np.zeros(n_slices, np.int64)
    for block in blocks(replay.n_rows):
        is_counted = ((replay.roles[block] & (JUDGED | IMMATURE)) == JUDGED) & _weighs(replay, block)
        ids, known = replay.slice_ids[block], is_known(replay.judged_labels[block])
        for j in range(ids.shape[1]):
            n += np.bincount(ids[is_counted, j], minlength=n_slices)
            n_labelled += np.bincount(ids[is_counted & known, j], minlength=n_slices)
    n_unlabelled = n - n_labelled
    rest, rest_unlabelled = n[0] - n, n_unlabelled[0] - n_unlabelled
    p_value = two_proportion_p(n_unlabelled, n, rest_unlabelled, rest)
    shares = (_share(n_unlabelled, n), _share(rest_unlabelled, rest))
    return MissingLabels(replay.grid.slice_by, replay.grid.slice_value, n_labelled, n_unlabelled, *shares, p_value, holm(p_value))


def labels_by_age(
    replay: PreparedReplay, immature_labels: NDArray[Any] | None, as_of_us: int | None, n_bands: int = N_BANDS
) -> LabelAge | None:
    """Return how many rows of each age have a label, and how many of those are positive; None where the log has no times.

    Parameters
    ----------
    immature_labels
        Labels of the rows that are too young to be judged, as `PreparedReplay.judged_labels`; [n_rows].
    as_of_us
        The moment at which maturity is judged, microseconds since the epoch.
    n_bands
        Equal stretches from the youngest row of the judged period to the oldest.
    """
    times = replay.timestamps_us
    if times is None or immature_labels is None or as_of_us is None:
        return None
    youngest, oldest = _age_range(replay, times, as_of_us)
    edges = np.linspace(youngest, oldest, n_bands + 1)
    n, n_immature, n_labelled, n_positive = (np.zeros(n_bands, np.int64) for _ in range(4))
    for block in blocks(replay.n_rows):
        used = _in_period(replay, block)
        immature = ((replay.roles[block] & IMMATURE) > 0)[used]
        labels = np.where(immature, immature_labels[block][used], replay.judged_labels[block][used])
        band = np.clip(np.searchsorted(edges, as_of_us - times[block][used], side="right") - 1, 0, n_bands - 1)
        for total, which in ((n, None), (n_immature, immature), (n_labelled, is_known(labels)), (n_positive, labels == 1)):
            total += np.bincount(band if which is None else band[which], minlength=n_bands)
    status = np.select([n == 0, n_immature == 0, n_immature == n], ["empty", "mature", "immature"], "partly mature")
    is_binary = replay.judged_labels.dtype == np.int8
    return LabelAge(
        age_from_s=edges[:-1] / 1e6,
        age_until_s=edges[1:] / 1e6,
        status=tuple(status.tolist()),
        n=n,
        n_labelled=n_labelled,
        labelled_share=_share(n_labelled, n),
        n_positive=n_positive if is_binary else None,
        positive_share=_share(n_positive, n_labelled) if is_binary else None,
    )


def _age_range(replay: PreparedReplay, times: NDArray[np.int64], as_of_us: int) -> tuple[int, int]:
    """Return the youngest and the oldest age in the judged period, microseconds."""
    first, last = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    for block in blocks(replay.n_rows):
        own = times[block][_in_period(replay, block)]
        if len(own):
            first, last = min(first, int(own.min())), max(last, int(own.max()))
    return as_of_us - last, as_of_us - first


def _in_period(replay: PreparedReplay, block: slice) -> NDArray[np.bool_]:
    return np.asarray((replay.roles[block] & JUDGED) > 0, np.bool_) & _weighs(replay, block)


def _weighs(replay: PreparedReplay, block: slice) -> NDArray[np.bool_]:
    weights = None if replay.weights is None else replay.weights[block]
    return np.ones(block.stop - block.start, np.bool_) if weights is None else np.asarray(weights > 0, np.bool_)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan), np.float64)
