"""How long a model takes for a row, from one batch of zeros: what a dry run says of time."""

from __future__ import annotations

import math
import time

from harness.records.model import ScoringPlan
from harness.workers.child import Channel, run_child

_ROWS = 1024


def seconds_per_row(plan: ScoringPlan) -> float:
    """Return about how many seconds one row takes; NaN when the model does not run on zeros."""
    outcome = run_child(_probe, (plan,), 60.0, None, lambda _: None)
    return float(outcome.value) if outcome.status == "ok" else math.nan


def _probe(channel: Channel, plan: ScoringPlan) -> float:
    import os

    import numpy as np

    from harness.inference.scorer import open_scorer

    # What the runtime prints about a model that it cannot run is not for the reader of a plan.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    rows = plan.fixed_batch or _ROWS
    dtypes = {"float": np.float32, "double": np.float64, "int64": np.int64, "string": object}
    tensors = [np.zeros((rows, math.prod(i.tail)), dtypes[i.group.dtype]) for i in plan.inputs]
    for tensor in tensors:
        if tensor.dtype == object:
            tensor[:] = ""
    model = open_scorer(plan)
    model.run(tensors)
    channel.progress(1)
    began = time.perf_counter()
    model.run(tensors)
    return (time.perf_counter() - began) / rows
