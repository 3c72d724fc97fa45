"""Whether a captured graph answers what it is asked: one that holds old addresses repeats its first answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DeviceError

Score = Callable[[Sequence[NDArray[Any]]], NDArray[Any]]
RTOL, ATOL = 1e-4, 1e-6  # a library may choose another algorithm for a product under a capture; scores of other rows are further off


def two_batches(tensors: Sequence[NDArray[Any]], rows: int) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return two whole batches of different rows: the first and the next; a log of less than two ends with the second one, of one it is read backwards.

    Examples
    --------
    >>> [[batch[0].tolist() for batch in two_batches([np.arange(n)], 2)] for n in (5, 3, 2)]
    [[[0, 1], [2, 3]], [[0, 1], [1, 2]], [[0, 1], [1, 0]]]
    """
    n = len(tensors[0])
    start = max(0, min(rows, n - rows))
    second = [t[start : start + rows] if start else t[:rows][::-1] for t in tensors]
    return [t[:rows] for t in tensors], second


def check_graph(captured: Score, plain: Score, first: Sequence[NDArray[Any]], second: Sequence[NDArray[Any]]) -> None:
    """Score two batches in this order and in the other with a session that captures, and compare with one that does not.

    Each of the two buffers captures one batch and then has to answer for the other.

    Parameters
    ----------
    captured, plain : callable
        Score the rows of two whole batches, one after the other.
    first, second : sequence of NDArray
        One array per model input.

    Raises
    ------
    DeviceError
        When the scores differ, or when both batches have the same scores, so that nothing can be told.

    Source: ONNX Runtime, "CUDA Execution Provider", section "Using CUDA Graphs": inputs must stay at the addresses of the capture.

    Examples
    --------
    >>> first, second = [np.array([[1.0], [2.0]])], [np.array([[3.0], [5.0]])]
    >>> check_graph(lambda t: t[0][:, 0], lambda t: t[0][:, 0], first, second)
    >>> check_graph(lambda t: np.array([1.0, 2.0, 3.0, 5.0]), lambda t: t[0][:, 0], first, second)
    Traceback (most recent call last):
    ...
    harness.errors.DeviceError: deploy.cuda_graph: captured scores differ from plain ones by up to 3; set deploy.cuda_graph=false
    """
    for one, other in ((first, second), (second, first)):
        both = [np.concatenate(pair) for pair in zip(one, other, strict=True)]
        wanted = plain(both)
        if np.array_equal(wanted[: len(one[0])], wanted[len(one[0]) :], equal_nan=True):
            raise DeviceError(
                "deploy.cuda_graph: the first two batches have equal scores, so a stale graph cannot be told; set it to false"
            )
        found = captured(both)
        if not np.allclose(found, wanted, rtol=RTOL, atol=ATOL, equal_nan=True):
            worst = float(np.nanmax(np.abs(found - wanted), initial=0.0))
            raise DeviceError(
                f"deploy.cuda_graph: captured scores differ from plain ones by up to {worst:.3g}; set deploy.cuda_graph=false"
            )
