"""Keeps what was found of a reference while windows are compared with it, one after the other."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

from harness.records.drift import ColumnPair, Sample

Fit = TypeVar("Fit")


class _Kept(threading.local):
    """Fits of the reference that this thread looked at last, by what was asked and number of reference windows."""

    reference: weakref.ref[Sample] | None = None
    fits: dict[object, object]


_KEPT = _Kept()


def fitted(asked: object, pair: ColumnPair, fit: Callable[[ColumnPair], Fit]) -> Fit:
    """Return what `fit` finds of a pair's reference, found once for all pairs that share the reference `Sample` itself.

    One column's windows come one after the other, each with the same reference: the fits of one reference are kept in each thread, and go
    with it.

    Parameters
    ----------
    asked
        What is found, hashable: a statistic with its fields, or a name.
    fit
        Reads the reference and its windows alone, and what it returns holds neither.
    """
    if _KEPT.reference is None or _KEPT.reference() is not pair.reference:
        _KEPT.reference, _KEPT.fits = weakref.ref(pair.reference), {}
    key = (asked, len(pair.reference_windows))
    if key not in _KEPT.fits:
        _KEPT.fits[key] = fit(pair)
    return _KEPT.fits[key]  # type: ignore[return-value]  # what the `fit` of this question returned
