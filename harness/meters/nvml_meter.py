"""Energy of one or several cards over a window: NVML's counter, with a poller of power beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from harness.meters.nvml import Card, NvmlFailure
from harness.meters.nvml_poller import Poller
from harness.meters.nvml_samples import CardEnergy, CardSample, card_energy, event_names, is_throttled, take_sample
from harness.records.trial import EnergyReading

INTERVAL_S = 0.1
Look = tuple[CardSample, ...]  # one of each card
_N_EDGE = 2  # the first look, and the poller's own first one right behind it: the load has not come up yet


class NvmlMeter:
    """Sums the energy of cards between `start` and `stop`; the caller has synchronised the device before both.

    Two figures stand side by side: the counter's, and the integral of the power that a thread has polled over the very same window. A power
    sensor and a counter step every 10 to 100 ms, so that they agree to 1 % only over ten seconds and more.

    A card that is lost in the middle, and a thread that dies, leave a reading without energy and with the reason; nothing is raised.

    Source: NVML API reference, `nvmlDeviceGetTotalEnergyConsumption`, `NVML_FI_DEV_POWER_INSTANT`.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        clock: Callable[[], float] = time.monotonic,
        interval_s: float = INTERVAL_S,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.cards, self.clock, self.interval_s, self._wait = tuple(cards), clock, interval_s, wait
        self._default_mhz = tuple(_default_mhz(card) for card in self.cards)
        self._first: Look = ()
        self._poller: Poller[Look] | None = None
        self._trouble: Exception | None = None

    def start(self) -> None:
        """Look at the cards, and begin to poll."""
        if self._poller is not None:  # a trial that raised never came to its end
            self._poller.end()
        self._poller = self._trouble = None
        try:
            self._first = self._look()
            self._poller = Poller(self._look, self.interval_s, self._wait)
        except Exception as trouble:
            self._trouble = trouble

    def stop(self) -> EnergyReading:
        """Look at the cards again, end the polling, and return the energy of the window."""
        poller, self._poller = self._poller, None
        if poller is None:
            return _broken(self._trouble or RuntimeError("the window was ended before it began"))
        poller.end()
        try:
            last = self._look()
        except Exception as trouble:
            poller.result()
            return _broken(trouble)
        polled, trouble_there = poller.result()
        if trouble_there is not None:
            return _broken(trouble_there)
        between = [look for look in polled if look[0].time_s < last[0].time_s]
        return self._reading([self._first, *between, last])

    def _look(self) -> Look:
        return tuple(take_sample(card, self.clock) for card in self.cards)

    def _reading(self, looks: Sequence[Look]) -> EnergyReading:
        of_cards = list(zip(*looks, strict=True))
        found = [card_energy(card.uuid, samples) for card, samples in zip(self.cards, of_cards, strict=True)]
        energy_j, source, reason = _sum(found)
        polls = looks[_N_EDGE:-1]
        return EnergyReading(
            energy_j,
            source,
            reason,
            elapsed_s=looks[-1][0].time_s - looks[0][0].time_s,
            polled_j=_total([card.polled_j for card in found]),
            n_samples=len(polls),
            throttled_share=self._throttled_share(polls),
            events=tuple(sorted(set[str]().union(*map(event_names, zip(*polls, strict=True), self._default_mhz)))) if polls else (),
            max_temperature_c=max((s.temperature_c for look in looks for s in look if s.temperature_c is not None), default=None),
        )

    def _throttled_share(self, polls: Sequence[Look]) -> float | None:
        """Return the share of polls in which any card was throttled; None where one of them does not tell."""
        said = [[is_throttled(*pair) for pair in zip(look, self._default_mhz, strict=True)] for look in polls]
        if not said or any(told is None for look in said for told in look):
            return None
        return sum(any(look) for look in said) / len(said)


def _sum(found: Sequence[CardEnergy]) -> tuple[float | None, str, str | None]:
    """Return energy, source and reason of all cards together: a card that was not read leaves none, one integral makes it an integral."""
    total_j = _total([card.energy_j for card in found])
    if total_j is None:
        return None, "unavailable", next(card.reason for card in found if card.energy_j is None)
    source = "integrated_power" if any(card.source == "integrated_power" for card in found) else "measured_counter"
    return total_j, source, "; ".join(card.reason for card in found if card.reason) or None


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _default_mhz(card: Card) -> int | None:
    try:
        return card.default_sm_clock_mhz()
    except NvmlFailure:  # lost before the first window, which will say so
        return None


def _broken(trouble: Exception) -> EnergyReading:
    reason = trouble.reason if isinstance(trouble, NvmlFailure) else f"broke_off: {trouble}"
    return EnergyReading(None, "unavailable", reason)
