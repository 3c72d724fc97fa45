"""The columns of a log against its reference: reduced on a card the findings of the CPU, and what does not fit there is reduced on the host, and said."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness.config import compose_sweep
from harness.errors import DeviceError
from harness.pipeline import columns_on_card, log_comparison
from harness.pipeline.column_work import compare_columns
from harness.pipeline.columns_on_card import note_of
from harness.pipeline.log_comparison import log_work
from harness.pipeline.log_drift import put_together
from harness.records.profile import CellMoments
from harness.runs import folder as files
from harness.runs.findings import DRIFT
from kernels.devices import CardMemoryError
from tests.sweep.world import make_log, make_world, replay_conf

NUMBERS = ("x0", "x1", "at", "big", "n_items")
CATEGORIES = ("region", "channel", "is_new")


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    n, rng = 160, np.random.default_rng(2)
    log = make_log(n).drop(columns=["x2", "x3", "prior_score"])
    log["big"] = pd.array(2**60 + rng.integers(0, 9, n), "Int64")
    log.loc[::11, "big"] = pd.NA
    log["n_items"], log["is_new"] = rng.integers(0, 5, n), rng.random(n) < 0.3
    log.loc[::13, "x0"], log.loc[5, "x1"], log.loc[::17, "region"] = np.nan, np.inf, None
    world = make_world(tmp_path, ("champion", "better"))
    world.log(log)
    reference = {"from": "2024-01-11", "until": "2024-02-10"}
    world.conf("replay", "tiny", replay_conf() | {"features": ["x0", "x1"], "slices": {"columns": ["region"]}, "reference": reference})
    conf = compose_sweep(["sweep=tiny", "drift=standard", "drift.resample=rows"], ["conf"])
    return log_work(conf.replay, conf.drift, tmp_path / "cache", tmp_path / "out")


def compared(work, *cards):
    return compare_columns(SimpleNamespace(progress=lambda _: None), dataclasses.replace(work, cards=cards), 0, 1)


def host_is_refused(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("the host did what the card was asked for")

    for module in ("cell_moments", "cell_counts", "two_sample", "two_sample_walk", "two_sample_buckets"):
        monkeypatch.setattr(f"kernels.{module}.run_in_order", refused)
    monkeypatch.setattr("kernels.two_sample_quantiles.exact_quantiles", refused)


def assert_same_profiles(found, expected):
    for field in dataclasses.fields(expected):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(other, CellMoments):
            for part in dataclasses.fields(other):
                options = {"rtol": 1e-9, "atol": 1e-9} if part.name in ("mean", "m2") else {"rtol": 0.0}
                np.testing.assert_allclose(getattr(one, part.name), getattr(other, part.name), **options, err_msg=part.name)
        elif isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=field.name)
        else:
            assert one == other, field.name


def test_findings_are_those_of_the_cpu(work, monkeypatch):
    host = compared(work)
    expected = put_together(work, [host])
    rows = files.read_parquet(work.folder / DRIFT)
    host_is_refused(monkeypatch)
    there = compared(work, "0")
    found = put_together(work, [there])
    assert (host.on_card, there.on_card) == (None, (len(there.columns) + 1, 0))
    assert {result.name for result in there.columns} == {*NUMBERS, *CATEGORIES}
    for one, other in zip((*there.columns, there.label), (*host.columns, host.label), strict=True):
        assert_same_profiles(one.current, other.current)
        assert_same_profiles(one.reference, other.reference)
    table = files.read_parquet(work.folder / DRIFT)
    pd.testing.assert_frame_equal(table, rows, check_exact=False, rtol=1e-9, atol=1e-9)
    exact = table["statistic"].isin(["psi", "ks", "chi_square", "missing_share"])
    pd.testing.assert_frame_equal(table[exact][["value"]], rows[exact][["value"]], check_exact=True)
    assert exact.sum() > 50
    note = "device: 9 of 9 columns were counted, measured and ordered on a card; different values"
    assert next(one for one in found.notes if one not in expected.notes).startswith(note)
    assert len(found.notes) == len(expected.notes) + 1


def test_without_a_card_the_host_is_used(work, monkeypatch):
    """What the test above rests on."""
    host_is_refused(monkeypatch)
    with pytest.raises(AssertionError, match="the host did"):
        compared(work)


@pytest.mark.parametrize("trouble", [CardMemoryError("a column takes 9 MiB"), RuntimeError("[2] CUDA_ERROR_OUT_OF_MEMORY")])
def test_a_column_without_room_is_reduced_on_the_host_and_counted(work, monkeypatch, trouble):
    real = columns_on_card.ColumnOnCard

    def column_on_card(values, ids, cells, is_missing):
        if values.dtype == np.float32:
            raise trouble
        return real(values, ids, cells, is_missing)

    monkeypatch.setattr(columns_on_card, "ColumnOnCard", column_on_card)
    there, host = compared(work, "0"), compared(work)
    assert there.on_card == (7, 2)
    for one, other in zip(there.columns, host.columns, strict=True):
        if one.name in ("x0", "x1"):
            assert_same_profiles(one.current, other.current)
    assert note_of([there.on_card], 9).startswith("device: 7 of 9 columns were counted, measured and ordered on a card; 2 did not fit")


def test_what_else_goes_wrong_on_a_card_is_no_reason_for_the_host(work, monkeypatch):
    def broken(*_):
        raise RuntimeError("[700] CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered")

    monkeypatch.setattr(columns_on_card, "ColumnOnCard", broken)
    with pytest.raises(RuntimeError, match="ILLEGAL_ADDRESS"):
        compared(work, "0")


def test_a_child_sees_its_card_alone_and_says_what_failed_there(work, monkeypatch):
    seen = {}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")

    def compare(channel, work, part, n_parts):
        seen[part] = log_comparison.os.environ["CUDA_VISIBLE_DEVICES"]
        raise CardMemoryError("ordering takes too much")

    monkeypatch.setattr(log_comparison, "compare_columns", compare)
    two = dataclasses.replace(work, cards=("GPU-a", "GPU-b"))
    for part in (1, 0, 2):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")
        found, trouble = log_comparison._compare(None, two, part, 3)
        assert found is None
        assert isinstance(trouble, DeviceError)
        assert "ordering takes too much" in str(trouble)
    assert seen == {0: "GPU-a", 1: "GPU-b", 2: "before"}
