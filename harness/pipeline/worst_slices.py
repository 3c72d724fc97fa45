"""The worst slices of one variant: loss of each judged row, columns to search, found on one half, confirmed on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from harness.compare.slice_columns import edge_rows, number_column, sliced_column, text_column
from harness.compare.slice_confirm import confirm_slices
from harness.compare.slice_search import search_slices
from harness.compare.slice_split import in_search_half
from harness.records.conf import SearchConf
from harness.records.replay import is_known
from harness.records.slice_search import SearchColumn, SearchRule, WorstSlices
from harness.records.tally import Grid
from kernels.array_library import library_of, on_host
from kernels.devices import is_on_cuda

Loss = Literal["log_loss", "squared_error", "zero_one", "absolute_error"]
LOSSES: dict[str, Loss] = {loss: loss for loss in get_args(Loss)}
Features = tuple[Sequence[str], NDArray[Any]]  # names of columns, and the tensor [n_rows, n_columns] that holds them
_CLIP = 1e-15


def slices_to_search(search: SearchConf, task: str, seed: int) -> tuple[SearchRule, Loss]:
    """Return the rule and the loss that a configuration asks for."""
    default: Loss = "squared_error" if task == "regression" else "log_loss"
    given = LOSSES.get(search.loss or default, default)
    rule = SearchRule(
        ranking="sliceline" if search.ranking == "sliceline" else "lower_bound",
        n_carried=search.n_carried,
        min_n=search.min_n,
        min_n_confirm=search.min_n_confirm,
        alpha=search.alpha,
        pairs=search.pairs,
        seed=seed,
    )
    return rule, given


def worst_slices(
    variant: str,
    labels: NDArray[Any],
    scores: Any,
    features: Sequence[Features],
    slice_ids: NDArray[Any],
    grid: Grid,
    rule: SearchRule,
    *,
    loss: Loss = "log_loss",
    threshold: float = 0.5,
    champion_scores: Any = None,
    champion_threshold: float = 0.5,
    clusters: NDArray[np.int64] | None = None,
    n_bins: int = 10,
    n_threads: int | None = None,
) -> WorstSlices:
    """Find the slices of one or two columns in which a variant is worst, and confirm them on other rows.

    Columns are the slice columns of the replay as they are (crosses left out: pairs of columns are searched anyway) and the features:
    texts as they are, numbers in quantile bins. A feature of the same name as a slice column is left out.

    Parameters
    ----------
    variant : str
        Whose scores these are; it stands in the result.
    labels : int8, int32 or float64 [n_rows]
        As `PreparedReplay.judged_labels`; -1 or NaN where the row is not judged.
    scores, champion_scores : float32 [n_rows] or [n_rows, n_classes], NumPy or CUDA
        Both where one is: losses are made, and the search half is tallied there. With the champion's, the loss is the difference variant - champion on the same row.
    features : sequence of (names, tensor)
        Tensors of the prepared replay, float32, float64, int64 or object [n_rows, n_columns], with the names of their columns.
    slice_ids : uint16 or int32 [n_rows, n_slice_columns]
        Slices of the prepared replay.
    grid : Grid
        Their names.
    rule : SearchRule
        Ranking, limits and seed.
    loss : log_loss | squared_error | zero_one | absolute_error
        See `row_losses`.
    threshold, champion_threshold : float
        Predicted positive when score >= float32(threshold); for zero_one.
    clusters : int64 [n_rows], optional
        Rows of one cluster are in one half, and the intervals allow for it.
    n_bins : int
        Quantile bins of a numeric feature.
    n_threads : int, optional
        None for every core; the result does not depend on it.

    Returns
    -------
    WorstSlices
        Rows split by cluster, else by their number in the replay, both hashed with `rule.seed`.

    Raises
    ------
    ConfigError
        See `search_slices`.
    """
    judged = np.flatnonzero(is_known(labels))
    library, is_on_card = library_of(scores), is_on_cuda(scores)
    at, known = library.own(judged), library.own(labels[judged])
    made = row_losses(known, library.array[at], loss, threshold)
    if champion_scores is not None:
        made -= row_losses(known, library.own(champion_scores)[at], loss, champion_threshold)
    is_finite = on_host(library.xp.isfinite(made))
    n_left_out = int((~is_finite).sum())
    rows, made = (judged, made) if n_left_out == 0 else (judged[is_finite], made[library.own(is_finite)])
    losses: NDArray[np.float64] = on_host(made)
    alike = None if clusters is None else clusters[rows]
    in_search = in_search_half(rows if alike is None else alike, rule.seed)
    for_edges = edge_rows(in_search)
    sliced = sliced_columns(slice_ids, grid, rows)
    names = {column.name for column in sliced}
    columns = sliced + feature_columns(features, rows, for_edges, n_bins, names)
    found, confirming = np.flatnonzero(in_search), np.flatnonzero(~in_search)
    there = library.back(made[library.own(found)]) if is_on_card else None
    search = search_slices(losses, columns, found, rule, n_threads=n_threads, there=there)
    return WorstSlices(
        variant=variant,
        loss=loss if champion_scores is None else f"{loss} - champion",
        rule=rule,
        split_by="row" if clusters is None else "cluster",
        columns=tuple(column.name for column in columns),
        n_search=len(found),
        n_confirm=len(confirming),
        n_left_out=n_left_out,
        n_edge_rows=len(for_edges) if any(tensor.dtype != object for _, tensor in features) else 0,
        min_n=search.min_n,
        n_slices=search.n_slices,
        n_ranked=search.n_ranked,
        n_considered=search.n_considered,
        rows=confirm_slices(search, losses, columns, confirming, rule, alike),
    )


def row_losses(labels: Any, scores: Any, loss: Loss, threshold: float) -> Any:
    """Return the loss of each row, float64 [n_rows], NumPy or CuPy as labels and scores are; NaN where the score is.

    log_loss: natural, clipped at 1e-15. squared_error: (score - label)². absolute_error: |score - label|. zero_one: 1 where the prediction
    is wrong, at the threshold or, with several classes, the first with the highest score.

    >>> row_losses(np.array([1, 0], np.int8), np.array([0.25, 0.25], np.float32), "squared_error", 0.5).tolist()
    [0.5625, 0.0625]
    """
    xp, scores, _ = library_of(scores)
    wide = scores.astype(xp.float64)
    if loss in ("squared_error", "absolute_error"):
        error = wide - labels
        return xp.square(error) if loss == "squared_error" else xp.abs(error)
    if loss == "zero_one":
        predicted = scores.argmax(axis=1) if scores.ndim == 2 else (scores >= np.float32(threshold)).astype(xp.int8)
        unknown = xp.isnan(wide).any(axis=1) if scores.ndim == 2 else xp.isnan(wide)
        return xp.where(unknown, math.nan, (predicted != labels).astype(xp.float64))
    of_label = wide[xp.arange(len(labels)), labels] if scores.ndim == 2 else xp.where(labels == 1, wide, 1.0 - wide)
    return -xp.log(of_label.clip(_CLIP, 1.0 - _CLIP if scores.ndim == 1 else 1.0))


def sliced_columns(slice_ids: NDArray[Any], grid: Grid, rows: NDArray[np.intp]) -> tuple[SearchColumn, ...]:
    """Return the slice columns of the replay on these rows; all rows together and crosses are left out."""
    by = np.array(grid.slice_by, dtype=object)
    names = list(dict.fromkeys(grid.slice_by))  # in the order of the columns of slice_ids
    columns = []
    for j, name in enumerate(names):
        own = np.flatnonzero(by == name)
        is_cross = "*" in name and all(part in names for part in name.split("*"))
        if j > 0 and not is_cross:
            values = grid.slice_value[int(own[0]) : int(own[-1]) + 1]
            columns.append(sliced_column(name, slice_ids[rows, j], int(own[0]), values))
    return tuple(columns)


def feature_columns(
    features: Sequence[Features], rows: NDArray[np.intp], for_edges: NDArray[np.intp], n_bins: int, taken: set[str]
) -> tuple[SearchColumn, ...]:
    """Return the features on these rows, those named in `taken` left out and each name once; `for_edges` counts within `rows`."""
    columns, seen = [], set(taken)
    for names, tensor in features:
        for j, name in enumerate(names):
            if name in seen:
                continue
            seen.add(name)
            values = tensor[rows, j]
            columns.append(text_column(name, values) if values.dtype == object else number_column(name, values, for_edges, n_bins))
    return tuple(columns)
