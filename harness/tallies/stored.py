"""Tallies as flat named arrays, so that they can be kept in a file of columns and read back without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.records.tally import N_BINS, BinaryTally, Moments, PairedTally, RankSums

_SHAPES: dict[str, tuple[int, ...]] = {"confusion": (2, 2), "cells": (2, 2, 2)}
_FLOATS = frozenset({"bin_score", "mean", "m2"})
_BINNED = ("bin_n", "bin_positive", "bin_score")


def to_columns(tally: BinaryTally | PairedTally) -> dict[str, NDArray[Any]]:
    """Return the tally's arrays by name, int64 or float64, [n_cells] or [n_cells, k]; inner records as `outer.inner`.

    >>> from harness.records.tally import Grid
    >>> from harness.tallies.binary import tally_binary
    >>> grid, labels = Grid(("all",), ("all",), ("all",)), np.array([1], np.int8)
    >>> tally = tally_binary(np.array([0.5], np.float32), labels, np.zeros((1, 1), np.uint16), None, grid, 0.5, with_ranks=False)
    >>> list(to_columns(tally))
    ['confusion', 'bin_n', 'bin_positive', 'bin_score', 'log_loss.mean', 'log_loss.m2', 'brier.mean', 'brier.m2']
    """
    columns: dict[str, NDArray[Any]] = {}
    for field in fields(tally):
        value = getattr(tally, field.name)
        if isinstance(value, np.ndarray):
            columns[field.name] = value.reshape(len(value), -1) if value.ndim > 1 else value
        elif value is not None:
            columns.update({f"{field.name}.{inner.name}": getattr(value, inner.name) for inner in fields(value)})
    return columns


def _column(columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in columns:
        raise ResultsError(f"stored tally: no column '{name}'; columns are: {', '.join(columns)}; run the sweep again with force=true")
    last = name.rsplit(".", 1)[-1]
    shape = _SHAPES.get(name, (N_BINS,) if name in _BINNED else ())
    return np.asarray(columns[name], np.float64 if last in _FLOATS else np.int64).reshape(-1, *shape)


def _moments(columns: Mapping[str, NDArray[Any]], name: str) -> Moments:
    return Moments(mean=_column(columns, f"{name}.mean"), m2=_column(columns, f"{name}.m2"))


def _ranks(columns: Mapping[str, NDArray[Any]], name: str) -> RankSums:
    return RankSums(**{field.name: _column(columns, f"{name}.{field.name}") for field in fields(RankSums)})


def binary_from_columns(columns: Mapping[str, NDArray[Any]]) -> BinaryTally:
    """Return the tally that `to_columns` took apart.

    Raises
    ------
    ResultsError
        A column is missing.
    """
    return BinaryTally(
        confusion=_column(columns, "confusion"),
        bin_n=_column(columns, "bin_n"),
        bin_positive=_column(columns, "bin_positive"),
        bin_score=_column(columns, "bin_score"),
        log_loss=_moments(columns, "log_loss"),
        brier=_moments(columns, "brier"),
        ranks=_ranks(columns, "ranks") if any(name.startswith("ranks.") for name in columns) else None,
    )


def paired_from_columns(columns: Mapping[str, NDArray[Any]]) -> PairedTally:
    """Return the paired tally that `to_columns` took apart.

    Raises
    ------
    ResultsError
        A column is missing.
    """
    return PairedTally(
        cells=_column(columns, "cells"),
        champion_log_loss=_moments(columns, "champion_log_loss"),
        champion_brier=_moments(columns, "champion_brier"),
        log_loss=_moments(columns, "log_loss"),
        brier=_moments(columns, "brier"),
        champion_ranks=_ranks(columns, "champion_ranks"),
        challenger_ranks=_ranks(columns, "challenger_ranks"),
        cross_a_hi=_column(columns, "cross_a_hi"),
        cross_a_lo=_column(columns, "cross_a_lo"),
        cross_b_hi=_column(columns, "cross_b_hi"),
        cross_b_lo=_column(columns, "cross_b_lo"),
    )
