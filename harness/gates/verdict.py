"""May it ship: the verdict on each challenger, and the sign-off of a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, EXIT_VARIANT
from harness.gates.gate import Gate, Waiver
from harness.records.evidence import FAIL, PASS, UNDECIDED, WAIVED, Evidence, GateResult, Signoff, Verdict

NOT_JUDGED = "not judged"  # a review without gates: neither PASS nor any doubt
WHOLE_REPLAY, NOTHING_MEASURED = "whole_replay", "nothing_measured"
_WORST_FIRST = (FAIL, UNDECIDED, WAIVED, PASS)
_BEST_FIRST = (PASS, NOT_JUDGED, UNDECIDED, FAIL)
_EXIT = {PASS: EXIT_PASS, NOT_JUDGED: EXIT_PASS, UNDECIDED: EXIT_UNDECIDED, FAIL: EXIT_FAIL}


def verdicts(evidence: Sequence[Evidence], gates: Sequence[Gate], candidate: str | None = None) -> tuple[Verdict, ...]:
    """Say what the gates find of each challenger.

    A verdict is the worst of its gates: FAIL, then UNDECIDED, then PASS; a waived gate counts as passed and stays visible as WAIVED.
    A replay cut by `limit` can never pass, whatever the gates and waivers: that stands as a result of its own, `whole_replay`.

    Parameters
    ----------
    evidence
        One per challenger.
    gates
        Of the review; none of them: every verdict is "not judged".
    candidate
        The one challenger that was named in advance: it is judged by itself, without correction for the number of the others, who are
        judged together beside it.

    Returns
    -------
    tuple of Verdict
        In the order of `evidence`.
    """
    alone = tuple(e for e in evidence if e.variant == candidate)
    results: dict[str, list[GateResult]] = {e.variant: [] for e in evidence}
    for group in (alone, tuple(e for e in evidence if e.variant != candidate)):
        for gate in gates if group else ():
            for result in gate.judge(group):
                results[result.variant].append(_waive(result, gate.waiver))
    for e in evidence:
        if e.lineage.limited and gates:
            sentence = "the replay was limited to its first rows (replay.limit), and such a result can never pass; run without the limit"
            results[e.variant].append(GateResult(WHOLE_REPLAY, e.variant, UNDECIDED, None, "whole replay", sentence))
    for e in evidence:
        if gates and not results[e.variant]:
            sentence = "no gate of the review could be applied, since nothing that they read was measured; measure it, or name other gates"
            results[e.variant].append(GateResult(NOTHING_MEASURED, e.variant, UNDECIDED, None, "one gate applied", sentence))
    return tuple(Verdict(e.variant, _worst(results[e.variant]), tuple(results[e.variant])) for e in evidence)


def signoff(
    review: str,
    sweep: str,
    champion: str | None,
    candidate: str | None,
    verdicts: Sequence[Verdict],
    n_failed_variants: int = 0,
    *,
    n_challengers: int = 0,
    n_gates: int | None = None,
) -> Signoff:
    """Say which challenger decides the review, and with which exit code the command ends.

    The first that holds: 4 a variant failed or is invalid; 1 FAIL; 3 UNDECIDED; 0 PASS, or nothing to judge. With a candidate the
    verdict is the candidate's, without one the best challenger's (PASS before UNDECIDED before FAIL; among equals the first). Without a
    champion nothing can pass. A review without gates judges nothing, whatever its name.

    Parameters
    ----------
    review, sweep
        Their names.
    champion, candidate
        Names of the variants, where they are given.
    verdicts
        One per challenger that was paired with the champion, or, without a champion, that could be judged.
    n_failed_variants
        Variants that failed or are invalid.
    n_challengers
        Variants other than the champion, paired or not: where there are some and no verdict, the review is UNDECIDED.
    n_gates
        Gates of the review; None: read off the verdicts, and where there are none, off the name "none".
    """
    given = tuple(verdicts)
    decided_by, status, reason = _decide(review, champion, candidate, given, _has_gates(review, given, n_gates), n_challengers)
    exit_code = _EXIT[status]
    if n_failed_variants:
        exit_code = EXIT_VARIANT
        reason += f"; {n_failed_variants} variant{'s' * (n_failed_variants > 1)} failed or invalid"
    return Signoff(review, sweep, champion, candidate, decided_by, status, exit_code, given, reason)


def _has_gates(review: str, given: tuple[Verdict, ...], n_gates: int | None) -> bool:
    if n_gates is not None:
        return n_gates > 0
    return any(v.gates for v in given) if given else review != "none"


def _decide(
    review: str, champion: str | None, candidate: str | None, given: tuple[Verdict, ...], has_gates: bool, n_challengers: int
) -> tuple[str | None, str, str]:
    if not has_gates:
        return None, NOT_JUDGED, f"review '{review}' has no gates: nothing was judged"
    if candidate is not None and candidate not in [v.variant for v in given]:
        why = "it is the champion itself" if candidate == champion else "it has no scores to judge"
        return None, UNDECIDED, f"candidate '{candidate}': {why}"
    if not given and champion is None:
        return None, UNDECIDED, "there is no champion to compare with; name one with champion=NAME"
    if not given and n_challengers:
        who = "the challenger" if n_challengers == 1 else f"none of the {n_challengers} challengers"
        could = "could not" if n_challengers == 1 else "could"
        return None, UNDECIDED, f"{who} {could} be paired with champion '{champion}' on the same rows: nothing was compared"
    if not given:
        return None, NOT_JUDGED, "there is no challenger beside the champion: nothing was judged"
    best = min((v for v in given if candidate in (None, v.variant)), key=lambda v: _BEST_FIRST.index(v.status))
    if champion is None and best.status == PASS:
        return best.variant, UNDECIDED, "there is no champion to compare with; name one with champion=NAME"
    return best.variant, best.status, f"{best.variant}: {_because(best)}"


def _because(verdict: Verdict) -> str:
    """Give the sentence of the gate that made the verdict, or what stands behind a PASS."""
    waived = [g.gate for g in verdict.gates if g.status == WAIVED]
    if verdict.status == PASS:
        return f"passes every gate ({len(verdict.gates)})" + (f", of which waived: {', '.join(waived)}" if waived else "")
    first = next(g for g in verdict.gates if g.status == verdict.status)
    more = sum(g.status == verdict.status for g in verdict.gates) - 1
    return f"{first.gate}: {first.sentence}" + (f" (and {more} more gate{'s' * (more > 1)} {verdict.status})" if more else "")


def _worst(results: Sequence[GateResult]) -> str:
    if not results:
        return NOT_JUDGED
    worst = min((r.status for r in results), key=_WORST_FIRST.index)
    return PASS if worst == WAIVED else worst


def _waive(result: GateResult, waiver: object) -> GateResult:
    if not isinstance(waiver, Waiver) or result.status == PASS or waiver.variant not in (None, result.variant):
        return result
    given = f"waived by {waiver.by} on {waiver.date}: {waiver.reason}"
    return replace(result, status=WAIVED, sentence=f"{given} (was {result.status}: {result.sentence})")
