"""Ask whether a challenger is not worse than the champion by a margin, in any slice that was named in advance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.errors import did_you_mean, one_of
from harness.gates.gate import Gate
from harness.gates.missing_labels import BOUNDS, CHOICES, IGNORE, MissingLabelReading, read_missing_labels
from harness.gates.named_slices import SliceName, read_slices, slice_label
from harness.gates.one_sided import Floats, holm_in_family, p_above, p_below, rows_to_decide
from harness.gates.slice_reading import Reading, read
from harness.records.evidence import FAIL, PASS, UNDECIDED, Evidence, GateResult


@dataclass(frozen=True, kw_only=True)
class NonInferiority(Gate):
    """Ask whether a challenger is not worse than the champion by `margin`, in any slice that was named in advance.

    Formula, with D the paired difference turned so that more is better, at one-sided level alpha:
    PASS when D's lower bound > −margin in every named slice (an intersection–union test, so slices need no correction; with several
    challengers Holm over them, on each one's largest p-value). FAIL when D's upper bound < −margin in some named slice after Holm over
    slices × challengers, or in some other slice after Holm over all those: a screen that can only fail. Else UNDECIDED, with the
    rows that would decide it. The two families of FAIL are each held at alpha.

    Parameters
    ----------
    metric
        Name of a metric with paired differences, as "auc".
    margin
        Above 0, absolute, in the metric's unit.
    slices
        Named slices: "all", "carrier=UA", "carrier*origin=UA*EWR" or {by: carrier, value: UA}.
    waived
        Named slices that may be too small to judge (then they neither pass nor fail); judged all the same where they are not.
    alpha
        One-sided level of PASS and of FAIL.
    power
        Joint power at which "the rows that would decide it" are computed.
    screen
        Whether every other slice (over all windows) is screened for harm.
    screen_min_n
        Smaller slices are not screened: far in the tail that so many comparisons need, the bound of a small sample fails too often. Nor
        are slices whose interval has fewer than 29 degrees of freedom (30 effective clusters).
    missing_labels
        What rows without a label may do. "bounds": a PASS that the worst labels would take below the margin in a named slice, and a FAIL that
        the best labels would take back in every slice that fails, are UNDECIDED; so they are where the metric has no bound. "ignore": labels
        are taken to be missing at random, which the details then say.

    Raises
    ------
    ValueError
        When a field cannot be judged by.

    Notes
    -----
    A named slice that has no interval (no such slice, width zero), or fewer than 20 rows of a class where the metric's interval rests on
    both (AUC), cannot be judged: the gate is then UNDECIDED unless the slice is waived. Intersection–union test: Berger, Technometrics 24:295 (1982); correction:
    Holm, Scandinavian Journal of Statistics 6 (1979); one-sided .025: ICH E9, section 5.5.
    """

    metric: str
    margin: float
    slices: tuple[str | Mapping[str, object] | SliceName, ...] = ("all",)
    waived: tuple[str | Mapping[str, object] | SliceName, ...] = ()
    alpha: float = 0.025
    power: float = 0.8
    screen: bool = True
    screen_min_n: int = 200
    missing_labels: str = BOUNDS

    def default_name(self) -> str:
        """Return non_inferiority_<metric>."""
        return f"non_inferiority_{self.metric}"

    def check(self) -> None:
        """Refuse a margin, level or list of slices that means nothing."""
        if not (isinstance(self.margin, int | float) and 0 < self.margin < float("inf")):
            raise ValueError(f"margin: found {self.margin!r}, wanted a number above 0, in the unit of {self.metric}")
        for key, value, top in (("alpha", self.alpha, 0.5), ("power", self.power, 1.0)):
            if not 0 < value < top:
                raise ValueError(f"{key}: found {value!r}, wanted a share above 0 and below {top:g}")
        if self.missing_labels not in CHOICES:
            near = did_you_mean(self.missing_labels, CHOICES)
            raise ValueError(f"missing_labels: found {self.missing_labels!r}, wanted one of {one_of(CHOICES)}{near}")
        if not self._named:
            raise ValueError("slices: found none, wanted at least one; name all for all rows together")
        for name in self._waived:
            if name not in self._named:
                raise ValueError(f"waived: '{slice_label(name)}' is not among the slices; name it there or take it out")

    def judge(self, evidence: tuple[Evidence, ...]) -> tuple[GateResult, ...]:
        """Judge all challengers together."""
        readings = [read(e, self.metric, self._named, self._waived, self.screen_min_n if self.screen else None) for e in evidence]
        passing = holm_in_family(np.array([self._p_pass(r) for r in readings]))
        failing = self._holm_over([self._p_fail(r, named=True) for r in readings])
        screened = self._holm_over([self._p_fail(r, named=False) for r in readings])
        missing = [read_missing_labels(e, self.metric, self.margin, e.difference(self.metric)) for e in evidence]
        parts = zip(readings, missing, passing, failing, screened, strict=True)
        return tuple(self._result(*part, len(readings)) for part in parts)

    @property
    def _named(self) -> tuple[SliceName, ...]:
        return read_slices("slices", self.slices)

    @property
    def _waived(self) -> tuple[SliceName, ...]:
        return read_slices("waived", self.waived)

    def _p_pass(self, r: Reading) -> float:
        if r.blocking:  # the test of all named slices cannot be made, so it is not passed
            return 1.0
        p = p_above(r.named.estimate, r.named.low, -self.margin, r.confidence, r.named.degrees)[r.must_pass]
        return float(np.where(np.isnan(p), 1.0, p).max()) if len(p) else 1.0

    def _p_fail(self, r: Reading, *, named: bool) -> Floats:
        side = r.named if named else r.others
        p = p_below(side.estimate, side.high, -self.margin, r.confidence, side.degrees).reshape(-1)
        return np.where(side.is_judged, p, np.nan)

    @staticmethod
    def _holm_over(families: list[Floats]) -> list[Floats]:
        if not families:
            return []
        joined = np.concatenate(families)
        present = ~np.isnan(joined)  # a slice that cannot be tested is not a test
        joined[present] = holm_in_family(joined[present])
        return np.split(joined, np.cumsum([len(f) for f in families])[:-1])

    def _result(
        self, r: Reading, missing: MissingLabelReading, p_pass: float, p_named: Floats, p_others: Floats, n_challengers: int
    ) -> GateResult:
        found = [(r.named, i, "") for i in _lowest(p_named, self.alpha)]
        found += [(r.others, i, " (not named, found by the screen)") for i in _lowest(p_others, self.alpha)]
        harmed = [f"{side.describe(i)}{note}" for side, i, note in found]
        doubts = self._doubts(r, missing, [side.names[i] for side, i, _ in found])
        certain = [text for text, doubt in zip(harmed, doubts, strict=True) if not doubt] if harmed else []
        doubt = next((d for d in doubts if d), None)
        passes = p_pass < self.alpha and not r.blocking
        if r.trouble:
            status, sentence = UNDECIDED, r.trouble
        elif certain:
            status, sentence = FAIL, f"{self.metric} is worse by more than {self.margin:g} in {_first_of(certain)}"
        elif doubt and (harmed or passes):
            mend = "wait for the labels, or set missing_labels: ignore"
            status, sentence = UNDECIDED, f"{doubt}, so the {'FAIL' if harmed else 'PASS'} of the labelled rows is not certain; {mend}"
        elif passes:
            status, sentence = (
                PASS,
                f"{self.metric} is not worse by {self.margin:g} in any named slice; closest is {r.named.describe(r.closest)}",
            )
        else:
            status, sentence = UNDECIDED, self._undecided(r, n_challengers)
        limit = f"{self.metric} not worse by {self.margin:g} in {len(self._named)} named slice{'s' * (len(self._named) > 1)}"
        details = () if r.trouble else self._details(r, p_pass, harmed, n_challengers)
        if self.missing_labels == IGNORE and not r.trouble:
            details += missing.ignored(self._named)
        return GateResult(self.name, r.variant, status, r.bound, limit, sentence, details)

    def _doubts(self, r: Reading, missing: MissingLabelReading, harmed: list[SliceName]) -> list[str | None]:
        """Return what missing labels put in doubt: of every slice that fails, or, where none does, of every named one that is judged."""
        if self.missing_labels == IGNORE:
            return [None] * len(harmed)
        if harmed:
            return [missing.doubt_of_fail(name) for name in harmed]
        return [missing.doubt_of_pass(r.named.names[i]) for i in r.must_pass]

    def _undecided(self, r: Reading, n_challengers: int) -> str:
        if r.blocking:
            return f"{'; '.join(r.blocking)}; add rows, or waive the slice by name"
        if not len(r.must_pass):
            return "every named slice is too small and waived, so nothing is left to judge; name one that has rows"
        hopeless = [i for i in r.must_pass if r.named.estimate[i] <= -self.margin]
        if hopeless:
            return f"{r.named.describe(hopeless[0])} is already at −{self.margin:g} or below: more rows will not make it pass"
        need = rows_to_decide(r.named.n, r.se, self.margin, self.alpha / n_challengers, self.power, len(r.must_pass))
        i = int(r.must_pass[np.argmax(need[r.must_pass] / r.named.n[r.must_pass])])
        where, n = r.named.describe(r.closest), int(r.named.n[i])
        if need[i] <= n:
            return f"{where}: were the true difference 0, the {n:,} rows would mostly have been enough; more rows may not make it pass"
        label = slice_label(r.named.names[i])
        return f"{where}: {int(need[i]):,} rows in {label} would decide it (it has {n:,}), were the true difference 0"

    def _details(self, r: Reading, p_pass: float, harmed: list[str], n_challengers: int) -> tuple[str, ...]:
        lines = [r.named.describe(i) for i in range(len(r.named.names))]
        lines += [f"waived, not judged: {text}" for text in r.waived]
        lines.append(f"largest p-value for PASS {p_pass:.3g} after Holm over {n_challengers} challenger(s), level {self.alpha:g}")
        lines.append(f"share of rows covered by the named slices: {r.coverage}")
        if self.screen:
            lines.append(
                f"{len(r.others.names):,} other slices screened, {r.n_unscreened:,} too small (n < {self.screen_min_n}, "
                "too few of a class or of clusters, or no interval)"
            )
        lines += [f"harmed: {text}" for text in harmed[:20]]
        return tuple(lines)


def _lowest(p_values: Floats, alpha: float) -> list[int]:
    hits = np.flatnonzero(p_values < alpha)
    return [int(i) for i in hits[np.argsort(p_values[hits], kind="stable")]]


def _first_of(harmed: list[str]) -> str:
    return harmed[0] + (f" and {len(harmed) - 1} more" if len(harmed) > 1 else "")
