"""What each kernel may take of a card; a kernel without a row here fails the check."""

from __future__ import annotations

from dataclasses import dataclass

MAX_REGISTERS = 64  # with 64 registers a thread 1,024 threads share the 65,536 of a multiprocessor (compute capability 8.0 to 10.0)
MAX_SHARED_BYTES = 48 * 1024
COUNTS = ("atom.global.add.u64",)
SHARED_COUNTS = ("atom.global.add.u64", "atom.shared.add.u32")


@dataclass(frozen=True)
class Budget:
    """Registers a thread, with a reason where they are more than 64, and the atomics that the kernel uses."""

    n_registers: int = MAX_REGISTERS
    reason: str = ""
    atomics: tuple[str, ...] = ()


BUDGETS = {
    "cell_counts._slot [shared_counts_of]": Budget(atomics=SHARED_COUNTS),
    "cell_moments._add_values": Budget(80, "a block of one cell keeps eight sums at once; threads are few: one a column and piece"),
    "class_influence._walk": Budget(),
    "class_rows._read_rows": Budget(),
    "class_tally._count_pairs": Budget(),
    "cluster_records.add_clusters": Budget(),
    "cluster_records.add_rows": Budget(),
    "cuda_launch.fill_tables": Budget(),
    "logit_fit._first_pass": Budget(),
    "logit_fit._merge_passes [fold_of]": Budget(),
    "logit_fit._next_pass": Budget(),
    "moments.merge_shifted [fold_of]": Budget(168, "merges the moments of a cell, once a piece and not once a row"),
    "pair_tally._add_rows": Budget(),
    "paired_tally._add_pairs": Budget(),
    "placement._place": Budget(),
    "placement._weigh": Budget(),
    "rank_cross._cross_walk": Budget(68, "six arrays with the shape and strides of each; threads are few: one a column and piece"),
    "rank_cross._merge_cross [fold_of]": Budget(),
    "rank_sum.merge_ranks [fold_of]": Budget(),
    "rank_sum.walk": Budget(),
    "replica_queue._replay": Budget(),
    "score_histogram._slot [global_counts_of]": Budget(atomics=COUNTS),
    "score_histogram._slot [shared_counts_of]": Budget(atomics=SHARED_COUNTS),
    "slice_tally._add_rows": Budget(),
    "two_sample_walk.walk_piece": Budget(),
    "value_moments._add_values": Budget(),
    "value_tally._add_values": Budget(),
}

# Rules of the CPU only: the card has another rule for the same question.
CPU_ONLY = {
    "cell_counts._add_codes": "a card counts by cell_counts._slot",
    "score_histogram._count": "a card counts by score_histogram._slot",
}


@dataclass(frozen=True)
class Refused:
    """Why the CUDA compiler refuses a kernel, and which case of `ptx_cases` launches it."""

    case: str
    reason: str


# A row whose kernel compiles fails: take it out, with its rows in CANNOT_RUN, and give the kernel a budget.
CANNOT_COMPILE = {
    "rank_curve._walk": Refused(
        "rank curve",
        "take_rows is register_jitable(inline='always'), which numba-cuda 0.30 cannot inline (an assertion in ir.Block.prepend)",
    ),
}

# Tests of tests/gpu_sim that cannot pass on interpreted PTX, with the kernel that they wait for.
CANNOT_RUN = {
    f"test_gpu_sim_ranked.py::test_rank_curve[{rows}]": "rank_curve._walk" for rows in ("23-1-None", "23-3-4", "40-3-None", "1-1-None")
}
