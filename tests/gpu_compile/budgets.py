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
    "cell_moment_rules.add_rows": Budget(),
    "cell_moment_rules.merge_records [fold_of]": Budget(),
    "class_influence_pieces.merge_placed [fold_of]": Budget(),
    "class_influence_pieces.place_piece": Budget(72, "ten arrays with the strides of each; threads are few: one a column and piece"),
    "class_rows._read_rows": Budget(),
    "class_tally._slot [shared_counts_of]": Budget(atomics=SHARED_COUNTS),
    "cluster_records.add_clusters": Budget(),
    "cluster_records.add_rows": Budget(),
    "cluster_records.add_words [fold_of]": Budget(),
    "cuda_launch.fill_tables": Budget(),
    "logit_fit._first_pass": Budget(),
    "logit_fit._merge_passes [fold_of]": Budget(),
    "logit_fit._next_pass": Budget(),
    "moments.merge_shifted [fold_of]": Budget(),
    "order_pieces.merge_below [fold_of]": Budget(),
    "order_pieces.weigh_piece": Budget(),
    "pair_tally._add_rows": Budget(),
    "paired_tally._add_pairs": Budget(),
    "placement._merge_placed [fold_of]": Budget(),
    "placement._merge_weights [fold_of]": Budget(),
    "placement._place": Budget(),
    "placement._weigh": Budget(),
    "rank_cross._cross_walk": Budget(),
    "rank_cross._merge_cross [fold_of]": Budget(),
    "rank_curve_pieces.merge_curve [fold_of]": Budget(),
    "rank_curve_pieces.walk_piece": Budget(87, "a dozen sums of a cell at once, of eight arrays; threads are few: one a column and piece"),
    "rank_sum.merge_ranks [fold_of]": Budget(),
    "rank_sum.walk": Budget(),
    "replica_queue._replay": Budget(),
    "score_histogram._slot [global_counts_of]": Budget(atomics=COUNTS),
    "score_histogram._slot [shared_counts_of]": Budget(atomics=SHARED_COUNTS),
    "slice_tally._add_rows": Budget(),
    "two_sample_walk.walk_piece": Budget(),
    "value_moments._add_values": Budget(),
    "value_moments._merge_records [fold_of]": Budget(),
    "value_tally._add_values": Budget(),
}

# Rules of the CPU only: the card has another rule for the same question.
CPU_ONLY = {
    "cell_counts._add_codes": "a card counts by cell_counts._slot",
    "cell_moment_rules.add_values": "a card adds row by row, by cell_moment_rules.add_rows",
    "class_tally._count_pairs": "a card counts by class_tally._slot",
    "class_influence._walk": "a card places pieces of the order, by class_influence_pieces.place_piece",
    "rank_curve._walk": "a card walks pieces of the order, by rank_curve_pieces.walk_piece",
    "score_histogram._count": "a card counts by score_histogram._slot",
}
