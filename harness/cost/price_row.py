"""One row of a price sheet, and what is refused in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

from harness.errors import ConfigError, one_of

MAX_PER_HOUR = 10_000.0  # far above the dearest machine on public lists: more is a monthly price or a slipped digit
MAX_PURCHASE = 10_000_000.0  # of one machine: far above a server with eight of the dearest cards
CATEGORIES = ("on_demand", "spot", "reserved", "owned")
_HOURLY = ("hour", "hours", "hourly", "hr", "hrs", "h", "1 hour")
_MACHINE = "machine"


@dataclass(frozen=True)
class PriceRow:
    """One row of a price sheet.

    Args:
        unit_price: the effective price where there is one, else the list price: of an hour, or of the whole machine where it is owned.
        includes_power: whether that pays for power; never where the machine is owned.
    """

    sku: str
    provider: str
    region: str
    pricing_category: str
    unit_price: float
    currency: str
    vcpus: float | None
    accelerator: str | None
    accelerator_count: float | None
    includes_power: bool
    valid_from: date
    valid_to: date | None
    retrieved_at: date
    source_url: str

    @property
    def is_owned(self) -> bool:
        """Whether `unit_price` buys the machine, and not an hour of it."""
        return self.pricing_category == "owned"


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
    valid_from = _day(here, text, "valid_from")
    return PriceRow(
        sku=sku,
        provider=text.get("provider", ""),
        region=text.get("region", ""),
        pricing_category=_category(here, text.get("pricing_category", "")),
        unit_price=_unit_price(here, text),
        currency=text["billing_currency"].upper(),
        vcpus=_count(here, text, "vcpus"),
        accelerator=text.get("accelerator") or None,
        accelerator_count=_count(here, text, "accelerator_count"),
        includes_power=_includes_power(here, text),
        valid_from=valid_from,
        valid_to=_valid_to(here, text, valid_from),
        retrieved_at=_day(here, text, "retrieved_at"),
        source_url=text.get("source_url", ""),
    )


def _refuse_units(here: str, text: Mapping[str, str]) -> None:
    currency, unit = text["billing_currency"], text["pricing_unit"]
    if not currency:
        raise ConfigError(f"{here}: no billing_currency; write a three-letter code such as USD")
    if len(currency) != 3 or not currency.isalpha():
        raise ConfigError(f"{here}: billing_currency is '{currency}'; write a three-letter code such as USD")
    if _is_owned(text) and unit.lower() != _MACHINE:
        raise ConfigError(f"{here}: pricing_unit is '{unit}' of a machine that is owned; write its purchase price, and 'machine'")
    if not _is_owned(text) and unit.lower() not in _HOURLY:
        raise ConfigError(f"{here}: pricing_unit is '{unit}'; only prices per hour are read, convert it and write 'hour'")


def _is_owned(text: Mapping[str, str]) -> bool:
    return text.get("pricing_category") == "owned"


def _unit_price(here: str, text: Mapping[str, str]) -> float:
    """Return the price of an hour or of a machine; both price columns are checked, also the one that is not used."""
    owned = _is_owned(text)
    prices = [_price(here, key, text[key], owned) for key in ("list_unit_price", "effective_unit_price") if text.get(key)]
    if not prices:
        wanted = "the purchase price" if owned else "the price of one hour"
        raise ConfigError(f"{here}: no list_unit_price and no effective_unit_price; write {wanted}")
    return prices[-1]


def _price(here: str, key: str, found: str, owned: bool) -> float:
    price = _number(here, key, found)
    if price <= 0:
        raise ConfigError(f"{here}: {key} is {found}; a price is above zero")
    if owned and price > MAX_PURCHASE:
        raise ConfigError(f"{here}: {key} is {found} for one machine, at most {MAX_PURCHASE:g} is believed; is it the price of several?")
    if not owned and price > MAX_PER_HOUR:
        raise ConfigError(f"{here}: {key} is {found} per hour, at most {MAX_PER_HOUR:g} is believed; is it the price of a month or a year?")
    return price


def _category(here: str, found: str) -> str:
    if found and found not in CATEGORIES:
        raise ConfigError(f"{here}: pricing_category is '{found}'; the choices are {one_of(CATEGORIES)}")
    return found


def _count(here: str, text: Mapping[str, str], key: str) -> float | None:
    count = _number(here, key, text[key]) if text.get(key) else None
    if count is not None and count < 0:
        raise ConfigError(f"{here}: {key} is {text[key]}; write how many there are, or leave it blank")
    return count


def _valid_to(here: str, text: Mapping[str, str], valid_from: date) -> date | None:
    valid_to = _day(here, text, "valid_to") if text.get("valid_to") else None
    if valid_to is not None and valid_to < valid_from:
        raise ConfigError(f"{here}: valid_to {valid_to} is before valid_from {valid_from}; correct one of them")
    return valid_to


def _includes_power(here: str, text: Mapping[str, str]) -> bool:
    included = _yes_or_no(here, text.get("includes_power", ""))
    if included and _is_owned(text):
        raise ConfigError(f"{here}: includes_power is true of a machine that is owned; its purchase price pays for no power, write false")
    return included


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
