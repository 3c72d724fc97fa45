from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from harness.cost.price_sheet import load_price, load_prices
from harness.errors import ConfigError
from harness.records.conf import PriceConf
from harness.schema import read_price

TODAY = date(2026, 11, 23)
SHIPPED = Path(__file__).parents[2] / "conf" / "price"
GOOD = {
    "sku": "c5.large",
    "provider": "aws",
    "region": "us-east-1",
    "vcpus": "2",
    "pricing_category": "on_demand",
    "list_unit_price": "0.085",
    "effective_unit_price": "",
    "pricing_unit": "hour",
    "billing_currency": "USD",
    "includes_power": "true",
    "valid_from": "2026-06-01",
    "valid_to": "",
    "source_url": "https://example.org",
    "retrieved_at": "2026-11-01",
}

OWNED = {"pricing_category": "owned", "pricing_unit": "machine", "list_unit_price": "8760", "includes_power": "false"}


def conf(**changes) -> PriceConf:
    return PriceConf(**{"name": "test", "file": "sheet.csv", "sku": "c5.large", **changes})


@pytest.fixture
def sheet(tmp_path):
    def write(*rows: dict[str, str], without: str | None = None) -> Path:
        path = tmp_path / "sheet.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [key for key in GOOD if key != without], extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**GOOD, **row} for row in rows)
        return path

    return write


def test_a_price_is_found_and_described(sheet):
    price = load_price(sheet({}), conf(), TODAY)
    assert (price.per_hour, price.currency, price.warning) == (0.085, "USD", None)
    assert price.described() == "c5.large aws us-east-1 on_demand 0.085 USD/h (2026-11-01)"
    assert (price.row.vcpus, price.row.includes_power, price.row.valid_to) == (2.0, True, None)


def test_the_effective_price_is_what_is_paid(sheet):
    assert load_price(sheet({"effective_unit_price": "0.05"}), conf(), TODAY).per_hour == 0.05


def test_the_newest_valid_row_wins_and_as_of_goes_back(sheet):
    path = sheet(
        {"valid_from": "2025-01-01", "list_unit_price": "0.1"},
        {"list_unit_price": "0.2"},
        {"valid_from": "2027-01-01", "list_unit_price": "9"},
    )
    assert load_price(path, conf(), TODAY).per_hour == 0.2
    assert load_price(path, conf(as_of="2025-12-31"), TODAY).per_hour == 0.1


def test_region_and_category_choose(sheet):
    path = sheet({}, {"region": "eu-west-1", "list_unit_price": "0.096"}, {"pricing_category": "spot", "list_unit_price": "0.03"})
    assert load_price(path, conf(region="us-east-1", pricing_category="spot"), TODAY).per_hour == 0.03
    assert load_price(path, conf(region="eu-west-1"), TODAY).per_hour == 0.096


@pytest.mark.parametrize(("retrieved_at", "warns"), [("2026-08-25", False), ("2026-08-24", True)])
def test_a_price_older_than_ninety_days_warns(sheet, retrieved_at, warns):
    warning = load_price(sheet({"retrieved_at": retrieved_at}), conf(), TODAY).warning
    assert (warning is not None) == warns
    if warns:
        assert warning == "the price of c5.large was retrieved on 2026-08-24, 91 days ago (more than 90): look it up again"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"billing_currency": ""}, "no billing_currency; write a three-letter code"),
        ({"billing_currency": "$"}, "billing_currency is '$'; write a three-letter code"),
        ({"valid_from": ""}, "no valid_from; a price without a date cannot be defended"),
        ({"retrieved_at": ""}, "no retrieved_at; a price without a date cannot be defended"),
        ({"valid_from": "June 2026"}, "valid_from is 'June 2026'; write the date as 2026-06-01"),
        ({"list_unit_price": "-1"}, "list_unit_price is -1; a price is above zero"),
        ({"list_unit_price": "0"}, "list_unit_price is 0; a price is above zero"),
        ({"effective_unit_price": "0"}, "effective_unit_price is 0; a price is above zero"),
        ({"list_unit_price": "nan"}, "list_unit_price is 'nan'; wanted a finite number"),
        ({"list_unit_price": "0,085"}, "list_unit_price is '0,085'; wanted a number with a decimal point"),
        ({"list_unit_price": ""}, "no list_unit_price and no effective_unit_price; write the price of one hour"),
        ({"list_unit_price": "10000.01"}, "list_unit_price is 10000.01 per hour, at most 10000 is believed; is it the price of a month"),
        ({"pricing_unit": "month"}, "pricing_unit is 'month'; only prices per hour are read"),
        ({"pricing_category": "on-demand"}, "pricing_category is 'on-demand'; the choices are on_demand, spot, reserved, owned"),
        ({"includes_power": "maybe"}, "includes_power is 'maybe'; write true or false"),
        ({"vcpus": "-2"}, "vcpus is -2; write how many there are, or leave it blank"),
        ({"valid_to": "2026-05-31"}, "valid_to 2026-05-31 is before valid_from 2026-06-01; correct one of them"),
        ({"pricing_category": "owned"}, "pricing_unit is 'hour' of a machine that is owned; write its purchase price, and 'machine'"),
        ({"pricing_unit": "machine"}, "pricing_unit is 'machine'; only prices per hour are read, convert it and write 'hour'"),
        (
            {**OWNED, "includes_power": "true"},
            "includes_power is true of a machine that is owned; its purchase price pays for no power, write false",
        ),
        ({**OWNED, "list_unit_price": ""}, "no list_unit_price and no effective_unit_price; write the purchase price"),
        (
            {**OWNED, "list_unit_price": "10000001"},
            "list_unit_price is 10000001 for one machine, at most 1e+07 is believed; is it the price of several?",
        ),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused_with_its_line(sheet, row, text):
    with pytest.raises(ConfigError, match=r"sheet\.csv, line 3, sku 'other': " + re.escape(text)):
        load_price(sheet({}, {"sku": "other", **row}), conf(), TODAY)


def test_a_row_without_a_sku_is_refused(sheet):
    with pytest.raises(ConfigError, match=r"line 2: no sku; name the machine that the price is for"):
        load_price(sheet({"sku": " "}), conf(), TODAY)


def test_two_rows_for_one_sku_and_date_are_refused(sheet):
    with pytest.raises(ConfigError, match=r"two rows for sku 'c5\.large' valid from 2026-06-01 \(0\.085 and 0\.09 USD\); keep one of them"):
        load_price(sheet({}, {"list_unit_price": "0.09"}), conf(), TODAY)


def test_mixed_currencies_are_refused(sheet):
    path = sheet({}, {"sku": "other", "billing_currency": "EUR"})
    with pytest.raises(
        ConfigError, match=r"currencies EUR, USD are mixed and no rate is stated; keep one sheet per currency, or set price\.cur"
    ):
        load_price(path, conf(), TODAY)


def test_a_price_in_another_currency_is_converted_and_says_so(sheet):
    path = sheet({}, {"sku": "other", "billing_currency": "EUR", "list_unit_price": "0.5"})
    prices = load_prices(path, conf(currency="USD", rates=(("EUR", 1.2),)), ("c5.large", "other"), TODAY)
    assert [(p.per_hour, p.currency) for p in prices.values()] == [(0.085, "USD"), (0.6, "USD")]
    assert prices["c5.large"].described() == "c5.large aws us-east-1 on_demand 0.085 USD/h (2026-11-01)"
    assert prices["other"].described() == "other aws us-east-1 on_demand 0.6 USD/h (0.5 EUR/h, at 1.2 USD per EUR; 2026-11-01)"


def test_a_currency_without_a_rate_is_refused_where_it_is_used(sheet):
    path = sheet({}, {"sku": "other", "billing_currency": "EUR"}, {"sku": "third", "billing_currency": "CHF"})
    stated = conf(currency="USD", rates=(("GBP", 1.3),))
    assert load_price(path, stated, TODAY).per_hour == 0.085
    with pytest.raises(
        ConfigError,
        match=r"price\.rates: no rate for EUR, the currency of sku 'other'; rates are stated for GBP; say what one EUR is worth in USD, as price",
    ):
        load_prices(path, stated, ("c5.large", "other"), TODAY)


def test_an_owned_machine_costs_its_price_over_its_life(sheet):
    path = sheet({}, {"sku": "own", **OWNED, "billing_currency": "EUR"})
    price = load_price(
        path, conf(sku="own", currency="USD", rates=(("EUR", 1.5),), lifetime_hours=17520.0, pricing_category="owned"), TODAY
    )
    assert (price.per_hour, price.row.includes_power) == (pytest.approx(0.75), False)
    assert price.described() == "own aws us-east-1 owned 0.75 USD/h (8760 EUR / 17520 h, at 1.5 USD per EUR; 2026-11-01)"
    hired = load_price(path, conf(currency="USD", lifetime_hours=17520.0), TODAY)
    assert (hired.per_hour, hired.lifetime_hours) == (0.085, None)
    with pytest.raises(
        ConfigError, match=r"price\.lifetime_hours: sku 'own' in .* is owned; name the hours that its purchase price is spread over"
    ):
        load_price(path, conf(sku="own", currency="EUR"), TODAY)


def test_every_sku_has_its_own_price_and_its_own_warning(sheet):
    path = sheet({}, {"sku": "old", "retrieved_at": "2026-01-01", "list_unit_price": "2"})
    prices = load_prices(path, conf(), ("old", "c5.large", "old"), TODAY)
    assert {sku: (p.per_hour, p.warning is None) for sku, p in prices.items()} == {"old": (2.0, False), "c5.large": (0.085, True)}
    with pytest.raises(ConfigError, match=r"deploy\.sku: no sku 'c5\.lage' in .*it has c5\.large, old; did you mean 'c5\.large'\?"):
        load_prices(path, conf(), ("c5.large", "c5.lage"), TODAY)


def test_a_row_without_a_region_holds_in_every_region(sheet):
    path = sheet({}, {"sku": "cloud", "region": ""}, {"sku": "cloud", "region": "eu-west-1", "list_unit_price": "9"})
    found = [load_prices(path, conf(region=region), ("cloud",), TODAY)["cloud"].per_hour for region in ("us-east-1", "eu-west-1")]
    assert found == [0.085, 9.0]
    with pytest.raises(ConfigError, match=r"several of region: \(blank\), eu-west-1; name one"):
        load_prices(path, conf(), ("cloud",), TODAY)


def test_a_price_from_the_future_is_refused_where_it_is_used(sheet):
    path = sheet({}, {"sku": "next", "retrieved_at": "2026-11-25"}, {"sku": "east", "retrieved_at": "2026-11-24"})
    assert load_prices(path, conf(), ("c5.large", "east"), TODAY).keys() == {"c5.large", "east"}
    with pytest.raises(ConfigError, match=r"sku 'next' was retrieved on 2026-11-25, after today \(2026-11-23\); correct retrieved_at"):
        load_price(path, conf(sku="next"), TODAY)


def test_an_unknown_sku_names_the_nearest(sheet):
    with pytest.raises(ConfigError, match=r"price\.sku: no sku 'c5\.lage' in .*it has c5\.large; did you mean 'c5\.large'\?"):
        load_price(sheet({}), conf(sku="c5.lage"), TODAY)


def test_an_unknown_region_names_the_real_ones(sheet):
    with pytest.raises(
        ConfigError, match=r"price\.region: no region 'us-east-2' for sku 'c5\.large'.*it has us-east-1; did you mean 'us-east-1'\?"
    ):
        load_price(sheet({}), conf(region="us-east-2"), TODAY)


def test_an_ambiguous_sku_is_refused(sheet):
    with pytest.raises(ConfigError, match=r"has several of region: eu-west-1, us-east-1; name one as price\.region"):
        load_price(sheet({}, {"region": "eu-west-1"}), conf(), TODAY)


def test_a_date_without_a_price_is_refused(sheet):
    with pytest.raises(ConfigError, match=r"no price on 2020-01-01; it has 2026-06-01 to now; add a row or set price\.as_of"):
        load_price(sheet({}), conf(as_of="2020-01-01"), TODAY)
    with pytest.raises(ConfigError, match=r"no price on 2026-11-23; it has 2026-06-01 to 2026-07-01"):
        load_price(sheet({"valid_to": "2026-07-01"}), conf(), TODAY)
    with pytest.raises(ConfigError, match=r"price\.as_of: found 'yesterday', wanted a date as 2026-06-01"):
        load_price(sheet({}), conf(as_of="yesterday"), TODAY)


def test_a_missing_file_names_the_nearest(sheet):
    path = sheet({})
    with pytest.raises(
        ConfigError, match=r"price\.file: no file .*shet\.csv; price sheets beside it: sheet\.csv; did you mean 'sheet\.csv'\?"
    ):
        load_price(path.with_name("shet.csv"), conf(), TODAY)


def test_a_sheet_without_a_column_is_refused(sheet):
    with pytest.raises(ConfigError, match=r"no column billing_currency; a price sheet needs sku, list_unit_price"):
        load_price(sheet({}, without="billing_currency"), conf(), TODAY)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_bytes(b"sku\xff\xfe\n")
    with pytest.raises(ConfigError, match=r"not a CSV file in UTF-8"):
        load_price(path, conf(), TODAY)


@pytest.mark.parametrize(
    ("option", "per_hour", "includes_power"),
    [("c5_large", 0.085, True), ("m7g_large", 0.0816, True), ("g5_xlarge", 1.006, True), ("owned_example", 9000 / 26280, False)],
)
def test_the_shipped_options_find_their_price(option, per_hour, includes_power):
    read = read_price(yaml.safe_load((SHIPPED / f"{option}.yaml").read_text()), [SHIPPED.parent])
    price = load_price(Path(read.file), read, TODAY)
    assert (read.name, price.per_hour, price.currency, price.row.includes_power) == (option, pytest.approx(per_hour), "USD", includes_power)


def test_the_shipped_lists_hold_the_published_figures():
    sheet = SHIPPED / "sheets" / "public_list_prices.csv"
    wanted = {
        "c5.large": 0.085,
        "m7g.large": 0.0816,
        "g4dn.xlarge": 0.526,
        "g5.xlarge": 1.006,
        "p5.48xlarge": 39.33,
        "gpu_1x_a6000": 1.09,
        "gpu_8x_v100": 6.32,
    }
    prices = load_prices(sheet, conf(), wanted, TODAY)
    assert {sku: p.per_hour for sku, p in prices.items()} == wanted
    assert all(p.row.source_url.startswith("https") for p in prices.values())
    assert [p.row.accelerator_count for p in prices.values()] == [None, None, 1, 1, 8, 1, 8]
    lambda_in_a_region = load_prices(sheet, conf(region="us-east-1"), ("gpu_1x_a6000",), TODAY)
    assert lambda_in_a_region["gpu_1x_a6000"].per_hour == 1.09


def test_the_made_up_sheet_says_so():
    with (SHIPPED / "sheets" / "owned_example.csv").open(newline="", encoding="utf-8") as file:
        assert {row["provider"] for row in csv.DictReader(file)} == {"made_up_example"}
