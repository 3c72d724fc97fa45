"""The automatic search for the slices in which a variant is worst: what goes in and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Ranking = Literal["lower_bound", "sliceline"]


@dataclass(frozen=True)
class SearchColumn:
    """One column to search: `values` names the ids; `ids` is uint8, uint16 or int32 [n_rows], dense from 0."""

    name: str
    values: tuple[str, ...]
    ids: NDArray[Any]


@dataclass(frozen=True)
class SearchRule:
    """How slices are searched, carried to confirmation and confirmed.

    Args:
        ranking: lower_bound, of the difference to the rest of the rows, or sliceline, its score at `alpha`.
        n_carried: slices carried to confirmation, the family of Holm's correction.
        min_n: rows that a slice needs in the search half; None: max(32, n / 100), SliceLine's minimum support.
        min_n_confirm: rows that a slice and the rest need in the confirmation half.
        confidence: of the two-sided intervals; a slice is confirmed at a one-sided (1 - confidence) / 2.
        alpha: weight of the error against the size in SliceLine's score.
        pairs: False searches single columns alone.
        seed: of the split into halves.
    """

    ranking: Ranking = "lower_bound"
    n_carried: int = 10
    min_n: int | None = None
    min_n_confirm: int = 30
    confidence: float = 0.95
    alpha: float = 0.95
    pairs: bool = True
    seed: int = 0


@dataclass(frozen=True)
class SliceCondition:
    """One column of a slice and the value that it asks for: numbers of the column and of its value."""

    column: int
    value: int


@dataclass(frozen=True)
class SliceCandidate:
    """A slice as the search half shows it; these figures are optimistic, since they chose the slice."""

    conditions: tuple[SliceCondition, ...]
    n: int
    mean_loss: float
    difference: float
    lower_bound: float
    sliceline_score: float


@dataclass(frozen=True)
class SliceSearch:
    """What the search half gave: candidates, worst first, and what they were chosen from.

    Args:
        n_slices: slices that had `min_n` rows, the rest too.
        n_ranked: of these, the ones that rank above 0 and, if pairs, are worse than both of their columns alone.
        n_considered: of these, the ones looked at row by row before `n_carried` were found.
    """

    candidates: tuple[SliceCandidate, ...]
    n_rows: int
    min_n: int
    mean_loss: float
    n_slices: int
    n_ranked: int
    n_considered: int


@dataclass(frozen=True)
class WorstSliceRow:
    """One slice that was found on one half of the rows and put to the test on the other.

    `*_search` are figures of the search half, all others of the confirmation half. `difference` is the mean loss of the slice minus
    that of the rest of the rows; NaN where it is not defined, and then `undefined_reason` says why.
    """

    rank: int
    slice_by: str
    slice_value: str
    n_search: int
    mean_loss_search: float
    difference_search: float
    lower_bound_search: float
    sliceline_score_search: float
    n: int
    mean_loss: float
    rest_mean_loss: float
    difference: float
    ci_low: float
    ci_high: float
    simultaneous_low: float
    simultaneous_high: float
    ci_method: str
    p_value: float
    p_value_corrected: float
    is_confirmed: bool
    undefined_reason: str | None


@dataclass(frozen=True)
class WorstSlices:
    """The worst slices of one loss of one variant, worst first, with what is needed to do the search again.

    Args:
        loss: "log_loss", "squared_error" or "zero_one", with " - champion" where it is a paired difference.
        split_by: "row" or "cluster".
        n_left_out: judged rows without a finite loss.
        n_edge_rows: rows that the edges of the quantile bins were read from; 0 without numeric columns.
    """

    variant: str
    loss: str
    rule: SearchRule
    split_by: str
    columns: tuple[str, ...]
    n_search: int
    n_confirm: int
    n_left_out: int
    n_edge_rows: int
    min_n: int
    n_slices: int
    n_ranked: int
    n_considered: int
    rows: tuple[WorstSliceRow, ...]


@dataclass(frozen=True)
class WorstSlicesNote:
    """The search of one variant in brief; slices that were confirmed, worst first, as (name, n, difference, low, high)."""

    variant: str
    loss: str
    n_search: int
    n_confirm: int
    n_slices: int
    n_carried: int
    confirmed: tuple[tuple[str, int, float, float, float], ...]
