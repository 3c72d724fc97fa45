"""The flights log, decoded by cuDF on the card and by PyArrow on the host: the prepared replay has the same bytes."""

from __future__ import annotations

from pathlib import Path

from harness.config import compose_sweep
from harness.pipeline.planning import plan_sweep
from harness.pipeline.prepare import prepare
from tests.gpu_card.demo import NotRunError, build_demo
from tests.gpu_card.page import table
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options, Result

NAME = "prepare"
FELL_BACK = "cuDF could not"


def compare(options: Options) -> list[Result]:
    try:
        build_demo()
    except NotRunError as missing:
        return [Result(NAME, NOT_RUN, str(missing))]
    return [compared(Path(options.work) / "prepared", ["sweep=flights", "device=cpu"], "cpu" if options.stand_in else "cuda")]


def compared(work: Path, overrides: list[str], device: str) -> Result:
    """Prepare the log of a sweep on the CPU and on the device, and compare what was written, byte by byte."""
    conf = compose_sweep(overrides, [])
    plan = plan_sweep(conf, None)
    found = [
        prepare(plan.log, conf.replay, plan.groups, work / name, plan.replay_code, lambda done, n: None, on)
        for name, on in (("host", "cpu"), ("card", device))
    ]
    return judged(files_of(found[0].folder), files_of(found[1].folder), found[1].notes)


def judged(ours: dict[str, bytes], theirs: dict[str, bytes], notes: tuple[str, ...]) -> Result:
    differing = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    device_notes = [note for note in notes if note.startswith("device=cuda")]
    fell_back = [note for note in device_notes if FELL_BACK in note]
    rows = [
        (name, f"{len(ours.get(name, b'')):,}", f"{len(theirs.get(name, b'')):,}", f"{_first(ours, theirs, name):,}") for name in differing
    ]
    lines = [
        *(table(("file that differs", "bytes", "bytes by the card", "first byte that differs"), rows) if rows else ()),
        *(f"- {n}" for n in notes),
    ]
    headline = f"{len(ours)} files, {sum(map(len, ours.values())):,} bytes: {len(differing)} differ"
    headline += f"; {len(fell_back)} notes that cuDF failed at something and PyArrow read it" if fell_back else ""
    return Result(NAME, FAILED if differing or fell_back or not ours else PASSED, headline, tuple(lines))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".lock"
    }


def _first(ours: dict[str, bytes], theirs: dict[str, bytes], name: str) -> int:
    a, b = ours.get(name, b""), theirs.get(name, b"")
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
