from __future__ import annotations

from pathlib import Path

import pytest

from harness.meters.energy import REASONS, NoEnergyMeter, RaplMeter, cpu_energy_meter

RANGE_UJ = 262_143_328_850


@pytest.fixture
def powercap(tmp_path):
    """Return a fake tree of one package with its cores and memory, and psys around them."""
    for zone, name in {"0": "package-0", "0:0": "core", "0:1": "dram", "1": "psys"}.items():
        folder = tmp_path / f"intel-rapl:{zone}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
        (folder / "energy_uj").write_text("1000000\n")
    return tmp_path


def advance(root: Path, zone: str, to_uj: int) -> None:
    (root / f"intel-rapl:{zone}" / "energy_uj").write_text(f"{to_uj}\n")


def test_packages_and_memory_are_summed_and_nothing_twice(powercap):
    meter = cpu_energy_meter(powercap)
    meter.start()
    for zone, to_uj in {"0": 4_000_000, "0:0": 3_000_000, "0:1": 1_500_000, "1": 9_000_000}.items():
        advance(powercap, zone, to_uj)
    reading = meter.stop()
    assert (reading.energy_j, reading.source, reading.reason) == (3.5, "measured_counter", None)


def test_a_counter_that_starts_again_goes_on_from_its_range(powercap):
    advance(powercap, "0", RANGE_UJ - 2_000_000)
    meter = cpu_energy_meter(powercap)
    meter.start()
    advance(powercap, "0", 1_000_000)
    advance(powercap, "0:1", 2_000_000)
    assert meter.stop().energy_j == pytest.approx(3.0 + 1.0)


def test_each_window_begins_at_its_own_start(powercap):
    meter = cpu_energy_meter(powercap)
    for to_uj in (2_000_000, 4_000_000):
        meter.start()
        advance(powercap, "0", to_uj)
        advance(powercap, "0:1", to_uj)
        energy_j = meter.stop().energy_j
    assert energy_j == 4.0


def test_a_counter_that_stands_still_is_no_zero_energy(powercap):
    meter = cpu_energy_meter(powercap)
    meter.start()
    advance(powercap, "0", 4_000_000)  # the memory's counter does not move
    reading = meter.stop()
    assert (reading.energy_j, reading.source, reading.reason) == (None, "unavailable", "not_supported")


@pytest.mark.parametrize(("is_vm", "reason"), [(True, "vm"), (False, "not_supported")])
def test_without_counters_the_reason_is_named(tmp_path, is_vm, reason):
    for root in (tmp_path, tmp_path / "missing"):
        meter = cpu_energy_meter(root, is_vm=is_vm)
        meter.start()
        reading = meter.stop()
        assert (reading.energy_j, reading.source, reading.reason) == (None, "unavailable", reason)
        assert reading.reason in REASONS


def test_a_counter_that_only_root_may_read_says_so(powercap, monkeypatch):
    read_text = Path.read_text

    def refuse(path: Path, *args: object, **kwargs: object) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_text(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert cpu_energy_meter(powercap) == NoEnergyMeter("permission_denied")


def test_a_zone_without_a_counter_is_not_supported(powercap):
    (powercap / "intel-rapl:0" / "energy_uj").unlink()
    assert cpu_energy_meter(powercap) == NoEnergyMeter("not_supported")


def test_a_readable_tree_gives_a_meter_also_in_a_virtual_machine(powercap):
    assert isinstance(cpu_energy_meter(powercap, is_vm=True), RaplMeter)
