"""What the driver says of CUDA devices, and which packages stand beside it; asks the driver directly, since installed packages say nothing about a card."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
from dataclasses import dataclass
from importlib.metadata import distributions

CUDA_WANTED = 13_000  # as cuDriverGetVersion counts: 1000 * major + 10 * minor; the packages of the `gpu` extra are built for CUDA 13.0
_DRIVER_WANTED = "580"  # NVIDIA, CUDA 13.0 release notes, table "CUDA Toolkit and Minimum Required Driver Version": >= 580.65.06 on Linux
_OLDER_CUDA = re.compile(r"-cu1[12]$|-cuda1[12]x$")
_OF_THE_STACK = re.compile(r"^(onnxruntime|cupy|cudf|numba-cuda|nvidia-|tensorrt)|-cu1\d$|-cuda1\dx$")
BOTH_ONNXRUNTIMES = "onnxruntime and onnxruntime-gpu share a folder and break each other"
GPU_EXTRA = "pip install 'replay-harness[gpu]'"


@dataclass(frozen=True)
class CudaDriver:
    """Number of CUDA devices that the driver can use, and the reason when there is none.

    `cuda_version` is the newest CUDA that it knows, 13000 for 13.0; None where there is no driver.
    """

    n_devices: int
    reason: str | None
    cuda_version: int | None = None


@dataclass(frozen=True)
class CudaStack:
    """The facts that decide whether a card can be used: the driver, and the packages with their versions, names in small letters.

    Args:
        has_cudnn: cuDNN 9 is installed, as a package or in the system.
    """

    driver: CudaDriver
    packages: tuple[tuple[str, str], ...]
    has_cudnn: bool

    def version(self, name: str) -> str | None:
        """Return the version of one package, or None where it is not installed."""
        return dict(self.packages).get(name)


@dataclass(frozen=True)
class StackTrouble:
    """What is wrong, in the words of a clause, and what mends it; a fatal one keeps device=cuda from running."""

    what: str
    text: str
    remedy: str
    is_fatal: bool = True


def cuda_driver(library: str = "libcuda.so.1") -> CudaDriver:
    """Ask the CUDA driver for its devices, without importing anything heavy."""
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return CudaDriver(0, f"no CUDA driver ({library} is not installed)")
    known = _cuda_version(driver)
    status = driver.cuInit(0)
    if status != 0:
        return CudaDriver(0, f"the CUDA driver does not start (cuInit returned {status})", known)
    count = ctypes.c_int(0)
    status = driver.cuDeviceGetCount(ctypes.byref(count))
    if status != 0 or count.value == 0:
        return CudaDriver(0, "the CUDA driver finds no device", known)
    return CudaDriver(count.value, None, known)


def _cuda_version(driver: ctypes.CDLL) -> int | None:
    version = ctypes.c_int(0)
    try:
        status = driver.cuDriverGetVersion(ctypes.byref(version))
    except AttributeError:  # no driver of NVIDIA's lacks it; simulated ones do
        return None
    return version.value if status == 0 else None


def cuda_stack(driver: CudaDriver | None = None) -> CudaStack:
    """Collect the facts of this machine and this environment; nothing of CUDA is imported."""
    names = ((str(found.metadata["Name"] or "").lower().replace("_", "-"), found.version) for found in distributions())
    packages = tuple(sorted({(name, version) for name, version in names if _OF_THE_STACK.search(name)}))
    has_cudnn = any(name.startswith("nvidia-cudnn-cu13") for name, _ in packages) or bool(ctypes.util.find_library("cudnn"))
    return CudaStack(driver or cuda_driver(), packages, has_cudnn)


def stack_troubles(stack: CudaStack) -> tuple[StackTrouble, ...]:
    """Say what is wrong with a stack, each with the command that mends it, what comes first in the stack first.

    Examples
    --------
    >>> old = CudaStack(CudaDriver(1, None, 12040), (("cupy-cuda13x", "14.2.0"), ("numba-cuda", "0.30.4"), ("onnxruntime-gpu", "1.31.1")), True)
    >>> [(trouble.what, trouble.text) for trouble in stack_troubles(old)]
    [('driver', 'the driver knows CUDA 12.4, wanted 13.0 or newer'), ('cudf', 'cudf-cu13 is not installed, and logs are decoded on the CPU')]
    """
    found = (*_driver_troubles(stack.driver), *_onnxruntime_troubles(stack), *_package_troubles(stack))
    return tuple(sorted(found, key=lambda trouble: not trouble.is_fatal))


def why_not_cuda(stack: CudaStack) -> StackTrouble | None:
    """Return the first trouble that keeps device=cuda from running, or None where nothing does."""
    return next((trouble for trouble in stack_troubles(stack) if trouble.is_fatal), None)


def _driver_troubles(driver: CudaDriver) -> list[StackTrouble]:
    known = driver.cuda_version
    if known is not None and known < CUDA_WANTED:
        said = f"{known // 1000}.{known % 1000 // 10}"
        remedy = f"install the NVIDIA driver {_DRIVER_WANTED} or newer and restart the machine"
        return [StackTrouble("driver", f"the driver knows CUDA {said}, wanted 13.0 or newer", remedy)]
    if driver.n_devices == 0:
        return [StackTrouble("driver", str(driver.reason), "run nvidia-smi on the machine that has the card")]
    return []


def _onnxruntime_troubles(stack: CudaStack) -> list[StackTrouble]:
    cpu, gpu = stack.version("onnxruntime"), stack.version("onnxruntime-gpu")
    remedy = f"run: pip uninstall -y onnxruntime onnxruntime-gpu && {GPU_EXTRA}"
    if cpu and gpu:
        return [StackTrouble("onnxruntime", BOTH_ONNXRUNTIMES, remedy)]
    if cpu:
        return [StackTrouble("onnxruntime", f"the CPU package of ONNX Runtime is installed (onnxruntime {cpu})", remedy)]
    if not gpu:
        return [StackTrouble("onnxruntime", "onnxruntime-gpu is not installed", f"run: {GPU_EXTRA}")]
    if not stack.has_cudnn:
        text = "cuDNN is missing, without which ONNX Runtime's CUDA provider does not load"
        return [StackTrouble("cudnn", text, "run: pip install nvidia-cudnn-cu13")]
    return []


def _package_troubles(stack: CudaStack) -> list[StackTrouble]:
    names = [name for name, _ in stack.packages]
    found = [
        StackTrouble(short, f"{name} is not installed", f"run: {GPU_EXTRA}")
        for short, name in (("cupy", "cupy-cuda13x"), ("numba-cuda", "numba-cuda"))
        if name not in names
    ]
    older = [name for name in names if _OLDER_CUDA.search(name)]
    if older:
        some = ", ".join(older[:3]) + (f" and {len(older) - 3} more" if len(older) > 3 else "")
        text = f"packages of an older CUDA stand beside those of CUDA 13 ({some}), and two CUDA majors in one process break each other"
        # Two CuPy share a folder; libraries of an older CUDA do harm only once something loads them.
        shares_a_folder = any(name.startswith("cupy-") for name in older)
        found.append(StackTrouble("cuda packages", text, f"run: pip uninstall -y {' '.join(older)}", is_fatal=shares_a_folder))
    if "cudf-cu13" not in names:
        text = "cudf-cu13 is not installed, and logs are decoded on the CPU"
        found.append(StackTrouble("cudf", text, f"run: {GPU_EXTRA}", is_fatal=False))
    return found
