"""Counts of a variant that are made on a card while it is scored, against those made afterwards; under Numba's CUDA simulator."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

from harness.errors import ConfigError, DeviceError
from harness.inference import onnx_cuda
from harness.inference.onnx_cuda import OnnxCuda
from harness.pipeline import quality, running_tally
from harness.pipeline.reduction import Rows, paired_of, tally_of
from harness.pipeline.running_tally import CountingCard, Pair, RunningTally
from harness.records.needs import Needs
from harness.records.tally import Grid
from harness.tallies.stored import to_columns
from kernels import devices
from tests.inference.card_graphs import linear, plan_of, tensors_of
from tests.inference.test_inference_onnx_cuda import ArenaIsFull, opened_on_cpu
from tests.oracles import tally_oracle
from tests.support.streams_stand_in import REDUCTION_WAITS, StreamsStandIn

N_ROWS = 23
LOG = tally_oracle.random_log(1, N_ROWS, n_windows=2)
ROWS = Rows("binary", *LOG[1:4], Grid(*[tuple(map(str, range(LOG[4])))] * 2, ("all", "w")))
CHAMPION = tally_oracle.random_log(2, N_ROWS)[0]
NEEDS = Needs(ranks=True, binned_auc=True)
SCHEDULES = ["lazy", "eager", "reduce", 1]  # the others are in tests/inference, where a table costs less


@pytest.fixture(autouse=True, scope="module")
def small_pieces(pytestconfig):
    if hasattr(pytestconfig, "is_on_card"):
        pytest.skip("the memory in which the queues put scores is NumPy's")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("slice_tally", "paired_tally"):
            patch.setattr(f"kernels.{name}.cuda_chunk_rows", lambda n_cells: 3)
        patch.setattr("kernels.cuda_counts.PIECE_ROWS", 3)
        patch.setattr("kernels.cuda_counts.THREADS_PER_BLOCK", 10)
        yield


class Simulated(RunningTally):
    """Takes the stand-in's memory for that of the simulated card."""

    def begin(self, scores, stream):
        return super().begin(FakeCUDAArray(scores), stream)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return plan_of(linear(tmp_path_factory.mktemp("graphs") / "m.onnx"), transform="sigmoid")


def running(card, needs=NEEDS, pair=None):
    return Simulated(card, ROWS, 0.5, needs, pair)


def scored(plan, tally, memory, opened=opened_on_cpu):
    model = OnnxCuda(plan, memory=memory, opened=opened)
    model.reduction = tally
    return memory.to_host(model.score_rows(tensors_of(plan, N_ROWS), N_ROWS, 4, lambda _: None))


def tables(scores, card, threshold=0.5):
    """The columns of both tallies, by the reduction that is given the card."""
    alone = tally_of(scores, ROWS, threshold, NEEDS, on_card=card.scored(ROWS, scores))
    pair = paired_of(CHAMPION, scores, ROWS, 0.4, threshold, NEEDS, on_card=card.scored(ROWS, CHAMPION, scores))
    return {f"{name} {key}": value for name, tally in (("alone", alone), ("pair", pair)) for key, value in to_columns(tally).items()}


def is_same(found, expected):
    assert list(found) == list(expected)
    return all(found[name].tobytes() == expected[name].tobytes() for name in expected)


@pytest.fixture(scope="module")
def after(plan):
    """The tables that are counted after scoring, in pieces of the same size."""
    return tables(cuda.to_device(scored(plan, None, StreamsStandIn())), CountingCard())


def counted(plan, memory, opened=opened_on_cpu):
    card = CountingCard()
    tally = running(card, pair=Pair(ROWS, CHAMPION, 0.4))
    scores = scored(plan, tally, memory, opened)
    there = cuda.to_device(scores)
    card.keep(there, tally.finish())
    assert tally.why_after is None
    return tables(there, card), card, scores


@pytest.fixture
def no_counting_after(monkeypatch):
    """The reduction does not count by itself."""

    def forbidden(*_, **__):
        raise AssertionError("counted twice")

    for name in ("harness.tallies.binary.slice_tally", "harness.tallies.paired.paired_tally", "harness.tallies.ordered.add_scores"):
        monkeypatch.setattr(name, forbidden)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_tables_are_those_that_are_counted_after_scoring(plan, after, no_counting_after, schedule):
    assert is_same(counted(plan, StreamsStandIn(schedule))[0], after)


def test_a_reduction_that_is_deaf_to_the_event_gives_another_table(plan, after):
    assert not is_same(counted(plan, StreamsStandIn("reduce", deaf_to=REDUCTION_WAITS))[0], after)


def test_memory_that_runs_out_begins_the_count_anew(plan, after, no_counting_after):
    limits = iter([3, 1000])
    found, _, scores = counted(plan, StreamsStandIn("copy+compute"), lambda given, of: ArenaIsFull(given, of, next(limits)))
    np.testing.assert_array_equal(scores, scored(plan, None, StreamsStandIn()))
    assert is_same(found, after)


def test_a_card_that_disappears_leaves_nothing_half_counted(plan):
    tally = running(CountingCard())
    with pytest.raises(DeviceError, match="the card failed at row 12 of 23"):
        scored(plan, tally, StreamsStandIn("eager", fails_at=5))
    with pytest.raises(ValueError, match="of 23 rows were merged"):
        tally.finish()
    tally.drop()
    assert tally.finish() is None
    assert tally.why_after == "scoring did not end"


def test_without_room_beside_the_model_the_count_is_left_for_later_and_it_is_said(plan, monkeypatch):
    tally = running(CountingCard())
    monkeypatch.setattr(devices, "free_bytes", lambda: 4.0 * (LOG[1].nbytes + LOG[2].nbytes + LOG[3].nbytes) - 1)
    scored(plan, tally, StreamsStandIn())
    assert tally.finish() is None
    assert tally.why_after == "the rows take 0 MiB, more than a quarter of the 0 MiB free on the card"
    monkeypatch.setattr(devices, "free_bytes", lambda: 5000.0)
    tally = running(CountingCard())
    scored(plan, tally, StreamsStandIn())
    assert tally.finish() is None
    assert tally.why_after.startswith("beside the model there is no room for the tables (the table of one piece of the rows takes")


class OutOfMemoryError(Exception):
    """Named as CuPy's."""


def test_a_library_that_runs_out_of_memory_leaves_the_count_for_later_and_nothing_on_the_card(plan, monkeypatch):
    def fails(*arguments):
        raise OutOfMemoryError("Out of memory allocating 4,096 bytes")

    monkeypatch.setattr(running_tally, "RunningSliceTally", fails)
    card = CountingCard()
    tally = running(card)
    assert not tally.begin(np.empty(5, np.float32), 0)
    assert tally.why_after == "beside the model there is no room for the tables (Out of memory allocating 4,096 bytes)"
    assert card._sent == {}
    monkeypatch.setattr(running_tally, "RunningSliceTally", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        running(card).begin(np.empty(5, np.float32), 0)


def test_no_rows_are_left_for_later():
    tally = running(CountingCard())
    assert not tally.begin(np.empty(0, np.float32), 0)
    assert tally.why_after == "there are no rows"


def test_too_many_cells_for_bins_are_refused_before_scoring(monkeypatch):
    monkeypatch.setattr(running_tally, "n_bins_within", lambda n_cells: (_ for _ in ()).throw(ValueError("too many")))
    with pytest.raises(ConfigError, match="metrics: too many"):
        running(CountingCard())
    running(CountingCard(), Needs(ranks=True))


def prepared_of(labels, **more):
    given = {"weights": None, "cluster_ids": None, "timestamps_us": None, "classes": ()} | more
    return SimpleNamespace(judged_labels=labels, slice_ids=ROWS.slice_ids, window_ids=ROWS.window_ids, grid=ROWS.grid, **given)


def asked(task="binary", value=0.5, metrics=(), champion=None, **more):
    variant = SimpleNamespace(threshold=SimpleNamespace(value=value), trained_until=None)
    conf = SimpleNamespace(replay=SimpleNamespace(task=task), metrics=metrics)
    known = None if champion is None else (variant, *champion)
    return running_tally.running_tally(CountingCard(), variant, known, conf, prepared_of(ROWS.labels, **more))


def test_what_must_wait_for_all_scores_is_said():
    assert asked("regression") == (None, "labels are not 0 and 1")
    assert asked(weights=np.ones(N_ROWS)) == (None, "rows are weighted or clustered")
    assert asked(value=None) == (None, "the threshold is found from the scores")
    tally, why = asked()
    assert why is None
    assert tally.why_after == "the scorer told nothing of its scores"


def test_a_pair_is_counted_where_the_champion_was_scored():
    assert asked()[0]._pair is None
    assert asked(champion=(None, None))[0]._pair is None
    pair = asked(champion=(CHAMPION, 0.4))[0]._pair
    assert (pair.scores is CHAMPION, pair.threshold) == (True, 0.4)
    assert pair.rows is asked(champion=(CHAMPION, 0.4))[0]._rows or pair.rows.labels is ROWS.labels


def test_counts_are_taken_for_the_scores_and_rows_that_they_are_of_and_no_others(plan):
    _, card, scores = counted(plan, StreamsStandIn("eager"))
    there, others = card._scores, replace(ROWS, labels=np.where(np.arange(N_ROWS) == 3, -1, ROWS.labels).astype(np.int8))
    assert card.scored(replace(ROWS, labels=ROWS.labels.copy()), there).counted is card.counted
    assert card.scored(ROWS, CHAMPION, there).counted is card.counted
    assert card.scored(ROWS, scores).counted is None
    assert card.scored(ROWS, there, CHAMPION).counted is None
    assert card.scored(others, there).counted is None
    assert card.scored(others, CHAMPION, there).counted is None
    assert card.scored(replace(ROWS, slice_ids=np.zeros_like(ROWS.slice_ids)), there).counted is None
    card.keep(there, replace(card.counted, pair_rows=None, pairs=None))
    assert card.scored(ROWS, CHAMPION, there).counted is None


@pytest.mark.parametrize("value", [0.5, None])
def test_run_log_says_which(plan, monkeypatch, capsys, tmp_path, value):
    """The scoring of a child: its log, and a card that knows the counts."""

    def on_stand_in(given, device_id):
        assert device_id == 0
        return OnnxCuda(given, memory=StreamsStandIn("reduce"), opened=opened_on_cpu)

    monkeypatch.setattr(running_tally, "RunningTally", Simulated)
    monkeypatch.setattr(onnx_cuda, "OnnxCuda", on_stand_in)
    monkeypatch.setattr(devices, "to_host", lambda array, real=devices.to_host: array if isinstance(array, np.ndarray) else real(array))
    monkeypatch.setattr("harness.replay.prepared.open_tensor", lambda folder, group: tensors_of(plan, N_ROWS)[0])
    variant = SimpleNamespace(threshold=SimpleNamespace(value=value), trained_until=None)
    member = quality.Member(variant, replace(plan, batch_rows=4), None, tmp_path, "")
    conf = SimpleNamespace(replay=SimpleNamespace(task="binary"), metrics=())
    prepared = prepared_of(ROWS.labels, n_rows=N_ROWS, folder=tmp_path)
    found = quality._scores(member, None, conf, prepared, SimpleNamespace(progress=lambda _: None))
    said = "counts were reduced while scoring" if value else "counts are reduced after scoring: the threshold is found from the scores"
    assert f"device: {said}\n" in capsys.readouterr().out
    assert (found.card.counted is None) == (value is None)
    np.testing.assert_array_equal(found.scores, scored(plan, None, StreamsStandIn()))
