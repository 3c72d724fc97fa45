from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.meters.nvml import EVENTS, GPU_IDLE
from harness.meters.nvml_samples import CardSample, card_energy, integral_j
from tests.oracles import energy_oracle as oracle

watts = st.integers(1, 7000).map(lambda tenths: tenths / 10.0)
pieces = st.lists(st.tuples(st.integers(1, 400).map(lambda ticks: ticks / 64.0), watts), max_size=12)


def curve_of(first_w, pieces):
    """Return (from when, watts): steps that follow each other by these lengths."""
    curve = [(0.0, first_w)]
    for length_s, power_w in pieces:
        curve.append((curve[-1][0] + length_s, power_w))
    return curve


def samples_of(curve, times_s, step_s, start_mj):
    """Return what a card with this power would tell: a counter of whole millijoules that steps, and the power as it is."""
    counted_s = [time_s if step_s == 0.0 else step_s * (time_s // step_s) for time_s in times_s]
    counters = [start_mj + round(1e3 * oracle.energy_j(curve, 0.0, time_s)) for time_s in counted_s]
    return [CardSample(time_s, mj, oracle.power_w(curve, time_s)) for time_s, mj in zip(times_s, counters, strict=True)]


@given(watts, pieces, st.integers(0, 640), st.integers(64, 1280), st.sampled_from([0.0, 1 / 64, 1 / 16]), st.integers(0, 10**9))
@example(100.0, [(0.5, 700.0), (1 / 64, 100.0)], 0, 128, 1 / 16, 0)
def test_counter_and_integral_agree_within_the_stated_bound(first_w, pieces, begin_64th, length_64th, step_s, start_mj):
    curve, interval_s = curve_of(first_w, pieces), 0.1
    begin_s, end_s = begin_64th / 64.0, (begin_64th + length_64th) / 64.0
    n_whole = int((end_s - begin_s) / interval_s)
    times_s = [*(begin_s + interval_s * k for k in range(n_whole + 1)), end_s]
    samples = samples_of(curve, times_s, step_s, start_mj)
    found = card_energy("GPU-1", samples)
    exact_j = oracle.energy_j(curve, begin_s, end_s)
    bound_j = interval_s / 2.0 * oracle.variation_w(curve, begin_s, end_s)
    counter_bound_j = step_s * max(power_w for _, power_w in curve) + 1.001e-3  # it counts millijoules
    assert found.polled_j == pytest.approx(exact_j, abs=bound_j + 1e-6)
    if found.source == "measured_counter":
        assert found.energy_j == pytest.approx(exact_j, abs=counter_bound_j)
        assert abs(found.energy_j - found.polled_j) <= bound_j + counter_bound_j + 1e-6
    else:  # a counter that has not stepped within the window
        assert found.energy_j == found.polled_j
        assert exact_j <= counter_bound_j


@given(watts, pieces)
def test_samples_at_every_jump_leave_the_bound_only(first_w, pieces):
    """A window in which nothing jumps is exact."""
    curve = curve_of(first_w, [])
    times_s = [0.0, *(since_s for since_s, _ in curve_of(1.0, pieces)[1:]), 100.0]
    samples = samples_of(curve, times_s, 0.0, 0)
    assert integral_j(samples) == pytest.approx(first_w * 100.0)


@pytest.mark.parametrize("samples", [[], [CardSample(0.0, 5, 100.0)]])
def test_no_window_has_no_energy(samples):
    assert integral_j(samples) is None
    assert card_energy("GPU-1", samples).energy_j is None


def test_one_sample_without_power_leaves_no_integral():
    assert integral_j([CardSample(0.0, 0, 100.0), CardSample(1.0, 1, None), CardSample(2.0, 2, 100.0)]) is None


def test_the_bits_are_those_of_the_library():
    import pynvml

    names = {
        "applications_clocks_setting": pynvml.nvmlClocksEventReasonApplicationsClocksSetting,
        "sw_power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
        "hw_slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
        "sync_boost": pynvml.nvmlClocksEventReasonSyncBoost,
        "sw_thermal_slowdown": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        "hw_thermal_slowdown": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
        "hw_power_brake_slowdown": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
        "display_clock_setting": pynvml.nvmlClocksEventReasonDisplayClockSetting,
    }
    assert names == EVENTS
    assert pynvml.nvmlClocksEventReasonGpuIdle == GPU_IDLE
    assert (pynvml.NVML_FI_DEV_POWER_INSTANT, pynvml.NVML_ERROR_NO_PERMISSION) == (186, 4)
