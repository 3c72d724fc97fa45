"""Every kernel is compiled for three cards by the compiler and the assembler that a card's machine would use, and held to its budget."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from numba import cuda, types

from tests.gpu_compile.budgets import BUDGETS, CPU_ONLY, MAX_REGISTERS, MAX_SHARED_BYTES
from tests.support import kernel_rules
from tests.support.compile_check import CARDS, Cubin, assemble, ptx_of
from tests.support.ptx_cases import CASES
from tests.support.ptx_loops import divisions_in, innermost, loops_of
from tests.support.ptx_program import Program, parse

N_ROWS = 24


@dataclass(frozen=True)
class Compiled:
    cc: tuple[int, int]
    signature: str
    cubin: Cubin
    program: Program


@pytest.fixture(scope="module")
def compiled(device):
    """Every form in which a case launches a kernel, for every card, by rule."""
    found, seen = defaultdict(list), set()
    for case in CASES:
        for id_dtype in (np.uint16, np.int32) if case.has_slice_ids else (np.uint16,):
            device.launches.clear()
            case.run(N_ROWS, id_dtype)
            for launch in device.launches:
                if (launch.rule, launch.signature) in seen:
                    continue
                seen.add((launch.rule, launch.signature))
                for cc in CARDS:
                    ptx = ptx_of(launch.kernel, launch.signature, cc)
                    found[launch.rule].append(Compiled(cc, str(launch.signature), assemble(ptx, cc), parse(ptx)))
    return found


def test_every_launched_kernel_has_a_budget_and_every_budget_a_kernel(compiled):
    assert sorted(compiled) == sorted(BUDGETS)


def test_every_rule_in_the_source_is_compiled_or_its_reason_is_given():
    covered = {name.split(" [")[0] for name in BUDGETS} | set(CPU_ONLY)
    assert covered == set(kernel_rules.rules_in_source())
    assert kernel_rules.makers_in_source() == ["shared_counts_of", "global_counts_of", "kernel_of", "fold_of"]


def test_a_new_rule_in_the_source_is_found():
    source = (
        "@njit(nogil=True)\ndef f(start, stop, first_column, stop_column, table): ...\n@njit\ndef g(x): ...\n@cuda.jit\ndef h(x): ...\n"
    )
    assert kernel_rules.rules_of(source, "m") == ["m.f", "m.h"]


@pytest.mark.parametrize("rule", sorted(BUDGETS))
def test_a_kernel_keeps_its_budget(compiled, rule):
    budget = BUDGETS[rule]
    for one in compiled[rule]:
        where = f"{rule} on sm_{one.cc[0]}{one.cc[1]}, {one.signature}: {one.cubin}"
        assert one.cubin.n_registers <= budget.n_registers, where
        assert one.cubin.n_spilled_bytes == one.cubin.n_stack_bytes == 0, where
        assert one.cubin.n_shared_bytes <= MAX_SHARED_BYTES, where
        assert tuple(one.program.atomics()) == budget.atomics, where
        loops = loops_of(one.program)
        assert loops, where
        assert divisions_in(one.program, innermost(loops)) == [], where


def test_a_budget_above_the_common_one_has_a_reason_and_is_needed(compiled):
    larger = {rule for rule, budget in BUDGETS.items() if budget.n_registers != MAX_REGISTERS}
    assert larger == {rule for rule, budget in BUDGETS.items() if budget.reason}
    for rule in larger:
        assert max(one.cubin.n_registers for one in compiled[rule]) > MAX_REGISTERS


def test_both_dtypes_of_slice_ids_are_compiled(compiled):
    for rule in ("slice_tally._add_rows", "rank_sum.walk", "paired_tally._add_pairs", "logit_fit._next_pass"):
        signatures = {one.signature for one in compiled[rule]}
        assert {"uint16" in one for one in signatures} == {True, False}, rule


def divides_in_a_loop(x, n):
    for i in range(n):
        x[i] = i // n


def spills(x, n):
    here = cuda.local.array(64, types.float64)
    for i in range(n):
        here[i % 64] = x[i]
    x[0] = here[n % 64]


def test_the_check_sees_a_division_in_a_loop_and_memory_of_a_thread():
    signature = types.Array(types.int64, 1, "C"), types.int64
    program = parse(ptx_of(divides_in_a_loop, signature, (9, 0)))
    assert any(op.startswith("div") for op in divisions_in(program, innermost(loops_of(program))))
    ptx = ptx_of(spills, (types.Array(types.float64, 1, "C"), types.int64), (9, 0))
    assert assemble(ptx, (9, 0)).n_stack_bytes == 512


def test_the_assembler_refuses_what_is_no_kernel():
    with pytest.raises(RuntimeError, match="ptxas refuses"):
        assemble(".version 9.0\n.target sm_90\n.address_size 64\n.entry f() { nonsense; }", (9, 0))
