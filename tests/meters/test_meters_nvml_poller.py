"""The thread that polls, and a meter whose thread dies or never began; cards are stand-ins without a library."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from harness.meters.nvml_meter import NvmlMeter
from harness.meters.nvml_poller import Poller
from tests.support.simulated_nvml import VirtualTime


@dataclass
class StandIn:
    """A card of 100 W; `break_at` is the look at which its driver's wrapper raises."""

    time: VirtualTime
    uuid: str = "GPU-1"
    break_at: int = -1
    n_looks: int = field(default=0)

    def energy_mj(self):
        self.n_looks += 1
        if self.n_looks == self.break_at:
            raise ZeroDivisionError("division by zero")
        return int(100_000 * self.time.now_s)

    def power_w(self):
        return 100.0

    def sm_clock_mhz(self):
        return 1980

    def default_sm_clock_mhz(self):
        return 1980

    def temperature_c(self):
        return None

    def clock_events(self):
        return 0


def meter_of(time, **more):
    card = StandIn(time, **more)
    return NvmlMeter([card], clock=time.clock, wait=time.wait), card


def pollers():
    return [thread for thread in threading.enumerate() if thread.name == "power-poller"]


@pytest.mark.parametrize("break_at", [1, 4, 11, 13])  # at the start, in the thread, at its last look, at the end
def test_whatever_breaks_leaves_a_reason_and_raises_nothing(break_at):
    time = VirtualTime()
    meter, card = meter_of(time, break_at=break_at)
    reading = time.window(meter, 1.05)
    assert (reading.energy_j, reading.source, reading.reason) == (None, "unavailable", "broke_off: division by zero")
    assert card.n_looks >= break_at
    assert pollers() == []


def test_the_next_window_is_measured_again():
    time = VirtualTime()
    meter, _ = meter_of(time, break_at=3)
    assert time.window(meter, 1.0).energy_j is None
    assert time.window(meter, 1.0).energy_j == pytest.approx(100.0)


def test_looks_come_at_a_steady_pace_the_first_one_sooner():
    time = VirtualTime()
    meter, card = meter_of(time)
    reading = time.window(meter, 1.0)
    assert card.n_looks == 2 + 10  # both ends; 0.01, 0.11, 0.21, …, 0.91
    assert reading.n_samples == 9
    assert (reading.energy_j, reading.polled_j, reading.throttled_share) == (pytest.approx(100.0), pytest.approx(100.0), 0.0)


def test_an_end_without_a_beginning_is_said():
    meter, _ = meter_of(VirtualTime())
    assert meter.stop().reason == "broke_off: the window was ended before it began"


def test_a_trial_that_raised_leaves_no_thread_behind():
    time = VirtualTime()
    meter, _ = meter_of(time)
    meter.start()
    assert time.window(meter, 1.0).energy_j == pytest.approx(100.0)
    for thread in pollers():
        thread.join(5.0)
    assert pollers() == []


def test_a_driver_that_does_not_answer_does_not_hang_the_trial(monkeypatch):
    monkeypatch.setattr("harness.meters.nvml_poller._JOIN_S", 0.01)
    answer, is_asked = threading.Event(), threading.Event()

    def look():
        is_asked.set()
        answer.wait()

    poller = Poller(look, 1.0, wait=lambda ended, seconds: ended.is_set())
    assert is_asked.wait(10)
    looks, trouble = poller.result()
    answer.set()
    assert looks == []
    assert str(trouble) == "the driver did not answer for 0.01 s"
