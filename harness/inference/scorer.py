"""Which class scores a plan, and on which execution provider: by its device alone, never by what happens to work."""

from __future__ import annotations

from typing import Any

from harness.records.model import ScoringPlan


def open_scorer(plan: ScoringPlan, device_id: int = 0) -> Any:
    """Return an OnnxCuda for a plan on a card, else an OnnxCpu; both have `run`, `score` and `session`.

    Raises
    ------
    DeviceError
        When the card cannot be used; nothing falls back.
    ModelError
        When the model cannot be loaded.
    """
    if plan.device == "cuda":
        from harness.inference.onnx_cuda import OnnxCuda

        return OnnxCuda(plan, device_id)
    from harness.inference.onnx_cpu import OnnxCpu

    return OnnxCpu(plan)


def provider_of(plan: ScoringPlan) -> str:
    """Return the execution provider that a plan asks for, as ONNX Runtime names it.

    >>> provider_of(ScoringPlan("v", "onnx", "m.onnx", "0", (), "y", "none", None, 1, None, "cpu"))
    'CPUExecutionProvider'
    """
    if plan.device != "cuda":
        return "CPUExecutionProvider"
    from harness.inference.session import PROVIDERS

    return PROVIDERS[plan.card.provider if plan.card else "cuda"]
