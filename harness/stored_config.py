"""The configuration of stored results: as it was swept, with the groups that are named today composed anew."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from harness.config import Composed, Composer, shipped_conf
from harness.records.conf import SweepConf
from harness.sweep_schema import read_sweep, variant_of

_PLAIN_OPTIONS = {
    "replay": "flights",
    "model": "logistic",
    "metrics": "accuracy",
    **dict.fromkeys(("drift", "measure", "price", "gain", "review", "slice_search"), "none"),
}


def compose_stored(
    saved: Sequence[tuple[str, str]], kept: Sequence[str], given: Sequence[str], config_dirs: Sequence[str] = ()
) -> SweepConf:
    """Type the configuration that a sweep saved, with the groups that `given` overrides composed anew.

    What is not named is as it was swept, whatever has become of its option's file.

    Parameters
    ----------
    saved
        Per variant its full name and the YAML that `SweepConf.saved` holds.
    kept
        The overrides of the sweep.
    given
        Overrides of today.

    Raises
    ------
    ConfigError
        When an override cannot be composed, or what it gives cannot be read.
    """
    touched = dict.fromkeys(_top(line) for line in given)
    trees = [tree for _, text in saved if isinstance(tree := OmegaConf.create(text), DictConfig)]
    if given:
        composer = Composer(config_dirs)
        # Groups that nobody asks for are composed from shipped options, so that it does not matter what has become of the swept ones.
        rest = [f"{group}={option}" for group, option in _PLAIN_OPTIONS.items() if group not in touched]
        base = composer.base([*_still_of_use(kept, given, touched, composer), *rest, *given])
        for key in touched:
            for tree in trees:
                tree[key] = base.tree.get(key)
    composed = [Composed(tree, ()) for tree in trees]
    dirs = (*map(Path, config_dirs), shipped_conf())
    labels = [label for label, _ in saved]
    variants = tuple(variant_of(c.plain, label) for c, label in zip(composed, labels, strict=True))
    texts = tuple((label, OmegaConf.to_yaml(tree, resolve=False)) for label, tree in zip(labels, trees, strict=True))
    return read_sweep(composed[0].plain, variants, texts, dirs, tuple(config_dirs))


def _still_of_use(kept: Sequence[str], given: Sequence[str], touched: Iterable[str], composer: Composer) -> list[str]:
    """Return the sweep's overrides that bear on the groups that are composed anew, less those that are given anew."""
    keys = [line.split("=")[0].lstrip("+~") for line in given]
    found = []
    for line in kept:
        key = line.split("=")[0].lstrip("+~")
        is_replaced = any(key == k or key.startswith(f"{k}.") for k in keys)
        is_sweep = key == "sweep" and line.split("=")[-1] in composer.options("sweep")
        if not is_replaced and (is_sweep or _top(line) in touched):
            found.append(line)
    return found


def _top(line: str) -> str:
    return re.split(r"[=.@/]", line.lstrip("+~"))[0]
