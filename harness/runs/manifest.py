"""`sweep.json`: what a results folder holds, who made it, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.records.comparison import RowAccount
from harness.records.money import Traffic
from harness.records.run import PENDING, Identity
from harness.records.tally import Grid
from harness.runs import folder
from harness.runs.identity import digest

MANIFEST, COMPOSED, GRID, TRAFFIC = "sweep.json", "composed.json", "grid.json", "traffic.arrow"
FORMAT = 4  # of the folder; raised when an older harness could not read it


@dataclass(frozen=True)
class ManifestMember:
    """One variant: its folder under the sweep's, and its status."""

    variant: str
    folder: str
    status: str
    reason: str | None
    identity: Identity


@dataclass(frozen=True)
class Manifest:
    """The whole manifest; `overrides` and `conf_dirs` compose the same sweep again."""

    format: int
    name: str
    phase: str
    overrides: tuple[str, ...]
    conf_dirs: tuple[str, ...]
    champion: str | None
    candidate: str | None
    replay_fingerprint: str
    prepared_folder: str
    first_judged: str | None
    limited: bool
    harness_version: str
    git_commit: str | None
    git_dirty: bool | None
    machine: Any
    started_at: str
    updated_at: str
    members: tuple[ManifestMember, ...]
    composed_sha256: str

    def with_status(self, variant: str, status: str, reason: str | None, now: str) -> Manifest:
        """Return the manifest after one member has changed."""
        members = tuple(replace(m, status=status, reason=reason) if m.variant == variant else m for m in self.members)
        return replace(self, members=members, updated_at=now)

    @property
    def n_pending(self) -> int:
        """Members that have not ended."""
        return sum(m.status == PENDING for m in self.members)


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Replace `sweep.json`."""
    folder.write_json(root / MANIFEST, manifest)


def read_manifest(root: Path) -> Manifest:
    """Read `sweep.json`.

    Raises
    ------
    ResultsError
        When the folder holds no sweep, or one of another format.
    """
    if not (root / MANIFEST).is_file():
        raise ResultsError(f"results: {root} holds no sweep (no {MANIFEST}); name a folder that harness sweep wrote, as results/flights")
    data = folder.read_json(root / MANIFEST)
    if data.get("format") != FORMAT:
        raise ResultsError(f"results: {root} has format {data.get('format')}, this harness reads {FORMAT}; run the sweep again")
    try:
        members = tuple(ManifestMember(**{**m, "identity": Identity(**m["identity"])}) for m in data.pop("members"))
        data |= {k: tuple(data[k]) for k in ("overrides", "conf_dirs")}
        return Manifest(**data, members=members)
    except (TypeError, KeyError) as trouble:
        raise ResultsError(f"results: {root / MANIFEST} is damaged ({trouble}); run the sweep again") from trouble


def write_composed(root: Path, saved: Sequence[tuple[str, str]]) -> None:
    """Keep the configuration of every variant as the sweep composed it: kept results of an earlier sweep hold that one's."""
    folder.write_json(root / COMPOSED, dict(saved))


def read_composed(root: Path, manifest: Manifest) -> list[tuple[str, str]]:
    """Read the configuration of every member, in the order of the manifest.

    Raises
    ------
    ResultsError
        When it is missing or lacks a member.
    """
    texts = folder.read_json(root / COMPOSED)
    if digest(texts) != manifest.composed_sha256:
        raise ResultsError(
            f"results: {root / COMPOSED} is not what the sweep wrote, so it does not say how the stored scores came about; run the sweep again"
        )
    lacking = [m.variant for m in manifest.members if not isinstance(texts.get(m.variant), str)]
    if lacking:
        raise ResultsError(f"results: {root / COMPOSED} lacks variant '{lacking[0]}'; run the sweep again")
    return [(m.variant, texts[m.variant]) for m in manifest.members]


def write_replay(
    root: Path,
    grid: Grid,
    account: RowAccount,
    notes: tuple[str, ...],
    traffic: Traffic | None,
    n_arrivals: NDArray[np.int64] | None = None,
) -> None:
    """Write what the tables need of the replay: names of cells, the row account, requests per minute and how many arrivals those are."""
    (root / "replay" / TRAFFIC).unlink(missing_ok=True)
    if traffic is not None:
        columns = {"minute": traffic.minute, "requests": traffic.minute_requests}
        columns |= {} if n_arrivals is None else {"n_arrivals": n_arrivals}
        folder.write_columns(root / "replay" / TRAFFIC, columns)
    profile = {"grid": grid, "account": account, "notes": notes, "n_hours": traffic.n_hours if traffic else None}
    folder.write_json(root / "replay" / GRID, profile)


@dataclass(frozen=True)
class StoredReplay:
    """What `write_replay` kept."""

    grid: Grid
    account: RowAccount
    notes: tuple[str, ...]
    traffic: Traffic | None


def read_replay(root: Path) -> StoredReplay:
    """Read what the tables need of the replay."""
    data = folder.read_json(root / "replay" / GRID)
    grid = Grid(*(tuple(data["grid"][k]) for k in ("slice_by", "slice_value", "windows")))
    account = RowAccount(data["account"]["n_log"], data["account"]["n_judged"], tuple((r, n) for r, n in data["account"]["left_out"]))
    traffic = None
    if data["n_hours"] is not None:
        columns = folder.read_columns(root / "replay" / TRAFFIC)
        traffic = Traffic(np.array(columns["minute"]), np.array(columns["requests"]), data["n_hours"])
    return StoredReplay(grid, account, tuple(data["notes"]), traffic)
