"""From the values of four outcomes to what a row of every case is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.gain.fields import Amount
from harness.gain.row_worth import CaseWorth

OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")
_AT = {"true_negative": (0, 0), "false_positive": (0, 1), "false_negative": (1, 0), "true_positive": (1, 1)}  # [label, decision]


@dataclass(frozen=True)
class DecisionWorth:
    """What a decision on a row is worth: `constant`, plus the row's amounts times `weight`.

    Args:
        constant: float64 [2, 2], indexed [label, decision].
        weight: float64 [2, 2, k].
    """

    constant: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def turn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What flagging a row rather than not adds, by label: a constant [2], and per unit of each amount [2, k]."""
        return self.constant[:, 1] - self.constant[:, 0], self.weight[:, 1] - self.weight[:, 0]


def decision_worth(outcomes: Mapping[str, float | Amount], amounts: tuple[str, ...]) -> DecisionWorth:
    """Return what decisions are worth, the columns of amounts in the order of `amounts`.

    >>> worth = decision_worth({"true_positive": Amount("amount"), "false_positive": -3.0, "false_negative": 0.0, "true_negative": 0.0}, ("amount",))
    >>> worth.constant.tolist(), worth.weight[..., 0].tolist()
    ([[0.0, -3.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]])
    """
    constant, weight = np.zeros((2, 2)), np.zeros((2, 2, len(amounts)))
    for name, at in _AT.items():
        value = outcomes[name]
        if isinstance(value, Amount):
            weight[(*at, amounts.index(value.column))] = value.times
        else:
            constant[at] = value
    return DecisionWorth(constant, weight)


def over_policy(worth: DecisionWorth, decided: int | None) -> CaseWorth:
    """Return the worth of a row less that of the policy's decision on it, by case [label, policy's decision, own decision].

    `decided` is what the policy decides for every row; None: what the case says.
    """
    return CaseWorth(_over(worth.constant, decided), _over(worth.weight, decided))


def _over(values: NDArray[np.float64], decided: int | None) -> NDArray[np.float64]:
    policy = values[:, :, None] if decided is None else np.repeat(values[:, [decided], None], 2, axis=1)
    return np.asarray((values[:, None, :] - policy).reshape(8, *values.shape[2:]), np.float64)


def right_over_wrong(worth: DecisionWorth) -> CaseWorth:
    """Return the worth of the right decision less that of the wrong one, by the same cases."""
    label = np.arange(2)
    found = (values[label, label] - values[label, 1 - label] for values in (worth.constant, worth.weight))
    return CaseWorth(*(np.repeat(cost, 4, axis=0) for cost in found))


def figure_name(outcome: str, value: float | Amount) -> str:
    """Return the name of the number in a value.

    >>> figure_name("false_negative", Amount("amount", -1.0))
    'false_negative.times'
    """
    return f"{outcome}.times" if isinstance(value, Amount) else outcome


def figure_of(value: float | Amount) -> float:
    """Return the number in a value."""
    return value.times if isinstance(value, Amount) else value


def with_figure(value: float | Amount, figure: float) -> float | Amount:
    """Return the value with another number in it."""
    return replace(value, times=float(figure)) if isinstance(value, Amount) else float(figure)
