from __future__ import annotations

import os
from dataclasses import replace

import psutil
import pytest

from harness.meters.machine import capture, is_vm, one_line
from harness.meters.nvml import NvmlFailure
from harness.records.measurement import Gpu

CPUINFO = """processor\t: 0
model name\t: AMD EPYC 7R13
flags\t\t: fpu sse4_2 avx2 avx512f avx512_vnni hypervisor nx

processor\t: 1
model name\t: another
flags\t\t: fpu
"""


@pytest.fixture
def root(tmp_path):
    for path, text in {
        "proc/cpuinfo": CPUINFO,
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
        "sys/fs/cgroup/cpu.max": "max 100000\n",
        "sys/fs/cgroup/memory.max": "max\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count()


def test_the_cpu_is_named_with_the_flags_that_matter(root):
    machine = capture(root)
    assert machine.cpu_model == "AMD EPYC 7R13"
    assert machine.cpu_flags == ("avx2", "avx512_vnni", "avx512f", "hypervisor", "sse4_2")
    assert machine.governor == "performance"
    assert is_vm(machine)
    assert not is_vm(replace(machine, cpu_flags=("avx2",)))


def test_without_limits_the_machine_is_what_the_system_says(root):
    machine = capture(root)
    assert machine.n_cores == usable()
    assert machine.memory_bytes == psutil.virtual_memory().total


def test_limits_of_a_container_are_taken_off(root):
    (root / "sys/fs/cgroup/cpu.max").write_text("50000 100000\n")
    (root / "sys/fs/cgroup/memory.max").write_text("1048576\n")
    machine = capture(root)
    assert (machine.n_cores, machine.memory_bytes) == (1, 1048576)


def test_limits_of_version_one_are_taken_off(root):
    for path, text in {"cpu.max": None, "memory.max": None, "cpu/cpu.cfs_quota_us": "80000", "cpu/cpu.cfs_period_us": "100000"}.items():
        (root / "sys/fs/cgroup" / path).parent.mkdir(exist_ok=True)
        (root / "sys/fs/cgroup" / path).unlink(missing_ok=True) if text is None else (root / "sys/fs/cgroup" / path).write_text(text)
    (root / "sys/fs/cgroup/memory").mkdir()
    (root / "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text("2097152")
    machine = capture(root)
    assert (machine.n_cores, machine.memory_bytes) == (1, 2097152)


def test_a_system_that_tells_nothing_is_described_all_the_same(tmp_path):
    machine = capture(tmp_path)
    assert machine.governor is None
    assert machine.cpu_flags == ()
    assert machine.cpu_model
    assert machine.n_cores == usable()


def test_versions_are_those_that_are_installed():
    import numpy as np

    versions = dict(capture().versions)
    assert versions["numpy"] == np.__version__
    assert "python" in versions


@pytest.mark.parametrize(("n_cores", "line"), [(1, "AMD EPYC, 1 core"), (2, "AMD EPYC, 2 cores")])
def test_one_line(n_cores, line):
    assert one_line(replace(capture(), cpu_model="AMD EPYC", n_cores=n_cores)) == line


CARD = Gpu("GPU-1", "NVIDIA L4", 24 * 2**30, 72.0, 2040, 2040, True, None, "8.9")


def test_cards_and_their_driver_are_captured():
    machine = capture(cards=lambda: ((CARD,), "580.95.05", None))
    assert (machine.gpus, machine.driver, machine.gpu_reason) == ((CARD,), "580.95.05", None)


def test_without_nvml_the_reason_is_captured_and_nothing_is_said(monkeypatch, capfd):
    def refuse() -> None:
        raise NvmlFailure("no_nvml")

    monkeypatch.setattr("harness.meters.cards.open_nvml", refuse)
    machine = capture()
    assert (machine.gpus, machine.driver, machine.gpu_reason) == ((), None, "no_nvml")
    assert capfd.readouterr() == ("", "")


def test_on_cuda_the_cards_are_named_first():
    machine = replace(capture(cards=lambda: ((CARD, CARD), None, None)), cpu_model="AMD EPYC", n_cores=2)
    assert one_line(machine) == "AMD EPYC, 2 cores"
    assert one_line(machine, "cuda") == "NVIDIA L4, NVIDIA L4, AMD EPYC, 2 cores"
