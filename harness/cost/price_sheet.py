"""Loads prices from a dated price sheet, and refuses a sheet that cannot be trusted."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from harness.cost.price_choice import row_of
from harness.cost.price_row import PriceRow, parse_row
from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import PriceConf

MAX_AGE_DAYS = 90
_ONE_DAY = timedelta(days=1)
_REQUIRED = ("sku", "list_unit_price", "pricing_unit", "billing_currency", "valid_from", "retrieved_at")


@dataclass(frozen=True)
class Price:
    """The price of one machine for one hour, where it comes from, and a warning when it is old.

    Args:
        row: of the price sheet.
        warning: None where it is not old.
        converted_to: currency that the row's is converted into; None leaves it.
        rate: what one unit of the row's currency is worth in that of `converted_to`.
        lifetime_hours: that the purchase price of an owned machine is divided by; None else.
    """

    row: PriceRow
    warning: str | None
    converted_to: str | None = None
    rate: float = 1.0
    lifetime_hours: float | None = None

    @property
    def per_hour(self) -> float:
        """Price of one machine for one hour, in `currency`.

        Formula: unit price of the sheet · rate, over the hours of its life where the machine is owned.
        """
        return self.row.unit_price * self.rate / (self.lifetime_hours if self.lifetime_hours is not None else 1.0)

    @property
    def currency(self) -> str:
        """Three-letter code."""
        return self.converted_to or self.row.currency

    def described(self) -> str:
        """Name the price as the `priced_as` column does.

        `c5.large aws us-east-1 on_demand 0.085 USD/h (2026-11-23)`; a price that was converted or divided says from what:
        `box owned 0.45 USD/h (10950 EUR / 26280 h, at 1.08 USD per EUR; 2026-06-01)`.
        """
        row = self.row
        names = (row.sku, row.provider, row.region, row.pricing_category, f"{self.per_hour:g} {self.currency}/h")
        listed = f"{row.unit_price:g} {row.currency}" + ("/h" if self.lifetime_hours is None else f" / {self.lifetime_hours:g} h")
        at = f"at {self.rate:g} {self.currency} per {row.currency}" if self.converted_to else None
        origin = ", ".join(part for part in (listed, at) if part) + "; " if at or self.lifetime_hours is not None else ""
        return " ".join(name for name in names if name) + f" ({origin}{row.retrieved_at})"


def load_price(path: Path, conf: PriceConf, today: date) -> Price:
    """Return the price of `conf.sku` alone; see `load_prices`."""
    return load_prices(path, conf, (conf.sku,), today)[conf.sku]


def load_prices(path: Path, conf: PriceConf, skus: Iterable[str], today: date) -> dict[str, Price]:
    """Find the prices of several SKUs in one price sheet.

    Of several rows of one SKU, the newest that is valid on `conf.as_of` (`today` when None) is taken; its effective
    price where the sheet has one, else the list price. A row without a region holds in every region.

    Parameters
    ----------
    path : Path
        The CSV file, UTF-8; columns are named after the FinOps FOCUS specification.
    conf : PriceConf
        Names region and pricing category where the sheet has several, the currency and the rates that other currencies
        are converted by, and the life of machines that are owned.
    skus : iterable of str
        Which are priced; one named twice counts once.
    today : date
        What the age of a price is counted from.

    Returns
    -------
    dict of str to Price
        SKU to its price, with a warning when that was retrieved more than 90 days before `today`.

    Raises
    ------
    ConfigError
        When the file is missing or is not a price sheet; when any row has no currency, no date, a price that is not
        positive or absurd, a unit other than the hour (of a machine that is owned: the machine), or ends before it begins;
        when two rows hold for one SKU and date; when currencies are mixed and no rate is stated; when a SKU is unknown,
        ambiguous, has no price on that date, was retrieved in the future, or is owned and has no life.
    """
    rows = _read(path)
    _refuse_mixed_currencies(path, rows, conf)
    _refuse_duplicates(path, rows)
    return {sku: _price(row_of(path, rows, conf, sku, today), path, conf, today) for sku in skus}


def _price(row: PriceRow, path: Path, conf: PriceConf, today: date) -> Price:
    _refuse_future(path, row, today)
    converted_to = None if conf.currency in (None, row.currency) else conf.currency
    if row.is_owned and conf.lifetime_hours is None:
        raise ConfigError(
            f"price.lifetime_hours: sku '{row.sku}' in {path} is owned; name the hours that its purchase price is spread over, "
            "as price.lifetime_hours=26280 for three years"
        )
    return Price(
        row=row,
        warning=_age_warning(row, today),
        converted_to=converted_to,
        rate=_rate(row, conf) if converted_to else 1.0,
        lifetime_hours=conf.lifetime_hours if row.is_owned else None,
    )


def _rate(row: PriceRow, conf: PriceConf) -> float:
    rates = dict(conf.rates)
    if row.currency not in rates:
        stated = one_of(sorted(rates)) or "none"
        raise ConfigError(
            f"price.rates: no rate for {row.currency}, the currency of sku '{row.sku}'; rates are stated for {stated}; "
            f"say what one {row.currency} is worth in {conf.currency}, as price.rates.{row.currency}=1.08"
        )
    return rates[row.currency]


def _read(path: Path) -> list[PriceRow]:
    if not path.is_file():
        others = sorted(p.name for p in path.parent.glob("*.csv")) if path.parent.is_dir() else []
        beside = f"price sheets beside it: {one_of(others) or 'none'}{did_you_mean(path.name, others)}"
        raise ConfigError(f"price.file: no file {path}; {beside}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(f"{path}: no column {one_of(missing)}; a price sheet needs {one_of(_REQUIRED)}")
            return [parse_row(f"{path}, line {reader.line_num}", cells) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: not a CSV file in UTF-8 ({error}); save it as one") from error


def _refuse_mixed_currencies(path: Path, rows: list[PriceRow], conf: PriceConf) -> None:
    currencies = sorted({row.currency for row in rows})
    if len(currencies) > 1 and conf.currency is None:
        raise ConfigError(
            f"{path}: currencies {one_of(currencies)} are mixed and no rate is stated; keep one sheet per currency, "
            "or set price.currency and price.rates"
        )


def _refuse_duplicates(path: Path, rows: list[PriceRow]) -> None:
    seen: dict[tuple[object, ...], PriceRow] = {}
    for row in rows:
        key = (row.sku, row.provider, row.region, row.pricing_category, row.valid_from)
        if key in seen:
            both = f"{seen[key].unit_price:g} and {row.unit_price:g} {row.currency}"
            raise ConfigError(f"{path}: two rows for sku '{row.sku}' valid from {row.valid_from} ({both}); keep one of them")
        seen[key] = row


def _refuse_future(path: Path, row: PriceRow, today: date) -> None:
    if row.retrieved_at > today + _ONE_DAY:  # east of Greenwich, tomorrow has come before the UTC day is over
        raise ConfigError(f"{path}: sku '{row.sku}' was retrieved on {row.retrieved_at}, after today ({today}); correct retrieved_at")


def _age_warning(row: PriceRow, today: date) -> str | None:
    age_days = (today - row.retrieved_at).days
    if age_days <= MAX_AGE_DAYS:
        return None
    return f"the price of {row.sku} was retrieved on {row.retrieved_at}, {age_days} days ago (more than {MAX_AGE_DAYS}): look it up again"
