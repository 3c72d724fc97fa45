"""Runs the compiled PTX of a kernel on the CPU, every thread of the grid in lock-step, with every access to memory checked.

The threads that are furthest behind run first, so that branches come together again; a barrier holds a thread until its whole block is
there. This order is one of those that a card may take; a result that depends on it is a race, which `ptx_memory` finds in any order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.ptx_memory import Memory
from tests.support.ptx_program import Instruction, Program, PtxError
from tests.support.ptx_steps import CONTROL, Steps

MAX_STEPS = 2_000_000
WARP_LANES = 32
BARRIERS = ("bar", "barrier")


@dataclass(frozen=True)
class Counts:
    """What a launch did: instructions by name, summed over threads; bytes and sectors by kind; (bytes touched, bytes there) of arrays."""

    instructions: Counter[str]
    n_bytes: Counter[str]
    n_sectors: Counter[str]
    touched: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Pointer:
    """An argument that is the address of an array."""

    name: str
    data: np.ndarray  # uint8, contiguous
    offset: int = 0


def run(
    program: Program,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    arguments: Sequence[Pointer | float | int],
    n_dynamic_bytes: int = 0,
) -> Counts:
    """Run one launch; the arrays of the pointers are changed in place.

    Raises
    ------
    PtxError
        An access out of bounds, a race, threads that wait for ever, or an instruction that is not known here.
    """
    with np.errstate(all="ignore"):
        return _Machine(program, grid, block, arguments, n_dynamic_bytes).run()


class _Machine:
    def __init__(
        self,
        program: Program,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Sequence[Pointer | float | int],
        n_dynamic_bytes: int,
    ) -> None:
        if len(arguments) != len(program.parameters):
            raise PtxError(f"{len(arguments)} arguments; wanted {len(program.parameters)}")
        n_blocks, self.block_threads = math.prod(grid), math.prod(block)
        self.program, self.n_threads = program, n_blocks * self.block_threads
        lane = np.arange(self.n_threads)
        self.thread_of_block, self.block = lane % self.block_threads, lane // self.block_threads
        self.special = self._special_registers(grid, block)
        self.special["%dynamic_smem_size"] = np.full(self.n_threads, n_dynamic_bytes)
        self.memory = Memory(self.n_threads, n_blocks, self.block, program.n_shared_bytes + n_dynamic_bytes, program.n_local_bytes)
        of = Steps(program, self.special, self._parameters(arguments), self.memory, self.n_threads)
        self.steps, self.registers = of.steps, of.registers
        self.instructions: Counter[str] = Counter()
        self.n_lanes_at = np.zeros(len(program.instructions), np.int64)

    def _special_registers(self, grid: tuple[int, ...], block: tuple[int, ...]) -> dict[str, np.ndarray]:
        found = {"%laneid": self.thread_of_block % WARP_LANES, "WARP_SZ": np.full(self.n_threads, WARP_LANES)}
        for prefix, index, sizes in (("%tid", self.thread_of_block, block), ("%ctaid", self.block, grid)):
            of = {"%tid": "%ntid", "%ctaid": "%nctaid"}[prefix]
            for axis, size in zip("xyz", sizes, strict=True):
                found[f"{prefix}.{axis}"], found[f"{of}.{axis}"] = index % size, np.full(self.n_threads, size)
                index = index // size
        return found

    def _parameters(self, arguments: Sequence[Pointer | float | int]) -> dict[str, np.ndarray]:
        bases: dict[int, int] = {}
        found = {}
        for (name, kind), value in zip(self.program.parameters, arguments, strict=True):
            if isinstance(value, Pointer):
                where = value.data.ctypes.data
                if where not in bases:
                    bases[where] = self.memory.add(value.name, value.data)
                value = bases[where] + value.offset
            found[name] = np.array([value]).astype(kind)
        return found

    def run(self) -> Counts:
        n = len(self.steps)
        self.pc, self.waits = np.zeros(self.n_threads, np.int64), np.zeros(self.n_threads, bool)
        n_steps = 0
        while True:
            ready = (self.pc < n) & ~self.waits
            if not ready.any():
                if (self.pc < n).any():
                    raise PtxError(f"{int(self.waits.sum())} threads wait at a barrier that the others of their block do not reach")
                return self._counts()
            at = int(self.pc[ready].min())
            lanes = np.flatnonzero(ready & (self.pc == at))
            others = self.pc[ready & (self.pc != at)]
            first_other = int(others.min()) if others.size else n + 1
            while at < n and at != first_other:  # straight on, until a branch or other threads that are there already
                n_steps += 1
                self.n_lanes_at[at] += len(lanes)
                one = self.program.instructions[at]
                if one.op[0] in CONTROL:
                    self._control(one, at, lanes)
                    break
                if one.guard is None:
                    self.steps[at](lanes)
                else:
                    some = lanes[self.registers[one.guard[0]][lanes] == one.guard[1]]
                    if some.size:
                        self.steps[at](some)
                at += 1
            else:
                self.pc[lanes] = at
            if n_steps > MAX_STEPS:
                raise PtxError(f"more than {MAX_STEPS} steps")

    def _counts(self) -> Counts:
        for one, n in zip(self.program.instructions, self.n_lanes_at.tolist(), strict=True):
            if n:
                self.instructions[".".join(one.op)] += n
        touched = {space.name: (space.shadow.n_touched(), space.data.size) for space in self.memory.spaces}
        return Counts(self.instructions, self.memory.n_bytes, self.memory.n_sectors, touched)

    def _control(self, one: Instruction, at: int, lanes: np.ndarray) -> None:
        self.pc[lanes] = at + 1
        if one.guard is not None:
            lanes = lanes[self.registers[one.guard[0]][lanes] == one.guard[1]]
        if one.op[0] == "bra":
            self.pc[lanes] = self.program.labels[one.arguments[0]]
            return
        if one.op[0] in BARRIERS:
            if "red" in one.op or "arrive" in one.op or (one.arguments and one.arguments[0] != "0") or len(one.arguments) > 1:
                raise PtxError(f"not known: {one}")
            self.pc[lanes], self.waits[lanes] = at, True
        else:
            self.pc[lanes] = len(self.steps)
        self._release(np.unique(self.block[lanes]), warp="warp" in one.op)

    def _release(self, blocks: np.ndarray, *, warp: bool) -> None:
        """Let the threads of a block (or a warp of it) pass the barrier where all that still run wait."""
        for block in blocks:
            alive = np.flatnonzero((self.block == block) & (self.pc < len(self.steps)))
            groups = (
                [alive]
                if not warp
                else [alive[self.thread_of_block[alive] // WARP_LANES == w] for w in range(-(-self.block_threads // WARP_LANES))]
            )
            for group in groups:
                if group.size and self.waits[group].all() and len(np.unique(self.pc[group])) == 1:
                    self.waits[group] = False
                    self.pc[group] += 1
                    if not warp:
                        self.memory.epoch[block] += 1
