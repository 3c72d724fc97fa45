"""Runs the rules of a card on the CPU, compiled, a column of a piece after the other: what the drivers of `kernels.devices` do there."""

from __future__ import annotations

import numpy as np


def merged(rule, merge, starts, columns, arguments, empty, total, more):
    """As `devices.merged_on_cuda`."""
    total = total.copy()
    for piece in range(len(starts) - 1):
        table = empty.copy()
        for column in range(*columns):
            rule(starts[piece], starts[piece + 1], column, column + 1, *arguments, table)
        for cell in range(len(total)):
            merge(piece, cell, table[cell], total[cell], *more)
    return total


def use_host(monkeypatch, *modules):
    """Let modules that take these names from `kernels.devices` have them from here; an array of a card is one of NumPy."""
    stand_ins = {"merged_on_cuda": merged, "device_empty": lambda shape, dtype: np.full(shape, np.nan, dtype)}
    stand_ins |= dict.fromkeys(("to_device", "to_host"), lambda array: array)
    for module in modules:
        for name, stand_in in stand_ins.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, stand_in)
