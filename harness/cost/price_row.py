"""One row of a price sheet, and what is refused in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

from harness.errors import ConfigError, one_of

MAX_PER_HOUR = 10_000.0  # far above the dearest machine on public lists: more is a monthly price or a slipped digit
CATEGORIES = ("on_demand", "spot", "reserved", "owned")
_HOURLY = ("hour", "hours", "hourly", "hr", "hrs", "h", "1 hour")


@dataclass(frozen=True)
class PriceRow:
    """One row of a price sheet; `per_hour` is the effective price where there is one, else the list price."""

    sku: str
    provider: str
    region: str
    pricing_category: str
    per_hour: float
    currency: str
    vcpus: float | None
    accelerator: str | None
    accelerator_count: float | None
    includes_power: bool
    valid_from: date
    valid_to: date | None
    retrieved_at: date
    source_url: str

    def described(self) -> str:
        """Name the price as the `priced_as` column does: `c5.large aws us-east-1 on_demand 0.085 USD/h (2026-11-23)`."""
        names = (self.sku, self.provider, self.region, self.pricing_category, f"{self.per_hour:g} {self.currency}/h")
        return " ".join(name for name in names if name) + f" ({self.retrieved_at})"


def parse_row(where: str, cells: Mapping[str, str | None]) -> PriceRow:
    """Read one row of a price sheet.

    Parameters
    ----------
    where : str
        File and line, for the messages.
    cells : mapping of str to str
        Column to text; None or blank where the sheet has nothing.

    Raises
    ------
    ConfigError
        When something that decides the price is missing or cannot be meant; one sentence each.
    """
    text = {str(key): value.strip() if isinstance(value, str) else "" for key, value in cells.items()}
    sku = text.get("sku", "")
    if not sku:
        raise ConfigError(f"{where}: no sku; name the machine that the price is for")
    here = f"{where}, sku '{sku}'"
    _refuse_units(here, text)
    return PriceRow(
        sku=sku,
        provider=text.get("provider", ""),
        region=text.get("region", ""),
        pricing_category=_category(here, text.get("pricing_category", "")),
        per_hour=_per_hour(here, text),
        currency=text["billing_currency"].upper(),
        vcpus=_count(here, text, "vcpus"),
        accelerator=text.get("accelerator") or None,
        accelerator_count=_count(here, text, "accelerator_count"),
        includes_power=_yes_or_no(here, text.get("includes_power", "")),
        valid_from=_day(here, text, "valid_from"),
        valid_to=_day(here, text, "valid_to") if text.get("valid_to") else None,
        retrieved_at=_day(here, text, "retrieved_at"),
        source_url=text.get("source_url", ""),
    )


def _refuse_units(here: str, text: Mapping[str, str]) -> None:
    currency, unit = text["billing_currency"], text["pricing_unit"]
    if not currency:
        raise ConfigError(f"{here}: no billing_currency; write a three-letter code such as USD")
    if len(currency) != 3 or not currency.isalpha():
        raise ConfigError(f"{here}: billing_currency is '{currency}'; write a three-letter code such as USD")
    if unit.lower() not in _HOURLY:
        raise ConfigError(f"{here}: pricing_unit is '{unit}'; only prices per hour are read, convert it and write 'hour'")


def _per_hour(here: str, text: Mapping[str, str]) -> float:
    """Return the price of an hour; both price columns are checked, also the one that is not used."""
    prices = [(key, _price(here, key, text[key])) for key in ("list_unit_price", "effective_unit_price") if text.get(key)]
    if not prices:
        raise ConfigError(f"{here}: no list_unit_price and no effective_unit_price; write the price of one hour")
    return prices[-1][1]


def _price(here: str, key: str, found: str) -> float:
    price = _number(here, key, found)
    if price <= 0:
        raise ConfigError(f"{here}: {key} is {found}; a price is above zero")
    if price > MAX_PER_HOUR:
        raise ConfigError(f"{here}: {key} is {found} per hour, at most {MAX_PER_HOUR:g} is believed; is it the price of a month or a year?")
    return price


def _category(here: str, found: str) -> str:
    if found and found not in CATEGORIES:
        raise ConfigError(f"{here}: pricing_category is '{found}'; the choices are {one_of(CATEGORIES)}")
    return found


def _count(here: str, text: Mapping[str, str], key: str) -> float | None:
    return _number(here, key, text[key]) if text.get(key) else None


def _number(here: str, key: str, found: str) -> float:
    try:
        number = float(found)
    except ValueError as error:
        raise ConfigError(f"{here}: {key} is '{found}'; wanted a number with a decimal point") from error
    if not isfinite(number):
        raise ConfigError(f"{here}: {key} is '{found}'; wanted a finite number")
    return number


def _day(here: str, text: Mapping[str, str], key: str) -> date:
    if not text.get(key):
        raise ConfigError(f"{here}: no {key}; a price without a date cannot be defended, write it as 2026-06-01")
    try:
        return date.fromisoformat(text[key])
    except ValueError as error:
        raise ConfigError(f"{here}: {key} is '{text[key]}'; write the date as 2026-06-01") from error


def _yes_or_no(here: str, found: str) -> bool:
    if found.lower() in ("true", "yes", "1"):
        return True
    if found.lower() in ("false", "no", "0", ""):
        return False
    raise ConfigError(f"{here}: includes_power is '{found}'; write true or false")
