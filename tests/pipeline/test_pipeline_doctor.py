from __future__ import annotations

from dataclasses import replace

import pytest

from harness.meters.energy import NoEnergyMeter
from harness.meters.machine import capture
from harness.meters.replayed import ReplayedMeter
from harness.pipeline import doctor
from harness.records.measurement import Gpu
from harness.records.trial import EnergyReading

CARD = Gpu("GPU-1", "Simulated 80GB", 80 << 30, 700.0, 1980, 1980, True, False, "9.0")


def findings(monkeypatch: pytest.MonkeyPatch, card: Gpu | None, meter: object) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr(doctor, "cuda_energy_meter", lambda **_: meter)
    monkeypatch.setattr(doctor, "cpu_energy_meter", lambda **_: NoEnergyMeter("permission_denied"))
    machine = replace(capture(), gpus=() if card is None else (card,))
    return {what: (mark, text) for mark, what, text in doctor._hardware(machine)}


def test_a_card_is_named_with_whether_its_energy_can_be_measured(monkeypatch):
    found = findings(monkeypatch, CARD, ReplayedMeter([EnergyReading(1.0, "measured_counter", None)]))
    assert found["card"] == ("ok", "Simulated 80GB (GPU-1), 80.0 GiB, power limit 700 W")
    assert found["card energy"] == ("ok", "can be measured")
    assert found["energy"][0] == "no"
    assert "permission_denied" in found["energy"][1]


def test_a_card_that_others_use_or_that_is_cut_is_said(monkeypatch):
    found = findings(monkeypatch, replace(CARD, mig=True, foreign_pids=(7, 8)), NoEnergyMeter("not_supported"))
    assert found["card"][0] == "no"
    assert "cut into MIG instances, used by other processes: 7, 8" in found["card"][1]
    assert "not_supported" in found["card energy"][1]


def test_without_a_card_there_is_no_line_of_one(monkeypatch):
    assert not {"card", "card energy"} & set(findings(monkeypatch, None, NoEnergyMeter("no_nvml")))
