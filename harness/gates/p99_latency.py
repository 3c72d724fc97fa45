"""Ask whether a challenger answers fast enough, one request at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.gates.gate import Gate
from harness.records.evidence import FAIL, PASS, UNDECIDED, Evidence, GateResult
from harness.records.measurement import DECIDING_PROTOCOLS, Measurement
from harness.records.percentile import Percentile


@dataclass(frozen=True, kw_only=True)
class P99Latency(Gate):
    """Ask whether a challenger answers fast enough, one request at a time.

    PASS when the interval of the p99 lies at or under the limit, FAIL when it lies above, else UNDECIDED. Each challenger is held to
    the limit by itself, without correction for their number.

    Parameters
    ----------
    limit_ms
        Milliseconds, above 0.

    Notes
    -----
    UNDECIDED where it was not measured, on another protocol than standard or long, on a measurement that is not ok, and where there are too few
    requests for a p99 (662: one exceedance allowed, 99 % one-sided).
    """

    limit_ms: float

    def default_name(self) -> str:
        """Return p99_latency."""
        return "p99_latency"

    def check(self) -> None:
        """Refuse a limit that means nothing."""
        if isinstance(self.limit_ms, bool) or not (isinstance(self.limit_ms, int | float) and 0 < self.limit_ms < math.inf):
            raise ValueError(f"limit_ms: found {self.limit_ms!r}, wanted milliseconds above 0")

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Judge each challenger."""
        return tuple(self._result(e) for e in evidence)

    def _result(self, e: Evidence) -> GateResult:
        p99 = _p99(e.measurement)
        status, sentence = self._say(e.measurement, p99)
        return GateResult(
            gate=self.name,
            variant=e.variant,
            status=status,
            value=p99.value_ms if p99 else None,
            limit=f"p99 <= {self.limit_ms:g} ms",
            sentence=sentence,
            limit_value=float(self.limit_ms),
            limit_on="latency_single_p99_ms",
        )

    def _say(self, m: Measurement | None, p99: Percentile | None) -> tuple[str, str]:
        if m is None or p99 is None:
            reason = m.reason if m is not None and m.reason else "no single-request run"
            return UNDECIDED, f"latency was not measured: {reason}; use measure=standard"
        if p99.value_ms is None or p99.low_ms is None or p99.high_ms is None:
            return UNDECIDED, f"no p99 from {p99.n:,} requests, it needs {p99.n_needed:,}; use measure=standard"
        figure = f"p99 is {p99.value_ms:.3g} [{p99.low_ms:.3g}, {p99.high_ms:.3g}] ms"
        if m.protocol not in DECIDING_PROTOCOLS:
            return UNDECIDED, f"{figure}, measured with the {m.protocol} protocol, which decides nothing; use measure=standard"
        if m.status != "ok":
            return UNDECIDED, f"{figure}, but the measurement is {m.status}: {m.reason or 'no reason was recorded'}; measure again"
        if p99.high_ms <= self.limit_ms:
            return PASS, figure
        if p99.low_ms > self.limit_ms:
            return FAIL, f"{figure}: slower than the limit"
        return UNDECIDED, f"{figure}: the interval holds the limit; measure longer with measure=long"


def _p99(m: Measurement | None) -> Percentile | None:
    point = m.point("single") if m is not None else None
    return next((p for p in point.latency if p.q == 99.0), None) if point else None
