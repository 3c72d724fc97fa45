"""Copy bandwidth as measured on the card, every kernel's throughput beside it and beside what was predicted, and the energy of it all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.gpu_roofline import CARDS, CLOCK_HZ, CYCLES, N_ROWS, PAGE
from harness.meters.energy import EnergyMeter, idle_power_w
from harness.meters.meter_for import cuda_energy_meter
from harness.records.trial import EnergyReading
from tests.gpu_card.clock import CardClock, Clock, HostClock, timed_launches
from tests.gpu_card.kernel_run import cases_on_card
from tests.gpu_card.page import table
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options, Result

N_COPIES, N_FEW, GIB = 10, 1000, 1 << 30
HOST_BYTES = 256 << 20
CASE_BYTES_PER_ROW = 400  # of the case that takes the most, class influence, with room to spare
IDLE_S = 5.0
ROW = re.compile(r"^\| (?P<case>[^|]+) \| `(?P<rule>[^`]+)` \| (?P<numbers>[\d.,| ]+) \|$", re.MULTILINE)
# Names of cards as NVML says them, for the columns of docs/gpu-roofline.md
NAMED = {"A100 80GB": re.compile(r"A100.*80GB"), "H100 SXM": re.compile(r"H100 80GB HBM3"), "H200": re.compile(r"\bH200\b")}


@dataclass(frozen=True)
class Cost:
    """What docs/gpu-roofline.md counts for one row of a kernel."""

    distinct: float
    in_sectors: float
    instructions: float


@dataclass(frozen=True)
class Measured:
    """One kernel of one case: median seconds of its launches of one run, over the runs; `trouble` says why there are none."""

    case: str
    rule: str
    n_rows: int
    n_threads: int
    seconds: float | None
    cost: Cost | None
    trouble: str | None = None


def measure(options: Options) -> list[Result]:
    clock: Clock = HostClock() if options.stand_in else CardClock()
    name = "stand-in" if options.stand_in else _card_name()
    copies = copy_bandwidths(clock)
    meter = cuda_energy_meter()
    idle_w = idle_power_w(meter, 0.0 if options.stand_in else IDLE_S)
    meter.start()
    found, reading = _kernels(clock, options, meter)
    return [_copy_result(copies, clock), _speed_result(found, copies["on the card"][1], name, clock), energy_result(reading, idle_w)]


def _kernels(clock: Clock, options: Options, meter: EnergyMeter) -> tuple[list[Measured], EnergyReading]:
    n_rows = min(options.rows, max(clock.free_bytes() // CASE_BYTES_PER_ROW, N_FEW))
    costs = costs_of(PAGE.read_text(encoding="utf-8"))
    with cases_on_card(options.stand_in) as cases:
        found = [one for case in cases.CASES if case.in_roofline for one in measured(case, clock, n_rows, costs, clock.n_repeats)]
    return found, meter.stop()


def copy_bandwidths(clock: Clock) -> dict[str, tuple[int, float]]:
    """Return size and median bytes a second of copies on the card, and from pinned memory of the host; a copy on the card reads and writes."""
    n_bytes = min(max(GIB, clock.total_bytes() // 8), clock.free_bytes() // 3)
    n_host = min(HOST_BYTES, n_bytes)
    return {
        "on the card": (n_bytes, 2 * n_bytes / _copy_s(clock, *clock.buffers(n_bytes))),
        "to the card, pinned": (n_host, n_host / _copy_s(clock, clock.buffers(n_host)[0], clock.pinned(n_host))),
    }


def _copy_s(clock: Clock, target: Any, source: Any) -> float:
    """Return the median seconds of a copy; the first one, which finds pages that nobody has touched, does not count."""
    return median([clock.seconds(lambda: target.copy_to_device(source)) for _ in range(N_COPIES + 1)][1:])


def measured(case: Any, clock: Clock, n_rows: int, costs: dict[tuple[str, str], Cost], n_repeats: int) -> list[Measured]:
    """Run a case with few rows, which compiles it, and then with all; one that breaks off says why, and the next one runs."""
    try:
        case.run(min(N_FEW, n_rows), np.uint16)
        runs = []
        for _ in range(n_repeats):
            with timed_launches(clock) as launches:
                case.run(n_rows, np.uint16)
            runs.append(_per_rule(launches, case.is_pass))
        return _medians(case, n_rows, runs, costs)
    except Exception as trouble:
        return [Measured(case.name, "", n_rows, 0, None, None, f"{type(trouble).__name__}: {str(trouble)[:200]}")]


def _medians(case: Any, n_rows: int, runs: Sequence[dict[str, float]], costs: dict[tuple[str, str], Cost]) -> list[Measured]:
    return [
        Measured(case.name, rule, n_rows, case.n_threads(rule, n_rows), median(run[rule] for run in runs), costs.get((case.name, rule)))
        for rule in runs[0]
    ]


def _per_rule(launches: Sequence[tuple[str, float]], is_pass: bool) -> dict[str, float]:
    """Return the seconds of each rule: of all its launches, or the mean of one where a launch is a pass of many."""
    seconds = defaultdict[str, list[float]](list)
    for rule, s in launches:
        if rule != "cuda_launch.fill_tables" and "[fold_of]" not in rule:
            seconds[rule].append(s)
    return {rule: sum(all_s) / (len(all_s) if is_pass else 1) for rule, all_s in seconds.items()}


def costs_of(page: str) -> dict[tuple[str, str], Cost]:
    """Read the first table of docs/gpu-roofline.md: case and rule -> bytes and instructions a row."""
    found = {}
    for row in ROW.finditer(page):
        numbers = [float(n.replace(",", "")) for n in row["numbers"].split("|")]
        if len(numbers) == 6:
            found[row["case"], row["rule"]] = Cost(numbers[2], numbers[3], numbers[4])
    return found


def predicted_ms(one: Measured, name: str) -> str:
    """Return the range that docs/gpu-roofline.md predicts for this card and so many rows, and one thread's chain where it is longer than both."""
    card = next((label for label, pattern in NAMED.items() if pattern.search(name)), None)
    if card is None or one.cost is None:
        return "not predicted"
    least, most = (1e3 * n * one.n_rows / CARDS[card] for n in (one.cost.distinct, one.cost.in_sectors))
    chain = 1e3 * one.cost.instructions * one.n_rows / max(one.n_threads, 1) * CYCLES / CLOCK_HZ
    return f"{least:,.2f} to {max(most, chain):,.2f}" + (" (chain)" if chain > most else "")


def _copy_result(copies: dict[str, tuple[int, float]], clock: Clock) -> Result:
    rows = [(what, f"{n_bytes / 2**20:,.0f}", f"{rate / 1e9:,.1f}") for what, (n_bytes, rate) in copies.items()]
    headline = ", ".join(f"{what} {rate / 1e9:,.1f} GB/s" for what, (_, rate) in copies.items())
    lines = (f"Median of {N_COPIES} copies, by {clock.words}. A copy on the card counts what it reads and what it writes.", "")
    is_ok = all(np.isfinite(rate) and rate > 0 for _, rate in copies.values())
    return Result("copy bandwidth", PASSED if is_ok else FAILED, headline, (*lines, *table(("copy", "MiB", "GB/s"), rows)))


def _speed_result(found: Sequence[Measured], bandwidth: float, name: str, clock: Clock) -> Result:
    head = ("kernel", "rule", "threads", "ms", "million rows/s", "GB/s of distinct bytes", "of copy bandwidth", "predicted ms")
    rows = [_row(one, bandwidth, name) for one in found if one.seconds is not None]
    broken = [one for one in found if one.seconds is None]
    uncounted = [one for one in found if one.seconds is not None and one.cost is None]
    n_rows = max((one.n_rows for one in found), default=0)
    headline = f"{len(rows)} kernels timed on {n_rows:,} rows; {len(broken)} broke off"
    lines = [
        f"A made log of {n_rows:,} rows (tests/support/ptx_cases.py). Milliseconds are the median of {clock.n_repeats} runs, by {clock.words}, "
        f"around the launch. Distinct bytes a row and the prediction are those of docs/{Path(PAGE).name}, which counts {N_ROWS:,} rows. Bytes below the "
        "size of the card's cache may be faster than a copy.",
        "",
        *table(head, rows, n_left=2),
        *([""] if broken or uncounted else []),
        *(f"- {one.case}: {one.trouble}" for one in broken),
        *(f"- {one.case}, `{one.rule}`: docs/{Path(PAGE).name} does not count it" for one in uncounted),
    ]
    return Result("throughput of kernels", FAILED if broken or not rows else PASSED, headline, tuple(lines))


def _row(one: Measured, bandwidth: float, name: str) -> tuple[str, ...]:
    assert one.seconds is not None
    rate = None if one.cost is None else one.cost.distinct * one.n_rows / one.seconds
    moved = ("not counted", "not counted") if rate is None else (f"{rate / 1e9:,.2f}", f"{rate / bandwidth:.1%}")
    millions = one.n_rows / one.seconds / 1e6
    return one.case, f"`{one.rule}`", f"{one.n_threads:,}", f"{1e3 * one.seconds:,.3f}", f"{millions:,.1f}", *moved, predicted_ms(one, name)


def energy_result(reading: EnergyReading, idle_w: float | None) -> Result:
    """Say what NVML read while the kernels were timed, or why it read nothing."""
    if reading.energy_j is None or not reading.elapsed_s:
        return Result("energy", NOT_RUN, f"NVML reads no energy here ({reading.reason or 'no reason was told'})")
    mean_w = reading.energy_j / reading.elapsed_s
    facts = {
        "source": reading.source,
        "window, s": f"{reading.elapsed_s:,.1f}",
        "mean power, W": f"{mean_w:,.1f}",
        "idle power before it, W": "not read" if idle_w is None else f"{idle_w:,.1f}",
        "the same by polled power, J": "not polled" if reading.polled_j is None else f"{reading.polled_j:,.1f}",
        "share of polls that were throttled": "not told" if reading.throttled_share is None else f"{reading.throttled_share:.1%}",
        "what slowed the clocks": ", ".join(reading.events) or "nothing",
        "highest temperature, °C": "not told" if reading.max_temperature_c is None else str(reading.max_temperature_c),
    }
    headline = f"{reading.energy_j:,.1f} J in {reading.elapsed_s:,.1f} s while the kernels were timed, the making of their logs on the host included"
    lines = table(("fact", "value"), list(facts.items()))
    return Result("energy", PASSED if mean_w > 0 else FAILED, headline, lines)


def _card_name() -> str:
    from tests.gpu_card.__main__ import card_name

    return card_name()
