"""Which rows of a log and of its reference are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, ComparedRows
from harness.records.conf import ReplayConf
from harness.records.replay import JUDGED, REFERENCE, LogFiles
from harness.replay.log_side import LogSide, look_at, narrowed
from harness.replay.times import time_text


class Roles(Protocol):
    """What rows are used for: `training` bool [n], and `roles` uint8 [n] with the bits of records/replay.py."""

    @property
    def training(self) -> NDArray[np.bool_]:
        """Rows that a model learned from."""

    @property
    def roles(self) -> NDArray[np.uint8]:
        """Bits of every row."""


RolesOf = Callable[[NDArray[np.int64] | None, int, ReplayConf, int | None], Roles]


@dataclass(frozen=True)
class Found:
    """The rows that are compared, and the logs that they are in: the reference's, where it is another, then the log."""

    rows: ComparedRows
    sides: tuple[LogSide, ...]


def find_rows(log: LogFiles, reference: LogFiles | None, conf: ReplayConf, roles_of: RolesOf, cache_dir: Path) -> Found:
    """Return the rows that are compared: those of the reference log first, else all in the order of the log.

    Parameters
    ----------
    conf
        Without a reference period where `reference` is another log.

    Raises
    ------
    ReplayError
        When a row that is kept has no time, or a file cannot be decoded.
    """
    own = look_at(log, conf, "replay.path", cache_dir, conf.limit)
    roles = roles_of(own.timestamps_us, own.side.n_kept, conf, None)
    is_reference = ((roles.roles & REFERENCE) > 0) & ~roles.training
    is_current = ((roles.roles & JUDGED) > 0) & ~is_reference
    taken = is_reference | is_current
    n_training = int(roles.training.sum())
    left_out = [
        ("beyond replay.limit", own.n_beyond),
        ("left out by replay.where", own.n_filtered),
        ("training period", n_training),
        ("tuning period", len(taken) - int(taken.sum()) - n_training),
    ]
    sides = [narrowed(own.side, taken)]
    side = np.where(is_current, CURRENT_SIDE, REFERENCE_SIDE)[taken].astype(np.int8)
    times = None if own.timestamps_us is None else own.timestamps_us[taken]
    notes = [f"replay.limit={conf.limit}: only the first rows were read"] if own.n_beyond else []
    if reference is not None:
        other = look_at(reference, conf, "replay.reference.path", cache_dir, None)
        left_out.append(("left out of the reference by replay.where", other.n_filtered))
        sides.insert(0, other.side)
        side = np.append(np.full(other.side.n_kept, REFERENCE_SIDE, np.int8), side)
        if times is not None and other.timestamps_us is not None:
            notes += _overlap(other.timestamps_us, times)
            times = np.append(other.timestamps_us, times)
    n_current = int((side == CURRENT_SIDE).sum())
    reasons = tuple((reason, n) for reason, n in left_out if n)
    numbers = np.concatenate([np.flatnonzero(one.keep) for one in sides])
    return Found(ComparedRows(side, times, len(side) - n_current, n_current, reasons, tuple(notes), numbers), tuple(sides))


def refuse_empty(rows: ComparedRows, needs_reference: bool, is_another_log: bool) -> None:
    """Refuse rows that are all on one side, saying why.

    Raises
    ------
    ReplayError
        With what left the other rows out.
    """
    listed = ", ".join(f"{reason}: {n:,}" for reason, n in rows.left_out)
    why = f" ({listed})" if listed else ""
    if rows.n_reference == 0 and needs_reference:
        what = "replay.reference.path: no row of that log" if is_another_log else "replay.reference: no row of the log"
        raise ReplayError(f"{what} is left as reference{why}, wanted at least one; widen the period or replay.where, or name another log")
    if rows.n_current == 0:
        raise ReplayError(f"replay: no row of the log is left to hold against the reference{why}; widen the judged period or replay.where")


def _overlap(reference: NDArray[np.int64], current: NDArray[np.int64]) -> list[str]:
    """Say that the times of two logs overlap, where they do."""
    if not len(reference) or not len(current) or reference.max() < current.min() or current.max() < reference.min():
        return []
    spans = [f"{time_text(int(t.min()), 'us')} to {time_text(int(t.max()), 'us')}" for t in (reference, current)]
    return [f"the reference log ({spans[0]}) and the current rows ({spans[1]}) overlap in time: some rows may be on both sides"]
