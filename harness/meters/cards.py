"""The cards of this machine as NVML describes them, and which of them CUDA uses in this process."""

from __future__ import annotations

import ctypes
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil

from harness.meters.nvml import Card, NvmlFailure, all_cards, close_nvml, driver_version, open_nvml
from harness.records.measurement import Gpu


def describe_cards() -> tuple[tuple[Gpu, ...], str | None, str | None]:
    """Say which cards there are, in the order of the bus, and under which driver; or why nobody can say.

    Returns
    -------
    tuple of (tuple of Gpu, str or None, str or None)
        Cards, version of the driver, and the reason why no card is described: no_nvml, not_supported or permission_denied. A machine
        without a card costs the search for one library.
    """
    try:
        open_nvml()
    except NvmlFailure as trouble:
        return (), None, trouble.reason
    try:
        cards = all_cards()
        return tuple(map(_describe, cards)), driver_version(), None if cards else "not_supported: NVML finds no card"
    except NvmlFailure as trouble:
        return (), driver_version(), trouble.reason
    finally:
        close_nvml()


def visible_uuids(
    environ: Mapping[str, str] = os.environ,
    cards: Sequence[str] | None = None,
    cuda_order: Callable[[], tuple[str, ...]] | None = None,
) -> tuple[str, ...]:
    """Say which cards CUDA uses in this process, CUDA's device 0 first.

    `CUDA_VISIBLE_DEVICES` holds numbers, UUIDs, the beginnings of UUIDs, or UUIDs of MIG instances; the first entry that is none of a card
    ends the list. Its numbers count in CUDA's own order, the fastest card first, unless `CUDA_DEVICE_ORDER` is `PCI_BUS_ID`: among several
    cards only CUDA's driver knows it, and it is asked for the whole list, to which it applies the variable itself.

    Parameters
    ----------
    environ : mapping
        Of the process that runs the models.
    cards : sequence of str, optional
        UUIDs of all cards in the order of the bus; None: those that NVML finds.
    cuda_order : callable, optional
        Returns the UUIDs that CUDA's driver lists in this process; None: `cuda_uuids`.

    Returns
    -------
    tuple of str
        UUIDs, none twice; empty where no card is visible, or nobody can tell which.

    Source: CUDA Programming Guide, section "CUDA Environment Variables".

    Examples
    --------
    >>> cards = ("GPU-aa11", "GPU-ab22")
    >>> visible_uuids({"CUDA_VISIBLE_DEVICES": "1,0,7,1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, cards)
    ('GPU-ab22', 'GPU-aa11')
    >>> visible_uuids({"CUDA_VISIBLE_DEVICES": "GPU-ab"}, cards), visible_uuids({"CUDA_VISIBLE_DEVICES": ""}, cards)
    (('GPU-ab22',), ())
    """
    known = tuple(_nvml_uuids() if cards is None else cards)
    value = environ.get("CUDA_VISIBLE_DEVICES")
    entries = [str(i) for i in range(len(known))] if value is None else [entry.strip() for entry in value.split(",")]
    is_numbered = any(entry.lstrip("-").isdigit() for entry in entries)
    if is_numbered and len(known) > 1 and environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        return (cuda_order or cuda_uuids)()
    found = list[str]()
    for entry in entries:
        uuids = _matching(entry, known)
        if len(uuids) != 1:
            break
        found += uuids
    return tuple(dict.fromkeys(found))


def cuda_uuids(library: str = "libcuda.so.1") -> tuple[str, ...]:
    """Ask CUDA's driver for the devices of this process, in its order; empty where it cannot be asked.

    It starts the driver, which does not outlive a fork: ask in the process that runs the models.
    """
    try:
        driver = ctypes.CDLL(library)
        read = driver.cuDeviceGetUuid_v2  # of an instance's own, where a card is cut into MIG instances
    except (OSError, AttributeError):
        return ()
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    known = _nvml_uuids()
    return tuple(_uuid_of(driver, read, number, known) for number in range(count.value))


def _uuid_of(driver: Any, read: Any, number: int, known: Sequence[str]) -> str:
    device, octets = ctypes.c_int(0), (ctypes.c_ubyte * 16)()
    if driver.cuDeviceGet(ctypes.byref(device), number) != 0 or read(ctypes.byref(octets), device) != 0:
        return f"unknown CUDA device {number}"
    text = str(uuid.UUID(bytes=bytes(octets)))
    return f"GPU-{text}" if f"GPU-{text}" in known else f"MIG-{text}"


def _matching(entry: str, cards: Sequence[str]) -> list[str]:
    if entry.startswith("MIG-"):
        return [entry]
    if entry.isdigit():
        return list(cards[int(entry) : int(entry) + 1])
    return [card for card in cards if entry.startswith("GPU-") and card.startswith(entry)]


def _nvml_uuids() -> tuple[str, ...]:
    try:
        open_nvml()
    except NvmlFailure:
        return ()
    try:
        return tuple(card.uuid for card in all_cards())
    except NvmlFailure:
        return ()
    finally:
        close_nvml()


def _describe(card: Card) -> Gpu:
    process = psutil.Process()
    own = {process.pid, *(child.pid for child in process.children(recursive=True))}
    return Gpu(
        uuid=card.uuid,
        name=card.name(),
        memory_bytes=card.memory_bytes(),
        power_limit_w=card.power_limit_w(),
        sm_clock_mhz=card.sm_clock_mhz(),
        default_sm_clock_mhz=card.default_sm_clock_mhz(),
        ecc=card.ecc(),
        mig=card.mig(),
        compute_capability=card.compute_capability(),
        foreign_pids=tuple(pid for pid in card.pids() if pid not in own),
        used_bytes=card.used_bytes(),
    )
