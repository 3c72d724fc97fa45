"""Whole sweeps that are timed and priced: the figures against the formula, from the files alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.sweep.world import World, copy_world, make_log, read_json, replay_conf

FAST = ("measure=quick", "measure.trial_s=0.1", "measure.warmup_s=0.02", "measure.n_blocks=2", "measure.offline_batch_rows=[64,1024]")
SHEET = """\
sku,list_unit_price,pricing_unit,billing_currency,pricing_category,valid_from,retrieved_at
small,0.10,hour,USD,on_demand,2024-01-01,2024-01-01
large,0.80,hour,EUR,on_demand,2024-01-01,2024-01-01
bought,876,machine,USD,owned,2024-01-01,2024-01-01
"""


@pytest.fixture(scope="module")
def timed_template(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = copy_world(template, tmp_path_factory.mktemp("timed") / "world")
    log = make_log()
    log["version"] = ["v1" if i < len(log) // 2 else "v2" for i in range(len(log))]
    world.log(log)
    replay = replay_conf() | {"production": {"version": "version"}}
    world.conf("replay", "tiny", replay)
    for name, sku in (("champion", None), ("better", "large")):
        deploy = {} if sku is None else {"deploy": {"sku": sku}}
        world.conf("model", name, {"name": name, "path": f"models/{name}.onnx", "trained_until": "2024-01-11"} | deploy)
    (world.root / "conf" / "price" / "tiny.csv").write_text(SHEET)
    world.conf("price", "tiny", price())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.chdir(world.root)
        assert world.sweep("params.model=[champion,better]", *FAST, "measure.arrivals=poisson") == 3
    return world


@pytest.fixture
def timed(timed_template: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = copy_world(timed_template, tmp_path / "world")
    monkeypatch.chdir(world.root)
    return world


def price(**changes: Any) -> dict[str, Any]:
    return {"name": "tiny", "file": "tiny.csv", "sku": "small", "currency": "USD", "rates": {"EUR": 1.25}} | changes


def measured(world: World, variant: str) -> dict[str, Any]:
    return read_json(world.folder(variant) / "measurement.json")


def table(world: World, name: str) -> pd.DataFrame:
    return pd.read_csv(world.results / name)


def test_every_operating_point_and_the_arrivals_stand_in_the_table_of_speed(timed: World) -> None:
    speed = table(timed, "speed.csv")
    for variant, own in speed.groupby("variant"):
        points = set(zip(own["point"], own["batch_rows"].fillna(0).astype(int), strict=True))
        assert points >= {("single", 1), ("offline", 64), ("offline", 1024)}, variant
        poisson = own[own["point"] == "poisson"].iloc[0]
        single = own[own["point"] == "single"].iloc[0]
        assert poisson["rate_per_s"] == pytest.approx(0.5 * single["throughput_rows_per_s"], rel=0.8)
        assert poisson["p50_ms"] > 0
    challenger = speed[(speed["variant"] == "better") & (speed["point"] == "offline")]
    assert challenger["speed_call"].isin(["faster", "slower", "ambiguous"]).all()


def test_each_variant_is_priced_on_its_own_machine_in_one_currency(timed: World) -> None:
    rows = timed.comparison()
    assert rows["currency"].eq("USD").all()
    assert "0.1 USD" in rows.loc["champion", "priced_as"]
    assert "large" in rows.loc["better", "priced_as"]
    for variant, per_hour in (("champion", 0.10), ("better", 0.80 * 1.25)):
        fastest = max(p["throughput_rows_per_s"] for p in measured(timed, variant)["points"] if p["name"] == "offline")
        assert rows.loc[variant, "cost_per_1k_at_full"] == pytest.approx(1000 / 3600 * per_hour / fastest, rel=1e-9)


def test_the_cost_from_the_log_pays_for_every_hour_of_it(timed: World) -> None:
    rows = timed.comparison()
    judged = make_log().query("at >= '2024-01-21'")
    first, last = judged["at"].min().floor("min"), judged["at"].max().floor("min")
    hours = ((last - first) / pd.Timedelta("1min") + 1) / 60  # one replica is up all the time
    for variant, per_hour in (("champion", 0.10), ("better", 1.0)):
        assert rows.loc[variant, "replicas_peak"] == 1
        assert rows.loc[variant, "cost_per_1k"] == pytest.approx(1000 * per_hour * hours / len(judged), rel=1e-9)
        assert rows.loc[variant, "cost_per_1k"] == rows.loc[variant, "cost_per_1k_from_log"]
        assert rows.loc[variant, "net_per_1k"] == pytest.approx(rows.loc[variant, "gain_per_1k"] - rows.loc[variant, "cost_per_1k"])


def test_the_parts_of_the_traffic_share_the_cost_between_them(timed: World) -> None:
    parts, rows = table(timed, "money_by_slice.csv"), timed.comparison()
    for variant in ("champion", "better"):
        own = parts[parts["variant"] == variant]
        for by in ("all", "region", "channel", "model_version"):
            some = own[own["slice_by"] == by]
            mean = (some["cost_per_1k"] * some["n_requests"]).sum() / some["n_requests"].sum()
            assert mean == pytest.approx(rows.loc[variant, "cost_per_1k"], rel=1e-9), by
            assert some["cost_per_month"].sum() == pytest.approx(rows.loc[variant, "cost_per_month"], rel=1e-9)
        assert set(own.loc[own["slice_by"] == "model_version", "slice_value"]) == {"v1", "v2"} & set(make_log_versions())
        all_rows = own[own["slice_by"] == "all"].iloc[0]
        assert all_rows["gain_per_1k"] == pytest.approx(rows.loc[variant, "gain_per_1k"])
        by_region = own[own["slice_by"] == "region"]
        assert (by_region["gain_per_1k"] * by_region["n_rows"]).sum() / by_region["n_rows"].sum() == pytest.approx(all_rows["gain_per_1k"])


def make_log_versions() -> list[str]:
    log = make_log()
    half = len(log) // 2
    return ["v1" if i < half else "v2" for i in log.index[log["at"] >= "2024-01-21"]]


def test_break_even_gives_back_the_champions_net(timed: World) -> None:
    (found,) = table(timed, "break_even.csv").to_dict("records")
    before = timed.comparison()
    assert before.loc["better", "net_per_1k"] != pytest.approx(before.loc["champion", "net_per_1k"])
    sheet = SHEET.replace("large,0.80,hour,EUR", f"large,{found['price_per_hour']!r},hour,USD")
    (timed.root / "conf" / "price" / "tiny.csv").write_text(sheet)
    timed.run("compare", "price=tiny")
    after = timed.comparison()
    # the break-even is of the paired difference, which is on the rows of both; here both are judged on all rows
    assert after.loc["better", "net_per_1k"] == pytest.approx(after.loc["champion", "net_per_1k"], rel=1e-6)


def test_the_ranking_hangs_on_what_the_sensitivity_says(timed: World) -> None:
    found = table(timed, "sensitivity.csv")
    assert set(found["parameter"]) >= {"price", "requests_per_day", "value:true_positive", "value:false_positive"}
    stretches = found[found["parameter"] == "value:true_positive"]
    low = stretches.iloc[0]
    timed.conf("gain", "other", {**read_gain(timed), "true_positive": float(math.sqrt(low["low"] * low["high"]))})
    timed.run("compare", "gain=other")
    assert timed.comparison()["net_per_1k"].idxmax() == low["best"]


def read_gain(world: World) -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load((world.root / "conf" / "gain" / "tiny.yaml").read_text()))


def test_a_service_level_is_held_by_replaying_the_arrivals_without_the_log(timed: World) -> None:
    import shutil

    shutil.rmtree(timed.root / "log")
    shutil.rmtree(timed.root / "cache")
    timed.conf("price", "level", price(slo_ms=1000.0, requests_per_day=1_000_000))
    timed.run("compare", "price=level")
    rows = timed.comparison()
    assert (rows["replicas_peak"] >= 1).all()
    more = rows["cost_per_1k"].copy()
    timed.conf("price", "level", price(slo_ms=1000.0, requests_per_day=1_000_000, min_replicas=7))
    timed.run("compare", "price=level")
    assert (timed.comparison()["replicas_peak"] == 7).all()
    assert (timed.comparison()["cost_per_1k"] > 6 * more).all()


def test_a_service_level_that_nothing_meets_is_said(timed: World, capsys: pytest.CaptureFixture[str]) -> None:
    timed.conf("price", "level", price(slo_ms=1e-6))
    timed.run("compare", "price=level")
    assert timed.comparison()["cost_per_1k"].isna().all()
    assert "p99" in capsys.readouterr().out


def test_owned_machines_are_priced_by_their_life(timed: World) -> None:
    timed.conf("price", "own", price(sku="bought", lifetime_hours=8760.0))
    timed.run("compare", "price=own")
    rows = timed.comparison()
    fastest = max(p["throughput_rows_per_s"] for p in measured(timed, "champion")["points"] if p["name"] == "offline")
    assert rows.loc["champion", "cost_per_1k_at_full"] == pytest.approx(1000 / 3600 * (876 / 8760) / fastest, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": None}, "EUR"),
        ({"sku": "bought"}, "lifetime_hours"),
        ({"sku": "smal"}, "did you mean 'small'"),
        ({"slo_ms": -1}, "price.slo_ms"),
        ({"rates": {"EUR": 0}}, "price.rates"),
        ({"currency": None, "rates": {"EUR": 1.1}}, "price.currency"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(timed: World, capsys: pytest.CaptureFixture[str], changes: dict, message: str) -> None:
    before = (timed.results / "comparison.csv").read_bytes()
    timed.conf("price", "bad", {k: v for k, v in price(**changes).items() if v is not None})
    assert timed.run("compare", "price=bad") == 2
    assert message in capsys.readouterr().err
    assert (timed.results / "comparison.csv").read_bytes() == before


def test_rows_in_the_order_of_a_column(timed: World) -> None:
    from harness.cli import main

    main(["compare", "results/tiny", "--sort", "cost_per_1k"])
    assert list(pd.read_csv(timed.results / "comparison.csv")["variant"]) == ["champion", "better"]
    main(["compare", "results/tiny", "--sort", "-cost_per_1k"])
    assert list(pd.read_csv(timed.results / "comparison.csv")["variant"]) == ["better", "champion"]


def test_a_log_without_timestamps_has_no_cost_from_the_log(own_world: World) -> None:
    replay = {
        k: v for k, v in replay_conf().items() if k not in ("timestamp", "windows", "training", "reference", "tuning", "label_maturity")
    }
    own_world.conf("replay", "tiny", replay)
    own_world.sweep("params.model=[champion,better]", *FAST)
    rows = own_world.comparison()
    assert rows["cost_per_1k_from_log"].isna().all()
    assert rows["cost_per_1k"].equals(rows["cost_per_1k_at_full"])
    assert rows["utilisation_source"].eq("full").all()
    assert not (own_world.results / "replay" / "arrivals.arrow").exists()
    assert own_world.sweep("params.model=[champion,better]", *FAST, "measure.arrivals=log") == 2


def test_the_logs_arrivals_are_replayed_faster(own_world: World) -> None:
    own_world.sweep("params.model=[champion]", *FAST, "measure.arrivals=log", "measure.speed_up=100000")
    logged = table(own_world, "speed.csv").query("point == 'log'").iloc[0]
    assert logged["rate_per_s"] > 10
    assert logged["p50_ms"] > 0
