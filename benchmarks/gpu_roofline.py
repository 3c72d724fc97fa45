"""Writes docs/gpu-roofline.md: what the kernels would take on cards, from their PTX, bandwidths and nothing measured on one.

Run it in the environment of `make gpu-check-offline`: .venv-gpu-check/bin/python -m benchmarks.gpu_roofline
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.ptx_device import Launch, PtxDevice, installed

PAGE = Path(__file__).parents[1] / "docs" / "gpu-roofline.md"
N_ROWS = 100_000_000
FEW, MORE = 64, 192
# GB/s, of NVIDIA's data sheets: A100 80GB SXM (2,039), H100 SXM (3.35 TB/s), H200 SXM (4.8 TB/s)
CARDS = {"A100 80GB": 2039e9, "H100 SXM": 3350e9, "H200": 4800e9}
CLOCK_HZ = 1.41e9  # boost clock of the A100: NVIDIA A100 Tensor Core GPU Architecture, table 1
CYCLES = 4  # from one arithmetic instruction to one that needs it: CUDA C++ Programming Guide, "Multiprocessor Level"
SECTOR_BYTES = 32


@dataclass(frozen=True)
class Cost:
    """What one row costs a kernel, all columns together; bytes a row, instructions a row."""

    name: str
    rule: str
    n_threads: int
    read: float
    written: float
    distinct: float
    in_sectors: float
    instructions: float
    float64: float

    def seconds(self, bytes_per_s: float) -> tuple[float, float]:
        """Return how long the distinct bytes take, and how long all sectors would without a cache."""
        return self.distinct * N_ROWS / bytes_per_s, self.in_sectors * N_ROWS / bytes_per_s

    def chain_s(self) -> float:
        """Return how long one thread takes that does its share of the instructions one after the other and waits for no memory."""
        return self.instructions * N_ROWS / self.n_threads * CYCLES / CLOCK_HZ

    def bottleneck(self) -> str:
        """Return what would hold the kernel up first on an A100."""
        least, most = self.seconds(CARDS["A100 80GB"])
        if self.chain_s() > most:
            return f"{self.n_threads:,} threads, {N_ROWS // self.n_threads:,} rows each: too few to hide anything"
        if most > 2 * least:
            return f"sectors of {SECTOR_BYTES} bytes of which a warp uses a part, unless caches hold them" + (
                f"; then {self.n_threads:,} threads" if self.chain_s() > least else ""
            )
        return "bandwidth"


def _sums(launches: list[Launch], per_launch: bool) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    by_rule = defaultdict(list)
    for launch in launches:
        if launch.rule != "cuda_launch.fill_tables" and "[fold_of]" not in launch.rule:
            by_rule[launch.rule].append(launch.counts)
    for rule, some in by_rule.items():
        of = {
            "read": sum(one.n_bytes["load"] + one.n_bytes["atomic"] for one in some),
            "written": sum(one.n_bytes["store"] + one.n_bytes["atomic"] for one in some),
            "in_sectors": SECTOR_BYTES * sum(one.n_sectors["load"] + one.n_sectors["store"] + 2 * one.n_sectors["atomic"] for one in some),
            "instructions": sum(sum(one.instructions.values()) for one in some),
            "float64": sum(n for one in some for op, n in one.instructions.items() if op.endswith("f64") and op.split(".")[0] in FLOAT64),
        }
        for one in some:
            for name, (touched, size) in one.touched.items():
                of[f"touched {name}"] = of.get(f"touched {name}", 0) + touched
                of[f"size {name}"] = size
        found[rule] = {key: value if key.startswith("size") else value / (len(some) if per_launch else 1) for key, value in of.items()}
    return found


FLOAT64 = ("add", "sub", "mul", "fma", "div", "sqrt", "min", "max", "rcp")


def costs(device: PtxDevice) -> list[Cost]:
    """Run every case with few and with more rows, and return what the rows between cost."""
    from tests.support.ptx_cases import CASES

    found = []
    for case in CASES:
        if not case.in_roofline:
            continue
        sums = []
        for n_rows in (FEW, MORE):
            device.launches.clear()
            case.run(n_rows, np.uint16)
            sums.append(_sums(device.launches, case.is_pass))
        for rule, more in sums[1].items():
            few = sums[0][rule]
            per_row = {key: (more[key] - few.get(key, 0)) / (MORE - FEW) for key in more}
            # tables do not grow with the rows: what of them is touched is read once, and not once a row
            grows = [key.removeprefix("size ") for key, value in per_row.items() if key.startswith("size ") and value > 0]
            distinct = sum(per_row[f"touched {name}"] for name in grows)
            of = {key: per_row[key] for key in ("read", "written", "in_sectors", "instructions", "float64")}
            found.append(Cost(case.name, rule, case.n_threads(rule, N_ROWS), distinct=distinct, **of))
    return found


def page(found: list[Cost]) -> str:
    """Return the page, in Markdown."""
    lines = [
        HEAD,
        "| kernel | rule | reads B | writes B | distinct B | sectors B | instructions | of them float64 |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in found:
        numbers = (one.read, one.written, one.distinct, one.in_sectors, one.instructions, one.float64)
        lines.append(f"| {one.name} | `{one.rule}` | " + " | ".join(f"{value:,.1f}" for value in numbers) + " |")
    lines += ["", PREDICTED.format(n_rows=f"{N_ROWS:,}", cycles=CYCLES, ghz=CLOCK_HZ / 1e9)]
    lines += [f"| kernel, *predicted* | {' | '.join(f'{card} ms' for card in CARDS)} | one thread's chain, s | next bottleneck |"]
    lines += ["|---|" + "--:|" * (len(CARDS) + 1) + "---|"]
    for one in found:
        spans = " | ".join("{:,.1f} to {:,.0f}".format(*(1e3 * s for s in one.seconds(speed))) for speed in CARDS.values())
        lines.append(f"| {one.name}: `{one.rule.split('.')[-1]}` | {spans} | {one.chain_s():,.3g} | {one.bottleneck()} |")
    return "\n".join([*lines, "", TAIL])


HEAD = f"""# What the kernels would take on a card: predicted, not measured

Nothing on this page was measured on a card. The counts come from the PTX that the CUDA compiler makes of every kernel for compute capability
9.0, run instruction by instruction on the CPU; the times are these counts divided by published bandwidths. `benchmarks/gpu_roofline.py`
writes the page, and a test of `make gpu-check-offline` holds the page against it.

## Counting rule

The log has 4 slice columns of 1, 4, 8 and 16 values, 3 windows, slice ids of 16 bits (tests/support/ptx_cases.py). Each kernel is run with
{FEW} and with {MORE} rows; a figure is the difference divided by the {MORE - FEW} rows between, over all columns and threads. What is done once a
cell or once a piece (tables that are filled, merges) is left out.

- reads, writes: bytes that instructions ask for in global memory; an atomic is both.
- distinct: bytes of the arrays with one entry a row that are touched at all: what must move even with a perfect cache.
- sectors: 32 bytes for every sector that an instruction of a warp touches: what would move without a cache.
- instructions: of threads; float64 are the arithmetic ones.
"""
PREDICTED = """## Predicted for {n_rows} rows

From the least that memory allows (distinct bytes over the card's bandwidth) to no cache at all (sectors over it). The chain is what
one thread does in sequence, {cycles} cycles an instruction at {ghz:.2f} GHz, without a wait for memory: no bandwidth helps below it.
Bandwidths: 2,039 GB/s (A100 80GB), 3,350 GB/s (H100 SXM), 4,800 GB/s (H200), of NVIDIA's data sheets.
"""
TAIL = """## How to read it

A thread walks one column of one piece of the rows, so neighbouring threads read rows that lie a piece apart: the sectors that they ask for are
used by them alone. Where the chain is longer than the reads without a cache, more and smaller pieces help before any change of the reads does.
A thread replays one scenario of the replica queue, and a request counts as a row: a hundred scenarios are a hundred threads in the same time.
Kernels that count (`[shared_counts_of]`) read neighbouring rows by neighbouring threads.

Merges are in no row above, and are the longest chain of the tallies: a thread merges one cell, piece after piece. The binary tally of 100,000,000
rows has 24,415 pieces and about 1,500 instructions a merge: 0.1 s by the same rule. Merging in two steps, groups of pieces first, would be next.
"""


def main() -> None:
    with installed() as device:
        PAGE.write_text(page(costs(device)), encoding="utf-8")
    print(f"written: {PAGE}")


if __name__ == "__main__":
    main()
