"""Finds the one row of a price sheet that a SKU is priced by."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from harness.cost.price_row import PriceRow
from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import PriceConf


def row_of(path: Path, rows: list[PriceRow], conf: PriceConf, sku: str, today: date) -> PriceRow:
    """Return the newest row of a SKU that is valid on `conf.as_of` (`today` when None).

    Parameters
    ----------
    path : Path
        Of the sheet, for the messages.
    rows : list of PriceRow
        All of it.
    conf : PriceConf
        Region and pricing category where the sheet has several. A row without a region holds in every region.
    sku : str
        Which is priced.
    today : date
        Where `conf.as_of` is None.

    Raises
    ------
    ConfigError
        When the SKU is unknown, ambiguous, or has no price on that date.
    """
    return _newest(path, _only_one_offer(path, _of_sku(path, rows, conf, sku)), _as_of(conf, today))


def _of_sku(path: Path, rows: list[PriceRow], conf: PriceConf, sku: str) -> list[PriceRow]:
    key = "price.sku" if sku == conf.sku else "deploy.sku"
    found = [row for row in rows if row.sku == sku]
    if not found:
        skus = sorted({row.sku for row in rows})
        raise ConfigError(f"{key}: no sku '{sku}' in {path}; it has {one_of(skus) or 'no rows'}{did_you_mean(sku, skus)}")
    return _with(path, _in_region(path, found, conf.region), "pricing_category", conf.pricing_category)


def _in_region(path: Path, rows: list[PriceRow], region: str | None) -> list[PriceRow]:
    """Return the rows of a region, else those that name none: their price holds everywhere."""
    everywhere = [row for row in rows if not row.region]
    if region is not None and everywhere and not any(row.region == region for row in rows):
        return everywhere
    return _with(path, rows, "region", region)


def _with(path: Path, rows: list[PriceRow], key: str, wanted: str | None) -> list[PriceRow]:
    choices = sorted({getattr(row, key) for row in rows})
    if wanted is not None and wanted not in choices:
        hint = did_you_mean(wanted, choices) or f"; set price.{key} to it, or to null for the only one"
        raise ConfigError(f"price.{key}: no {key} '{wanted}' for sku '{rows[0].sku}' in {path}; it has {one_of(choices)}{hint}")
    return [row for row in rows if wanted is None or getattr(row, key) == wanted]


def _only_one_offer(path: Path, rows: list[PriceRow]) -> list[PriceRow]:
    """Refuse rows that differ in more than their dates: which of them is meant is not ours to guess."""
    for key in ("provider", "region", "pricing_category"):
        choices = sorted({getattr(row, key) for row in rows})
        if len(choices) > 1:
            how = "use a sheet of one provider" if key == "provider" else f"name one as price.{key}"
            raise ConfigError(
                f"price.sku: sku '{rows[0].sku}' in {path} has several of {key}: {one_of(c or '(blank)' for c in choices)}; {how}"
            )
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
