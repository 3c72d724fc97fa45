"""Loads one price from a dated price sheet, and refuses a sheet that cannot be trusted."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.cost.price_row import PriceRow, parse_row
from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import PriceConf

MAX_AGE_DAYS = 90
_REQUIRED = ("sku", "list_unit_price", "pricing_unit", "billing_currency", "valid_from", "retrieved_at")


@dataclass(frozen=True)
class Price:
    """One price per hour, where it comes from, and a warning when it is old."""

    row: PriceRow
    warning: str | None

    @property
    def per_hour(self) -> float:
        """Price of one machine for one hour, in `currency`."""
        return self.row.per_hour

    @property
    def currency(self) -> str:
        """Three-letter code."""
        return self.row.currency


def load_price(path: Path, conf: PriceConf, today: date) -> Price:
    """Find the price that a conf names in its price sheet.

    Of several rows of one SKU, the newest that is valid on `conf.as_of` (`today` when None) is taken; its effective
    price where the sheet has one, else the list price.

    Parameters
    ----------
    path : Path
        The CSV file, UTF-8; columns are named after the FinOps FOCUS specification.
    conf : PriceConf
        Names the SKU and, where the sheet has several, region and pricing category.
    today : date
        What the age of the price is counted from.

    Returns
    -------
    Price
        With a warning when it was retrieved more than 90 days before `today`.

    Raises
    ------
    ConfigError
        When the file is missing or is not a price sheet; when any row has no currency, no date, a price that is not
        positive or absurd, or a unit other than the hour; when two rows hold for one SKU and date; when currencies
        are mixed; when the SKU is unknown, ambiguous, or has no price on that date.
    """
    rows = _read(path)
    _refuse_mixed_currencies(path, rows)
    _refuse_duplicates(path, rows)
    row = _newest(path, _only_one_offer(path, _of_sku(path, rows, conf), conf), _as_of(conf, today))
    return Price(row, _age_warning(row, today))


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


def _refuse_mixed_currencies(path: Path, rows: list[PriceRow]) -> None:
    currencies = sorted({row.currency for row in rows})
    if len(currencies) > 1:
        raise ConfigError(f"{path}: currencies {one_of(currencies)} are mixed and no rate is stated; keep one sheet per currency")


def _refuse_duplicates(path: Path, rows: list[PriceRow]) -> None:
    seen: dict[tuple[object, ...], PriceRow] = {}
    for row in rows:
        key = (row.sku, row.provider, row.region, row.pricing_category, row.valid_from)
        if key in seen:
            both = f"{seen[key].per_hour:g} and {row.per_hour:g} {row.currency}"
            raise ConfigError(f"{path}: two rows for sku '{row.sku}' valid from {row.valid_from} ({both}); keep one of them")
        seen[key] = row


def _of_sku(path: Path, rows: list[PriceRow], conf: PriceConf) -> list[PriceRow]:
    found = [row for row in rows if row.sku == conf.sku]
    if not found:
        skus = sorted({row.sku for row in rows})
        raise ConfigError(f"price.sku: no sku '{conf.sku}' in {path}; it has {one_of(skus) or 'no rows'}{did_you_mean(conf.sku, skus)}")
    for key, wanted in (("region", conf.region), ("pricing_category", conf.pricing_category)):
        choices = sorted({getattr(row, key) for row in found})
        if wanted is not None and wanted not in choices:
            hint = did_you_mean(wanted, choices)
            raise ConfigError(f"price.{key}: no {key} '{wanted}' for sku '{conf.sku}' in {path}; it has {one_of(choices)}{hint}")
        found = [row for row in found if wanted is None or getattr(row, key) == wanted]
    return found


def _only_one_offer(path: Path, rows: list[PriceRow], conf: PriceConf) -> list[PriceRow]:
    """Refuse rows that differ in more than their dates: which of them is meant is not ours to guess."""
    for key in ("provider", "region", "pricing_category"):
        choices = sorted({getattr(row, key) for row in rows})
        if len(choices) > 1:
            how = "use a sheet of one provider" if key == "provider" else f"name one as price.{key}"
            raise ConfigError(f"price.sku: sku '{conf.sku}' in {path} has several of {key}: {one_of(choices)}; {how}")
    return rows


def _as_of(conf: PriceConf, today: date) -> date:
    if conf.as_of is None:
        return today
    try:
        return date.fromisoformat(str(conf.as_of))
    except ValueError as error:
        raise ConfigError(f"price.as_of: found '{conf.as_of}', wanted a date as 2026-06-01") from error


def _newest(path: Path, rows: list[PriceRow], as_of: date) -> PriceRow:
    valid = [row for row in rows if row.valid_from <= as_of and (row.valid_to is None or as_of <= row.valid_to)]
    if valid:
        return max(valid, key=lambda row: row.valid_from)
    spans = one_of(f"{row.valid_from} to {row.valid_to or 'now'}" for row in sorted(rows, key=lambda row: row.valid_from))
    raise ConfigError(f"price.sku: sku '{rows[0].sku}' in {path} has no price on {as_of}; it has {spans}; add a row or set price.as_of")


def _age_warning(row: PriceRow, today: date) -> str | None:
    age_days = (today - row.retrieved_at).days
    if age_days <= MAX_AGE_DAYS:
        return None
    return f"the price of {row.sku} was retrieved on {row.retrieved_at}, {age_days} days ago (more than {MAX_AGE_DAYS}): look it up again"
