"""What the arithmetic instructions of PTX compute, on arrays of lanes; PTX ISA 9.0, sections 9.7.1 to 9.7.9.

Departures: `.approx` of float32 is NumPy's value (a card's is within 2 units in the last place); `.ftz` keeps subnormal numbers.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable

import numpy as np

from tests.support.ptx_program import Instruction, PtxError

_LIBM = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
for _name, _kind in (("fma", ctypes.c_double), ("fmaf", ctypes.c_float)):
    getattr(_LIBM, _name).restype, getattr(_LIBM, _name).argtypes = _kind, [_kind] * 3

COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "lo": np.less, "ls": np.less_equal, "hi": np.greater, "hs": np.greater_equal,
}  # fmt: skip
ROUND = {"rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil, "rni": np.rint}
BITWISE = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}
Operation = Callable[..., np.ndarray]


def unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def compare(one: Instruction, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a `setp` comparison; an ordered one is false and an unordered one (`ltu`) true where a side is NaN."""
    name = one.op[1]
    nan = np.isnan(a) | np.isnan(b) if a.dtype.kind == "f" else False
    if name in ("num", "nan"):
        return nan if name == "nan" else ~nan
    if name in COMPARE:
        return COMPARE[name](a, b) & ~nan if a.dtype.kind == "f" else COMPARE[name](a, b)
    return COMPARE[name[:-1]](a, b) | nan


def convert(one: Instruction, to: np.dtype, value: np.ndarray) -> np.ndarray:
    """Return a `cvt`: to integers it rounds and saturates, NaN gives 0, or the most significant bit where 64 bits take part."""
    rounding = next((part for part in one.op if part in ROUND), None)
    if value.dtype.kind != "f":
        return _saturated(value, to) if "sat" in one.op else value.astype(to)
    if to.kind == "f":
        value = ROUND[rounding](value) if rounding else value
        if any(part in one.op for part in ("rz", "rm", "rp")) and to.itemsize < value.itemsize:
            raise PtxError(f"not known: {one}")
        return (np.clip(value, 0, 1) if "sat" in one.op else value).astype(to)
    if rounding is None:
        raise PtxError(f"not known: {one}")
    limits = np.iinfo(to)
    rounded = ROUND[rounding](value.astype(np.float64))
    high, low, nan = rounded >= float(limits.max), rounded <= float(limits.min), np.isnan(rounded)
    out = np.where(high | low | nan, 0, rounded).astype(to)
    out[high], out[low] = limits.max, limits.min
    is_wide = value.dtype.itemsize == 8 or to.itemsize == 8
    out[nan] = np.array(1 << (8 * to.itemsize - 1), unsigned(to)).view(to) if is_wide else 0
    return out


def _saturated(value: np.ndarray, to: np.dtype) -> np.ndarray:
    limits = np.iinfo(to)
    return np.array([min(max(int(v), limits.min), limits.max) for v in value], to)


def _multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return a * b + c rounded once, as `fma.rn` is."""
    rule = _LIBM.fma if a.dtype.itemsize == 8 else _LIBM.fmaf
    a, b, c = np.broadcast_arrays(a, b, c)
    return np.array([rule(x, y, z) for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)], a.dtype)


def _high(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    bits = 8 * a.dtype.itemsize
    a, b = np.broadcast_arrays(a, b)
    return np.array([((x * y) >> bits) & ((1 << bits) - 1) for x, y in zip(a.tolist(), b.tolist(), strict=True)], unsigned(a.dtype)).view(
        a.dtype
    )


def _wide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    to = np.dtype(f"{a.dtype.kind}{2 * a.dtype.itemsize}")
    return a.astype(to) * b.astype(to)


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a / b
    if (b == 0).any():
        raise PtxError("an integer is divided by zero")
    if a.dtype.kind == "u":
        return a // b
    a, b = np.broadcast_arrays(a, b)
    return (a - np.fmod(a, b)) // b  # towards zero


def _extreme(name: str) -> Operation:
    pick = {"min": np.fmin, "max": np.fmax}[name]

    def extreme(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.dtype.kind != "f":
            return (np.minimum if name == "min" else np.maximum)(a, b)
        out = pick(a, b)
        zero = (a == 0) & (b == 0)  # -0.0 is below +0.0
        negative = np.signbit(a) | np.signbit(b) if name == "min" else np.signbit(a) & np.signbit(b)
        return np.where(zero, np.where(negative, -0.0, 0.0), out).astype(a.dtype)

    return extreme


def shift(one: Instruction, a: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return `shl` or `shr`; a distance beyond the width leaves zeros, or copies of the sign."""
    bits = 8 * a.dtype.itemsize
    near = np.minimum(by, bits - 1).astype(a.dtype)
    if one.op[0] == "shr":
        far = a >> a.dtype.type(bits - 1) if a.dtype.kind == "i" else np.zeros_like(a)
        return np.where(by >= bits, far, a >> near)
    return np.where(by >= bits, np.zeros_like(a), a << near)


def _reciprocal(a: np.ndarray) -> np.ndarray:
    """Return `rcp.approx.ftz.f64`: a coarse 1/a, of which only the upper 32 bits are there (section 9.7.3.16)."""
    high = (a.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
    return ((1.0 / high).view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)


def _bits(value: np.ndarray, rule: Callable[[int, int], int], to: np.dtype) -> np.ndarray:
    width = 8 * value.dtype.itemsize
    return np.array([rule(v, width) for v in value.view(unsigned(value.dtype)).tolist()], to)


def _extract(a: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "i":
        raise PtxError("not known: bfe of signed integers")
    a, start, length = np.broadcast_arrays(a, start, length)
    some = zip(a.tolist(), start.tolist(), length.tolist(), strict=True)
    return np.array([(v >> (s & 255)) & ((1 << (n & 255)) - 1) for v, s, n in some], a.dtype)


def _negated(a: np.ndarray) -> np.ndarray:
    return -a if a.dtype.kind == "f" else (-a.view(unsigned(a.dtype))).view(a.dtype)


UNARY: dict[str, Operation] = {
    "neg": _negated,
    "abs": np.abs,
    "not": np.invert,
    "sqrt": np.sqrt,
    "rsqrt": lambda a: (1 / np.sqrt(a)).astype(a.dtype),
    "ex2": np.exp2,
    "lg2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "popc": lambda a: _bits(a, lambda v, _: v.bit_count(), np.dtype("u4")),
    "clz": lambda a: _bits(a, lambda v, width: width - v.bit_length(), np.dtype("u4")),
    "brev": lambda a: _bits(a, lambda v, width: int(f"{v:0{width}b}"[::-1], 2), unsigned(a.dtype)),
}
BINARY: dict[str, Operation] = {
    "add": np.add, "sub": np.subtract, "div": _divide, "rem": np.fmod, "min": _extreme("min"), "max": _extreme("max"), **BITWISE,
    "copysign": lambda a, b: np.copysign(b, a),
}  # fmt: skip


def operation(one: Instruction) -> tuple[int, Operation]:
    """Return how many arguments of its own type an arithmetic instruction takes, and what it computes of them.

    Raises
    ------
    PtxError
        The instruction is not known here.
    """
    name, op = one.op[0], one.op
    if any(part in op for part in ("rz", "rm", "rp", "cc", "sat")) and name != "cvt":
        raise PtxError(f"not known: {one}")
    if name == "rcp":
        return 1, _reciprocal if "approx" in op and op[-1] == "f64" else lambda a: (a.dtype.type(1) / a).astype(a.dtype)
    if name in UNARY:
        return 1, UNARY[name]
    if name in BINARY:
        return 2, BINARY[name]
    if name == "mul":
        return 2, _wide if "wide" in op else _high if "hi" in op else np.multiply
    if name in ("mad", "fma"):
        is_float = one.types[-1].kind == "f"
        if "hi" in op:
            raise PtxError(f"not known: {one}")
        return 3, _multiply_add if is_float else (lambda a, b, c: _wide(a, b) + c) if "wide" in op else (lambda a, b, c: a * b + c)
    if name == "bfe":
        return 3, _extract
    raise PtxError(f"not known: {one}")
