"""Profiles as text: saved, hashed, and read again in place of the rows."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.records.profile import QUANTILES, Bins, Cardinality, CellMoments, ColumnProfile, LogProfile

FORMAT = 1


def profile_text(profile: LogProfile) -> str:
    """Return a profile as JSON; its sha256 is of everything else in it. NaN is null."""
    body = {
        "format": FORMAT,
        "n_rows": profile.n_rows,
        "source": profile.source,
        "quantiles_at": QUANTILES,
        "columns": [_column(c) for c in profile.columns],
    }
    return json.dumps({"sha256": _digest(body), **body}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def profile_of_text(text: str, name: str) -> LogProfile:
    """Read a profile that `profile_text` wrote; `name` is of its file.

    Raises
    ------
    ReplayError
        When it is none, of another format, or not what was written.
    """
    try:
        data = json.loads(text)
        found, version = data.pop("sha256"), data["format"]
    except (ValueError, AttributeError, KeyError, TypeError) as trouble:
        raise ReplayError(
            f"drift.reference_profile: {name} is no profile; name a replay/profile.json that harness drift wrote"
        ) from trouble
    if version != FORMAT:
        raise ReplayError(
            f"drift.reference_profile: {name} has format {version}, this harness reads {FORMAT}; write it again by harness drift"
        )
    if found != _digest(data):
        raise ReplayError(f"drift.reference_profile: {name} is not what harness drift wrote (its sha256 differs); write it again")
    return LogProfile(data["n_rows"], tuple(_read_column(c) for c in data["columns"]), data["source"], found)


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _column(c: ColumnProfile) -> dict[str, Any]:
    return {
        "name": c.name,
        "type": c.type,
        "kind": c.kind,
        "edges": list(c.bins.edges),
        "categories": list(c.bins.categories),
        "moments": {f.name: _plain(getattr(c.moments, f.name)) for f in fields(CellMoments)},
        "counts": c.counts.tolist(),
        "quantiles": None if c.quantiles is None else _plain(c.quantiles),
        "quantile_method": c.quantile_method,
        "n_distinct": c.cardinality.n_distinct,
        "n_distinct_method": c.cardinality.method,
        "n_distinct_sketch": base64.b64encode(c.cardinality.sketch).decode(),
        "top": [list(t) for t in c.top],
        "windows": list(c.window_names),
        "slice_by": list(c.slice_by),
        "slice_value": list(c.slice_value),
        "note": c.note,
    }


def _plain(values: NDArray[Any]) -> list[Any]:
    return [
        None if isinstance(v, float) and math.isnan(v) else v if not isinstance(v, float) or math.isfinite(v) else str(v)
        for v in values.tolist()
    ]


def _read_column(data: dict[str, Any]) -> ColumnProfile:
    moments = {k: np.array([np.nan if v is None else float(v) for v in values]) for k, values in data["moments"].items()}
    moments |= {k: np.array(data["moments"][k], np.int64) for k in ("n_rows", "n_missing", "n_infinite")}
    quantiles = data["quantiles"]
    bins = Bins(tuple(data["edges"]), tuple(data["categories"]))
    sketch = base64.b64decode(data["n_distinct_sketch"])
    return ColumnProfile(
        name=data["name"],
        type=data["type"],
        kind=data["kind"],
        bins=bins,
        moments=CellMoments(**moments),
        counts=np.array(data["counts"], np.int64).reshape(-1, bins.n_bins),
        quantiles=None if quantiles is None else np.array([np.nan if v is None else v for v in quantiles], np.float64),
        quantile_method=data["quantile_method"],
        cardinality=Cardinality(data["n_distinct"], data["n_distinct_method"], sketch),
        top=tuple((str(name), int(n)) for name, n in data["top"]),
        window_names=tuple(data["windows"]),
        slice_by=tuple(data["slice_by"]),
        slice_value=tuple(data["slice_value"]),
        note=data["note"],
    )
