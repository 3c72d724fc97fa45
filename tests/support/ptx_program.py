"""Reads the PTX of one kernel: its parameters, registers, memory and instructions.

Grammar: PTX ISA 9.0, sections 4 (syntax), 5 (state spaces) and 9 (instructions); only what NVVM emits for Numba's kernels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

TYPES = {
    **{f"{kind}{bits}": np.dtype(f"{code}{bits // 8}") for bits in (8, 16, 32, 64) for kind, code in (("u", "u"), ("b", "u"), ("s", "i"))},
    "f32": np.dtype("f4"),
    "f64": np.dtype("f8"),
    "pred": np.dtype("?"),
}


class PtxError(RuntimeError):
    """The kernel does what a card would not do well, or what this interpreter does not know."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: `setp.lt.f64 %p1, %fd1, %fd2` is op (setp, lt, f64) with three arguments; guard is (register, wanted value)."""

    op: tuple[str, ...]
    arguments: tuple[str, ...]
    guard: tuple[str, bool] | None

    @property
    def types(self) -> list[np.dtype]:
        return [TYPES[part] for part in self.op if part in TYPES]

    def __str__(self) -> str:
        return ".".join(self.op) + " " + ", ".join(self.arguments)


@dataclass
class Program:
    """An entry of a PTX module, and the variables of its module; offsets and sizes in bytes."""

    name: str
    target: str
    parameters: list[tuple[str, np.dtype]]
    registers: dict[str, np.dtype] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    n_shared_bytes: int = 0
    local: dict[str, int] = field(default_factory=dict)
    n_local_bytes: int = 0
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def atomics(self) -> list[str]:
        return sorted({".".join(one.op) for one in self.instructions if one.op[0] in ("atom", "red")})


def parse(ptx: str) -> Program:
    """Return the one entry of a PTX module.

    Raises
    ------
    PtxError
        The module has functions that are called and not inlined, or not exactly one entry.
    """
    text = re.sub(r"//[^\n]*", "", re.sub(r"/\*.*?\*/", "", ptx, flags=re.S))
    entries = re.findall(r"\.entry\s+([\w$]+)\s*\((.*?)\)[^{]*\{(.*?)\n\}", text, re.S)
    if len(entries) != 1 or re.search(r"\.func\b", text):
        raise PtxError(
            f"the module has {len(entries)} entries and {len(re.findall(r'[.]func', text))} functions; wanted one entry with all inlined"
        )
    name, parameters, body = entries[0]
    target = re.search(r"\.target\s+(\w+)", text)
    wanted = re.findall(r"\.param\s+\.(\w+)\s+(?:\.ptr\s+(?:\.global\s+)?(?:\.align\s+\d+\s+)?)?([\w$]+)", parameters)
    program = Program(name, target[1] if target else "", [(one, TYPES[kind]) for kind, one in wanted])
    for place, align, kind, one, size, values in re.findall(
        r"\.(shared|local|const|global)\s+\.align\s+(\d+)\s+\.(\w+)\s+([\w$]+)(\[\d*\])?(?:\s*=\s*\{([^}]*)\})?;", text
    ):
        n_items = 1 if size == "" else int(size.strip("[]") or 0)  # [] is sized at the launch
        _declare(program, place, int(align), TYPES[kind], one, n_items, values)
    _read_body(program, body)
    return program


def _declare(program: Program, place: str, align: int, dtype: np.dtype, name: str, size: int, values: str) -> None:
    if place in ("const", "global"):
        if values:
            program.constants[name] = np.array([int(v, 0) for v in values.split(",")]).astype(dtype)
        return
    used = program.n_shared_bytes if place == "shared" else program.n_local_bytes
    start = -(-used // align) * align
    (program.shared if place == "shared" else program.local)[name] = start
    setattr(program, f"n_{place}_bytes", start + size * dtype.itemsize)


def _read_body(program: Program, body: str) -> None:
    for statement in _statements(body):
        if statement.endswith(":"):
            program.labels[statement[:-1]] = len(program.instructions)
        elif statement.startswith(".reg"):
            kind, names = re.match(r"\.reg \.(\w+) (.*)", statement).groups()
            for name in names.split(","):
                counted = re.match(r"([\w%$]+)<(\d+)>", name.strip())
                some = [f"{counted[1]}{i}" for i in range(int(counted[2]))] if counted else [name.strip()]
                program.registers.update(dict.fromkeys(some, TYPES[kind]))
        elif not statement.startswith("."):
            program.instructions.append(_instruction(statement))


def _statements(body: str) -> Iterator[str]:
    for part in re.sub(r"(?<![\w:$%])([\w$]+):(?!:)", r";\1:;", body).split(";"):
        statement = " ".join(re.sub(r"^[\s{}]+", "", part).split())
        if statement and statement != "}":
            yield statement


def _instruction(statement: str) -> Instruction:
    guarded = re.match(r"@(!?)(%\w+) (.*)", statement)
    guard = (guarded[2], guarded[1] != "!") if guarded else None
    op, _, rest = (guarded[3] if guarded else statement).partition(" ")
    # a comma or a bar between arguments, and not inside [address] or {vector}
    arguments = [one.strip() for one in re.split(r"[,|](?![^{\[]*[}\]])", rest) if one.strip()]
    return Instruction(tuple(part for part in re.split(r"\.|::", op) if part), tuple(arguments), guard)
