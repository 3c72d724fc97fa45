"""How far two samples of a column are apart: the exact two-sample Kolmogorov-Smirnov statistic and the exact Wasserstein-1 distance.

Contract
--------
reference, current float32, float64 or int64 of one dtype, 1-D, finite, NumPy or CUDA; -0 and 0 are one value; integers are ordered as
integers, beyond 2**53 too. n * m, the rows of the sides, below 2**62. A side without rows: NaN. A value that is NaN or infinite: ValueError.
The area between the distribution functions is inf where gaps between values leave float64.
CPU: rows are counted in buckets (`two_sample_buckets.py`); at the borders of buckets both functions are known, and only rows of the
buckets in which the greatest distance may stand, or the difference change its sign, are sorted and walked. Few rows, few different
values and extreme ones are sorted as a whole. CUDA: all rows are sorted, by CuPy, and one thread walks one piece of the merged order.
Agreement: ks, ks_at *exact* for any row order, threads and device; wasserstein the same bits for any number of threads, else *close*,
rtol 1e-12.

Source: Kolmogorov-Smirnov: Conover 1999, "Practical Nonparametric Statistics", 3rd ed., section 6.3. Wasserstein-1 as the area between
the distribution functions: Vallender 1974, "Calculation of the Wasserstein distance between probability distributions on the line".
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.array_library import library_of
from kernels.chunks import run_in_order, thread_count
from kernels.devices import is_on_cuda
from kernels.two_sample_buckets import Bucketed, BucketMap, bucket_map, bucketed, fits, sorted_rows
from kernels.two_sample_open import mark_open_buckets, walk_buckets
from kernels.two_sample_runs import Runs, runs_of, walk_runs
from kernels.two_sample_walk import scale_of, walk_rows

FEW_ROWS = 1 << 16  # of both sides: below, sorting takes less time than the tables of the buckets
PIECE_ROWS, CUDA_PIECE_ROWS = 1 << 18, 1 << 10
ROWS_PER_RUN = 4  # from which a walk by value takes less time than one by row
MAX_PRODUCT = 1 << 62  # of the rows of both sides, so that distances are int64
DTYPES = ("float32", "float64", "int64")


@dataclass(frozen=True)
class TwoSampleResult:
    """What `two_sample` leaves.

    ks: greatest distance of the two distribution functions, 0 .. 1; NaN where a side is empty. ks_at: the first value at which it stands,
    as float64. wasserstein: area between the two distribution functions, in the unit of the values. n_reference, n_current: rows.
    """

    ks: float
    ks_at: float
    wasserstein: float
    n_reference: int
    n_current: int


@dataclass(frozen=True)
class OrderedSample:
    """A sample that is compared with many others, sorted and counted once; of `ordered_sample`.

    values [n_rows], ascending, in their own dtype; the buckets, and the side counted in them; or the runs of equal values. None: not found
    worth it.
    """

    values: NDArray[Any]
    buckets: BucketMap | None = None
    side: Bucketed | None = None
    runs: Runs | None = None


def range_of(name: str, values: Any) -> tuple[Any, Any] | None:
    """Return the lowest and the highest value of an array that is as in the contract; None without rows, and on a card.

    Raises
    ------
    TypeError, ValueError
        As in `two_sample`.

    >>> range_of("reference", np.array([3, 1, 2]))
    (np.int64(1), np.int64(3))
    """
    if str(values.dtype) not in DTYPES:
        raise TypeError(f"{name} has dtype {values.dtype}; wanted {', '.join(DTYPES)}: convert it once, before it is compared")
    if len(values.shape) != 1:
        raise ValueError(f"{name} has shape {values.shape}; wanted one dimension: pass one column at a time")
    if is_on_cuda(values) or len(values) == 0:
        return None
    return finite(name, values.min(), values.max())


def finite(name: str, lowest: Any, highest: Any) -> tuple[Any, Any]:
    """Return the two ends of the values, or raise ValueError unless they are finite."""
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError(f"{name} holds NaN or infinite values; wanted finite ones: count and leave out the others first")
    return lowest, highest


def ordered_sample(values: NDArray[Any], *, n_threads: int = 1) -> OrderedSample:
    """Sort a sample and count it in buckets once, so that comparing it costs little more than a pass over the other side.

    Parameters
    ----------
    values : float32, float64 or int64 [n_rows], finite, NumPy
    n_threads : None for every core; of the counting

    Raises
    ------
    TypeError, ValueError
        As in `two_sample`.

    >>> order = ordered_sample(np.array([3.0, 1.0, 2.0, 2.0]))
    >>> order.values.tolist()
    [1.0, 2.0, 2.0, 3.0]
    >>> two_sample(order, np.array([2.0, 5.0])).ks
    0.5
    """
    ends = range_of("values", values)
    ordered = np.sort(values)
    buckets = bucket_map(ordered) if ends else None
    if buckets is None or not fits(buckets, ends):
        return OrderedSample(ordered, runs=runs_of(ordered, len(ordered) // ROWS_PER_RUN))
    return OrderedSample(ordered, buckets, bucketed(ordered, buckets, are_sorted=True, n_threads=thread_count(n_threads)))


def two_sample(reference: Any, current: Any, *, n_threads: int = 1) -> TwoSampleResult:
    """Compare the distribution functions F of the reference and G of the current values.

    Formula: ks = max |F(x) - G(x)|, wasserstein = integral of |F(x) - G(x)| dx.

    Parameters
    ----------
    reference : float32, float64 or int64 [n_reference], finite; NumPy, CUDA, or an `OrderedSample`
    current : the same dtype [n_current], and where reference is
    n_threads : None for every core

    Raises
    ------
    TypeError
        A dtype is another, or the two differ.
    ValueError
        A shape has not one dimension; a value is NaN or infinite; n_reference * n_current is 2**62 or more.

    Undefined (NaN) when a side has no rows.

    >>> two_sample(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 4.0, 5.0]))  # F is 1/2 ahead from 2 on; areas 1/4 1/2 1/2 1/4
    TwoSampleResult(ks=0.5, ks_at=2.0, wasserstein=1.5, n_reference=4, n_current=4)
    """
    order = reference if isinstance(reference, OrderedSample) else None
    reference = order.values if order else reference
    ends = None if order else range_of("reference", reference)
    current_ends = range_of("current", current)
    n, m, n_threads = int(reference.shape[0]), int(current.shape[0]), thread_count(n_threads)
    if reference.dtype != current.dtype or is_on_cuda(reference) != is_on_cuda(current):
        raise TypeError(f"reference is {reference.dtype} and current {current.dtype}; wanted one dtype, and both on one device")
    if n * m >= MAX_PRODUCT:
        raise ValueError(f"{n:,} reference rows times {m:,} current rows; wanted a product below 2**62: compare shorter stretches")
    if n == 0 or m == 0:
        return TwoSampleResult(np.nan, np.nan, np.nan, n, m)
    if is_on_cuda(reference):
        rows = sorted_on_card("reference", reference), sorted_on_card("current", current)
        return _result(*walk_rows(*rows, CUDA_PIECE_ROWS, n_threads), n, m)
    buckets = order.buckets if order else bucket_map(reference) if n + m >= FEW_ROWS else None
    if buckets is None or not (fits(buckets, current_ends) and fits(buckets, ends)):
        return _from_sorted(order, reference, current, n_threads)
    count = functools.partial(bucketed, buckets=buckets, n_threads=n_threads)
    if order and order.side:
        return _from_buckets(order.side, count(current), buckets)
    first, second = _both(count, reference, current, n_threads)
    return _from_buckets(first, second, buckets)


def _both(work: Callable[[NDArray[Any]], Any], reference: NDArray[Any], current: NDArray[Any], n_threads: int) -> list[Any]:
    return list(run_in_order(lambda side: work((reference, current)[side]), 2, n_threads))


def _from_buckets(reference: Bucketed, current: Bucketed, buckets: BucketMap) -> TwoSampleResult:
    counts, sums = np.stack([reference.counts, current.counts]), np.stack([reference.sums, current.sums])
    is_open = np.zeros(counts.shape[1], np.bool_)
    mark_open_buckets(counts, is_open)
    rows = sorted_rows(reference, is_open), sorted_rows(current, is_open)
    greatest, at, area = walk_buckets(counts, sums, buckets.borders, is_open, buckets.centre, *rows)
    n, m = len(reference.values), len(current.values)
    return _result(greatest, at, area, n, m)


def _result(greatest: Any, at: Any, area: Any, n: int, m: int) -> TwoSampleResult:
    """Return the result of the greatest distance and the scaled area that a walk leaves."""
    return TwoSampleResult(int(greatest) / (n * m), float(at) + 0.0, float(area) / (scale_of(n, m) * n * m), n, m)  # of -0 and 0 always 0


def _from_sorted(order: OrderedSample | None, reference: NDArray[Any], current: NDArray[Any], n_threads: int) -> TwoSampleResult:
    """Compare by value where there are few different ones, else row by row."""
    n, m = len(reference), len(current)
    first, second = (reference, np.sort(current)) if order else _both(np.sort, reference, current, n_threads)
    most = (n + m) // ROWS_PER_RUN
    runs = order.runs if order else runs_of(first, most) if n + m >= FEW_ROWS else None
    other_runs = runs_of(second, most - len(runs.values)) if runs else None
    if runs and other_runs:
        greatest, at, area = walk_runs(*runs, *other_runs)
        return _result(greatest, at, area, n, m)
    return _result(*walk_rows(_widened(first), _widened(second), PIECE_ROWS, n_threads), n, m)


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """Return float32 as float64, in which differences of two of them are taken."""
    return values.astype(np.float64) if values.dtype == np.float32 else values


def sorted_on_card(name: str, values: Any) -> Any:
    """Return CUDA values ascending, float32 as float64, sorted by CuPy."""
    xp, values, back = library_of(values)
    ordered = xp.sort(values)
    finite(name, ordered[0].item(), ordered[-1].item())  # NaN comes last
    return back(ordered.astype(xp.float64) if ordered.dtype == xp.float32 else ordered)
