"""Awkward logs: every column and every row gets a defined figure, or one clear sentence that says why there is none."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.drift_command.conftest import Drift
from tests.drift_command.drift_world import PER_DAY, WINDOWS, DriftWorld, is_current, make_world, requests


def odd_table() -> pa.Table:
    """Return the requests with a column of every awkward kind; what changes, changes with the first current row."""
    log = requests()
    n, now = len(log), is_current(log).to_numpy()
    rng = np.random.default_rng(2)
    number = rng.normal(size=n)
    columns: dict[str, Any] = {
        "nulls": pa.nulls(n, pa.float64()),
        "untyped": pa.nulls(n),
        "null_from_now": pa.array(np.where(now, np.nan, number), from_pandas=True),
        "null_until_now": pa.array(np.where(now, number, np.nan), from_pandas=True),
        "constant": pa.array(np.full(n, 7.25)),
        "becomes_constant": pa.array(np.where(now, 0.0, number)),
        "constant_text": pa.array(["x"] * n),
        "infinite": pa.array(np.where(np.arange(n) % 50 == 0, np.inf, np.where(np.arange(n) % 50 == 1, -np.inf, number))),
        "all_infinite_now": pa.array(np.where(now, np.inf, number)),
        "nan_and_null": pa.array([None if i % 10 == 0 else float("nan") if i % 10 == 1 else number[i] for i in range(n)]),
        "huge": pa.array(number * 1e300),
        "whole": pa.array(2**53 + 1 + np.arange(n) % 5),
        "unsigned": pa.array(np.uint64(2**63) + (np.arange(n) % 3).astype(np.uint64)),
        "flag": pa.array(number > 0),
        "decimal": pa.array([Decimal(int(v * 100)).scaleb(-2) for v in number], pa.decimal128(10, 2)),
        "date": pa.array([d.date() for d in log["at"]]),
        "moment": pa.array(log["at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")),
        "clock": pa.array([dt.time(i % 24) for i in range(n)]),
        "lasting": pa.array(np.arange(n), pa.duration("s")),
        "dictionary": pa.array(log["country"]).dictionary_encode(),
        "half": pa.array(number.astype(np.float16)),
        "list": pa.array([[1.0, 2.0]] * n),
        "struct": pa.array([{"a": 1}] * n),
        "bytes": pa.array([b"\xff\x00"] * n),
        "unseen": pa.array(np.where(now & (np.arange(n) % 4 == 0), "new", "old")),
        "empty text": pa.array(["" if i % 3 else "a" for i in range(n)]),
        "grün ∑": pa.array(rng.choice(["ä", "日本"], n)),
    }
    table = pa.Table.from_pandas(log.drop(columns=["channel", "is_new"]), preserve_index=False)
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> DriftWorld:
    from harness.cli import main

    world = make_world(tmp_path_factory.mktemp("odd") / "world", odd_table())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        assert main(world.args("drift.resample=rows", "drift.statistics.psi.in_slices=true")) == 1
    return world


def test_every_column_is_compared_or_says_why_not(odd: DriftWorld) -> None:
    findings = odd.json("findings.json")
    not_compared = dict(findings["not_compared"])
    assert set(not_compared) == {"untyped", "list", "struct", "bytes"}, not_compared
    assert all(name in why and len(why) > len(name) + 5 for name, why in not_compared.items())
    wanted = {*odd_table().column_names} - {"at", "request_id"} - set(not_compared)
    assert set(odd.columns()) == wanted


def test_every_row_has_a_value_or_says_why_not(odd: DriftWorld) -> None:
    frame = odd.drift()
    undefined = frame[frame["value"].isna()]
    assert len(undefined) > 20
    assert undefined["note"].str.contains("undefined").all()
    assert undefined["drifted"].isna().all()
    assert not np.isinf(frame["value"]).any()
    known = frame["p_value"].dropna()
    assert known.between(0, 1).all()
    assert (frame["p_value_corrected"].dropna() >= 0).all()
    assert (frame["n_reference"] >= 0).all()


DRIFTED = {
    "nulls": False,
    "null_from_now": True,
    "null_until_now": True,
    "constant": False,
    "becomes_constant": True,
    "constant_text": False,
    "infinite": False,
    "all_infinite_now": True,
    "nan_and_null": False,
    "whole": False,
    "unsigned": False,
    "flag": False,
    "decimal": False,
    "date": True,
    "moment": True,
    "dictionary": False,
    "unseen": True,
    "empty text": False,
    "grün ∑": False,
}


@pytest.mark.parametrize("column", DRIFTED)
def test_what_changed_is_found_and_what_did_not_is_not(odd: DriftWorld, column: str) -> None:
    assert odd.columns()[column]["drifted"] is DRIFTED[column], odd.columns()[column]


def test_what_changed_is_said(odd: DriftWorld) -> None:
    changed = {name: column["changed"] for name, column in odd.columns().items()}
    assert "missing 0.0% -> 100.0%" in changed["null_from_now"]
    assert "missing 100.0% -> 0.0%" in changed["null_until_now"]
    assert "unseen: new" in changed["unseen"]
    assert "days" in changed["date"]
    frame = odd.drift()
    infinite = frame[(frame["column"] == "infinite") & (frame["statistic"] == "mean") & (frame["window"] == "all")]
    assert infinite["note"].str.contains("infinite left out").any()


def test_the_contract_names_what_appeared_and_stayed(odd: DriftWorld) -> None:
    broken = {(v["column"], v["window"]) for v in odd.violations()}
    for column in ("null_from_now", "becomes_constant", "unseen"):
        assert (column, WINDOWS[0]) in broken, broken
    assert {column for column, _ in broken} & {"constant", "nan_and_null", "dictionary", "flag", "decimal", "grün ∑"} == set()


def test_profiles_of_odd_columns_are_those_of_their_rows(odd: DriftWorld) -> None:
    profiles = {c["name"]: c for c in odd.json("profile.json")["columns"]}
    n = int(is_current(requests()).sum())
    for name in odd.columns():
        if name in profiles:
            assert profiles[name]["moments"]["n_rows"][0] == n, name
            assert sum(profiles[name]["counts"][0]) == n, name
    assert profiles["infinite"]["moments"]["n_infinite"][0] == 62
    assert (profiles["whole"]["n_distinct"], profiles["flag"]["categories"]) == (5, ["false", "true"])


def small(n_days: int = 6, seed: int = 3, **columns: Any) -> dict[str, Any]:
    """Return three requests a day; the first half is reference."""
    rng = np.random.default_rng(seed)
    n = 3 * n_days
    at = [dt.datetime(2025, 1, 1) + dt.timedelta(hours=8 * i) for i in range(n)]
    base = {"at": pa.array(at, pa.timestamp("us")), "x": rng.normal(size=n), "c": ["a", "b", "c"] * n_days, "late": [0, 1, 0] * n_days}
    return base | columns


SMALL = {"reference": {"until": "2025-01-04"}, "id": None, "slices": {"columns": ["c"]}, "windows": "1d", "features": ["x"]}


def small_world(root: Path, log: Any, name: str = "log.parquet", **conf: Any) -> DriftWorld:
    world = make_world(root)
    world.log(log, name)
    world.conf(**SMALL | {"path": str(world.root / name)} | conf)
    return world


def test_sides_of_a_single_row(tmp_path: Path, drift: Drift) -> None:
    log = {k: v[8:10] for k, v in small().items() if k != "late"}
    world = small_world(tmp_path, log, label=None)
    said = drift(world)
    assert said.code in (0, 1, 3), said.err
    findings = world.json("findings.json")
    assert (findings["n_reference"], findings["n_current"]) == (1, 1)
    frame = world.drift()
    assert (frame["note"] != "")[frame["value"].isna()].all()
    assert frame[(frame["statistic"] == "ks") & (frame["window"] == "all") & (frame["slice_by"] == "all")]["value"].tolist() == [1.0]
    assert not frame["drifted"].fillna(False).any(), "one row proves nothing"


def test_windows_of_one_row(tmp_path: Path, drift: Drift) -> None:
    world = small_world(tmp_path, small(), windows={"rows": 1})
    said = drift(world)
    assert said.code in (0, 1, 3), said.err
    frame = world.drift()
    windows = frame[(frame["column"] == "x") & (frame["statistic"] == "psi")]["window"].unique()
    assert len(windows) == 1 + 9
    assert frame[frame["window"] != "all"]["n_current"].max() == 1


def test_unsorted_and_repeated_times_of_a_zone_windows_without_rows_and_a_jump_of_the_clock(tmp_path: Path, drift: Drift) -> None:
    log = requests()[["at", "amount", "country", "late"]].iloc[::3].reset_index(drop=True)
    gap = (log["at"] >= WINDOWS[2]) & (log["at"] < WINDOWS[4])
    log = log[~gap]
    log.loc[log.index % 5 == 0, "at"] = log["at"].dt.floor("D")
    log.loc[log.index[-1], "at"] = pd.Timestamp("2065-05-05")
    plain = small_world(
        tmp_path / "plain",
        log,
        id=None,
        windows="1w",
        slices={"columns": ["country"]},
        features=["amount"],
        reference={"until": WINDOWS[0]},
    )
    assert drift(plain, "drift=quick").code in (0, 1, 3)
    windows = plain.drift().query("column == 'amount' and statistic == 'psi'")["window"].tolist()
    assert windows == ["all", *WINDOWS[:2], *WINDOWS[4:], "2065-05-04"], "windows without rows have none in the table"

    shuffled = log.sample(frac=1, random_state=1)
    shuffled["at"] = shuffled["at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    zoned = small_world(
        tmp_path / "zoned",
        shuffled,
        id=None,
        windows="1w",
        slices={"columns": ["country"]},
        features=["amount"],
        reference={"until": WINDOWS[0]},
    )
    said = drift(zoned, "drift=quick")
    assert said.code in (0, 1, 3), said.err
    keys = ["column", "kind", "statistic", "slice_by", "slice_value", "window"]
    found, wanted = (w.drift().set_index(keys).sort_index() for w in (zoned, plain))
    pd.testing.assert_frame_equal(found[["value", "n_reference", "n_current"]], wanted[["value", "n_reference", "n_current"]], rtol=1e-9)


def test_a_csv_log_without_labels(tmp_path: Path, drift: Drift) -> None:
    log = requests()[["at", "amount", "country"]]
    keys: dict[str, Any] = {
        "label": None,
        "windows": "1w",
        "slices": {"columns": ["country"]},
        "features": [],
        "reference": {"until": WINDOWS[0]},
    }
    text = small_world(tmp_path / "csv", log, "log.csv", **keys)
    said = drift(text, "drift=quick")
    assert said.code == 0, said.out + said.err
    binary = small_world(tmp_path / "parquet", log, **keys)
    assert drift(binary, "drift=quick").code == 0
    pd.testing.assert_frame_equal(text.drift(), binary.drift())
    assert set(text.columns()) == {"amount", "country"}


def test_a_reference_file_with_other_types(tmp_path: Path, drift: Drift) -> None:
    now = small(
        mixed=["1", "2", "3"] * 6,
        wider=pa.array([1, 2, 3] * 6, pa.int32()),
        only_here=[1.0] * 18,
        when=pa.array([dt.date(2025, 1, 1)] * 18),
    )
    before = small(
        seed=4,
        mixed=[1, 2, 3] * 6,
        wider=pa.array([1, 2, 3] * 6, pa.int64()),
        only_there=[1.0] * 18,
        when=pa.array([dt.datetime(2025, 1, 1)] * 18, pa.timestamp("ms")),
    )
    world = small_world(tmp_path, now)
    world.log(before, "before.parquet")
    world.conf(**SMALL | {"path": str(world.root / "log.parquet"), "reference": {"path": str(world.root / "before.parquet")}})
    said = drift(world, "drift=quick")
    assert said.code == 1, said.err
    not_compared = dict(world.json("findings.json")["not_compared"])
    assert set(not_compared) == {"mixed", "only_here", "only_there"}
    assert "string" in not_compared["mixed"]
    assert "int64" in not_compared["mixed"]
    columns = world.columns()
    assert (columns["wider"]["drifted"], columns["when"]["drifted"]) == (False, False)
    broken = {(v["column"], v["check"]) for v in world.violations()}
    assert ("mixed", "type") in broken
    assert ("only_there", "presence") in broken
    assert {column for column, _ in broken} & {"only_here", "x", "c", "at"} == set()
    assert {check for column, check in broken if column == "only_there"} == {"presence"}
    assert "only_here" in world.json("findings.json")["contract"]["not_named"]


def test_a_stored_profile_of_other_columns(tmp_path: Path, drift: Drift) -> None:
    log = requests()
    first = make_world(tmp_path / "first", log)
    assert drift(first, "drift=quick").code == 0
    now = log[is_current(log)].drop(columns="channel")
    now["n_items"] = now["n_items"].astype(str)
    world = make_world(tmp_path / "world", now.assign(new=1.0), reference=None)
    said = drift(world, "drift=quick", f"drift.reference_profile={first.results / 'reference_profile.json'}")
    assert said.code == 1, said.err
    broken = {(v["column"], v["check"]) for v in world.violations()}
    assert broken == {("channel", "presence"), ("n_items", "type")}
    not_compared = dict(world.json("findings.json")["not_compared"])
    assert not_compared["n_items"] == "'n_items' is a number in the profile and a category here"
    assert not_compared["new"] == "'new' is not in the profile"
    assert set(world.columns()) == {"amount", "country", "is_new"}


def test_200_000_categories(tmp_path: Path, drift: Drift) -> None:
    n = 210_000
    rng = np.random.default_rng(1)
    many = rng.permutation(200_000)
    at = np.datetime64("2025-01-01T00:00:00", "us") + np.arange(n) * np.timedelta64(2, "s")
    log = {
        "at": pa.array(at),
        "name": pa.array(np.char.add("user-", many[np.arange(n) % 200_000].astype(str))),
        "late": pa.array(np.arange(n) % 2),
    }
    world = small_world(tmp_path, log, slices={"columns": []}, features=[], reference={"until": "2025-01-03"})
    said = drift(world, "drift=quick", "drift.resample=rows")
    assert said.code in (0, 1, 3), said.err
    assert {"name", "late"} == set(world.columns())
    (name,) = [column for column in world.json("profile.json")["columns"] if column["name"] == "name"]
    assert len(name["categories"]) == 1001
    assert name["categories"][-1] == "other"
    assert name["n_distinct_method"] == "hyperloglog"
    psi = world.drift().query("column == 'name' and statistic == 'psi' and window == 'all'")
    assert np.isfinite(psi["value"]).all()
    text = (world.results / "profile.json").stat().st_size
    assert text < 1_000_000, "a profile does not hold every value"


def test_a_limit_and_rows_left_out_are_counted(tmp_path: Path, drift: Drift) -> None:
    world = make_world(tmp_path / "world")
    overrides = ["drift=quick", "replay.limit=2000", "replay.where=[{column: country, in: [DE, FR]}]", "drift.columns=[amount]"]
    said = drift(
        world,
        *overrides,
        "replay.training={before: 2025-01-13}",
        "replay.slices.columns=[]",
        f"replay.reference={{from: 2025-01-13, until: {WINDOWS[0]}}}",
    )
    assert said.code in (0, 1, 3), said.err
    log = requests().iloc[:2000]
    kept = log[log["country"] != "IT"]
    left_out = dict(world.json("findings.json")["left_out"])
    assert left_out == {
        "beyond replay.limit": 400,
        "left out by replay.where": 2000 - len(kept),
        "training period": int((kept["at"] < "2025-01-13").sum()),
    }
    assert world.json("findings.json")["n_reference"] == int(((kept["at"] >= "2025-01-13") & ~is_current(kept)).sum())
    assert f"{2000 - len(kept):,} left out by replay.where" in " ".join(said.out.split())
    assert PER_DAY * 7 > left_out["training period"] > 0
