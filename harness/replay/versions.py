"""Which version of the live model answered, where the log says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.replay.categories import categories

MAX_VERSIONS = 10_000  # three new versions a day for nine years; a column with more holds something else, a request id say


class VersionReader:
    """Numbers the versions in the order in which they are met; `order` gives them their final order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ids: dict[str, int] = {}

    def decode(self, column: pa.Array) -> NDArray[np.int32]:
        """Return the number of each row's version, int32 [n], -1 where none was logged.

        Raises
        ------
        ReplayError
            When there are more than `MAX_VERSIONS`.
        """
        found = categories(column)
        table = np.full(len(found.values) + 1, -1, np.int32)
        for code in np.unique(found.codes[found.codes >= 0]).tolist():
            if found.values[code] is not None:
                table[code] = self._ids.setdefault(_text(found.values[code]), len(self._ids))
        if len(self._ids) > MAX_VERSIONS:
            raise ReplayError(
                f"replay.production.version: column '{self.name}' has more than {MAX_VERSIONS:,} values, wanted the version of the model that"
                " answered; name another column, or null"
            )
        return table[found.codes]

    def order(self) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Return the final number of each version by its present one, and the names in final order: numbers by size, then texts.

        >>> reader = VersionReader("version")
        >>> reader.decode(pa.array([10, None, 9, 10])).tolist(), reader.order()[1]
        ([0, -1, 1, 0], ('9', '10'))
        """
        names = sorted(self._ids, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))
        remap = np.empty(len(names), np.int32)
        for final, name in enumerate(names):
            remap[self._ids[name]] = final
        return remap, tuple(names)


def _text(value: Any) -> str:
    """Return a version's name; an integer column with nulls is often written as floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
