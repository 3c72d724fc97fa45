from __future__ import annotations

from pathlib import Path

import pytest

from harness.meters.energy import REASONS, NoEnergyMeter, cpu_energy_meter
from harness.meters.rapl import RaplMeter, rapl_zones

RANGE_UJ = 262_143_328_850
DRAM_RANGE_UJ = 65_712_999_613


def add_zone(root: Path, zone: str, name: str, energy_uj: int = 1_000_000, range_uj: int = RANGE_UJ) -> None:
    folder = root / zone
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")


@pytest.fixture
def powercap(tmp_path):
    """Return a fake tree of one package with its cores and memory, psys around them, and the package's second interface."""
    zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:0:1": "dram", "intel-rapl:0:2": "uncore"}
    for zone, name in {**zones, "intel-rapl:1": "psys", "intel-rapl-mmio:0": "package-0"}.items():
        add_zone(tmp_path, zone, name, range_uj=DRAM_RANGE_UJ if name == "dram" else RANGE_UJ)
    (tmp_path / "intel-rapl").mkdir()  # the control type itself has no counter
    return tmp_path


def advance(root: Path, zone: str, to_uj: int) -> None:
    (root / f"intel-rapl:{zone}" / "energy_uj").write_text(f"{to_uj}\n")


def meter_of(root: Path, elapsed_s: float = 30.0) -> RaplMeter:
    """Return a meter whose every window takes that long."""
    ticks = iter(elapsed_s * i for i in range(100))
    return RaplMeter(rapl_zones(root), clock=lambda: next(ticks))


def test_packages_and_memory_are_summed_and_nothing_twice(powercap):
    meter = meter_of(powercap)
    meter.start()
    for zone, to_uj in {"0": 4_000_000, "0:0": 3_000_000, "0:1": 1_500_000, "0:2": 2_000_000, "1": 9_000_000}.items():
        advance(powercap, zone, to_uj)
    (powercap / "intel-rapl-mmio:0" / "energy_uj").write_text("4000000\n")
    reading = meter.stop()
    assert (reading.energy_j, reading.source, reading.reason, reading.elapsed_s) == (3.5, "measured_counter", None, 30.0)


def test_several_packages_are_summed(powercap):
    add_zone(powercap, "intel-rapl:2", "package-1")
    add_zone(powercap, "intel-rapl:2:0", "dram")
    add_zone(powercap, "intel-rapl:3", "package-1-die-1")
    meter = meter_of(powercap)
    meter.start()
    for i, zone in enumerate(("0", "0:1", "2", "2:0", "3")):
        advance(powercap, zone, 1_000_000 + 10**i * 1_000_000)
    assert meter.stop().energy_j == 11_111.0


def test_a_counter_that_starts_again_goes_on_from_its_range(powercap):
    advance(powercap, "0", RANGE_UJ - 2_000_000)
    advance(powercap, "0:1", DRAM_RANGE_UJ - 3_000_000)
    meter = meter_of(powercap)
    meter.start()
    advance(powercap, "0", 1_000_000)
    advance(powercap, "0:1", 2_000_000)
    assert meter.stop().energy_j == pytest.approx(3.0 + 5.0)


def test_a_counter_that_was_set_back_is_no_turn(powercap):
    advance(powercap, "0", RANGE_UJ // 2)
    meter = meter_of(powercap)
    meter.start()
    advance(powercap, "0", 1_000_000)  # as a turn it would be 131 kJ in 30 s
    advance(powercap, "0:1", 2_000_000)
    reading = meter.stop()
    assert (reading.energy_j, reading.source) == (None, "unavailable")
    assert reading.reason == "counter_reset: a RAPL counter was set back within the window"


def test_a_counter_below_its_start_by_more_than_its_range_is_no_negative_energy(powercap):
    advance(powercap, "0", 3 * RANGE_UJ)
    meter = meter_of(powercap)
    meter.start()
    advance(powercap, "0", 1_000_000)
    advance(powercap, "0:1", 2_000_000)
    assert meter.stop().energy_j is None


def test_each_window_begins_at_its_own_start(powercap):
    meter = meter_of(powercap)
    for to_uj in (2_000_000, 4_000_000):
        meter.start()
        advance(powercap, "0", to_uj)
        advance(powercap, "0:1", to_uj)
        energy_j = meter.stop().energy_j
    assert energy_j == 4.0


def test_a_counter_that_stands_still_is_no_zero_energy(powercap):
    meter = meter_of(powercap)
    meter.start()
    advance(powercap, "0", 4_000_000)  # the memory's counter does not move
    reading = meter.stop()
    assert (reading.energy_j, reading.source, reading.reason) == (None, "unavailable", "not_supported")


def test_a_zone_that_vanishes_in_the_middle_leaves_a_reason(powercap):
    meter = meter_of(powercap)
    meter.start()
    (powercap / "intel-rapl:0:1" / "energy_uj").unlink()
    reading = meter.stop()
    assert (reading.energy_j, reading.source) == (None, "unavailable")
    assert str(reading.reason).startswith("broke_off: a RAPL counter could not be read (")
    meter.start()
    assert str(meter.stop().reason).startswith("broke_off: ")


def test_a_zone_that_comes_back_is_read_again(powercap):
    meter = meter_of(powercap)
    (powercap / "intel-rapl:0" / "energy_uj").write_text("no number\n")
    meter.start()
    assert meter.stop().energy_j is None
    advance(powercap, "0", 1_000_000)
    meter.start()
    advance(powercap, "0", 2_000_000)
    advance(powercap, "0:1", 2_000_000)
    assert meter.stop().energy_j == 2.0


def test_an_end_without_a_beginning_is_said(powercap):
    assert meter_of(powercap).stop().reason == "broke_off: the window was ended before it began"


@pytest.mark.parametrize(("is_vm", "reason"), [(True, "vm"), (False, "not_supported")])
def test_without_counters_the_reason_is_named(tmp_path, is_vm, reason):
    for root in (tmp_path, tmp_path / "missing"):
        meter = cpu_energy_meter(root, is_vm=is_vm)
        meter.start()
        reading = meter.stop()
        assert (reading.energy_j, reading.source, reading.reason) == (None, "unavailable", reason)
        assert reading.reason in REASONS


@pytest.fixture
def locked(monkeypatch):
    """Make every counter one that only root may read."""
    read_text = Path.read_text

    def refuse(path: Path, *args: object, **kwargs: object) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return read_text(path)

    return lambda: monkeypatch.setattr(Path, "read_text", refuse)


def test_a_counter_that_only_root_may_read_says_so(powercap, locked):
    locked()
    assert cpu_energy_meter(powercap) == NoEnergyMeter("permission_denied")


def test_a_counter_that_is_locked_in_the_middle_says_so(powercap, locked):
    meter = meter_of(powercap)
    meter.start()
    locked()
    assert meter.stop().reason == "permission_denied"


def test_a_zone_without_a_counter_is_not_supported(powercap):
    (powercap / "intel-rapl:0" / "energy_uj").unlink()
    assert cpu_energy_meter(powercap) == NoEnergyMeter("not_supported")


def test_a_readable_tree_gives_a_meter_also_in_a_virtual_machine(powercap):
    assert isinstance(cpu_energy_meter(powercap, is_vm=True), RaplMeter)
