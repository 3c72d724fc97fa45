"""A log that cuDF decodes becomes the same batches and the same prepared replay, bit for bit; here pandas stands in for cuDF (see cudf_stand_in)."""

import os
import signal
import sys
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import DeviceError, ReplayError
from harness.pipeline import prepare as prepare_module
from harness.pipeline.prepare import prepare
from harness.records.conf import Filter, LabelMaturity, LabelSource, Production, SliceColumn
from harness.records.replay import Categories, InputGroup
from harness.replay import cudf_reader
from harness.replay.arrow_reader import LogReader
from harness.replay.cudf_reader import CudfReader, reader_for
from harness.replay.log_files import open_log, open_replay
from harness.replay.row_groups import batch_ends, chunks_of
from harness.replay_schema import read_replay
from tests.support.confs import replay_conf
from tests.support.cudf_stand_in import StandIn, wrap

N = 23
NAN = float("nan")


@pytest.fixture
def card(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "cudf", stand_in)
    monkeypatch.setattr(cudf_reader, "_free_bytes", lambda: 1 << 30)
    monkeypatch.setattr("harness.replay.arrow_reader.BATCH_ROWS", 5)
    monkeypatch.setattr(prepare_module, "_decode", decode_here)  # a child would not know the stand-in
    return stand_in


def decode_here(work, args, device, progress):
    return work(*args, device, progress)


def cycled(values, type_=None):
    return pa.array((list(values) * N)[:N], type_)


def columns():
    """Return a column of every kind that a log is made of, nulls and odd values among them."""
    return {
        "y": cycled([1, 0, None, 1, 0]),
        "city": cycled(["b", None, "a", "", "missing", "b"]),
        "large": cycled(["x", "yy", None], pa.large_string()),
        "plan": cycled(["pro", "free", None, "free"]).dictionary_encode(),
        "store": cycled([7, -1, None, 2**60 + 1], pa.int64()),
        "small": cycled([1, None, 255], pa.uint8()),
        "day": cycled([date(2025, 1, 1), None, date(1969, 12, 31)]),
        "flag": cycled([True, None, False]),
        "price": cycled([0.5, -0.0, 0.0, NAN, None, 1e-310]),
        "ratio": cycled([0.1, None, NAN, -0.0], pa.float32()),
        "count": cycled([2**24, -(2**24), None, 3], pa.int64()),
        "id": cycled([2**53 + 1, 5, -(2**63)], pa.int64()),
        "huge": cycled([2**64 - 1, 2**63, 0], pa.uint64()),
        "cost": cycled([Decimal("0.10"), None, Decimal("2.55")]),
        "vector": cycled([[1.0, NAN], None, [-0.0, 2.0]], pa.list_(pa.float32(), 2)),
        "t": pa.array([datetime(2025, 1, 1 + i) for i in range(N)], pa.timestamp("us")),
        "version": cycled(["v2", "v1", None]),
        "score": cycled([0.25, None, NAN, 1.0]),
        "weight": cycled([1.0, 0.0, 2.5]),
        "user": cycled(["u1", "u2", "u3"]),
    }


GROUPS = (
    InputGroup(("price", "ratio", "count", "flag"), "float"),
    InputGroup(("price", "count", "id", "huge"), "double"),
    InputGroup(("id",), "int64"),
    InputGroup(("city", "large", "plan"), "string"),
    InputGroup(("vector",), "float"),
)
SLICES = (
    *(SliceColumn(c) for c in ("city", "large", "plan", "store", "small", "day", "flag", "cost", "ratio")),
    SliceColumn("price", (0.0, 0.25)),
    SliceColumn("count", (0.0,)),
)
FULL = {
    "positive": 1,
    "slice_columns": SLICES,
    "crosses": (("city", "plan"),),
    "production": Production(version="version", score="score"),
    "weight": "weight",
    "cluster": "user",
}


def write(folder: Path, table, row_group_size=4, name="log.parquet", **options):
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name, row_group_size=row_group_size, **options)
    return folder


def both(log, conf, groups=(), chunk_bytes=None):
    return LogReader(log, conf, groups), CudfReader(log, conf, groups, chunk_bytes=chunk_bytes)


def assert_same_bits(one, other):
    if isinstance(one, tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same_bits(a, b)
    elif isinstance(one, Categories):
        assert_same_bits(one.codes, other.codes)
        assert [(type(v), v) for v in one.values] == [(type(v), v) for v in other.values]
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()
    else:
        assert one == other


def assert_same_batches(cpu, gpu):
    ours, theirs = list(cpu), list(gpu)
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        for field in fields(one):
            assert_same_bits(getattr(one, field.name), getattr(other, field.name))
    cpu.finish()
    gpu.finish()
    assert cpu.class_order()[1] == gpu.class_order()[1]
    assert cpu.version_order()[1] == gpu.version_order()[1]
    assert cpu.notes() == gpu.notes()


def files_of(folder):
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix != ".lock"}


def prepared_both(folder, conf, groups):
    """Prepare the log by either reader, and return the two results and what they wrote."""
    log = open_replay(conf, None)
    found = [prepare(log, conf, groups, folder / device, "code", lambda done, n: None, device) for device in ("cpu", "cuda")]
    return found, [files_of(folder / device) for device in ("cpu", "cuda")]


def test_every_kind_of_column_becomes_the_same_bytes(tmp_path, card):
    write(tmp_path / "log", pa.table(columns()))
    conf = replay_conf(path=str(tmp_path / "log"), **FULL)
    (cpu, gpu), (ours, theirs) = prepared_both(tmp_path, conf, GROUPS)
    assert len(ours) > 12
    assert ours == theirs
    assert gpu.notes[: len(cpu.notes)] == cpu.notes
    assert gpu.notes[len(cpu.notes) :] == (
        "device=cuda: columns decoded by PyArrow on the CPU, since cuDF does not decode their types alike:"
        " cost (decimal128(3, 2)), vector (fixed_size_list<element: float>[2])",
    )
    assert {name for names, _ in card.reads for name in names} == set(columns()) - {"cost", "vector"}


@pytest.mark.parametrize("row_group_size", [1, 4, 5, 100])
@pytest.mark.parametrize("chunk_bytes", [1, 1000, 1 << 30])
def test_batches_are_the_same_however_row_groups_lie(tmp_path, card, row_group_size, chunk_bytes):
    table = pa.table({k: v for k, v in columns().items() if k != "plan"})
    log = open_log(str(write(tmp_path, table, row_group_size)), None)
    changes = FULL | {"slice_columns": tuple(s for s in SLICES if s.column != "plan"), "crosses": ()}
    groups = (*GROUPS[:3], InputGroup(("large",), "string"), GROUPS[4])
    assert_same_batches(*both(log, replay_conf(**changes), groups, chunk_bytes))
    assert max(len(groups) for _, groups in card.reads) == (-(-N // row_group_size) if chunk_bytes == 1 << 30 else 1)


def test_a_dictionary_column_ends_a_batch_where_its_row_group_ends(tmp_path, card):
    table = pa.table({"y": cycled([0, 1]), "plan": columns()["plan"], "v": pa.array(range(N))})
    log = open_log(str(write(tmp_path, table)), None)
    conf = replay_conf(positive=1, timestamp=None, slice_columns=(SliceColumn("plan"),))
    cpu, gpu = both(log, conf, [InputGroup(("v",), "int64")])
    ours, theirs = list(cpu), list(gpu)
    assert [b.n_rows for b in ours] == [b.n_rows for b in theirs]
    assert len(ours) == 9  # of 23 rows: at the ends of row groups of 4 and of batches of 5
    for one, other in zip(ours, theirs, strict=True):
        assert_same_bits(one.tensors, other.tensors)
        assert_same_bits(one.labels, other.labels)
        named = [[None if c < 0 else b.categories[0].values[c] for c in b.categories[0].codes] for b in (one, other)]
        assert named[0] == named[1]


def test_several_files_and_row_groups_without_rows(tmp_path, card):
    table = pa.table(columns())
    empty = table.slice(0, 0)
    for name, parts in (("a", [empty, table.slice(0, 7), empty, table.slice(7, 3)]), ("b", [empty]), ("c", [table.slice(10), empty])):
        with pq.ParquetWriter(tmp_path / f"{name}.parquet", table.schema) as writer:
            for part in parts:
                writer.write_table(part)
    conf = replay_conf(path=str(tmp_path / "*.parquet"), **FULL)
    _, (ours, theirs) = prepared_both(tmp_path / "out", conf, GROUPS)
    assert ours == theirs


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+05:30"])
def test_times_of_every_unit_and_zone(tmp_path, card, unit, zone):
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    at = cycled([0, -1, 86_400 * per_second, 1_735_689_600 * per_second + per_second - 1], pa.timestamp(unit, zone))
    gaps = pa.array([None if i % 3 else v.value for i, v in enumerate(at.cast(pa.int64()).to_pylist() and at)], pa.timestamp(unit, zone))
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1]), "t": at, "seen": gaps}), coerce_timestamps=None)), None)
    conf = replay_conf(positive=1, timestamp="t", slice_columns=(SliceColumn("seen"),))
    cpu, gpu = both(log, conf)
    assert cpu.time_range() == gpu.time_range() is not None
    assert_same_batches(cpu, gpu)
    assert gpu.device_notes == []


def test_old_int96_times(tmp_path, card):
    table = pa.table({"y": cycled([0, 1]), "t": cycled([datetime(1677, 9, 22), datetime(2025, 3, 4, 5, 6, 7, 8)], pa.timestamp("us"))})
    log = open_log(str(write(tmp_path, table, use_deprecated_int96_timestamps=True)), None)
    assert_same_batches(*both(log, replay_conf(positive=1)))


def test_dates_are_times_and_slices(tmp_path, card):
    days = cycled([date(2025, 1, 1), date(1969, 12, 31), date(2400, 2, 29)])
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1]), "t": days}))), None)
    assert_same_batches(*both(log, replay_conf(positive=1, slice_columns=(SliceColumn("t"),))))


@pytest.mark.parametrize(
    ("task", "label", "changes"),
    [
        ("binary", cycled(["no", "yes", None]), {"positive": "yes"}),
        ("binary", cycled([0.0, NAN, 1.0, None, -0.0]), {"positive": 1}),
        ("binary", cycled([True, None, False]), {"positive": True}),
        ("multiclass", cycled(["b", None, "a", "c"]), {}),
        ("multiclass", cycled([3, 1, None, 2]), {"classes": (1, 2, 3)}),
        ("multiclass", cycled(["b", None, "a"]).dictionary_encode(), {}),
        ("regression", cycled([1, 2, None]), {}),
        ("regression", cycled([1.5, NAN, None, -0.0]), {}),
    ],
)
def test_labels_of_every_task(tmp_path, card, task, label, changes):
    write(tmp_path / "log", pa.table({"y": label, "t": columns()["t"]}))
    conf = replay_conf(path=str(tmp_path / "log"), task=task, **({"positive": None} | changes))
    (cpu, gpu), (ours, theirs) = prepared_both(tmp_path, conf, ())
    assert ours == theirs
    assert cpu.classes == gpu.classes


def test_rows_that_where_leaves_out_name_no_values(tmp_path, card):
    table = pa.table({"y": cycled([0, 1, 1]), "city": cycled(["x", "a", "b", "c"]), "keep": cycled(["no", "yes", "yes", None, "yes"])})
    log = open_log(str(write(tmp_path, table)), None)
    conf = replay_conf(
        positive=1, timestamp=None, where=(Filter("keep", ("yes",)),), slice_columns=(SliceColumn("city"), SliceColumn("keep"))
    )
    assert_same_batches(*both(log, conf))


def test_only_the_first_rows_are_decoded_with_a_limit(tmp_path, card):
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1]), "city": cycled(["a", "b"])}))), None)
    conf = replay_conf(positive=1, timestamp=None, limit=7, slice_columns=(SliceColumn("city"),))
    assert_same_batches(*both(log, conf, chunk_bytes=1))
    assert [groups for _, groups in card.reads] == [
        [0],
        [1],
        [2],
        [3],
    ]  # of six: three batches of 5 rows, the third to see that it is enough


def test_labels_of_another_file_are_joined(tmp_path, card):
    write(tmp_path / "log", pa.table({"key": pa.array([f"k{i}" for i in range(N)]), "t": columns()["t"], "city": columns()["city"]}))
    write(
        tmp_path / "labels",
        pa.table({"key": pa.array([f"k{i}" for i in range(0, N, 2)]), "y": pa.array([0, 1] * 6), "at": columns()["t"][:12]}),
    )
    source = LabelSource(str(tmp_path / "labels"), ("key",), "y", "at")
    conf = replay_conf(path=str(tmp_path / "log"), positive=1, labels=source, slice_columns=(SliceColumn("city"), SliceColumn("key")))
    conf = replace(conf, label_maturity=LabelMaturity(0.0, datetime(2025, 1, 9, tzinfo=UTC), True))
    _, (ours, theirs) = prepared_both(tmp_path, conf, ())
    assert ours == theirs


def test_features_that_are_added_later_are_the_same(tmp_path, card):
    write(tmp_path / "log", pa.table(columns()))
    conf = replay_conf(path=str(tmp_path / "log"), **FULL)
    prepared_both(tmp_path, conf, GROUPS[:1])
    _, (ours, theirs) = prepared_both(tmp_path, conf, GROUPS)
    assert ours == theirs


def test_a_replay_that_is_prepared_already_is_not_decoded_again_and_has_no_note(tmp_path, card):
    write(tmp_path / "log", pa.table(columns()))
    conf = replay_conf(path=str(tmp_path / "log"), **FULL)
    log = open_replay(conf, None)
    first = prepare(log, conf, GROUPS, tmp_path / "cache", "code", lambda done, n: None, "cuda")
    n_reads = len(card.reads)
    second = prepare(log, conf, GROUPS, tmp_path / "cache", "code", lambda done, n: None, "cuda")
    assert len(card.reads) == n_reads > 0
    assert any(note.startswith("device=cuda") for note in first.notes)
    assert not any(note.startswith("device=cuda") for note in second.notes)


@pytest.mark.parametrize(
    ("column", "groups", "changes"),
    [
        (cycled([1.0, np.inf]), [InputGroup(("v",), "float")], {}),
        (cycled([1, 2**24 + 1]), [InputGroup(("v",), "float")], {}),
        (cycled([1, None]), [InputGroup(("v",), "int64")], {}),
        (cycled([1.0, NAN]), [InputGroup(("v",), "float")], {"nan": "refuse"}),
        (cycled(["a", None]), [InputGroup(("v",), "string")], {"nan": "refuse"}),
        (cycled([1, 2]), [], {"where": (Filter("v", ("a",)),)}),
        (cycled([1, 2]), [], {"where": (Filter("v", ("a",)),), "slice_columns": (SliceColumn("v"),)}),
        (cycled([1, 2]), [], {"timestamp": "v"}),
        (cycled([1, 2]), [], {"timestamp": "v", "slice_columns": (SliceColumn("v"),)}),
        (cycled([datetime(2025, 1, 1), None]), [], {"timestamp": "v"}),
        (cycled(["a", "b", "c"]), [], {"label": "v", "positive": "a"}),
        (cycled([0, 1]), [], {"label": "v", "positive": 7}),
        (cycled([1.0, -1.0]), [], {"weight": "v"}),
        (cycled(["u", None]), [], {"cluster": "v"}),
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(tmp_path, card, column, groups, changes):
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1]), "v": column}))), None)
    said = []
    for reader in both(log, replay_conf(**({"positive": 1, "timestamp": None} | changes)), groups):
        with pytest.raises(ReplayError) as refused:
            _ = [*reader, reader.finish()]
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_a_damaged_file_is_refused_in_the_same_words(tmp_path, card):
    file = write(tmp_path, pa.table({"y": cycled([0, 1]), "v": cycled([1.5, 2.5])}), compression="gzip") / "log.parquet"
    log = open_log(str(file), None)
    offset = pq.read_metadata(file).row_group(2).column(1).data_page_offset
    damaged = bytearray(file.read_bytes())
    damaged[offset : offset + 40] = b"\xff" * 40
    file.write_bytes(damaged)
    card.fail = lambda names, row_groups: (_ for _ in ()).throw(RuntimeError("CUDF failure")) if 2 in row_groups else None
    said = []
    for reader in both(log, replay_conf(positive=1, timestamp=None), [InputGroup(("v",), "double")], chunk_bytes=1):
        with pytest.raises(ReplayError, match="a file is damaged: write it again") as refused:
            list(reader)
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert reader.device_notes == []


def test_a_column_that_pandas_wrote_as_its_index_is_found(tmp_path, card):
    frame = pd.DataFrame({"y": [0, 1] * 5, "v": np.arange(10.0)}, index=pd.Index([f"k{i % 3}" for i in range(10)], name="key"))
    frame.to_parquet(tmp_path / "log.parquet")
    conf = replay_conf(positive=1, timestamp=None, slice_columns=(SliceColumn("key"),))
    cpu, gpu = both(open_log(str(tmp_path), None), conf, [InputGroup(("v",), "float")])
    assert_same_batches(cpu, gpu)
    assert gpu.device_notes == []


def test_short_memory_halves_the_row_groups_and_gives_the_same(tmp_path, card):
    def at_most_two(names, row_groups):
        if len(row_groups) > 2:
            raise MemoryError("std::bad_alloc: out_of_memory")

    card.fail = at_most_two
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1]), "city": cycled(["a", "b", None])}))), None)
    cpu, gpu = both(log, replay_conf(positive=1, timestamp=None, slice_columns=(SliceColumn("city"),)), chunk_bytes=1 << 30)
    assert_same_batches(cpu, gpu)
    assert [groups for _, groups in card.reads] == [[0], [1, 2], [3], [4, 5]]
    assert gpu.device_notes == []


@pytest.mark.parametrize("trouble", [MemoryError("std::bad_alloc"), RuntimeError("CUDF failure at: reader_impl.cu:1: Unsupported\n codec")])
def test_row_groups_that_cudf_cannot_read_are_read_by_pyarrow_and_said(tmp_path, card, trouble):
    def not_the_third(names, row_groups):
        if 2 in row_groups:
            raise trouble

    card.fail = not_the_third
    table = pa.table({"y": cycled([0, 1]), "city": cycled(["a", "b", None]), "plan": columns()["plan"]})
    write(tmp_path / "log", table)
    conf = replay_conf(path=str(tmp_path / "log"), positive=1, timestamp=None, slice_columns=(SliceColumn("city"), SliceColumn("plan")))
    (_, gpu), (ours, theirs) = prepared_both(tmp_path, conf, ())
    assert ours == theirs
    reason = f"{type(trouble).__name__}: {' '.join(str(trouble).split())}"
    said = f"device=cuda: some row groups of log.parquet were decoded by PyArrow on the CPU, since cuDF could not ({reason})"
    assert gpu.notes[-1] == said


@pytest.mark.skipif(find_spec("cudf") is not None, reason="cuDF is installed: tests/gpu_full asks for it without a card")
def test_without_cudf_the_log_is_read_by_pyarrow_in_a_child_and_the_result_says_so(tmp_path):
    write(tmp_path / "log", pa.table(columns()))
    conf = replay_conf(path=str(tmp_path / "log"), **FULL)
    (cpu, gpu), (ours, theirs) = prepared_both(tmp_path, conf, GROUPS)
    assert ours == theirs
    said = "device=cuda: the log was decoded by PyArrow on the CPU, since cuDF cannot be imported (No module named 'cudf')"
    assert gpu.notes == (*cpu.notes, said)


def test_a_child_refuses_a_log_in_the_words_of_the_parent(tmp_path):
    (tmp_path / "log.csv").write_text("y\n0\n1\n2\n")  # CSV is decoded by PyArrow with a card, without one and without cuDF
    log, conf, said = open_log(str(tmp_path / "log.csv"), None), replay_conf(positive=1, timestamp=None), []
    for device in ("cpu", "cuda"):
        with pytest.raises(ReplayError, match="more than two values") as refused:
            prepare(log, conf, (), tmp_path / device, "code", lambda done, n: None, device)
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_a_child_that_dies_is_a_failure_of_the_device(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "_build", die)
    (tmp_path / "log.csv").write_text("y\n0\n1\n")
    log = open_log(str(tmp_path / "log.csv"), None)
    with pytest.raises(
        DeviceError, match=r"^device: cuda was asked for, and the log could not be decoded on the card \(its process .*SIGKILL"
    ):
        prepare(log, replay_conf(positive=1, timestamp=None), (), tmp_path / "cache", "code", lambda done, n: None, "cuda")


def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)


def test_csv_is_read_by_pyarrow_and_the_result_says_so(tmp_path, card):
    (tmp_path / "log.csv").write_text("y,city\n" + "1,a\n0,b\n" * 9)
    conf = replay_conf(path=str(tmp_path / "log.csv"), positive=1, timestamp=None, slice_columns=(SliceColumn("city"),))
    (cpu, gpu), (ours, theirs) = prepared_both(tmp_path / "out", conf, ())
    assert ours == theirs
    said = "device=cuda: the log was decoded by PyArrow on the CPU, since it is CSV, of which cuDF guesses other types than PyArrow"
    assert gpu.notes == (*cpu.notes, said)
    assert card.reads == []


def test_a_sweep_on_the_cpu_does_not_touch_cudf(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cudf", None)  # an import of it fails
    log = open_log(str(write(tmp_path, pa.table({"y": cycled([0, 1])}))), None)
    reader = reader_for("cpu", log, replay_conf(positive=1, timestamp=None), ())
    assert type(reader) is LogReader
    assert reader.device_notes == []
    assert isinstance(reader_for("cuda", log, replay_conf(positive=1, timestamp=None), ()).device_notes[0], str)


def test_chunks_take_as_many_row_groups_as_fit_and_one_at_least(tmp_path):
    file = pq.ParquetFile(write(tmp_path, pa.table({"a": pa.array(range(N)), "s": pa.array(["x" * 100] * N)})) / "log.parquet")
    assert chunks_of(file, ["a"], 1) == [[0], [1], [2], [3], [4], [5]]
    sizes = [file.metadata.row_group(g).column(0).total_uncompressed_size for g in range(6)]
    assert chunks_of(file, ["a"], sum(sizes[:3])) == [[0, 1, 2], [3, 4, 5]]
    assert chunks_of(file, ["a"], sum(sizes[:3]) - 1)[0] == [0, 1]
    assert chunks_of(file, ["a", "s"], sum(sizes[:3]))[0] == [0]  # the text column counts too


def test_row_groups_without_rows_are_not_read(tmp_path):
    table = pa.table({"a": pa.array(range(6))})
    with pq.ParquetWriter(tmp_path / "log.parquet", table.schema) as writer:
        for part in (table.slice(0, 0), table.slice(0, 4), table.slice(0, 0), table.slice(4)):
            writer.write_table(part)
    assert chunks_of(pq.ParquetFile(tmp_path / "log.parquet"), ["a"], 1 << 20) == [[1, 3]]


def test_columns_are_encoded_on_the_card_where_nothing_but_categories_is_used_of_them(tmp_path, card):
    log = open_log(str(write(tmp_path, pa.table(columns()))), None)
    sliced = {"slice_columns": (*SLICES, SliceColumn("user"), SliceColumn("y"))}
    categories_only = {"city", "large", "plan", "store", "small", "day", "flag", "cost", "ratio"}
    conf = replay_conf(**(FULL | sliced))
    assert CudfReader(log, conf, ())._encoded == categories_only | {"y", "version"}  # "user" is the cluster
    assert CudfReader(log, conf, GROUPS)._encoded == {"store", "small", "day", "cost", "y", "version"}
    assert CudfReader(log, conf, (), with_labels=False)._encoded == categories_only | {"y", "user"}
    assert "y" not in CudfReader(log, replay_conf(task="regression"), ())._encoded


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "", None]), st.one_of(st.none(), st.floats(width=32), st.just(-0.0))), min_size=1, max_size=30
    ),
    st.integers(1, 12),
    st.integers(1, 400),
    st.booleans(),
)
def test_any_log_in_any_row_groups(tmp_path, card, rows, row_group_size, chunk_bytes, dictionary):
    texts = pa.array([text for text, _ in rows], pa.string())
    table = pa.table({"y": pa.array([i % 2 for i in range(len(rows))]), "s": texts.dictionary_encode() if dictionary else texts,
                      "v": pa.array([v for _, v in rows], pa.float64())})  # fmt: skip
    write(tmp_path, table, row_group_size)
    log = open_log(str(tmp_path / "log.parquet"), None)
    finite = InputGroup(("y",), "double")
    conf = replay_conf(positive=1, timestamp=None, slice_columns=(SliceColumn("s"), SliceColumn("v", (0.0,))))
    cpu, gpu = both(log, conf, [finite], chunk_bytes)
    ours, theirs = list(cpu), list(gpu)
    assert [b.n_rows for b in ours] == [b.n_rows for b in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert_same_bits(one.numbers, other.numbers)
        assert_same_bits(one.tensors, other.tensors)
        if not dictionary:
            assert_same_bits(one.categories, other.categories)
    with pq.ParquetFile(tmp_path / "log.parquet") as file:
        assert batch_ends(file, ["s", "v"], 5)[-1] == len(rows)


def test_the_flights_log_is_the_same_bytes(tmp_path, card, monkeypatch):
    project = Path(__file__).parents[2]
    built = [
        folder
        for folder in (project / "data" / "flights", project / ".cache" / "demo-test" / "data" / "flights")
        if any(folder.glob("*.parquet"))
    ]
    if not built:
        pytest.skip("the flights log is not built: python -m harness.demo")
    monkeypatch.setattr("harness.replay.arrow_reader.BATCH_ROWS", 131_072)
    data = yaml.safe_load((project / "conf" / "replay" / "flights.yaml").read_text())
    conf = read_replay(data | {"path": str(built[0] / "*.parquet")})
    groups = [InputGroup(conf.features, "float"), InputGroup(("distance", "seats"), "double"), InputGroup(("carrier", "origin"), "string")]
    (cpu, gpu), (ours, theirs) = prepared_both(tmp_path, conf, groups)
    assert ours == theirs
    assert cpu.notes == gpu.notes
    assert gpu.n_rows > 250_000
    assert len(card.reads) >= 4


@pytest.mark.parametrize(
    "use",
    [
        lambda: wrap(pd.DataFrame({"a": [2, 1]})).set_axis(["x"], axis=1),
        lambda: wrap(pd.Series([1, 2])).agg("sum"),
        lambda: wrap(pd.Series([1, 2])).item(),
        lambda: wrap(pd.DataFrame({"a": [1]})).merge(pd.DataFrame({"a": [1]}), on="a", copy=False),
        lambda: wrap(pd.Series([1, 2])).factorize(size_hint=2),
        lambda: list(wrap(pd.Series([1, 2]))),
        lambda: StandIn().read_table("x"),
        lambda: StandIn().read_parquet(),
    ],
)
def test_the_stand_in_has_no_name_and_takes_no_argument_that_cudf_has_not(use):
    with pytest.raises((AttributeError, TypeError), match=r"^cudf(\.\w+)?( |\.\w+\()"):
        use()


def test_the_stand_in_does_what_cudf_has():
    frame = wrap(pd.DataFrame({"a": [2, 1], "b": [3.0, 4.0]}))
    assert frame.sort_values("a")["b"].to_arrow().to_pylist() == [4.0, 3.0]
    codes, values = wrap(pd.Series(["x", None, "y", "x"])).factorize(use_na_sentinel=True)
    assert codes.astype("int32").get().tolist() == [1, -1, 0, 1]
    assert values.to_arrow().to_pylist() == ["y", "x"]
