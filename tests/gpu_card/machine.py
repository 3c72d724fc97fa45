"""What the machine and its cards are, what else uses them, and whether the packages fit together."""

from __future__ import annotations

from harness.gpu_stack import cuda_stack, why_not_cuda
from harness.meters.machine import capture
from harness.pipeline.doctor import card_findings, gpu_findings
from harness.records.measurement import Gpu
from tests.gpu_card.page import table
from tests.gpu_card.record import FAILED, PASSED, Options, Result

HEAD = ("card", "UUID", "compute", "memory GiB", "power limit W", "SM clock MHz", "default MHz", "ECC", "MIG", "other processes")


def look(options: Options) -> list[Result]:
    machine, stack = capture(), cuda_stack()
    findings = [*gpu_findings(stack), *card_findings(machine.gpus)]
    trouble = why_not_cuda(stack)
    lines = [
        f"{machine.cpu_model}, {machine.n_cores} cores, {machine.memory_bytes / 2**30:,.0f} GiB; {machine.os}; driver {machine.driver or 'not known'}",
        "",
        *table(HEAD, [_row(gpu) for gpu in machine.gpus], n_left=3),
    ]
    if machine.gpu_reason:
        lines.append(f"\nNVML describes no card: {machine.gpu_reason}")
    lines += ["", *(f"- {mark}: {what}: {text}" for mark, what, text in findings)]
    lines += ["", "Packages: " + ", ".join(f"{name} {version}" for name, version in sorted({*machine.versions, *stack.packages}))]
    cards = ", ".join(gpu.name for gpu in machine.gpus) or "no card described"
    if trouble is not None and not options.stand_in:
        return [Result("machine", FAILED, f"{cards}: {trouble.text}; {trouble.remedy}", tuple(lines))]
    others = sum(len(gpu.foreign_pids) for gpu in machine.gpus)
    used = f"; {others} other processes compute there, so timings and energy hold their share" if others else ""
    return [Result("machine", PASSED, f"{cards}, driver {machine.driver or 'not known'}{used}", tuple(lines))]


def _row(gpu: Gpu) -> tuple[str, ...]:
    memory = None if gpu.memory_bytes is None else f"{gpu.memory_bytes / 2**30:.1f}"
    facts = (gpu.compute_capability, memory, gpu.power_limit_w, gpu.sm_clock_mhz, gpu.default_sm_clock_mhz, gpu.ecc, gpu.mig)
    return (
        gpu.name,
        gpu.uuid,
        *("not told" if fact is None else str(fact) for fact in facts),
        ", ".join(map(str, gpu.foreign_pids)) or "none",
    )
