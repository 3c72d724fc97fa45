"""What a reader of a cost has to know beside the figure."""

from __future__ import annotations

import re

from harness.cost.price_row import PriceRow
from harness.cost.replicas import Fleet
from harness.records.conf import PriceConf
from harness.records.measurement import Measurement, OperatingPoint


def note_of(measurement: Measurement, point: OperatingPoint, row: PriceRow, conf: PriceConf, fleet: Fleet | None) -> str:
    """Write one line of what makes a cost doubtful, the batch size first.

    Parameters
    ----------
    measurement : Measurement
        Where and how well speed was measured.
    point : OperatingPoint
        The throughput that was used.
    row : PriceRow
        What was priced.
    conf : PriceConf
        Utilisations, tariff and fewest replicas.
    fleet : Fleet, optional
        The replicas that the log needs.
    """
    remarks = [
        f"batches of {point.batch_rows} rows",
        "noisy measurement" if measurement.status == "noisy" else None,
        _other_machine(measurement, row),
        _power(measurement, row, conf),
        "at full use: the log has no time column" if fleet is None else _idle(fleet, conf.min_replicas),
    ]
    return "; ".join(remark for remark in remarks if remark)


def cores_of(measured_on: str | None) -> int | None:
    """Read the number of cores from `measured_on` ("AMD EPYC, 2 cores"); None when it does not say.

    Examples
    --------
    >>> cores_of("AMD EPYC, 2 cores"), cores_of("unknown")
    (2, None)
    """
    found = re.search(r"(\d+) cores?$", measured_on or "")
    return int(found.group(1)) if found else None


def _other_machine(measurement: Measurement, row: PriceRow) -> str | None:
    """Say so when what was measured is not what was priced."""
    cores = cores_of(measurement.measured_on)
    if row.accelerator and measurement.device == "cpu":
        return f"measured on the CPU ({measurement.measured_on}), priced with {row.accelerator}"
    if cores is not None and row.vcpus is not None and cores != row.vcpus:
        return f"measured on {cores} cores, priced for {row.vcpus:g} vCPUs"
    return None


def _power(measurement: Measurement, row: PriceRow, conf: PriceConf) -> str | None:
    if row.includes_power or conf.tariff_per_kwh == 0:
        return None
    if measurement.energy_j_per_1k is None:
        return f"without power: energy was not measured ({measurement.energy_reason})"
    return "power as at full use"


def _idle(fleet: Fleet | None, min_replicas: int) -> str | None:
    if fleet is None or fleet.idle_hours == 0:
        return None
    return f"{fleet.idle_hours} of {fleet.n_hours:.0f} hours have no arrivals and keep {min_replicas} replica(s)"
