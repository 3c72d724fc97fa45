"""The energy path of cards through the real pynvml over a simulated library; the clock is virtual, each scenario a process of its own."""

from __future__ import annotations

import ctypes

import pytest

from harness.meters.energy import REASONS
from tests.support.simulated_nvml import LIBRARY, UUIDS, Simulation, build

A, B, C, D = UUIDS
ONE = f"card {A} 5;"


@pytest.fixture(scope="module")
def nvml(tmp_path_factory):
    simulation = Simulation(build(tmp_path_factory.mktemp("nvml")))
    yield simulation
    assert simulation.close() == ""


@pytest.fixture
def read(nvml):
    """Measure one window of 10 s from second 100 on card A, which draws 100 W unless the facts say otherwise."""

    def one(facts="", uuids=(A,), window=(100.0, 10.0), cards=ONE, **more):
        return nvml.ask(cards + facts, "readings", uuids=uuids and list(uuids), windows=[list(window)], **more)[0]

    return one


def figures(reading):
    return reading["energy_j"], reading["source"], reading["reason"], reading["polled_j"]


def test_the_counter_is_read_around_the_window_and_the_poller_agrees(read):
    reading = read("set 0 0 watts 250")
    assert reading == {
        "energy_j": pytest.approx(2500.0, abs=0.002),
        "source": "measured_counter",
        "reason": None,
        "elapsed_s": pytest.approx(10.0),
        "polled_j": pytest.approx(2500.0),
        "n_samples": 99,
        "throttled_share": 0.0,
        "events": [],
        "max_temperature_c": 45,
    }


def test_what_is_drawn_before_and_after_the_window_is_not_in_it(read):
    assert read("set 0 0 watts 700; set 0 100 watts 50; set 0 110 watts 900")["energy_j"] == pytest.approx(500.0, abs=0.002)


def test_a_load_in_the_middle_is_integrated_within_the_bound(read):
    reading = read("set 0 103.03 watts 600; set 0 106.07 watts 100")
    assert reading["energy_j"] == pytest.approx(1000.0 + 500.0 * 3.04, abs=0.002)
    assert abs(reading["polled_j"] - reading["energy_j"]) <= 0.1 / 2 * 1000.0 + 0.002
    assert reading["polled_j"] != pytest.approx(reading["energy_j"], abs=1e-6)  # else nothing has been polled


def test_each_window_begins_anew(nvml):
    readings = nvml.ask(ONE + "set 0 20 watts 300", "readings", uuids=[A], windows=[[0.0, 10.0], [20.0, 1.0]])
    assert [round(r["energy_j"], 2) for r in readings] == [1000.0, 300.0]
    assert [r["n_samples"] for r in readings] == [99, 9]


def test_without_a_counter_the_power_is_integrated(read):
    assert figures(read("set 0 0 energy_rc 3")) == (pytest.approx(1000.0), "integrated_power", None, pytest.approx(1000.0))


def test_without_a_power_sensor_the_counter_stands_alone(read):
    assert figures(read("set 0 0 power_rc 3")) == (pytest.approx(1000.0, abs=0.002), "measured_counter", None, None)


@pytest.mark.parametrize(("is_vm", "reason"), [(False, "not_supported"), (True, "vm")])
def test_without_both_nothing_is_read(read, is_vm, reason):
    assert figures(read("set 0 0 energy_rc 3; set 0 0 power_rc 3", is_vm=is_vm)) == (None, "unavailable", reason, None)
    assert reason in REASONS


def test_a_counter_that_stands_still_is_stale_and_no_zero_energy(read):
    assert figures(read("set 0 5 frozen 1")) == (pytest.approx(1000.0), "integrated_power", None, pytest.approx(1000.0))


def test_a_stale_counter_without_a_power_sensor_says_nothing(read):
    assert figures(read("set 0 5 frozen 1; set 0 0 power_rc 3")) == (None, "unavailable", "not_supported", None)


def test_a_card_that_claims_to_draw_nothing_is_not_believed(read):
    assert figures(read("set 0 0 watts 0"))[:3] == (None, "unavailable", "not_supported")


def test_a_counter_that_stops_in_the_middle_is_handed_over_beside_the_integral(read):
    energy_j, source, _, polled_j = figures(read("set 0 105 frozen 1"))
    assert (energy_j, source, polled_j) == (pytest.approx(500.0, abs=0.002), "measured_counter", pytest.approx(1000.0))


@pytest.mark.parametrize(
    "facts",
    [
        "set 0 105 reset 1",  # ends far below where it began
        "set 0 0 start_mj 0; set 0 0 watts 1; set 0 101 watts 400; set 0 102 reset 1",  # ends above where it began: only the poller saw it
        "set 0 0 modulo_mj 4294967296; set 0 0 start_mj 4284467296",  # a counter of 32 bits turns over
    ],
)
def test_a_counter_that_goes_backwards_gives_way_to_the_integral(read, facts):
    reading = read(facts)
    assert reading["source"] == "integrated_power"
    assert reading["reason"] == f"counter_reset: the energy counter of {A} went backwards, its power was integrated"
    assert reading["energy_j"] == reading["polled_j"] > 0


def test_sensors_that_disagree_are_both_handed_over(read):
    assert figures(read("set 0 0 sensor 1.2")) == (pytest.approx(1000, abs=0.01), "measured_counter", None, pytest.approx(1200))


@pytest.mark.parametrize(
    ("facts", "polled_j"),
    [
        ("set 0 0 instant_factor 2", 2000.0),  # field 186 where there is one
        ("set 0 0 instant_factor 2; set 0 0 instant 0", 1000.0),
        ("set 0 0 instant_factor 0", 1000.0),  # a field that says 0 W is not there
        ("set 0 0 instant_factor 2; set 0 0 fields_rc 13", 1000.0),
    ],
)
def test_the_instant_power_is_polled_where_there_is_one(read, facts, polled_j):
    assert read(facts)["polled_j"] == pytest.approx(polled_j)


@pytest.mark.parametrize(
    ("facts", "throttled_share", "events"),
    [
        ("set 0 102.01 events 64; set 0 104.01 events 0", 20 / 99, ["hw_thermal_slowdown"]),
        ("set 0 102.01 events 32; set 0 104.01 events 0", 20 / 99, ["sw_thermal_slowdown"]),
        ("set 0 102.01 events 128; set 0 104.01 events 8; set 0 105.01 events 0", 30 / 99, ["hw_power_brake_slowdown", "hw_slowdown"]),
        ("set 0 102.01 clock_mhz 1199; set 0 104.01 clock_mhz 1200", 20 / 99, ["sm_clock_under_75_percent"]),
        ("set 0 102.01 events 4", 0.0, ["sw_power_cap"]),  # slows, but is how the card is set up
        ("set 0 0 events 1; set 0 0 clock_mhz 345", 0.0, []),  # idle
        ("set 0 0 clock_mhz 345; set 0 100.05 clock_mhz 1980", 0.0, []),  # just before the load
        ("set 0 0 default_rc 3; set 0 0 clock_mhz 1300", 1.0, ["sm_clock_under_75_percent"]),  # of the highest clock then
        ("set 0 0 clock_rc 3", 0.0, []),
        ("set 0 0 clock_rc 3; set 0 0 events_rc 13", None, []),
        ("set 0 0 default_rc 3; set 0 0 max_rc 3; set 0 0 events_rc 3", None, []),
    ],
)
def test_what_slowed_the_clocks_is_named_and_counted(read, facts, throttled_share, events):
    reading = read(facts)
    assert reading["throttled_share"] == (None if throttled_share is None else pytest.approx(throttled_share))
    assert reading["events"] == events


@pytest.mark.parametrize(
    ("facts", "degrees"),
    [
        ("set 0 0 temperature_v_rc 13", 45),
        ("set 0 103 temperature 88; set 0 104 temperature 50", 88),
        ("set 0 0 temperature_rc 3; set 0 0 temperature_v_rc 3", None),
    ],
)
def test_the_highest_temperature_is_kept(read, facts, degrees):
    assert read(facts)["max_temperature_c"] == degrees


FOUR = f"card {C} 9; card {A} 1; card {D} 7; card {B} 3; set 0 0 watts 300; set 1 0 watts 10; set 2 0 watts 700; set 3 0 watts 50;"


@pytest.mark.parametrize(("uuids", "watts"), [((A,), 10), ((C,), 300), ((B, D), 750), ((A, A), 10), ((D, C, B, A), 1060)])
def test_cards_are_found_by_their_uuid_and_summed(read, uuids, watts):
    energy_j, source, _, polled_j = figures(read(cards=FOUR, uuids=uuids))
    assert (energy_j, source, polled_j) == (pytest.approx(10.0 * watts, abs=0.01), "measured_counter", pytest.approx(10.0 * watts))


def test_one_card_without_a_counter_makes_the_sum_an_integral(read):
    assert figures(read("set 1 0 energy_rc 3", cards=FOUR, uuids=(A, B)))[:3] == (pytest.approx(600.0, abs=0.01), "integrated_power", None)


def test_one_card_without_a_power_sensor_leaves_no_integral(read):
    assert figures(read("set 1 0 power_rc 3", cards=FOUR, uuids=(A, B))) == (pytest.approx(600, abs=0.01), "measured_counter", None, None)


def test_one_card_that_cannot_be_read_leaves_no_energy(read):
    facts = "set 1 0 energy_rc 3; set 1 0 power_rc 3"
    assert figures(read(facts, cards=FOUR, uuids=(A, B)))[:3] == (None, "unavailable", "not_supported")


def test_one_throttled_card_throttles_the_poll(read):
    assert read("set 1 0 events 32", cards=FOUR, uuids=(A, B))["throttled_share"] == 1.0


def test_a_card_that_is_not_there_is_said(read):
    assert figures(read(uuids=(B,)))[:3] == (None, "unavailable", f"not_supported: NVML cannot use the card {B} (Not Found)")


@pytest.mark.parametrize("uuid", ["MIG-0d0a1b2c-1111-2222-3333-444444444444", f"MIG-{A}/1/0"])
def test_an_instance_of_a_card_has_no_power_of_its_own(read, uuid):
    assert figures(read(uuids=(uuid,)))[:3] == (
        None,
        "unavailable",
        f"not_supported: {uuid} is a MIG instance, and NVML knows the power of the whole card only",
    )


@pytest.mark.parametrize(("state", "source"), [(1, "unavailable"), (0, "measured_counter")])
def test_a_card_that_is_cut_into_instances_is_not_charged_to_one(read, state, source):
    reading = read(f"set 0 0 mig {state}")
    assert reading["source"] == source
    assert (reading["reason"] or "").startswith("not_supported: " if state else "")
    assert ("MIG" in (reading["reason"] or "")) == bool(state)


@pytest.mark.parametrize("since_s", [100.55, 110.0])
def test_a_card_that_is_lost_in_the_middle_leaves_a_reason(read, since_s):
    assert figures(read(f"set 0 {since_s} rc 15")) == (None, "unavailable", f"broke_off: {A}: GPU is lost", None)


def test_a_card_that_comes_back_within_the_window_was_still_lost(read):
    assert figures(read("set 0 103 rc 15; set 0 104 rc 0"))[:3] == (None, "unavailable", f"broke_off: {A}: GPU is lost")


def test_a_card_that_is_lost_between_windows_leaves_a_reason_and_may_come_back(nvml):
    facts = ONE + "set 0 15 rc 15; set 0 25 rc 0"
    readings = nvml.ask(facts, "readings", uuids=[A], windows=[[0.0, 10.0], [20.0, 1.0], [30.0, 1.0]])
    assert [r["source"] for r in readings] == ["measured_counter", "unavailable", "measured_counter"]
    assert readings[1]["reason"] == f"broke_off: {A}: GPU is lost"


def test_a_counter_that_is_withdrawn_in_the_middle_gives_way_to_the_integral(read):
    assert figures(read("set 0 105 energy_rc 3"))[:2] == (pytest.approx(1000.0), "integrated_power")


@pytest.mark.parametrize(
    "facts", ["set 0 0 energy_rc 4; set 0 0 power_rc 4", "set 0 0 energy_rc 3; set 0 0 power_rc 4", "set 0 0 handle_rc 4"]
)
def test_a_refusal_is_said(read, facts):
    assert figures(read(facts))[:3] == (None, "unavailable", "permission_denied")


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        (9, "no_nvml"),
        (4, "permission_denied"),
        (18, "no_nvml: RM has detected an NVML/RM version mismatch."),
        (999, "no_nvml: Unknown Error"),
    ],
)
def test_a_library_that_does_not_start_says_why(read, init, reason):
    assert figures(read(f"init {init}"))[:3] == (None, "unavailable", reason)


def test_without_a_library_there_is_no_nvml(tmp_path):
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        simulation = Simulation(tmp_path)
        assert simulation.ask(ONE, "readings", uuids=[A], windows=[[0.0, 1.0]])[0]["reason"] == "no_nvml"
        assert simulation.ask(ONE, "cards") == {"gpus": [], "driver": None, "reason": "no_nvml", "n_open": 0}
        assert simulation.close() == ""
    else:
        pytest.skip("this machine has NVML")


def test_a_window_shorter_than_the_poller_s_pace_is_measured_all_the_same(read):
    reading = read(window=(100.0, 0.005))
    assert figures(reading) == (pytest.approx(0.5, abs=0.002), "measured_counter", None, pytest.approx(0.5))
    assert (reading["n_samples"], reading["throttled_share"], reading["events"]) == (0, None, [])


def test_a_real_thread_under_a_real_clock(nvml):
    reading = nvml.ask(ONE, "real_thread", uuid=A, n_looks=5)  # the library's clock stands still: so does the counter
    assert reading["source"] == "integrated_power"
    assert reading["n_samples"] >= 4  # the first look is not counted
    assert reading["polled_j"] == pytest.approx(100.0 * reading["elapsed_s"])


def test_idle_power_is_energy_over_time(nvml):
    assert nvml.ask(ONE + "set 0 0 watts 72.5", "idle", uuid=A, seconds=2.0) == pytest.approx(72.5, abs=0.001)


@pytest.mark.parametrize(
    ("device", "facts", "tdp_w", "kind"),
    [
        ("cuda", "", None, ["NvmlMeter", None, [A]]),
        ("cuda", "", 300.0, ["NvmlMeter", None, [A]]),
        ("cuda", "init 9", None, ["NoEnergyMeter", "no_nvml", []]),
        ("cuda", "init 9", 300.0, ["EstimatedTdpMeter", "no_nvml", []]),
        ("cuda", "set 0 0 energy_rc 3; set 0 0 power_rc 3", None, ["NoEnergyMeter", "vm", []]),
    ],
)
def test_the_meter_of_a_device(nvml, device, facts, tdp_w, kind):
    assert nvml.ask(ONE + facts, "kind", device=device, estimated_tdp_w=tdp_w, is_vm=True) == kind


@pytest.mark.parametrize("visible", [{}, {"CUDA_VISIBLE_DEVICES": ""}])
def test_the_meter_reads_the_card_that_cuda_uses_first(nvml, visible):
    cards = f"card {C} 9; card {A} 1;"  # no CUDA driver answers: with several cards nobody can tell
    reason = "not_supported: it cannot be told which card CUDA uses; name it by its UUID in CUDA_VISIBLE_DEVICES"
    assert nvml.ask(cards, "kind", device="cuda", estimated_tdp_w=None, is_vm=False, environ=visible) == ["NoEnergyMeter", reason, []]
    named = {"CUDA_VISIBLE_DEVICES": f"{C},{A}"}
    assert nvml.ask(cards, "kind", device="cuda", estimated_tdp_w=None, is_vm=False, environ=named) == ["NvmlMeter", None, [C]]
