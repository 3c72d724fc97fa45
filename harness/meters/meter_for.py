"""Which meter reads the energy of a device on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from harness.meters.cards import visible_uuids
from harness.meters.energy import EnergyMeter, NoEnergyMeter, cpu_energy_meter
from harness.meters.estimated import EstimatedTdpMeter
from harness.meters.nvml import NvmlFailure, close_nvml, find_card, open_nvml
from harness.meters.nvml_meter import NvmlMeter
from harness.records.conf import MeasureConf


def meter_for(device: str, conf: MeasureConf, machine_is_vm: bool = False, uuids: Sequence[str] | None = None) -> EnergyMeter:
    """Find what can read the energy of a device: RAPL for cpu, NVML for cuda.

    Parameters
    ----------
    device : str
        "cpu" or "cuda".
    conf : MeasureConf
        With `estimated_tdp_w`, an `EstimatedTdpMeter` stands in where nothing can be read.
    machine_is_vm : bool
        Named as the reason where a virtual machine has no counter.
    uuids : sequence of str, optional
        Of the cards that the models run on; None: CUDA's device 0 in this process.
    """
    found = cuda_energy_meter(uuids, is_vm=machine_is_vm) if device == "cuda" else cpu_energy_meter(is_vm=machine_is_vm)
    if isinstance(found, NoEnergyMeter) and conf.estimated_tdp_w is not None:
        return EstimatedTdpMeter(conf.estimated_tdp_w, found.reason)
    return found


def cuda_energy_meter(uuids: Sequence[str] | None = None, *, is_vm: bool = False) -> EnergyMeter:
    """Find what can read the energy of these cards, all of them or none.

    Returns
    -------
    EnergyMeter
        An `NvmlMeter`, or a `NoEnergyMeter` with the reason no_nvml, permission_denied, vm or not_supported: this one also for instances
        of a card (MIG), since NVML knows the power of the whole card only.
    """
    try:
        open_nvml()  # it stays open as long as the process lives: the meter reads through it
    except NvmlFailure as trouble:
        return NoEnergyMeter(trouble.reason)
    wanted = visible_uuids()[:1] if uuids is None else tuple(dict.fromkeys(uuids))
    try:
        return _meter_of(wanted)
    except NvmlFailure as trouble:
        close_nvml()
        return NoEnergyMeter("vm" if is_vm and trouble.reason == "not_supported" else trouble.reason)


def _meter_of(uuids: Sequence[str]) -> NvmlMeter:
    if not uuids:
        raise NvmlFailure("not_supported: it cannot be told which card CUDA uses; name it by its UUID in CUDA_VISIBLE_DEVICES")
    instance = next((uuid for uuid in uuids if uuid.startswith("MIG-")), None)
    if instance is not None:
        raise NvmlFailure(f"not_supported: {instance} is a MIG instance, and NVML knows the power of the whole card only")
    cards = [find_card(uuid) for uuid in uuids]
    for card in cards:
        if card.mig():
            raise NvmlFailure(f"not_supported: {card.uuid} is cut into MIG instances, and NVML knows the power of the whole card only")
        if why := card.why_no_energy():
            raise NvmlFailure(why)
    return NvmlMeter(cards)
