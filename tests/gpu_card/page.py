"""The report, as Markdown, and the same in brief for the terminal. The standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Result

ALL_PASSED, SOME_FAILED, REFUSED, INCOMPLETE = 0, 1, 2, 3
STAND_IN = (
    "**No card was used.** Kernels ran on interpreted PTX and the sweep of the card on the CPU: this page tries the check itself, "
    "and no figure or verdict on it is one of a card."
)


def code_of(results: Sequence[Result], is_stand_in: bool = False) -> int:
    """Return 0 only where everything ran and passed on a card, 1 where something failed, 3 where something did not run."""
    statuses = {result.status for result in results}
    if FAILED in statuses:
        return SOME_FAILED
    return INCOMPLETE if NOT_RUN in statuses or is_stand_in or not results else ALL_PASSED


def verdict(results: Sequence[Result], n_sections: int, is_stand_in: bool = False) -> str:
    """Return the sentence that the report begins with."""
    n_of = {status: sum(result.status == status for result in results) for status in (PASSED, FAILED, NOT_RUN)}
    n_open = max(n_sections - len(results), 0)
    counted = f"{n_of[PASSED]} passed, {n_of[FAILED]} failed, {n_of[NOT_RUN]} did not run"
    still = f", {n_open} still to come (or cut off, if nobody is running this any more)" if n_open else ""
    words = {
        ALL_PASSED: "Everything passed on this card.",
        SOME_FAILED: "Something failed on this card.",
        INCOMPLETE: "What ran has passed, but the check is incomplete.",
    }
    said = "Tried without a card." if is_stand_in else words[code_of(results)] if not n_open else "Not finished."
    return f"{said} {len(results)} sections ended: {counted}{still}."


def page(title: str, results: Sequence[Result], n_sections: int, is_stand_in: bool = False) -> str:
    """Return the whole report."""
    lines = [f"# {title}", "", verdict(results, n_sections, is_stand_in), ""]
    lines += [STAND_IN, ""] if is_stand_in else []
    lines += ["| section | result | what was found |", "|---|---|---|"]
    lines += [f"| {one.name} | {_mark(one.status)} | {_cell(one.headline)} |" for one in results]
    for one in results:
        lines += ["", f"## {one.name}: {one.status}", "", one.headline, *([""] if one.lines else []), *one.lines]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], n_left: int = 1) -> tuple[str, ...]:
    """Return a Markdown table whose first `n_left` columns are words and the others numbers."""
    rule = "|" + "---|" * n_left + "--:|" * (len(head) - n_left)
    return (f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(map(_cell, row))} |" for row in rows))


def brief(result: Result) -> str:
    """Return one line for the terminal."""
    return f"{result.status:<8} {result.name}: {result.headline}"


def default_path(root: Path, card: str, now: datetime) -> Path:
    name = re.sub(r"[^A-Za-z0-9]+", "-", card).strip("-").lower() or "card"
    return root / "results" / "gpu-check" / f"{now:%Y%m%d-%H%M%S}-{name}.md"


def _mark(status: str) -> str:
    return status if status == PASSED else f"**{status}**"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
