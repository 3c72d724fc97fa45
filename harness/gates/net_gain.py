"""Ask whether a challenger brings more than the champion, after its cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.errors import did_you_mean, one_of
from harness.gates.gate import Gate
from harness.gates.missing_labels import BOUNDS, CHOICES, IGNORE
from harness.gates.one_sided import holm_in_family, is_usable, p_above, p_below
from harness.records.evidence import FAIL, PASS, UNDECIDED, Evidence, GateResult
from harness.records.measurement import DECIDING_PROTOCOLS


@dataclass(frozen=True, kw_only=True)
class NetGain(Gate):
    """Ask whether a challenger brings more than the champion, after its cost.

    Formula: with D the paired difference of net gain per 1,000 predictions: PASS when D's lower bound > 0, or >= `min_per_1k` where that
    is given; FAIL when its upper bound is below; else UNDECIDED. Several challengers: Holm over them, for PASS and for FAIL.

    Parameters
    ----------
    min_per_1k
        What the change must bring, per 1,000 predictions, in the currency of the gain; None: anything above 0.
    alpha
        One-sided level.
    missing_labels
        "bounds": a PASS that the worst labels of the rows without one would undo, and a FAIL that the best would, are UNDECIDED.
        "ignore": labels are taken to be missing at random, which the details then say.

    Notes
    -----
    UNDECIDED where the difference was not measured, on another protocol than standard or long, on a measurement that is not ok, and on an energy figure
    that is an estimate.
    """

    min_per_1k: float | None = None
    alpha: float = 0.025
    missing_labels: str = BOUNDS

    def default_name(self) -> str:
        """Return net_gain."""
        return "net_gain"

    def check(self) -> None:
        """Refuse a minimum or level that means nothing."""
        if self.min_per_1k is not None and not (isinstance(self.min_per_1k, int | float) and math.isfinite(self.min_per_1k)):
            raise ValueError(f"min_per_1k: found {self.min_per_1k!r}, wanted a number or null")
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha: found {self.alpha!r}, wanted a share above 0 and below 0.5")
        if self.missing_labels not in CHOICES:
            near = did_you_mean(self.missing_labels, CHOICES)
            raise ValueError(f"missing_labels: found {self.missing_labels!r}, wanted one of {one_of(CHOICES)}{near}")

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Judge all challengers together."""
        p = np.array([self._p(e) for e in evidence], dtype=np.float64).reshape(-1, 2)
        return tuple(
            self._result(e, *ps) for e, ps in zip(evidence, zip(holm_in_family(p[:, 0]), holm_in_family(p[:, 1]), strict=True), strict=True)
        )

    def _p(self, e: Evidence) -> tuple[float, float]:
        if self._obstacle(e):
            return math.nan, math.nan
        estimate, low, high = (np.array([f], dtype=np.float64) for f in (e.net_vs_champion, e.net_vs_champion_low, e.net_vs_champion_high))
        limit = self.min_per_1k or 0.0
        return float(p_above(estimate, low, limit, e.confidence)[0]), float(p_below(estimate, high, limit, e.confidence)[0])

    def _result(self, e: Evidence, p_pass: float, p_fail: float) -> GateResult:
        currency = f" {e.gain.currency}" if e.gain and e.gain.currency else ""
        limit = f"net against the champion {'> 0' if self.min_per_1k is None else f'>= {self.min_per_1k:g}'}{currency} per 1,000"
        obstacle = self._obstacle(e)
        if obstacle:
            return GateResult(self.name, e.variant, UNDECIDED, e.net_vs_champion, limit, obstacle)
        figure = f"{e.net_vs_champion:+.4g} [{e.net_vs_champion_low:.4g}, {e.net_vs_champion_high:.4g}]{currency} per 1,000 predictions"
        touching = 1e-9 if self.min_per_1k is not None else -1e-9  # of alpha: >= takes the boundary in, > leaves it out
        if p_pass < self.alpha * (1 + touching):
            status, sentence = self._certain(PASS, e, f"net against the champion is {figure}", currency)
        elif p_fail < self.alpha * (1 - touching):
            status, sentence = self._certain(FAIL, e, f"net against the champion is {figure}: less than asked for", currency)
        else:
            status, sentence = (
                UNDECIDED,
                f"net against the champion is {figure}: the interval holds the limit, or does after Holm over the challengers",
            )
        details: tuple[str, ...] = (
            f"p-values after Holm over challengers: {p_pass:.3g} for PASS, {p_fail:.3g} for FAIL, level {self.alpha:g}",
        )
        if self.missing_labels == IGNORE and e.n_unlabelled:
            details += (f"missing_labels: ignore takes labels to be missing at random; rows without one: {e.n_unlabelled:,}",)
        return GateResult(self.name, e.variant, status, e.net_vs_champion_low, limit, sentence, details)

    def _certain(self, status: str, e: Evidence, sentence: str, currency: str) -> tuple[str, str]:
        """Return the verdict, or UNDECIDED where rows without a label could turn it."""
        assert e.net_vs_champion_low is not None
        assert e.net_vs_champion_high is not None
        limit = self.min_per_1k or 0.0
        low, high = e.net_vs_champion_low + e.missing_gain[0], e.net_vs_champion_high + e.missing_gain[1]
        reach, turned = (low, low <= limit) if status == PASS else (high, high >= limit)
        if self.missing_labels == IGNORE or e.n_unlabelled == 0 or not turned:
            return status, sentence
        side = "worst" if status == PASS else "best"
        told = f"{e.n_unlabelled:,} rows have no label: were they the {side} for it, its interval would reach {reach:+.4g}{currency}"
        return UNDECIDED, f"{sentence}; {told}, so that is not certain; wait for the labels, or set missing_labels: ignore"

    def _obstacle(self, e: Evidence) -> str | None:
        """Say why the net difference may not be judged, or None."""
        m, c, figures = e.measurement, e.champion_measurement, (e.net_vs_champion, e.net_vs_champion_low, e.net_vs_champion_high)
        checks = (
            (e.champion is None, "there is no champion to compare with; name one with champion=NAME"),
            (e.gain is None, "gain was not measured; name a business rule with gain=NAME"),
            (m is None, "speed was not measured, so the cost is not known; use measure=standard"),
            (m is not None and m.status == "not_measured", f"speed was not measured: {(m and m.reason) or 'no reason was recorded'}"),
            (
                m is not None and m.protocol not in DECIDING_PROTOCOLS,
                f"measured with the {m and m.protocol} protocol, which decides nothing; use measure=standard",
            ),
            (
                m is not None and m.status != "ok",
                m and f"the measurement is {m.status}: {m.reason or 'no reason was recorded'}; measure again",
            ),
            (
                c is not None and c.status != "not_measured" and c.protocol not in DECIDING_PROTOCOLS,
                f"the champion was measured with the {c and c.protocol} protocol, which decides nothing; use measure=standard",
            ),
            (
                c is not None and c.status != "not_measured" and m is not None and c.set_identity != m.set_identity,
                "champion and challenger were not measured in the same blocks; run harness sweep with both",
            ),
            (
                c is not None and c.status not in ("ok", "not_measured"),
                f"the champion's measurement is {c and c.status}: {(c and c.reason) or 'no reason was recorded'}; measure again",
            ),
            (
                any(cost is not None and cost.power_is_estimated for cost in (e.cost, e.champion_cost)),
                "the cost of power is an estimate (estimated_tdp), which no gate reads",
            ),
            (
                e.cost is None or e.cost.cost_per_1k is None,
                f"cost was not measured: {(e.cost and e.cost.reason) or 'no price sheet; use price=NAME'}",
            ),
            (
                e.champion_cost is None or e.champion_cost.cost_per_1k is None,
                f"the champion's cost was not measured: {(e.champion_cost and e.champion_cost.reason) or 'no figure'}",
            ),
            (not is_usable(*figures), "the net difference to the champion has no interval"),
            (
                is_usable(*figures) and figures[1] == figures[2],
                "the net difference to the champion has an interval of width zero, which is no evidence",
            ),
        )
        return next((str(text) for holds, text in checks if holds), None)
