"""Matches a variant's configuration with its model file: which columns fill which input, which output is the score."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.errors import ConfigError, DeviceError, ModelError, did_you_mean, one_of
from harness.records.conf import ReplayConf, VariantConf
from harness.records.model import CardPlan, ModelSummary, PlannedInput, ScoringPlan, Tensor
from harness.records.replay import InputGroup, LogFiles

BATCH_ROWS = 16_384
_BATCH_BYTES = 64 << 20  # a wide tensor gets a smaller batch, so that one batch of inputs stays below this
_WIDTHS: dict[str, tuple[str, Callable[[int], bool]]] = {
    "binary": ("one or two", lambda k: k <= 2),
    "regression": ("one", lambda k: k == 1),
    "multiclass": ("one per class", lambda k: k >= 2),
}
_INPUT_DTYPES = ("float", "double", "int64", "string")


def plan_logged(variant: VariantConf, replay: ReplayConf) -> ScoringPlan:
    """Plan a variant whose score stands in the log; the scores of several classes are one fixed-size list."""
    assert variant.column is not None
    group = InputGroup((variant.column,), "double" if replay.task == "regression" else "float")
    planned = (PlannedInput(variant.column, group, ()),)
    return ScoringPlan(variant.label, "logged", None, None, planned, None, variant.transform, None, 1 << 20, None, "cpu", replay.task)


def plan_onnx(variant: VariantConf, summary: ModelSummary, replay: ReplayConf, log: LogFiles) -> ScoringPlan:
    """Plan a variant whose score an ONNX file computes.

    Raises
    ------
    ModelError
        When the file's inputs, outputs or precision are not what the configuration says.
    """
    if summary.precision != variant.precision:
        raise ModelError(
            f"model.precision: variant '{variant.label}' claims {variant.precision}, and {summary.path} is {summary.precision};"
            f" set precision: {summary.precision} or export it again"
        )
    card = _card(variant, summary)
    inputs = _inputs(variant, summary, replay, log)
    output = _output(variant, summary, replay)
    fixed = {t.shape[0] for t in summary.inputs if t.shape and t.shape[0] is not None}
    if len(fixed) > 1:
        raise ModelError(
            f"model.path: the inputs of {summary.path} have different fixed batch sizes {sorted(map(str, fixed))}; export it with a free batch dimension"
        )
    fixed_batch = fixed.pop() if fixed else None
    width = sum(math.prod(i.tail) * (8 if i.group.dtype in ("double", "int64") else 4) for i in inputs)
    batch_rows = variant.deploy.batch_rows or max(1, min(BATCH_ROWS, _BATCH_BYTES // max(1, width)))
    return ScoringPlan(
        variant=variant.label,
        source="onnx",
        path=summary.path,
        sha256=summary.sha256,
        inputs=inputs,
        output=output.name,
        transform=variant.transform,
        fixed_batch=fixed_batch,
        batch_rows=fixed_batch or batch_rows,
        threads=variant.deploy.threads,
        device=variant.device,
        task=replay.task,
        card=card,
    )


def _card(variant: VariantConf, summary: ModelSummary) -> CardPlan | None:
    """Return how the variant runs on a card; None on the CPU, for which the options of a card are refused."""
    deploy = variant.deploy
    if variant.device != "cuda":
        given = [name for name in ("provider", "cuda_graph", "allow_cpu_nodes") if getattr(deploy, name)]
        if given:
            raise ConfigError(
                f"deploy.{given[0]}: variant '{variant.label}' runs on the CPU, and this is of a card; leave it out or set device=cuda"
            )
        return None
    from harness.inference.session import ops_without_kernel, refusal

    if deploy.cuda_graph and deploy.allow_cpu_nodes:
        raise ConfigError(
            f"deploy.cuda_graph: variant '{variant.label}' allows nodes on the CPU, and a graph captures the card's alone; set one of the two to false"
        )
    texts = [tensor.name for tensor in summary.inputs if tensor.dtype == "string"]
    if texts:
        raise DeviceError(
            f"device: variant '{variant.label}' takes texts (input '{texts[0]}'), which no card computes on; set deploy.device=cpu"
        )
    lacking = () if deploy.allow_cpu_nodes else ops_without_kernel(summary.path)
    if lacking:
        raise DeviceError(refusal(variant.label, lacking, "nodes"))
    return CardPlan(deploy.provider or "cuda", deploy.cuda_graph, deploy.allow_cpu_nodes)


def _inputs(variant: VariantConf, summary: ModelSummary, replay: ReplayConf, log: LogFiles) -> tuple[PlannedInput, ...]:
    names = [t.name for t in summary.inputs]
    features = variant.features if variant.features is not None else replay.features
    if variant.inputs:
        for given in variant.inputs:
            if given.name not in names:
                raise ModelError(
                    f"model.inputs.{given.name}: {summary.path} has no such input{did_you_mean(given.name, names)}; its inputs are: {one_of(names)}"
                )
        lacking = sorted(set(names) - {i.name for i in variant.inputs})
        if lacking:
            raise ModelError(f"model.inputs: nothing fills input '{lacking[0]}' of {summary.path}; name its columns")
        by_name = {i.name: i for i in variant.inputs}
        return tuple(_planned(t, by_name[t.name].columns, by_name[t.name].dtype, summary, log) for t in summary.inputs)
    if not features:
        raise ModelError(
            f"replay.features: empty, and variant '{variant.label}' has a model that needs features; name the columns in its input order"
        )
    if len(names) > 1 and set(names) <= set(features):
        return tuple(_planned(t, (t.name,), None, summary, log) for t in summary.inputs)
    if len(names) != 1:
        raise ModelError(
            f"model.inputs: {summary.path} has {len(names)} inputs ({one_of(names)}); say which columns fill each, as inputs: {{{names[0]}: {{columns: [...]}}}}"
        )
    return (_planned(summary.inputs[0], features, None, summary, log),)


def _planned(tensor: Tensor, columns: tuple[str, ...], dtype: str | None, summary: ModelSummary, log: LogFiles) -> PlannedInput:
    if tensor.dtype not in _INPUT_DTYPES:
        raise ModelError(
            f"model.path: input '{tensor.name}' of {summary.path} takes {tensor.dtype}, wanted one of {one_of(_INPUT_DTYPES)}; export it with such an input"
        )
    if dtype is not None and dtype != tensor.dtype:
        raise ModelError(
            f"model.inputs.{tensor.name}.dtype: found {dtype}, and {summary.path} takes {tensor.dtype}; correct it or leave it out"
        )
    width = sum(c.width for c in (log.column(name) for name in columns) if c is not None)
    tail = tensor.shape[1:]
    free = sum(d is None for d in tail)
    known = math.prod(d for d in tail if d is not None)
    fits = known == width if free == 0 else (free == 1 and width % known == 0)
    if not fits:
        wanted = "×".join("?" if d is None else str(d) for d in tail) or "1"
        raise ModelError(
            f"model.path: input '{tensor.name}' of {summary.path} takes {wanted} features, and {width} columns are given ({one_of(columns, 6)});"
            " set replay.features, or features of the variant, to those that it was trained on"
        )
    return PlannedInput(tensor.name, InputGroup(columns, tensor.dtype), tuple(width // known if d is None else d for d in tail))


def _output(variant: VariantConf, summary: ModelSummary, replay: ReplayConf) -> Tensor:
    names = [t.name for t in summary.outputs]
    if variant.output is not None:
        chosen = next((t for t in summary.outputs if t.name == variant.output), None)
        if chosen is None:
            raise ModelError(
                f"model.output: {summary.path} has no output '{variant.output}'{did_you_mean(variant.output, names)}; its outputs are: {one_of(names)}"
            )
    else:
        floats = [t for t in summary.outputs if t.dtype in ("float", "double")]
        if len(floats) > 1:
            raise ModelError(
                f"model.output: {summary.path} has {len(floats)} float outputs ({one_of([t.name for t in floats])}); name one, as output: {floats[0].name}"
            )
        if not floats:
            kinds = one_of([f"{t.name}: {t.dtype}" for t in summary.outputs])
            raise ModelError(
                f"model.output: {summary.path} has no float output ({kinds}); export its probabilities as a tensor (with skl2onnx: options={{'zipmap': False}})"
            )
        chosen = floats[0]
    if chosen.dtype not in ("float", "double"):
        raise ModelError(
            f"model.output: output '{chosen.name}' of {summary.path} is {chosen.dtype}, wanted float or double; name another of {one_of(names)}"
        )
    _check_width(chosen, summary, replay)
    if replay.task == "regression" and variant.transform != "none":
        raise ModelError(f"model.transform: found {variant.transform}, wanted none for task regression: predictions are taken as they are")
    return chosen


def _check_width(output: Tensor, summary: ModelSummary, replay: ReplayConf) -> None:
    width = output.shape[-1] if output.shape[1:] else 1
    if width is None:
        return
    wanted, fits = _WIDTHS[replay.task]
    found = f"model.output: output '{output.name}' of {summary.path} has {width} column{'s' * (width > 1)}"
    if not fits(width):
        raise ModelError(f"{found}, wanted {wanted} for task {replay.task}; name another output or set replay.task")
    if replay.classes and width != len(replay.classes):
        raise ModelError(
            f"{found}, wanted {len(replay.classes)}, one for each of replay.classes ({one_of(replay.classes, 6)}); state the model's classes"
            " in its order, or name another output"
        )
