"""What every kernel asks of its row arrays, checked once, before a compiled loop that checks nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.devices import is_on_cuda


class Rows(NamedTuple):
    """Row arrays that passed the check; on the CPU they are read-only views, so that one specialisation is compiled.

    `window_ids` is int32 [0] where there is only one window.
    """

    scores: Any
    labels: Any
    slice_ids: Any
    window_ids: Any
    n_rows: int
    n_columns: int


def _wanted(name: str, array: Any, dtypes: tuple[str, ...], shape: tuple[int | None, ...]) -> None:
    if str(array.dtype) not in dtypes:
        raise TypeError(f"{name} has dtype {array.dtype}; wanted {' or '.join(dtypes)}: convert it once, before the first batch")
    if len(array.shape) != len(shape) or any(want is not None and got != want for got, want in zip(array.shape, shape, strict=True)):
        raise ValueError(f"{name} has shape {array.shape}; wanted {shape}, where None is free")


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def check_ids(name: str, ids: NDArray[Any], limit: int) -> None:
    """Raise ValueError unless every id is in [0, limit); a compiled loop would write outside its table."""
    if ids.size and (int(ids.max()) >= limit or int(ids.min()) < 0):
        raise ValueError(f"{name} holds {int(ids.min())}..{int(ids.max())}; wanted 0..{limit - 1}: the grid and the ids are of two replays")


def check_rows(scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int) -> Rows:
    """Return the row arrays ready for a compiled loop, or say what is wrong with them.

    Parameters
    ----------
    scores : float32 [n_rows]
    labels : int8 [n_rows]
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1

    Raises
    ------
    TypeError
        A dtype is not the one above.
    ValueError
        A shape is not the one above, or an id is outside the grid. Ids on a CUDA device are not looked at.
    """
    n_rows = int(scores.shape[0])
    _wanted("scores", scores, ("float32",), (None,))
    _wanted("labels", labels, ("int8",), (n_rows,))
    return _checked(scores, labels, slice_ids, window_ids, n_slices, n_windows)


def check_class_rows(scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int) -> Rows:
    """Return the row arrays of several classes ready for a compiled loop; as `check_rows`.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes]
    labels : int32 [n_rows]

    Raises
    ------
    TypeError, ValueError
        As in `check_rows`.
    """
    scores, labels = check_class_scores(scores, labels)
    return _checked(scores, labels, slice_ids, window_ids, n_slices, n_windows)


def check_class_scores(scores: Any, labels: Any) -> tuple[Any, Any]:
    """Return scores float32 [n_rows, n_classes] and labels int32 [n_rows] ready for a compiled loop; as `check_class_rows`."""
    _wanted("scores", scores, ("float32",), (None, None))
    _wanted("labels", labels, ("int32",), (int(scores.shape[0]),))
    return (scores, labels) if is_on_cuda(scores) else (_frozen(scores), _frozen(labels))


def _checked(scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int) -> Rows:
    on_cuda = is_on_cuda(scores)
    n_rows = int(scores.shape[0])
    _wanted("slice_ids", slice_ids, ("uint16", "int32"), (n_rows, None))
    if (window_ids is None) != (n_windows == 1):
        raise ValueError(f"n_windows is {n_windows} and window_ids is {'None' if window_ids is None else 'given'}; give both or neither")
    if window_ids is None:
        window_ids = np.zeros(0, np.int32)
    else:
        _wanted("window_ids", window_ids, ("int32",), (n_rows,))
    if on_cuda:
        return Rows(scores, labels, slice_ids, window_ids, n_rows, int(slice_ids.shape[1]))
    check_ids("slice_ids", slice_ids, n_slices)
    check_ids("window_ids", window_ids, n_windows)
    return Rows(_frozen(scores), _frozen(labels), _frozen(slice_ids), _frozen(window_ids), n_rows, int(slice_ids.shape[1]))
