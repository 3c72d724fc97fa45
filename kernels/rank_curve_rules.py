"""The record of a cell of the rank curve, and the scalar rules by which the rows of one score are taken into it, on the CPU and on a card.

Contract
--------
A record is float64 [N_RECORD] (of a piece on a card [N_PART]); all counts stay below 2**53, so that they are exact. Scores are taken from the
lowest to the highest, all rows of a cell that have one score together. Agreement: as in `rank_curve`.
"""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

N_RANK_BINS = 60
# The float64 record of a cell; all counts stay below 2**53. Rows below (negative and positive), rows of the open group of equal
# scores, totals, then what the cuts allow, then the sums; three words a bin follow.
BELOW, OPEN, TOTAL, ALLOWED_NEGATIVES, TOP_ROWS = 0, 2, 4, 6, 7
PRECISION, RAISED_BY_POSITIVE, LOWERED_BY_NEGATIVE, INFLUENCE, INFLUENCE_2 = 8, 9, 10, 11, 12
# BIN is the first word of the bin at hand; 60 * (2 * rows below + rows of a score) reaches BIN_END where the next one begins.
RECALLED, TOP_POSITIVES, BIN, BIN_END = 13, 14, 15, 16
# Squares of negatives have a sum of their own: many small ones, which the squares of positives would swallow.
LOWERED_2, FIRST_BIN = 17, 18
N_RECORD = 200  # 198 words, padded to whole cache lines
NOT_YET = -1.0


def take_sums(record: NDArray[np.float64], negatives: float, positives: float) -> None:
    """Take the rows of one score into the sums of a cell; its bins and the rows below are left as they are."""
    selected_negatives = record[TOTAL] - record[BELOW]  # with this score or a higher one
    selected_positives = record[TOTAL + 1] - record[BELOW + 1]
    if positives > 0.0:
        size = negatives + positives
        selected = selected_negatives + selected_positives
        precision = selected_positives / selected
        lowered = positives * precision / selected
        raised = record[RAISED_BY_POSITIVE] + (positives / selected - lowered)
        influence = precision + raised - 1.0  # less 1, so that nothing cancels where precision is near 1
        record[PRECISION] += positives * precision
        record[RAISED_BY_POSITIVE] = raised
        record[LOWERED_BY_NEGATIVE] += lowered
        record[INFLUENCE] += positives * influence
        record[INFLUENCE_2] += positives * influence * influence
        if selected - size < record[TOP_ROWS]:
            taken = min(record[TOP_ROWS] - (selected - size), size)
            record[TOP_POSITIVES] += positives * (taken / size)
    if negatives > 0.0:
        record[LOWERED_2] += negatives * record[LOWERED_BY_NEGATIVE] * record[LOWERED_BY_NEGATIVE]
    if selected_negatives <= record[ALLOWED_NEGATIVES] and record[RECALLED] < 0.0:
        record[RECALLED] = selected_positives


def move_to_bin(record: NDArray[np.float64], size: float) -> None:
    """Move to the bin of the next score, which so many rows have: that of their middle rank."""
    n_rows = record[TOTAL] + record[TOTAL + 1]
    sixty_middles = N_RANK_BINS * (2.0 * (record[BELOW] + record[BELOW + 1]) + size)
    while sixty_middles >= record[BIN_END] and record[BIN] < FIRST_BIN + 3 * (N_RANK_BINS - 1):  # counts of other rows end here too
        record[BIN] += 3.0
        record[BIN_END] += 2.0 * n_rows


# For the rules of a card; the CPU's walk copies both into its loop, which the CUDA compiler cannot.
register_jitable(take_sums)
register_jitable(move_to_bin)


def check_counts(counted: NDArray[np.float64], wanted: NDArray[np.float64]) -> None:
    """Raise ValueError unless as many rows were counted as the caller gave."""
    if not np.array_equal(counted, wanted):
        raise ValueError("n_positive and n_negative are not those of the rows in the order; count the same scores and labels")
