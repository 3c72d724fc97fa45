"""Reducing scores while later ones are made, on a card whose three streams are queues: the flow is the real one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DeviceError
from harness.inference.onnx_cuda import OnnxCuda
from kernels import slice_tally
from tests.inference.card_graphs import linear, plan_of, tensors_of
from tests.inference.test_inference_onnx_cuda import ArenaIsFull, opened_on_cpu
from tests.support.streams_stand_in import REDUCTION_WAITS, StreamsStandIn

SCHEDULES = ["lazy", "eager", "copy", "compute", "reduce", *range(8)]
N_ROWS = 23


class CountsSoFar:
    """Counts the scores of each batch into one cell, on the host."""

    def __init__(self, is_wanted=True):
        self.is_wanted, self.seen = is_wanted, []
        self.labels = (np.arange(N_ROWS) % 2).astype(np.int8)

    def begin(self, scores, stream):
        self.seen.append("begin")
        self.scores, self.stream, self.done, self.tally = scores, stream, 0, slice_tally.empty(1)
        return self.is_wanted

    def add(self, stop_row):
        scores, labels = self.scores[self.done : stop_row], self.labels[self.done : stop_row]
        ids = np.zeros((len(scores), 1), np.uint16)
        self.tally = slice_tally.merge(self.tally, slice_tally.slice_tally(scores, labels, ids, None, 1, 1, 0.5, n_threads=1))
        self.seen.append(stop_row)
        self.done = stop_row

    def drop(self):
        self.seen.append("drop")

    def bytes(self):
        tally = self.tally
        return b"".join(a.tobytes() for a in (tally.counts, tally.bin_n, tally.bin_score, *tally.log_loss, *tally.squared_error))


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return plan_of(linear(tmp_path_factory.mktemp("graphs") / "m.onnx"), transform="sigmoid")


def counted(plan, schedule, batch_rows=4, seed=0, **stand_in):
    """Score and count; what was counted, and the scores."""
    memory, counts = StreamsStandIn(schedule, **stand_in), CountsSoFar()
    model = OnnxCuda(plan, memory=memory, opened=opened_on_cpu)
    model.reduction = counts
    scores = model.score_rows(tensors_of(plan, N_ROWS, seed), N_ROWS, batch_rows, lambda _: None)
    return counts, memory.to_host(scores)


def counted_after(scores, batch_rows=4):
    counts = CountsSoFar()
    counts.begin(scores, 0)
    for stop in [*range(batch_rows, N_ROWS, batch_rows), N_ROWS]:
        counts.add(stop)
    return counts


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_table_is_the_same_under_every_schedule_and_there_when_scoring_ends(plan, schedule):
    counts, scores = counted(plan, schedule)
    expected = counted_after(scores)
    assert counts.seen == expected.seen == ["begin", 4, 8, 12, 16, 20, 23]
    assert counts.tally.counts.sum() == N_ROWS
    assert counts.bytes() == expected.bytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10_000))
def test_any_batch_and_any_schedule(plan, batch_rows, seed):
    counts, scores = counted(plan, seed, batch_rows, seed)
    assert counts.bytes() == counted_after(scores, batch_rows).bytes()


def test_a_reduction_that_is_deaf_to_the_event_is_found(plan):
    caught = []
    for schedule in SCHEDULES:
        counts, scores = counted(plan, schedule, deaf_to=REDUCTION_WAITS)
        if counts.bytes() != counted_after(scores).bytes():
            caught.append(schedule)
    assert "reduce" in caught
    assert "eager" not in caught


def test_a_reduction_is_told_of_scores_only_where_it_wants_to_be(plan):
    counts, model = CountsSoFar(is_wanted=False), OnnxCuda(plan, memory=StreamsStandIn(), opened=opened_on_cpu)
    model.reduction = counts
    model.score_rows(tensors_of(plan, N_ROWS), N_ROWS, 4, lambda _: None)
    assert counts.seen == ["begin"]
    assert counts.stream == StreamsStandIn.reduce_stream


@pytest.mark.parametrize("schedule", ["eager", "copy+compute"])  # ONNX Runtime raises on the host, when it is told to run
def test_memory_that_runs_out_in_the_middle_begins_the_count_anew(plan, schedule):
    limits = iter([3, 1000])
    memory, counts = StreamsStandIn(schedule), CountsSoFar()
    model = OnnxCuda(plan, memory=memory, opened=lambda given, of: ArenaIsFull(given, of, next(limits)))
    model.reduction = counts
    scores = memory.to_host(model.score_rows(tensors_of(plan, N_ROWS), N_ROWS, 4, lambda _: None))
    assert counts.seen.count("begin") == 2
    anew = counts.seen[counts.seen.index("drop") :]
    assert anew == ["drop", "begin", *range(2, N_ROWS, 2), N_ROWS]
    assert counts.bytes() == counted_after(scores, 2).bytes()


def test_a_count_is_dropped_when_the_streams_are_done_and_before_the_session_is_opened_anew(plan, monkeypatch):
    seen, limits, memory = [], iter([3, 1000]), StreamsStandIn("eager")

    def opened(given, of):
        seen.append("opened")
        return ArenaIsFull(given, of, next(limits))

    model, finish, counts = OnnxCuda(plan, memory=memory, opened=opened), memory.finish, CountsSoFar()
    model.reduction = counts
    monkeypatch.setattr(memory, "finish", lambda: (seen.append("finished"), finish()))
    monkeypatch.setattr(counts, "drop", lambda: seen.append("dropped"))
    model.score_rows(tensors_of(plan, N_ROWS), N_ROWS, 4, lambda _: None)
    assert seen[:5] == ["opened", "finished", "finished", "dropped", "opened"]  # finished: after the zeros that ask for the output's shape


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_card_that_disappears_leaves_a_count_that_lacks_rows(plan, schedule):
    counts = CountsSoFar()
    model = OnnxCuda(plan, memory=StreamsStandIn(schedule, fails_at=5), opened=opened_on_cpu)
    model.reduction = counts
    with pytest.raises(DeviceError, match="the card failed at row 12 of 23"):
        model.score_rows(tensors_of(plan, N_ROWS), N_ROWS, 4, lambda _: None)
    assert counts.done < N_ROWS


def test_no_rows_and_one_row(plan):
    for n_rows, expected in ((0, ["begin"]), (1, ["begin", 1])):
        counts, model = CountsSoFar(), OnnxCuda(plan, memory=StreamsStandIn(), opened=opened_on_cpu)
        model.reduction = counts
        model.score_rows(tensors_of(plan, n_rows), n_rows, 4, lambda _: None)
        assert counts.seen == expected
