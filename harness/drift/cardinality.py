"""How many different values a column has: exact up to a limit, then an estimate that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.profile import Cardinality

LIMIT = 10_000  # values that are counted one by one
LOG2_REGISTERS = 12  # 4,096 registers: a relative standard error of 1.04 / 64
SHARE_LOG2 = 6  # of numbers, one of 64 different values goes into the sketch, chosen by its bits: it takes one value at a time
_CHUNK = 1 << 18
_NUMBERS, _TEXTS, _SKETCH_NUMBERS, _SKETCH_TEXTS = b"n", b"t", b"N", b"T"


def number_cardinality(values: NDArray[Any]) -> Cardinality:
    """Count the different values of a number or a time.

    Beyond 10,000 the estimate is 64 times that of HyperLogLog over the values whose mixed bits fall into one 64th of their range: a value is in
    it or not wherever it stands, so that estimates of parts add. Relative standard error: sqrt(64 / n_distinct + 0.016^2), 8 % at 10,000 and 2 % from
    a million on. Source: Flajolet, Fusy, Gandouet & Meunier 2007, "HyperLogLog"; Apache DataSketches.

    Parameters
    ----------
    values : float32, float64 or int64 [n]
        Without missing values; -0 is 0.

    Examples
    --------
    >>> number_cardinality(np.array([1.0, 2.0, 2.0, -0.0, 0.0])).n_distinct
    3.0
    """
    seen = np.zeros(0, np.uint64)
    start, n = 0, 2 * LIMIT  # a column of many values shows it at once
    while start < len(values):
        seen = _distinct(np.concatenate([seen, _distinct(_bits(values[start : start + n]))]))
        if len(seen) > LIMIT:
            parts = (values[i : i + _CHUNK] for i in range(0, len(values), _CHUNK))
            chosen = [_distinct(_chosen(_bits(part))) for part in parts]
            return _estimated(_sketch(_distinct(np.concatenate(chosen)).tolist()), _SKETCH_NUMBERS)
        start, n = start + n, _CHUNK
    return Cardinality(float(len(seen)), "exact", _NUMBERS + seen.tobytes())


def text_cardinality(names: Iterable[str]) -> Cardinality:
    """Count different texts, given once each; beyond 10,000 by HyperLogLog with a relative standard error of 1.6 %.

    >>> text_cardinality(["a", "b"]).n_distinct
    2.0
    """
    found = sorted(names)
    if len(found) <= LIMIT:
        return Cardinality(float(len(found)), "exact", _TEXTS + json.dumps(found).encode())
    return _estimated(_sketch(found), _SKETCH_TEXTS)


def joined_cardinality(a: Cardinality, b: Cardinality) -> Cardinality:
    """Count the different values of two parts together.

    Raises
    ------
    ValueError
        When one is of numbers and the other of texts.

    Examples
    --------
    >>> joined_cardinality(text_cardinality(["a", "b"]), text_cardinality(["b", "c"])).n_distinct
    3.0
    """
    kinds = {part.sketch[:1].lower() for part in (a, b)}
    if len(kinds) > 1:
        raise ValueError("one part counts numbers and the other texts; wanted profiles of one column with one type")
    is_text = kinds == {_TEXTS}
    if a.method == b.method == "exact":
        values = sorted({*_values(a), *_values(b)})
        if len(values) <= LIMIT:
            body = json.dumps(values).encode() if is_text else np.array(values, np.uint64).tobytes()
            return Cardinality(float(len(values)), "exact", (_TEXTS if is_text else _NUMBERS) + body)
    return _united([_as_sketch(part, is_text) for part in (a, b)], _SKETCH_TEXTS if is_text else _SKETCH_NUMBERS)


def _bits(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return one word per value, equal for equal numbers of any dtype."""
    if values.dtype.kind == "f":
        return (values.astype(np.float64) + 0.0).view(np.uint64)  # adding 0 turns -0 into 0
    near = values.astype(np.float64)
    fits = near < 2.0**63  # what rounds up to 2**63 has no int64
    is_exact = fits & (np.where(fits, near, 0.0).astype(np.int64) == values)
    return np.where(is_exact, (near + 0.0).view(np.uint64), values.view(np.uint64))


def _distinct(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the different words in order; NumPy's `unique` counts by hash, which takes five times as long here."""
    ordered = np.sort(words)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _chosen(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the words that go into a sketch of numbers: those whose mixed bits are small.

    The mixing is a fold and a multiplication by 2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, section 6.4).
    """
    mixed = (bits ^ (bits >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return bits[mixed < np.uint64(1 << (64 - SHARE_LOG2))]


def _sketch(values: Iterable[Any]) -> Any:
    from datasketches import hll_sketch

    found = hll_sketch(LOG2_REGISTERS)
    update = found.update
    for value in values:
        update(_signed(value) if isinstance(value, int) else value)
    return found


def _signed(word: int) -> int:
    return word - (1 << 64) if word >= 1 << 63 else word


def _estimated(sketch: Any, kind: bytes) -> Cardinality:
    scale = 1.0 if kind == _SKETCH_TEXTS else float(1 << SHARE_LOG2)
    return Cardinality(scale * float(sketch.get_estimate()), "hyperloglog", kind + bytes(sketch.serialize_compact()))


def _united(sketches: list[Any], kind: bytes) -> Cardinality:
    from datasketches import hll_union

    union = hll_union(LOG2_REGISTERS)
    for sketch in sketches:
        union.update(sketch)
    return _estimated(union.get_result(), kind)


def _values(part: Cardinality) -> list[Any]:
    if part.sketch[:1] == _TEXTS:
        return list(json.loads(part.sketch[1:]))
    return list(np.frombuffer(part.sketch[1:], np.uint64).tolist())


def _as_sketch(part: Cardinality, is_text: bool) -> Any:
    from datasketches import hll_sketch

    if part.method == "hyperloglog":
        return hll_sketch.deserialize(part.sketch[1:])
    if is_text:
        return _sketch(_values(part))
    return _sketch(_chosen(np.frombuffer(part.sketch[1:], np.uint64)).tolist())
