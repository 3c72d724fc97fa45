"""What the driver says of CUDA devices; the driver itself is asked, since installed packages say nothing about a card."""

from __future__ import annotations

import ctypes
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

CUDA_WANTED = 13_000  # as cuDriverGetVersion counts: 1000 * major + 10 * minor; the packages of the `gpu` extra are built for CUDA 13.0
DRIVER_WANTED = "580.65.06"  # NVIDIA, CUDA 13.0 release notes, table "CUDA Toolkit and Minimum Required Driver Version", Linux
NEW_DRIVER = f"install the NVIDIA driver {DRIVER_WANTED} or newer and restart the machine"
_IN_A_CONTAINER = "in a container, start it with the card (docker run --gpus all)"
# What cuInit returns (CUDA Driver API, enum CUresult), what that is, and what mends it
_NO_DEVICE = 100
_NOT_STARTED = {
    34: ("libcuda.so.1 is the stub of a CUDA toolkit and no driver", f"take the folder of stubs off LD_LIBRARY_PATH, or {NEW_DRIVER}"),
    802: ("the card's links are not ready", "run: sudo systemctl start nvidia-fabricmanager"),
    803: (
        "the driver's library and its kernel module are of two versions",
        "restart the machine, which loads the module that is installed",
    ),
    804: (
        "the library of forward compatibility does not know this card",
        f"take its folder (compat) off LD_LIBRARY_PATH, or {NEW_DRIVER}",
    ),
}
_MODES = {0: "Default", 2: "Prohibited", 3: "Exclusive_Process"}  # CUDA Driver API, enum CUcomputemode; the names are those of nvidia-smi
_COMPUTE_MODE = 20  # CU_DEVICE_ATTRIBUTE_COMPUTE_MODE


@dataclass(frozen=True)
class CudaDevice:
    """One device as the driver shows it to this process: a card, or a MIG instance of one; None is what the driver does not tell.

    `compute_mode` is Default, Exclusive_Process (one process at a time) or Prohibited (none).
    """

    name: str
    uuid: str | None
    compute_mode: str | None

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.name} ({self.uuid})" if self.uuid else self.name


@dataclass(frozen=True)
class CudaDriver:
    """Number of CUDA devices that the driver can use, and the reason when there is none.

    `cuda_version` is the newest CUDA that it knows, 13000 for 13.0, and `version` its own, 580.65.06; None where there is no driver, or it
    does not tell. `remedy` mends the reason; None where that is a machine without a card.
    """

    n_devices: int
    reason: str | None
    cuda_version: int | None = None
    version: str | None = None
    devices: tuple[CudaDevice, ...] = ()
    remedy: str | None = None


def cuda_driver(library: str = "libcuda.so.1", root: Path = Path("/")) -> CudaDriver:
    """Ask the CUDA driver for its devices, without importing anything heavy; no memory of a card is taken.

    Parameters
    ----------
    library : str
        The driver's library.
    root : Path
        Where `proc` and `sys` are, so that tests can fake them.
    """
    try:
        driver = ctypes.CDLL(library)
    except OSError as trouble:
        return _not_loaded(library, str(trouble), root)
    known, own = _cuda_version(driver), _driver_version(root)
    status = driver.cuInit(0)
    if status in _NOT_STARTED:
        text, remedy = _NOT_STARTED[status]
        return CudaDriver(0, f"{text} (cuInit returned {status})", known, own, remedy=remedy)
    if status not in (0, _NO_DEVICE):
        remedy = "look at nvidia-smi and at the kernel's log (dmesg, NVRM)"
        return CudaDriver(0, f"the CUDA driver does not start (cuInit returned {status})", known, own, remedy=remedy)
    count = ctypes.c_int(0)
    if status == _NO_DEVICE or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if hidden is None:
            return CudaDriver(0, "the CUDA driver finds no device", known, own)
        remedy = "set it to a card or an instance that nvidia-smi -L lists, or unset it"
        return CudaDriver(0, f"the CUDA driver finds no device under CUDA_VISIBLE_DEVICES='{hidden}'", known, own, remedy=remedy)
    return CudaDriver(count.value, None, known, own, _devices(driver, count.value))


def first_device() -> CudaDevice | None:
    """Return the device that sessions of this process run on; None where the driver shows none, or does not describe them."""
    return next(iter(cuda_driver().devices), None)


def _not_loaded(library: str, trouble: str, root: Path) -> CudaDriver:
    is_missing = "cannot open shared object file" in trouble
    said = f"no CUDA driver ({library} is not installed)" if is_missing else f"the CUDA driver does not load ({trouble[:200]})"
    n_cards = _n_on_the_bus(root)
    if n_cards == 0 and is_missing:
        return CudaDriver(0, said)
    beside = f", and {n_cards} NVIDIA card(s) on the bus" if n_cards else ""
    return CudaDriver(0, f"{said}{beside}", version=_driver_version(root), remedy=f"{NEW_DRIVER}; {_IN_A_CONTAINER}")


def _n_on_the_bus(root: Path) -> int:
    """Count the display controllers and 3D controllers of NVIDIA: a container shows them too, whether or not it may use them."""
    return sum(
        _text(device / "vendor") == "0x10de" and (_text(device / "class") or "").startswith("0x03")
        for device in (root / "sys/bus/pci/devices").glob("*")
    )


def _driver_version(root: Path) -> str | None:
    found = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", _text(root / "proc/driver/nvidia/version") or "")
    return found[0] if found else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _cuda_version(driver: ctypes.CDLL) -> int | None:
    version = ctypes.c_int(0)
    try:
        status = driver.cuDriverGetVersion(ctypes.byref(version))
    except AttributeError:  # no driver of NVIDIA's lacks it; simulated ones do
        return None
    return version.value if status == 0 else None


def _devices(driver: ctypes.CDLL, count: int) -> tuple[CudaDevice, ...]:
    """Describe the devices in CUDA's own order; empty where one of them cannot be asked."""
    try:
        return tuple(_device(driver, number) for number in range(count))
    except AttributeError:  # as above
        return ()


def _device(driver: ctypes.CDLL, number: int) -> CudaDevice:
    device, mode, text, octets = ctypes.c_int(0), ctypes.c_int(0), ctypes.create_string_buffer(256), (ctypes.c_ubyte * 16)()
    if driver.cuDeviceGet(ctypes.byref(device), number) != 0:
        return CudaDevice(f"CUDA device {number}", None, None)
    name = text.value.decode() if driver.cuDeviceGetName(text, len(text), device) == 0 else f"CUDA device {number}"
    # The name of a MIG instance is that of its card and its profile: "NVIDIA A100-SXM4-40GB MIG 1g.5gb".
    kind = "MIG" if " MIG " in name else "GPU"
    own = f"{kind}-{uuid.UUID(bytes=bytes(octets))}" if driver.cuDeviceGetUuid_v2(ctypes.byref(octets), device) == 0 else None
    has_mode = driver.cuDeviceGetAttribute(ctypes.byref(mode), _COMPUTE_MODE, device) == 0
    return CudaDevice(name, own, _MODES.get(mode.value) if has_mode else None)


def cuda_version_text(version: int) -> str:
    """Write a version as NVIDIA does.

    >>> cuda_version_text(12040)
    '12.4'
    """
    return f"{version // 1000}.{version % 1000 // 10}"
