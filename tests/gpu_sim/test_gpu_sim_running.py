"""Rows that are counted on a card while later scores are still being made: the bits of counting them afterwards, and no wait in between."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda

import kernels.cuda_counts as counts_module
import kernels.cuda_launch as launch_module
import kernels.devices as devices
from kernels.paired_tally import RunningPairedTally, paired_tally
from kernels.score_histogram import RunningHistogram, add_scores, empty
from kernels.slice_tally import RunningSliceTally, slice_tally
from tests.oracles import tally_oracle

N_ROWS, N_WINDOWS, N_BINS = 23, 2, 4
LOG = tally_oracle.random_log(1, N_ROWS, n_windows=N_WINDOWS)
CHALLENGER = tally_oracle.random_log(2, N_ROWS)[0]
GRID = LOG[4], N_WINDOWS
NAMES = ["alone", "paired", "histogram"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    for name in ("slice_tally", "paired_tally"):
        monkeypatch.setattr(f"kernels.{name}.cuda_chunk_rows", lambda n_cells: 3)
    monkeypatch.setattr(counts_module, "PIECE_ROWS", 3)
    monkeypatch.setattr(counts_module, "THREADS_PER_BLOCK", 10)


def sent(*arrays):
    return [cuda.to_device(array) for array in arrays]


def running(name, stream=0):
    """Begin to count the log, whose scores are all there."""
    scores, challenger, *rest = sent(LOG[0], CHALLENGER, *LOG[1:4])
    if name == "alone":
        return RunningSliceTally(scores, *rest, *GRID, 0.5, stream)
    if name == "paired":
        return RunningPairedTally(scores, challenger, *rest, *GRID, 0.5, 0.4, stream)
    return RunningHistogram(empty(GRID[0] * GRID[1], N_BINS), scores, *rest, *GRID, stream)


def at_once(name):
    """Count the log by the call that has all scores."""
    scores, challenger, *rest = sent(LOG[0], CHALLENGER, *LOG[1:4])
    if name == "alone":
        return slice_tally(scores, *rest, *GRID, 0.5)
    if name == "paired":
        return paired_tally(scores, challenger, *rest, *GRID, 0.5, 0.4)
    table = empty(GRID[0] * GRID[1], N_BINS)
    add_scores(table, scores, *rest, *GRID)
    return table


@pytest.fixture(scope="module")
def whole():
    """The bytes of what counting all scores at once gives, made once a kernel."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = bytes_of(at_once(name))
        return made[name]

    return of


def bytes_of(result):
    if dataclasses.is_dataclass(result):
        result = tuple(getattr(result, field.name) for field in dataclasses.fields(result))
    return b"".join(map(bytes_of, result)) if isinstance(result, tuple) else result.tobytes()


@pytest.mark.parametrize(("batch_rows", "n_waves"), [(1, 100), (5, 3), (7, 8), (50, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_any_batches_and_any_waves_give_the_bits_of_one_call(monkeypatch, whole, name, batch_rows, n_waves):
    for module in (devices, counts_module):
        monkeypatch.setattr(module, "RUNNING_WAVES", n_waves)
    tally = running(name)
    for start in range(0, N_ROWS, batch_rows):
        tally.add(min(start + batch_rows, N_ROWS))
    assert bytes_of(tally.finish()) == whole(name)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_read_when_they_are_added_and_not_before(monkeypatch, whole, name):
    """The log's scores come into the array batch by batch; those behind are rubbish when a batch is added."""
    scores = cuda.to_device(np.full(N_ROWS, 0.123, np.float32))
    real = (CHALLENGER if name == "paired" else LOG[0]).astype(np.float32)
    monkeypatch.setattr(f"{__name__}.sent", lambda *arrays: [scores if a is one_of(name) else cuda.to_device(a) for a in arrays])
    tally = running(name)
    for stop in (4, 9, 11, 20, N_ROWS):
        scores.copy_to_device(np.concatenate([real[:stop], np.full(N_ROWS - stop, 0.123, np.float32)]))
        tally.add(stop)
    assert bytes_of(tally.finish()) == whole(name)


def one_of(name):
    return CHALLENGER if name == "paired" else LOG[0]


@pytest.mark.parametrize("name", NAMES)
def test_adding_sends_nothing_asks_nothing_and_waits_for_nothing(monkeypatch, whole, name):
    tally = running(name)

    def forbidden(*_):
        raise AssertionError("the host waits for the card")

    with monkeypatch.context() as patch:
        for module in (devices, counts_module):
            for function in ("to_device", "to_host", "device_empty", "free_bytes", "check_fits", "as_argument", "wait_for_copies"):
                patch.setattr(module, function, forbidden, raising=False)
        for stop in (5, 16, N_ROWS):
            tally.add(stop)
    assert bytes_of(tally.finish()) == whole(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_lacks_rows_is_not_given_out(whole, name):
    tally = running(name)
    tally.add(N_ROWS - 1)
    with pytest.raises(ValueError, match=r"(18|21) of 23 rows were (merged|counted); add all of them, then finish"):
        tally.finish()
    tally.add(N_ROWS)
    assert bytes_of(tally.finish()) == whole(name)


class Recorder:
    """A kernel that notes the stream of its launch, and does nothing."""

    def __init__(self, seen, what):
        self.seen, self.what = seen, what

    def __getitem__(self, configuration):
        return lambda *_: self.seen.append((self.what, configuration[2]))


@pytest.mark.parametrize(("name", "kernels"), [("alone", 3), ("paired", 3), ("histogram", 1)])
def test_every_launch_is_on_the_stream_that_was_given_and_its_end_is_waited_for(monkeypatch, name, kernels):
    seen, stream = [], SimpleNamespace(synchronize=lambda: seen.append("synchronized"))
    for module, functions in ((launch_module, ("kernel_of", "fold_of")), (counts_module, ("shared_counts_of", "global_counts_of"))):
        for function in functions:
            monkeypatch.setattr(module, function, lambda _, function=function: Recorder(seen, function))
    monkeypatch.setattr(launch_module, "fill_tables", Recorder(seen, "fill_tables"))
    for module in (devices, counts_module):
        monkeypatch.setattr(module, "stream_at", lambda address: (seen.append(address), stream)[1])
        monkeypatch.setattr(module, "wait_for_copies", lambda: seen.append("copies are there"))
        real = module.to_host
        monkeypatch.setattr(module, "to_host", lambda array, real=real: (seen.append("to host"), real(array))[1])
    tally = running(name, stream=4096)
    assert seen == [4096, "copies are there"]
    tally.add(N_ROWS)
    launches = seen[2:]
    assert all(on is stream for _, on in launches)
    assert len({what for what, _ in launches}) == kernels
    tally.finish()
    assert seen[-2:] == ["synchronized", "to host"]


def test_no_stream_is_asked_for_where_all_rows_are_there(monkeypatch):
    monkeypatch.setattr(cuda, "external_stream", lambda address: f"the stream at {address}", raising=False)
    assert devices.stream_at(4096) == "the stream at 4096"
    assert devices.stream_at(0) == 0


@pytest.mark.parametrize(
    ("n_pieces", "free_tables", "expected"), [(80, 10_000, 10), (81, 10_000, 11), (80, 24, 3), (3, 10_000, 1), (1, 8, 1)]
)
def test_a_wave_beside_scoring_is_an_eighth_of_the_pieces_and_of_the_memory(monkeypatch, n_pieces, free_tables, expected):
    monkeypatch.setattr(devices, "free_bytes", lambda: float(free_tables * 1000))
    waves = devices.waves_of(n_pieces, 4, 1000, devices.RUNNING_SHARE, devices.RUNNING_WAVES)
    assert waves[0] == (0, expected)
    assert [start for start, _ in waves] == list(range(0, n_pieces, expected))
    assert waves[-1][1] == n_pieces


def test_no_room_beside_scoring_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "free_bytes", lambda: 7999.0)
    with pytest.raises(devices.CardMemoryError, match="the table of one piece of the rows takes"):
        devices.waves_of(80, 4, 1000, devices.RUNNING_SHARE, devices.RUNNING_WAVES)


def test_no_rows():
    scores, *rest = sent(*(array[:0] for array in LOG[:4]))
    tally = RunningSliceTally(scores, *rest, *GRID, 0.5, 0)
    tally.add(0)
    assert tally.finish().counts.sum() == 0
