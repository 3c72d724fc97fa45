"""Finds the loops of a kernel in its PTX: natural loops of the control flow graph.

Source: Aho, Lam, Sethi & Ullman 2006, "Compilers", section 9.6.6: an edge to a block that dominates the one it comes from, and what
reaches the edge without passing that block. The order in which blocks are written means nothing: a cold block may stand last.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.ptx_program import Program


@dataclass(frozen=True)
class Loop:
    """A loop: the instruction at its head, and all instructions inside."""

    head: int
    body: frozenset[int]


def loops_of(program: Program) -> list[Loop]:
    """Return every natural loop, loops with one head joined."""
    blocks, edges = _graph(program)
    before = _inverted(edges)
    dominators = _dominators(edges, before)
    found: dict[int, set[int]] = {}
    for source, targets in edges.items():
        for head in targets:
            if source in dominators and head in dominators[source]:
                found.setdefault(head, set()).update(_reaching(source, head, before))
    return [Loop(head, frozenset(at for block in body for at in blocks[block])) for head, body in sorted(found.items())]


def innermost(loops: list[Loop]) -> list[Loop]:
    """Return the loops that hold no other."""
    return [one for one in loops if not any(other.head in one.body and other.head != one.head for other in loops)]


def divisions_in(program: Program, loops: list[Loop]) -> list[str]:
    """Return the divisions and remainders of integers inside of any of the loops."""
    places = sorted(set().union(*(one.body for one in loops)))
    ops = (program.instructions[at].op for at in places)
    return [".".join(op) for op in ops if op[0] in ("div", "rem") and op[-1][0] in "su"]


def _graph(program: Program) -> tuple[dict[int, range], dict[int, set[int]]]:
    """Return the basic blocks by their first instruction, and where each may go on."""
    n = len(program.instructions)
    ends = [at for at, one in enumerate(program.instructions) if one.op[0] in ("bra", "ret", "exit")]
    starts = sorted({0, *program.labels.values(), *(at + 1 for at in ends)} - {n})
    blocks = {start: range(start, stop) for start, stop in zip(starts, [*starts[1:], n], strict=True)}
    edges: dict[int, set[int]] = {}
    for start, block in blocks.items():
        last = program.instructions[block[-1]]
        to = {program.labels[last.arguments[0]]} if last.op[0] == "bra" else set()
        if last.op[0] not in ("bra", "ret", "exit") or last.guard is not None:
            to.add(block[-1] + 1)
        edges[start] = to & set(blocks)
    return blocks, edges


def _inverted(edges: dict[int, set[int]]) -> dict[int, set[int]]:
    return {block: {source for source, targets in edges.items() if block in targets} for block in edges}


def _dominators(edges: dict[int, set[int]], before: dict[int, set[int]]) -> dict[int, set[int]]:
    """Return, for every block that is reached, the blocks that all ways from the first one to it pass."""
    reached, todo = {0}, [0]
    while todo:
        new = edges[todo.pop()] - reached
        reached |= new
        todo += new
    dominators = {block: set(reached) for block in reached} | {0: {0}}
    changed = True
    while changed:
        changed = False
        for block in sorted(reached - {0}):
            new = {block} | set.intersection(*(dominators[one] for one in before[block] & reached))
            changed |= new != dominators[block]
            dominators[block] = new
    return dominators


def _reaching(source: int, head: int, before: dict[int, set[int]]) -> set[int]:
    body, todo = {head}, [source]
    while todo:
        block = todo.pop()
        if block not in body:
            body.add(block)
            todo += before[block]
    return body
