from __future__ import annotations

from harness.meters.replayed import ReplayedMeter
from harness.records.trial import EnergyReading


def test_readings_come_in_their_order_and_then_none():
    readings = [EnergyReading(1.0, "external_meter", None, 2.0), EnergyReading(None, "unavailable", "vm")]
    meter = ReplayedMeter(readings)
    found = []
    for _ in range(4):
        meter.start()
        found.append(meter.stop())
    assert found[:2] == readings
    assert [(r.energy_j, r.source, r.reason) for r in found[2:]] == [(None, "unavailable", "replay_ended: there are no more readings")] * 2
