"""The slices of every row: one id per slice column and cross, in one matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.conf import ReplayConf
from harness.records.replay import JUDGED, Categories, RowBatch
from harness.records.tally import ALL
from harness.slicing.blocks import NewArray, RowArray, blocks
from harness.slicing.columns import NO_SLICE, BandEncoder, CategoryEncoder
from harness.slicing.crosses import CrossEncoder

Ids = NDArray[np.int32]


class SliceMatrix:
    """Takes the slice columns of a log batch by batch and leaves the array `slice_ids`; memory does not grow with the rows."""

    def __init__(self, conf: ReplayConf, new_array: NewArray) -> None:
        self._conf, self._new_array = conf, new_array
        self._encoders = [BandEncoder(s) if s.edges else CategoryEncoder(s, conf.max_slices) for s in conf.slice_columns]
        self._columns = [new_array(f"slice-{i}", np.int32, None) for i in range(len(self._encoders))]
        self._remaps: list[Ids] = []

    def add(self, batch: RowBatch, kept: NDArray[np.bool_], in_period: NDArray[np.bool_]) -> None:
        """Add the rows `kept` (bool [n]) of a batch; `in_period` (bool, one per kept row) are the rows of the judged period.

        Only these name slices; rows of other periods are in those of their values that are among them.
        """
        categories, numbers = iter(batch.categories), iter(batch.numbers)
        for encoder, writer in zip(self._encoders, self._columns, strict=True):
            if isinstance(encoder, BandEncoder):
                writer.append(encoder.add(next(numbers)[kept], in_period))
            else:
                column = next(categories)
                writer.append(encoder.add(Categories(column.codes[kept], column.values), in_period))

    def finish(self, roles: NDArray[np.uint8]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write `slice_ids` and return what every slice is cut by, and its value; slice 0 is all rows.

        Parameters
        ----------
        roles
            The bits of records/replay.py of all rows that were added, uint8 [n_rows].

        Raises
        ------
        ReplayError
            When there are more slices than `max_slices`, or two of one name.
        """
        finished = [encoder.finish() for encoder in self._encoders]
        self._remaps = [remap for remap, _ in finished]
        names = {s.column: own for s, (_, own) in zip(self._conf.slice_columns, finished, strict=True)}
        crosses = [CrossEncoder("*".join(columns), [names[c] for c in columns]) for columns in self._conf.crosses]
        self._see(crosses, roles)
        of_columns = [*names.items(), *((encoder.by, encoder.finish(self._conf.max_slices)) for encoder in crosses)]
        self._write(crosses, roles, first_slices(of_columns, self._conf.max_slices))
        for writer in self._columns:
            writer.discard()
        return slice_names(of_columns)

    def _final(self, block: slice) -> dict[str, Ids]:
        found = {}
        for conf, writer, remap in zip(self._conf.slice_columns, self._columns, self._remaps, strict=True):
            found[conf.column] = remap[writer.mapped()[block]]
        return found

    def _see(self, crosses: Sequence[CrossEncoder], roles: NDArray[np.uint8]) -> None:
        for block in blocks(len(roles) if crosses else 0):
            ids, in_period = self._final(block), (roles[block] & JUDGED) > 0
            for encoder, columns in zip(crosses, self._conf.crosses, strict=True):
                encoder.see([ids[c][in_period] for c in columns])

    def _write(self, crosses: Sequence[CrossEncoder], roles: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        dtype = np.uint16 if offsets[-1] <= np.iinfo(np.uint16).max else np.int32
        matrix: RowArray = self._new_array("slice_ids", dtype, len(offsets))
        for block in blocks(len(roles)):
            ids, in_period = self._final(block), (roles[block] & JUDGED) > 0
            rows = np.zeros((len(in_period), len(offsets)), dtype)
            for j, own in enumerate(ids.values()):
                rows[:, j + 1] = np.where(own == NO_SLICE, 0, offsets[j] + own)
            for j, (encoder, columns) in enumerate(zip(crosses, self._conf.crosses, strict=True), len(ids)):
                crossed = np.empty(len(in_period), np.int32)
                crossed[in_period] = encoder.encode([ids[c][in_period] for c in columns])
                crossed[~in_period] = encoder.encode_known([ids[c][~in_period] for c in columns])
                rows[:, j + 1] = np.where(crossed == NO_SLICE, 0, offsets[j] + crossed)
            matrix.append(rows)
        matrix.finish()


def first_slices(of_columns: Sequence[tuple[str, tuple[str, ...]]], max_slices: int) -> NDArray[np.int64]:
    """Return the number of the first slice of every column and cross, and one more than the last, int64 [n_columns + 1]; 0 is all rows.

    Parameters
    ----------
    of_columns
        Name of each column or cross, and the names of its slices.

    Raises
    ------
    ReplayError
        When there are more than `max_slices` in all.
    """
    offsets = 1 + np.cumsum([0, *(len(own) for _, own in of_columns)], dtype=np.int64)
    for (by, _), end in zip(of_columns, offsets[1:].tolist(), strict=True):
        if end - 1 > max_slices:
            raise ReplayError(
                f"replay.slices: {end - 1:,} slices up to {by}, above slices.max_slices={max_slices:,};"
                " slice by fewer or coarser columns, or raise max_slices"
            )
    return offsets


def slice_names(of_columns: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what every slice is cut by, and its value; slice 0 is all rows.

    >>> slice_names([("country", ("DE", "FR")), ("age", ("< 30",))])
    (('all', 'country', 'country', 'age'), ('all', 'DE', 'FR', '< 30'))
    """
    by = [ALL, *(by for by, own in of_columns for _ in own)]
    return tuple(by), (ALL, *(value for _, own in of_columns for value in own))
