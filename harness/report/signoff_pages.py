"""The files of one review: page, JSON, JUnit, runbook and alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from harness.records.comparison import Comparison
from harness.records.conf import VariantConf
from harness.records.evidence import Signoff
from harness.report.against_rows import against_columns, against_rows
from harness.report.alerts import alerts
from harness.report.comparison_files import escape_markdown
from harness.report.junit import junit
from harness.report.numbers import money, percent
from harness.report.one_line import one_lines
from harness.report.plain import to_json
from harness.report.rollback import Notice, rollback
from harness.report.row_text import Footnotes, row_text
from harness.report.table import columns_of, footer, heading

TEMPLATES = Path(__file__).parent / "templates"


def pages(
    signoff: Signoff,
    comparison: Comparison,
    variants: Sequence[VariantConf],
    error_costs: Mapping[str, float | None] | None = None,
    notice: Notice | None = None,
) -> dict[str, str]:
    """Write every file of a review.

    Parameters
    ----------
    signoff
        Verdicts and exit code.
    comparison
        The table that the verdicts stand on.
    variants
        For owner, use case, KPI and fallback.
    error_costs
        By variant, what one more wrong decision costs; None: no threshold on the error rate.
    notice
        Counts the predictions that notice a deterioration; None: they are not counted.

    Returns
    -------
    dict of str to str
        File name to content: signoff.json, signoff.md, signoff.html, signoff.xml (JUnit), runbook.md, alerts.yaml. The page needs no
        other file, and the same records give the same bytes.
    """
    known = rollback(signoff, comparison, variants, error_costs, notice)
    context = _context(signoff, comparison, variants) | {"rollback": known}
    environment = _environment()
    written = {name: environment.get_template(f"{name}.j2").render(context) for name in ("signoff.html", "signoff.md", "runbook.md")}
    return {
        "signoff.json": to_json(signoff),
        "signoff.md": written["signoff.md"],
        "signoff.html": written["signoff.html"],
        "signoff.xml": junit(signoff),
        "runbook.md": written["runbook.md"],
        "alerts.yaml": alerts(known, signoff.sweep),
    }


def _context(signoff: Signoff, comparison: Comparison, variants: Sequence[VariantConf]) -> dict[str, Any]:
    notes = Footnotes()
    lines = [row_text(row, comparison, notes) for row in comparison.rows]
    columns = columns_of(comparison)
    return {
        "signoff": signoff,
        "heading": list(heading(comparison)),
        "one_lines": one_lines(comparison, variants),
        "titles": [title for title, _ in columns],
        "rows": [[getattr(line, name) for _, name in columns] for line in lines],
        "against_titles": against_columns(comparison),
        "against_rows": list(against_rows(comparison)),
        "footer": [text for text in footer(comparison, notes) if not text.startswith("next: ")],
        "deciding": signoff.decided_by,
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = lambda text: escape_markdown(str(text))
    environment.filters["money"] = money
    environment.filters["percent"] = percent
    return environment
