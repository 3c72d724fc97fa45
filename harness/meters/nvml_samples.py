"""What the samples of one card in one window say: energy by the counter, energy by the integral of power, and what slowed the clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.meters.nvml import EVENTS, GPU_IDLE, Card

SLOW_CLOCK = "sm_clock_under_75_percent"
_SLOW_SHARE = 0.75  # of the default clock
_MJ_PER_J = 1e3
_SLOWDOWNS = EVENTS["hw_slowdown"] | EVENTS["sw_thermal_slowdown"] | EVENTS["hw_thermal_slowdown"] | EVENTS["hw_power_brake_slowdown"]


@dataclass(frozen=True)
class CardSample:
    """One look at one card; None where it does not tell."""

    time_s: float
    energy_mj: int | None
    power_w: float | None
    sm_clock_mhz: int | None = None
    temperature_c: int | None = None
    clock_events: int | None = None


@dataclass(frozen=True)
class CardEnergy:
    """Energy of one card over one window; `energy_j` is None where neither the counter nor the power was read."""

    energy_j: float | None
    source: str
    reason: str | None
    polled_j: float | None


def take_sample(card: Card, clock: Callable[[], float]) -> CardSample:
    """Look at a card, at its counter first."""
    now_s = clock()
    return CardSample(now_s, card.energy_mj(), card.power_w(), card.sm_clock_mhz(), card.temperature_c(), card.clock_events())


def card_energy(uuid: str, samples: Sequence[CardSample]) -> CardEnergy:
    """Say how much energy a card took from the first to the last sample.

    Formula: (last - first counter) / 1000. The integral of power is taken instead where there is no counter, where it stood still while
    power was drawn (stale), and where it went backwards between any two samples (set back with the driver, or turned over); the last is
    said in `reason`.

    Examples
    --------
    >>> counted = [CardSample(0.0, 5_000, 100.0), CardSample(1.0, 5_150, 200.0), CardSample(2.0, 5_350, 200.0)]
    >>> card_energy("GPU-1", counted)
    CardEnergy(energy_j=0.35, source='measured_counter', reason=None, polled_j=350.0)
    """
    counters = [sample.energy_mj for sample in samples]
    known = [counter for counter in counters if counter is not None]
    polled_j = integral_j(samples)
    went_back = any(later < earlier for earlier, later in pairwise(known))
    used_mj = known[-1] - known[0] if known else 0
    if len(known) == len(counters) and not went_back and used_mj > 0:
        return CardEnergy(used_mj / _MJ_PER_J, "measured_counter", None, polled_j)
    if not polled_j:  # 0 J over a window is a sensor that does not work
        return CardEnergy(None, "unavailable", "not_supported", None)
    reason = f"counter_reset: the energy counter of {uuid} went backwards, its power was integrated" if went_back else None
    return CardEnergy(polled_j, "integrated_power", reason, polled_j)


def integral_j(samples: Sequence[CardSample]) -> float | None:
    """Integrate the power over the window by the trapezoid rule.

    Formula: Σ (t[i+1] - t[i]) · (p[i] + p[i+1]) / 2. For a power that jumps, samples at most h seconds apart leave an error of at most h / 2
    times the sum of all jumps (its total variation): between two samples no power is further from their mean than half of the jumps there.

    Returns
    -------
    float or None
        In joules. Undefined when a sample has no power, and for fewer than two samples.

    Examples
    --------
    >>> integral_j([CardSample(0.0, None, 100.0), CardSample(1.0, None, 200.0), CardSample(3.0, None, 200.0)])
    550.0
    """
    powers = [(sample.time_s, sample.power_w) for sample in samples if sample.power_w is not None]
    if len(powers) < max(2, len(samples)):
        return None
    return sum((after_s - before_s) * (before_w + after_w) / 2.0 for (before_s, before_w), (after_s, after_w) in pairwise(powers))


def is_throttled(sample: CardSample, default_mhz: int | None) -> bool | None:
    """Say whether a card was kept from its speed: thermal slowdown, power brake, or a clock under 75 % of its default while it worked.

    A clock that is low because the card idles is not held against it: nothing ran that it could have slowed. None where the card tells neither
    its clock nor what became of it.

    Examples
    --------
    >>> hot, slow, idle = (CardSample(0.0, None, 90.0, mhz, 70, events) for mhz, events in ((1980, 0x20), (1200, 0), (345, 0x1)))
    >>> [is_throttled(sample, 1980) for sample in (hot, slow, idle)]
    [True, True, False]
    """
    if sample.clock_events is None and (sample.sm_clock_mhz is None or default_mhz is None):
        return None
    return bool((sample.clock_events or 0) & _SLOWDOWNS) or _has_slow_clock(sample, default_mhz)


def event_names(samples: Sequence[CardSample], default_mhz: int | None) -> set[str]:
    """Name what slowed the clocks in any sample."""
    seen = 0
    for sample in samples:
        seen |= sample.clock_events or 0
    slow = {SLOW_CLOCK} if any(_has_slow_clock(sample, default_mhz) for sample in samples) else set[str]()
    return {name for name, bit in EVENTS.items() if seen & bit} | slow


def _has_slow_clock(sample: CardSample, default_mhz: int | None) -> bool:
    if sample.sm_clock_mhz is None or default_mhz is None or (sample.clock_events or 0) & GPU_IDLE:
        return False
    return sample.sm_clock_mhz < _SLOW_SHARE * default_mhz
