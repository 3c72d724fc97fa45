from __future__ import annotations

import pytest

import harness.meters.meter_for as module
from harness.meters.energy import NoEnergyMeter, idle_power_w
from harness.meters.estimated import EstimatedTdpMeter
from harness.meters.meter_for import meter_for
from harness.meters.rapl import RaplMeter
from harness.meters.replayed import ReplayedMeter
from harness.records.conf import MeasureConf
from harness.records.trial import EnergyReading

QUICK, ESTIMATED = MeasureConf("quick"), MeasureConf("quick", estimated_tdp_w=65.0)


@pytest.mark.parametrize(
    ("reading", "watts"),
    [
        (EnergyReading(30.0, "measured_counter", None, 2.0), 15.0),
        (EnergyReading(30.0, "integrated_power", None, 3.0), 10.0),
        (EnergyReading(0.0, "external_meter", None, 3.0), 0.0),  # of an outlet that is off
        (EnergyReading(None, "unavailable", "vm"), None),
        (EnergyReading(30.0, "measured_counter", None), None),  # nobody said over which time
        (EnergyReading(30.0, "measured_counter", None, 0.0), None),
        (EnergyReading(130.0, "estimated_tdp", "vm", 2.0), None),  # a rated power is not an idle one
    ],
)
def test_idle_power(reading, watts):
    slept = []
    assert idle_power_w(ReplayedMeter([reading]), 2.5, slept.append) == watts
    assert slept == [2.5]


def test_an_estimate_is_labelled_and_says_why():
    ticks = iter([100.0, 130.0, 200.0, 199.0])
    meter = EstimatedTdpMeter(65.0, "permission_denied", lambda: next(ticks))
    meter.start()
    assert meter.stop() == EnergyReading(1950.0, "estimated_tdp", "permission_denied", 30.0)
    meter.start()
    assert meter.stop() == EnergyReading(0.0, "estimated_tdp", "permission_denied", 0.0)  # a clock that goes backwards


def test_an_estimate_without_a_beginning_is_none():
    assert EstimatedTdpMeter(65.0).stop().energy_j is None


@pytest.mark.parametrize(("device", "finder"), [("cpu", "cpu_energy_meter"), ("cuda", "cuda_energy_meter")])
def test_an_estimate_stands_in_only_where_it_was_asked_for_and_nothing_is_read(monkeypatch, device, finder):
    monkeypatch.setattr(module, finder, lambda *args, is_vm: NoEnergyMeter("vm" if is_vm else "not_supported"))
    assert meter_for(device, QUICK, True) == NoEnergyMeter("vm")
    assert meter_for(device, ESTIMATED, True) == EstimatedTdpMeter(65.0, "vm")
    assert meter_for(device, ESTIMATED) == EstimatedTdpMeter(65.0, "not_supported")
    read = RaplMeter(())
    monkeypatch.setattr(module, finder, lambda *args, is_vm: read)
    assert meter_for(device, ESTIMATED) is read


def test_the_cards_are_those_that_are_named(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "cuda_energy_meter", lambda uuids, is_vm: asked.append(uuids) or NoEnergyMeter("no_nvml"))
    meter_for("cuda", QUICK, uuids=("GPU-1", "GPU-2"))
    meter_for("cuda", QUICK)
    assert asked == [("GPU-1", "GPU-2"), None]
