"""The comparison as a table in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.records.comparison import Comparison
from harness.report.against_rows import against_columns, against_rows
from harness.report.loss_change_rows import RESIDUAL_NOTE, loss_change_columns, loss_change_rows
from harness.report.money_text import money_lines
from harness.report.over_time_files import is_shown, retrain_lines, time_columns, time_rows
from harness.report.row_text import Footnotes, RowText, row_text
from harness.report.speed_text import speed_lines
from harness.report.worst_slices_frame import worst_slices_lines

_PIPED = 140  # columns, where there is no terminal to ask
_FOLDED = ("variant", "worst_slice")  # names fold, figures never
PLAIN_BOX = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_COLOURS = {
    "PASS": "green",
    "FAIL": "red",
    "UNDECIDED": "yellow",
    "WAIVED": "magenta",
    "failed": "red",
    "invalid": "red",
    "timed_out": "red",
}


@dataclass(frozen=True)
class _Column:
    title: str
    field: str
    right: bool = True


class _PipedConsole(Console):
    """A console whose reader may go away: Rich would end the process with status 1, which is the exit code of FAIL."""

    def on_broken_pipe(self) -> None:
        """Let the caller decide what a closed pipe means; called while the error is being handled."""
        raise


def report_console(stream: TextIO | None = None) -> Console:
    """Return the console that tables go to: as wide as the terminal, 140 columns and no colour when piped.

    A pipe that its reader has closed raises BrokenPipeError.
    """
    stream = stream or sys.stdout
    return _PipedConsole(file=stream) if stream.isatty() else _PipedConsole(file=stream, width=_PIPED, no_color=True)


def render(comparison: Comparison, console: Console) -> None:
    """Print what was judged, one line per variant, the notes, and the next command to type."""
    for line in heading(comparison):
        _line(console, line)
    notes = Footnotes()
    lines = [row_text(row, comparison, notes) for row in comparison.rows]
    for table in _tables(comparison, lines, console):
        console.print()
        console.print(table)
    if is_shown(comparison):
        console.print()
        console.print(_plain_table(time_columns(comparison), time_rows(comparison)))
    if titles := loss_change_columns(comparison):
        console.print()
        console.print(_plain_table(titles, loss_change_rows(comparison)))
        _line(console, f"! more than chance, ? not tested; {RESIDUAL_NOTE}")
    if titles := against_columns(comparison):
        console.print()
        console.print(_plain_table(titles, against_rows(comparison)))
    console.print()
    for line in footer(comparison, notes):
        _line(console, line)


def heading(comparison: Comparison) -> Iterator[str]:
    """Say how many rows were judged and why the others were not, whether the replay reproduces production, and what was trained on."""
    account = comparison.account
    left_out = [f"{n:,} {why}" for why, n in account.left_out if n]
    yield f"{comparison.name}: {account.n_judged:,} of {account.n_log:,} rows judged" + (
        f"; left out: {', '.join(left_out)}" if left_out else ""
    )
    yield from (text for text in (comparison.parity, *comparison.data_lines, comparison.training_note) if text)
    if comparison.sort:
        yield f"rows by {comparison.sort}; those without the figure last"


def footer(comparison: Comparison, notes: Footnotes) -> Iterator[str]:
    """Give the legend, the reasons for what is missing, speed and money in sentences, the notes, and the next command."""
    if comparison.champion is not None:
        yield "* the champion; differences are on the same rows, [ ] are intervals"
    if notes.noisy:
        yield f"~ noisy measurement: {', '.join(notes.noisy)}; why, says measurement.json of each"
    for i, text in enumerate(notes.texts):
        yield f"({i + 1}) {text}"
    yield from speed_lines(comparison)
    yield from money_lines(comparison)
    yield from worst_slices_lines(comparison.worst_slices)
    yield from retrain_lines(comparison.retrain)
    yield from (f"- {text}" for text in comparison.notes)
    if comparison.next_command:
        yield f"next: {comparison.next_command}"


def columns_of(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Return (title, field of `RowText`) of every column, for other tables of the same lines."""
    return tuple((c.title.replace("\n", " "), c.field) for c in (*_quality(comparison), *_speed(comparison)[1:]))


def _quality(comparison: Comparison) -> list[_Column]:
    metric = comparison.headline_metrics[0] if comparison.headline_metrics else "metric"
    metric = metric.upper() if metric in ("auc", "mae", "mse", "rmse") else metric
    worst = _Column(f"worst slice\n{metric} (vs champ.)", "worst_slice", right=False)
    return [_Column("variant", "variant", right=False), _Column(metric, "metric"), _Column(f"{metric} vs\nchampion", "vs_champion"), worst]


def _speed(comparison: Comparison) -> list[_Column]:
    currency = next((row.currency for row in comparison.rows if row.currency), None)
    unit = f"{currency}/1k" if currency else "per 1k"
    return [
        _Column("variant", "variant", right=False),
        _Column("p50\np99 ms", "latency"),
        _Column("rows/s\nbatch", "throughput"),
        _Column(f"cost\n{unit}", "cost"),
        _Column(f"gain\n{unit}", "gain"),
        _Column(f"net\n{unit}", "net"),
        _Column("Pareto", "pareto", right=False),
        _Column("verdict", "verdict", right=False),
    ]


def _tables(comparison: Comparison, lines: Sequence[RowText], console: Console) -> list[Table]:
    """Lay everything out in one table, tighter where it must be; where it does not fit, quality above and speed below."""
    quality, speed = _quality(comparison), _speed(comparison)
    for padding in (1, 0):
        table = _table([*quality, *speed[1:]], lines, padding)
        if console.measure(table, options=console.options.update(max_width=10_000)).maximum <= console.width:
            return [table]
    return [_table([*quality, speed[-1]], lines, 1), _table(speed, lines, 1)]


def _table(columns: Sequence[_Column], lines: Sequence[RowText], padding: int) -> Table:
    table = Table(box=PLAIN_BOX, padding=(0, padding, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(
            Text(column.title), justify="right" if column.right else "left", overflow="fold", no_wrap=column.field not in _FOLDED
        )
    for line in lines:
        table.add_row(*(_cell(column, getattr(line, column.field)) for column in columns))
    return table


def _plain_table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    table = Table(box=PLAIN_BOX, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for i, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if i else "left", overflow="fold", no_wrap=bool(i))
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table


def _cell(column: _Column, text: str) -> Text:
    return Text(text, style=_COLOURS.get(text, "") if column.field == "verdict" else "")  # Text: names hold [ ], which is markup


def _line(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=text.startswith("next: "))  # a command is copied whole
