"""Turns each instruction of a program into a function of the lanes that take it, once a launch, so that operands are looked up once."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from tests.support import ptx_arithmetic as arithmetic
from tests.support.ptx_memory import LOCAL_BASE, SHARED_BASE, Memory
from tests.support.ptx_program import Instruction, Program, PtxError

Read = Callable[[np.ndarray], np.ndarray]
Step = Callable[[np.ndarray], None]
CONTROL = ("bra", "ret", "exit", "bar", "barrier")
ATOMICS: dict[str, Callable[..., object]] = {
    "add": lambda x, y: x + y,
    "min": min,
    "max": max,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "exch": lambda x, y: y,
    "cas": lambda x, wanted, y: y if x == wanted else x,
}


class Steps:
    """The steps of a program over the registers, parameters and memory of one launch."""

    def __init__(
        self, program: Program, special: dict[str, np.ndarray], parameters: dict[str, np.ndarray], memory: Memory, n_threads: int
    ) -> None:
        self.program, self.special, self.parameters, self.memory = program, special, parameters, memory
        self.registers = {
            name: np.zeros(n_threads, kind if kind.kind == "b" else arithmetic.unsigned(kind)) for name, kind in program.registers.items()
        }
        self.constants = {name: memory.add(name, values) for name, values in program.constants.items()}
        self.steps = [self._step(one) for one in program.instructions]

    def _reader(self, argument: str, kind: np.dtype) -> Read:
        """Return what reads an argument as `kind` for some lanes."""
        if argument in self.registers:
            register = self.registers[argument]
            if register.dtype.kind == "b":
                return lambda lanes: register[lanes]
            if register.dtype.itemsize == kind.itemsize:
                view = register.view(kind)
                return lambda lanes: view[lanes]
            narrow = arithmetic.unsigned(kind)  # the low bits of a wider register
            return lambda lanes: register[lanes].astype(narrow).view(kind)
        if argument in self.special:
            values = self.special[argument].astype(kind)
            return lambda lanes: values[lanes]
        value = self._constant(argument, kind)
        return lambda lanes: value

    def _constant(self, argument: str, kind: np.dtype) -> np.ndarray:
        if argument[:2] in ("0f", "0d"):
            bits = np.array([int(argument[2:], 16)], "u4" if argument[1] == "f" else "u8")
            value = bits.view("f4" if argument[1] == "f" else "f8")
            return value.astype(kind) if kind.kind == "f" else bits.astype(kind)
        for names, base in ((self.program.shared, int(SHARED_BASE)), (self.program.local, int(LOCAL_BASE)), (self.constants, 0)):
            if argument in names:
                return np.array([base + names[argument]], np.uint64).astype(kind)
        if kind.kind == "b":
            return np.array([int(argument) != 0])
        if not re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|\d+)U?", argument):
            raise PtxError(f"not known: {argument}")
        number = int(argument.rstrip("U"), 0)
        return np.array([number & ((1 << (8 * kind.itemsize)) - 1)], arithmetic.unsigned(kind)).view(kind)

    def _writer(self, argument: str) -> Callable[[np.ndarray, np.ndarray], None]:
        """Return what writes values to a register; a narrower value keeps its sign in a wider one."""
        if argument == "_":
            return lambda lanes, values: None
        register = self.registers[argument]
        if register.dtype.kind == "b":

            def write_predicate(lanes: np.ndarray, values: np.ndarray) -> None:
                register[lanes] = values

            return write_predicate

        def write(lanes: np.ndarray, values: np.ndarray) -> None:
            if values.dtype.itemsize == register.dtype.itemsize:
                register[lanes] = values.view(register.dtype)
            else:
                register[lanes] = values.astype(np.int64 if values.dtype.kind == "i" else np.uint64).astype(register.dtype)

        return write

    def _address(self, argument: str) -> Read:
        base, sign, offset = re.fullmatch(r"\[\s*([^\s+\]-]+)\s*(?:([+-])\s*(-?\w+))?\s*\]", argument).groups()
        of_base = self._reader(base, np.dtype(np.uint64))
        shift = np.uint64((int(offset, 0) * (-1 if sign == "-" else 1)) & ((1 << 64) - 1)) if offset else np.uint64(0)

        def address(lanes: np.ndarray) -> np.ndarray:
            return np.broadcast_to(of_base(lanes) + shift, lanes.shape)

        return address

    def _step(self, one: Instruction) -> Step | None:
        name = one.op[0]
        if name in CONTROL or name in ("membar", "fence"):
            return lambda lanes: None
        if name in ("ld", "ldu"):
            return self._load_parameter(one) if "param" in one.op else self._load(one)
        rule = {"st": self._store, "atom": self._atomic, "red": self._atomic, "shfl": self._shuffle, "setp": self._compare, "selp": self._select,
                "mov": self._move, "cvta": self._move, "cvt": self._convert, "shl": self._shift, "shr": self._shift}.get(name, self._compute)  # fmt: skip
        return rule(one)

    def _load_parameter(self, one: Instruction) -> Step:
        value = self.parameters[one.arguments[1].strip("[] ")].view(one.types[-1])
        write = self._writer(one.arguments[0])
        return lambda lanes: write(lanes, np.broadcast_to(value, lanes.shape))

    @staticmethod
    def _space(one: Instruction) -> str:
        return next((part for part in one.op if part in ("global", "shared", "local")), "generic")

    def _load(self, one: Instruction) -> Step:
        kind, space, address = one.types[-1], self._space(one), self._address(one.arguments[1])
        writers = [self._writer(part.strip()) for part in one.arguments[0].strip("{}").split(",")]

        def load(lanes: np.ndarray) -> None:
            at = address(lanes)
            for i, write in enumerate(writers):
                write(lanes, self.memory.load(at + np.uint64(i * kind.itemsize), kind, lanes, space))

        return load

    def _store(self, one: Instruction) -> Step:
        kind, space, address = one.types[-1], self._space(one), self._address(one.arguments[0])
        readers = [self._reader(part.strip(), kind) for part in one.arguments[1].strip("{}").split(",")]

        def store(lanes: np.ndarray) -> None:
            at = address(lanes)
            for i, read in enumerate(readers):
                self.memory.store(at + np.uint64(i * kind.itemsize), np.broadcast_to(read(lanes), lanes.shape), lanes, space)

        return store

    def _atomic(self, one: Instruction) -> Step:
        kind, space, has_result = one.types[-1], self._space(one), one.op[0] == "atom"
        address = self._address(one.arguments[int(has_result)])
        operands = [self._reader(part, kind) for part in one.arguments[1 + has_result :]]
        write = self._writer(one.arguments[0]) if has_result else None
        name = next((part for part in one.op if part in ATOMICS), None)
        if name is None:
            raise PtxError(f"not known: {one}")

        def update(lanes: np.ndarray) -> None:
            values = [np.broadcast_to(read(lanes), lanes.shape) for read in operands]
            old = self.memory.update(address(lanes), kind, lanes, space, lambda x, i: ATOMICS[name](x, *(v[i] for v in values)))
            if write:
                write(lanes, old)

        return update

    def _shuffle(self, one: Instruction) -> Step:
        raise PtxError(f"not known: {one}")

    def _compare(self, one: Instruction) -> Step:
        kind = one.types[-1]
        joint = one.op[2] if one.op[2] in arithmetic.BITWISE else None
        n_results = len(one.arguments) - 2 - (joint is not None)
        writers = [self._writer(part) for part in one.arguments[:n_results]]
        a, b = (self._reader(part, kind) for part in one.arguments[n_results : n_results + 2])
        other = self._reader(one.arguments[-1].lstrip("!"), np.dtype(bool)) if joint else None
        is_negated = one.arguments[-1].startswith("!")

        def step(lanes: np.ndarray) -> None:
            found = np.broadcast_to(arithmetic.compare(one, a(lanes), b(lanes)), lanes.shape)
            for write, result in zip(writers, (found, ~found), strict=False):
                write(lanes, arithmetic.BITWISE[joint](result, other(lanes) ^ is_negated) if joint else result)

        return step

    def _select(self, one: Instruction) -> Step:
        kind = one.types[-1]
        a, b, choice = (
            self._reader(one.arguments[1], kind),
            self._reader(one.arguments[2], kind),
            self._reader(one.arguments[3], np.dtype(bool)),
        )
        write = self._writer(one.arguments[0])
        return lambda lanes: write(lanes, np.where(choice(lanes), a(lanes), b(lanes)))

    def _move(self, one: Instruction) -> Step:
        kind, (to, source) = one.types[-1], one.arguments[:2]
        if to.startswith("{") or source.startswith("{"):
            return self._move_halves(one)
        read, write = self._reader(source, kind), self._writer(to)
        return lambda lanes: write(lanes, np.broadcast_to(read(lanes), lanes.shape))

    def _move_halves(self, one: Instruction) -> Step:
        kind, (to, source) = one.types[-1], one.arguments
        half = np.dtype(f"u{kind.itemsize // 2}")
        bits = kind.type(8 * half.itemsize)
        if to.startswith("{"):
            read = self._reader(source, kind)
            low, high = (self._writer(part.strip()) for part in to.strip("{}").split(","))

            def split(lanes: np.ndarray) -> None:
                value = np.broadcast_to(read(lanes), lanes.shape)
                low(lanes, value.astype(half))
                high(lanes, (value >> bits).astype(half))

            return split
        first, second = (self._reader(part.strip(), half) for part in source.strip("{}").split(","))
        write = self._writer(to)
        return lambda lanes: write(lanes, np.broadcast_to(first(lanes).astype(kind) | (second(lanes).astype(kind) << bits), lanes.shape))

    def _convert(self, one: Instruction) -> Step:
        to, source = one.types[:2]
        read, write = self._reader(one.arguments[1], source), self._writer(one.arguments[0])
        return lambda lanes: write(lanes, np.broadcast_to(arithmetic.convert(one, to, read(lanes)), lanes.shape))

    def _shift(self, one: Instruction) -> Step:
        a, by = self._reader(one.arguments[1], one.types[-1]), self._reader(one.arguments[2], np.dtype(np.uint32))
        write = self._writer(one.arguments[0])
        return lambda lanes: write(lanes, np.broadcast_to(arithmetic.shift(one, a(lanes), by(lanes)), lanes.shape))

    def _compute(self, one: Instruction) -> Step:
        n, rule = arithmetic.operation(one)
        kinds = [one.types[-1]] * n
        if one.op[0] == "bfe":
            kinds[1:] = [np.dtype(np.uint32)] * 2
        if "wide" in one.op and n == 3:
            kinds[2] = np.dtype(f"{kinds[0].kind}{2 * kinds[0].itemsize}")
        readers = [self._reader(part, kind) for part, kind in zip(one.arguments[1:], kinds, strict=True)]
        write = self._writer(one.arguments[0])
        return lambda lanes: write(lanes, np.broadcast_to(rule(*(read(lanes) for read in readers)), lanes.shape))
