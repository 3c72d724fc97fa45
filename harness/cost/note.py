"""What a reader of a cost has to know beside the figure."""

from __future__ import annotations

import re

from harness.cost.operating_point import batches, not_as_deployed, passed_over
from harness.cost.price_row import PriceRow
from harness.cost.replicas import Fleet
from harness.records.conf import Deploy, PriceConf
from harness.records.measurement import Measurement, OperatingPoint


def note_of(
    measurement: Measurement,
    point: OperatingPoint,
    row: PriceRow,
    deploy: Deploy,
    conf: PriceConf,
    log: Fleet | str,
    spread: str | None = None,
) -> str:
    """Write one line of what makes a cost doubtful, the batch size first.

    Parameters
    ----------
    measurement : Measurement
        Where and how well speed was measured.
    point : OperatingPoint
        The throughput that was used.
    row : PriceRow
        What was priced.
    deploy : Deploy
        Where the variant would run, and how much of the machine it pays for.
    conf : PriceConf
        Utilisations, tariff and fewest replicas.
    log : Fleet or str
        The replicas that the log needs, or why there are none.
    spread : str, optional
        Why there is no interval.
    """
    remarks = [
        batches(point),
        not_as_deployed(point, deploy),
        passed_over(measurement, point, deploy, conf.slo_ms),
        "noisy measurement" if "noisy" in (measurement.status, point.status) else None,
        *_other_machine(measurement, row, deploy),
        _power(measurement, point, row, conf),
        f"at full use: {log}" if isinstance(log, str) else _idle(log, conf.min_replicas),
        None if isinstance(log, str) else log.note,
        spread,
    ]
    return "; ".join(remark for remark in remarks if remark)


def cores_of(measured_on: str | None) -> int | None:
    """Read the number of cores from `measured_on` ("AMD EPYC, 2 cores"); None when it does not say.

    Examples
    --------
    >>> cores_of("AMD EPYC, 2 cores"), cores_of("unknown")
    (2, None)
    """
    found = re.search(r"\b(\d+) cores?\b", measured_on or "")
    return int(found.group(1)) if found else None


def _other_machine(measurement: Measurement, row: PriceRow, deploy: Deploy) -> tuple[str | None, ...]:
    """Say so when what was measured is not what was priced."""
    cores = cores_of(measurement.measured_on)
    other_device = deploy.device is not None and deploy.device != measurement.device
    other_cores = cores is not None and row.vcpus is not None and cores != row.vcpus
    return (
        f"to run on {deploy.device}, measured on {measurement.device}" if other_device else None,
        _other_card(measurement, row),
        _more_cards(measurement, row, deploy.share),
        f"measured on {cores} cores, priced for {row.vcpus:g} vCPUs" if other_cores else None,
    )


def _other_card(measurement: Measurement, row: PriceRow) -> str | None:
    if measurement.device == "cpu":
        return f"measured on the CPU ({measurement.measured_on}), priced with {row.accelerator}" if row.accelerator else None
    if not row.accelerator:
        return f"measured on {measurement.device} ({measurement.measured_on}), priced without an accelerator"
    found = set(_words(measurement.measured_on or ""))
    if not set(_words(row.accelerator)) <= found:
        return f"measured on {measurement.measured_on}, priced with {row.accelerator}"
    return None


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", name.lower())


def _more_cards(measurement: Measurement, row: PriceRow, share: float) -> str | None:
    """Say so when more cards are paid for than the one that was measured."""
    paid = (row.accelerator_count or 0.0) * share
    if measurement.device == "cpu" or paid <= 1.0:
        return None
    return f"measured on one card, priced for {paid:g} (deploy.share {share:g} of {row.accelerator_count:g})"


def _power(measurement: Measurement, point: OperatingPoint, row: PriceRow, conf: PriceConf) -> str | None:
    if row.includes_power or conf.tariff_per_kwh == 0:
        return None
    if point.energy_j_per_1k is None:
        return f"without power: energy was not measured ({measurement.energy_reason})"
    estimated = "power estimated from a TDP, not measured" if point.energy_source == "estimated_tdp" else None
    no_idle = "power as at full use: idle power was not measured" if not idle_is_known(measurement, point) else None
    return "; ".join(remark for remark in (estimated, no_idle) if remark) or None


def idle_is_known(measurement: Measurement, point: OperatingPoint) -> bool:
    """Say whether the energy of a point can be told apart into idle power and what its rows took on top."""
    return measurement.idle_w is not None and point.active_j_per_1k is not None


def _idle(fleet: Fleet, min_replicas: int) -> str | None:
    if fleet.idle_hours == 0:
        return None
    return f"{fleet.idle_hours} of {fleet.n_hours:.0f} hours have no arrivals and keep {min_replicas} replica(s)"
