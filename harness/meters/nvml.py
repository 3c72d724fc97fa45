"""NVIDIA's management library, the one place that speaks to it: what a card does not tell is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Bits of nvmlClocksEventReasons (nvml.h). Idling is none of them: it slows no work.
EVENTS = {
    "applications_clocks_setting": 0x2,
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "display_clock_setting": 0x100,
}
GPU_IDLE = 0x1
_MW_PER_W = 1e3
# nvmlReturn_t of a question that this card, driver or library does not answer: invalid argument, not supported, no permission, not found,
# function not found, no data, ECC of a virtual card, another version of the argument, deprecated
_UNANSWERED = (2, 3, 4, 6, 13, 20, 21, 25, 26)
_NO_PERMISSION = 4
_NO_DRIVER = (9, 12)  # driver not loaded, library not found


class NvmlFailure(Exception):
    """NVML cannot be used, or a card has ceased to answer; `reason` is that of an energy reading."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Card:
    """One card that NVML has found; every question costs a call of the driver, some 10 µs, with the interpreter's lock released."""

    uuid: str
    handle: Any = field(repr=False)
    has_instant_power: bool

    def energy_mj(self) -> int | None:
        """Return the energy since the driver was loaded, in millijoules (Volta and later)."""
        return _number(self._ask("nvmlDeviceGetTotalEnergyConsumption"))

    def power_w(self) -> float | None:
        """Return the power: the instant one where the card has it, else what is an average of one second since Ampere."""
        power_mw = _instant_power_mw(self.uuid, self.handle) if self.has_instant_power else self._ask("nvmlDeviceGetPowerUsage")
        return None if power_mw is None else power_mw / _MW_PER_W

    def sm_clock_mhz(self) -> int | None:
        """Return the clock of the multiprocessors as it is now."""
        return _number(self._ask("nvmlDeviceGetClockInfo", _library().NVML_CLOCK_SM))

    def default_sm_clock_mhz(self) -> int | None:
        """Return the clock of the multiprocessors that the card is made for; its highest one where it tells no default."""
        sm = _library().NVML_CLOCK_SM
        default = _number(self._ask("nvmlDeviceGetDefaultApplicationsClock", sm))  # NVML of CUDA 14 will not answer it
        return default or _number(self._ask("nvmlDeviceGetMaxClockInfo", sm))

    def temperature_c(self) -> int | None:
        """Return the temperature of the chip in degrees Celsius."""
        gpu = _library().NVML_TEMPERATURE_GPU
        found = _number(self._ask("nvmlDeviceGetTemperatureV", gpu))  # drivers from 570 on
        return found if found is not None else _number(self._ask("nvmlDeviceGetTemperature", gpu))

    def clock_events(self) -> int | None:
        """Return the bits of why the clocks are what they are; see `EVENTS`."""
        return _number(self._ask("nvmlDeviceGetCurrentClocksEventReasons"))

    def name(self) -> str:
        """Return the product's name."""
        return str(self._ask("nvmlDeviceGetName") or "unnamed")

    def memory_bytes(self) -> int | None:
        """Return the size of the card's memory."""
        found = self._ask("nvmlDeviceGetMemoryInfo")
        return None if found is None else int(found.total)

    def used_bytes(self) -> int | None:
        """Return how much of its memory all processes together hold."""
        found = self._ask("nvmlDeviceGetMemoryInfo")
        return None if found is None else int(found.used)

    def power_limit_w(self) -> float | None:
        """Return the power limit in force."""
        limit_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        return None if limit_mw is None else limit_mw / _MW_PER_W

    def ecc(self) -> bool | None:
        """Say whether memory errors are corrected."""
        return _switch(self._ask("nvmlDeviceGetEccMode"))

    def mig(self) -> bool | None:
        """Say whether the card is cut into instances; None where it cannot be."""
        return _switch(self._ask("nvmlDeviceGetMigMode"))

    def compute_capability(self) -> str | None:
        """Return it as `9.0`."""
        found = self._ask("nvmlDeviceGetCudaComputeCapability")
        return None if found is None else f"{found[0]}.{found[1]}"

    def pids(self) -> tuple[int, ...]:
        """Return the processes that compute on the card, as far as this system may see them."""
        return tuple(sorted(int(process.pid) for process in self._ask("nvmlDeviceGetComputeRunningProcesses_v3") or ()))

    def bus_id(self) -> str:
        """Return the place on the bus, of a form that sorts as CUDA's order by bus does."""
        found = self._ask("nvmlDeviceGetPciInfo_v3")
        return "" if found is None else f"{found.domain:08x}:{found.bus:02x}:{found.device:02x}"

    def why_no_energy(self) -> str | None:
        """Say why neither the counter nor the power can be read: permission_denied or not_supported; None when one of them can."""
        if self.energy_mj() is not None or self.power_w() is not None:
            return None
        return "permission_denied" if _is_forbidden(self.handle) else "not_supported"

    def _ask(self, question: str, *args: Any) -> Any:
        return _ask(self.uuid, question, self.handle, *args)


def open_nvml() -> None:
    """Start NVML; each start wants one `close_nvml`.

    Raises
    ------
    NvmlFailure
        With the reason no_nvml (no library, no driver, or a driver of another version), permission_denied or not_supported.
    """
    try:
        nvml = _library()
    except ImportError as trouble:
        raise NvmlFailure("no_nvml") from trouble
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as trouble:
        raise NvmlFailure(_why_closed(trouble)) from trouble


def close_nvml() -> None:
    """End what `open_nvml` began; NVML goes on for whoever else has opened it."""
    nvml = _library()
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:  # a lost card: nothing is left to end
        return


def find_card(uuid: str) -> Card:
    """Find a card by its UUID: NVML's numbers are not CUDA's, and may change at the next boot.

    Raises
    ------
    NvmlFailure
        When NVML knows no such card, or may not use it.
    """
    nvml = _library()
    try:
        return _card(uuid, nvml.nvmlDeviceGetHandleByUUID(uuid))
    except nvml.NVMLError as trouble:
        if trouble.value == _NO_PERMISSION:
            raise NvmlFailure("permission_denied") from trouble
        raise NvmlFailure(f"not_supported: NVML cannot use the card {uuid} ({trouble})") from trouble


def all_cards() -> tuple[Card, ...]:
    """Find all cards that may be used, in the order of the bus.

    Raises
    ------
    NvmlFailure
        When NVML cannot list them.
    """
    nvml = _library()
    cards = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
            except nvml.NVMLError_NoPermission:  # a card that this container was not given
                continue
            cards.append(_card(str(nvml.nvmlDeviceGetUUID(handle)), handle))
    except nvml.NVMLError as trouble:
        raise NvmlFailure(f"not_supported: NVML cannot list the cards ({trouble})") from trouble
    return tuple(sorted(cards, key=Card.bus_id))


def driver_version() -> str | None:
    """Return the driver's version, `580.95.05`."""
    nvml = _library()
    try:
        return str(nvml.nvmlSystemGetDriverVersion())
    except nvml.NVMLError:
        return None


def _library() -> Any:
    import pynvml

    return pynvml


def _card(uuid: str, handle: Any) -> Card:
    # 0 W is no power: such a sensor is not there, whatever it returns. Asked once, so that no window mixes two sensors.
    return Card(uuid, handle, bool(_instant_power_mw(uuid, handle)))


def _ask(uuid: str, question: str, *args: Any) -> Any:
    """Return the answer, or None where this card has none; every other trouble is the end of what can be read."""
    nvml = _library()
    try:
        return getattr(nvml, question)(*args)
    except nvml.NVMLError as trouble:
        if trouble.value in _UNANSWERED:
            return None
        raise NvmlFailure(f"broke_off: {uuid}: {trouble}") from trouble


def _instant_power_mw(uuid: str, handle: Any) -> int | None:
    values = _ask(uuid, "nvmlDeviceGetFieldValues", handle, [_library().NVML_FI_DEV_POWER_INSTANT])
    if values is None or values[0].nvmlReturn != 0:
        return None
    return int(values[0].value.uiVal)


def _is_forbidden(handle: Any) -> bool:
    nvml = _library()
    for question in (nvml.nvmlDeviceGetTotalEnergyConsumption, nvml.nvmlDeviceGetPowerUsage):
        try:
            question(handle)
        except nvml.NVMLError as trouble:
            if trouble.value == _NO_PERMISSION:
                return True
    return False


def _why_closed(trouble: Any) -> str:
    if trouble.value == _NO_PERMISSION:
        return "permission_denied"
    return "no_nvml" if trouble.value in _NO_DRIVER else f"no_nvml: {trouble}"


def _number(found: Any) -> int | None:
    return None if found is None else int(found)


def _switch(found: Any) -> bool | None:
    """Return the present one of NVML's two states, present and pending."""
    return None if found is None else bool(found[0])
