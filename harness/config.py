"""Composes the conf groups with Hydra, types them, and refuses whatever cannot run before a byte is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from harness.drift_schema import read_drift_run
from harness.errors import ConfigError, did_you_mean, one_of
from harness.node import Node
from harness.records.conf import DriftRunConf, SweepConf
from harness.sweep_schema import read_sweep, variant_of

GROUPS = ("replay", "model", "metrics", "drift", "measure", "price", "gain", "review", "slice_search", "sweep")
TOP_LEVEL = (
    *GROUPS,
    "name",
    "champion",
    "candidate",
    "device",
    "results_dir",
    "cache_dir",
    "confidence",
    "seed",
    "timeout_s",
    "force",
    "retrain",
    "params",
)
_user_dirs: list[str] = []


class UserConf(SearchPathPlugin):
    """Puts the folders of --config-dir before the shipped conf, so that their options win."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Prepend the user's folders."""
        for folder in reversed(_user_dirs):
            search_path.prepend("user", f"file://{folder}")


def shipped_conf() -> Path:
    """Return the folder of shipped options: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"


@dataclass(frozen=True)
class Composed:
    """One combination: its configuration as composed, and the swept keys that tell it from the others."""

    tree: DictConfig
    swept: tuple[tuple[str, str], ...]

    @property
    def plain(self) -> Any:
        """The configuration resolved into plain containers."""
        try:
            return OmegaConf.to_container(self.tree, resolve=True)
        except OmegaConfBaseException as trouble:
            raise ConfigError(f"configuration: {_one_line(trouble)}; set the value or give the interpolation a default") from trouble


class Composer:
    """Composes combinations of overrides from the shipped options and a user's own."""

    def __init__(self, config_dirs: Sequence[str] = ()) -> None:
        self.user_dirs = tuple(Path(folder).resolve() for folder in config_dirs)
        for folder in self.user_dirs:
            if not folder.is_dir():
                raise ConfigError(f"--config-dir: no folder {folder}; create it or correct the path")
            _refuse_hydra_node(folder)
        self.dirs = (*self.user_dirs, shipped_conf())
        _user_dirs[:] = [str(folder) for folder in self.user_dirs]
        Plugins.instance().register(UserConf)

    def options(self, group: str) -> list[str]:
        """Names of the options of a group, the user's included."""
        return sorted({f.stem for folder in self.dirs for f in (folder / group).glob("*.yaml")})

    def overridden(self) -> list[str]:
        """Options of the user's folders that replace a shipped one of the same name."""
        shipped = self.dirs[-1]
        return [
            f"{f.parent.name}/{f.stem}"
            for folder in self.user_dirs
            for f in sorted(folder.glob("*/*.yaml"))
            if (shipped / f.parent.name / f.name).exists()
        ]

    def combinations(self, overrides: Sequence[str]) -> list[Composed]:
        """Compose one configuration per combination of the swept values, all before anything runs."""
        with self._hydra():
            parsed = _parse(overrides)
            for override in parsed:
                self._check_override(override)
            fixed = [_forced(o) for o in parsed if not o.is_sweep_override()]
            given = {o.get_key_element(): o for o in parsed}
            swept = [(o.get_key_element(), _sweep_values(o)) for o in parsed if o.is_sweep_override()]
            base = self._one(fixed, ())
            for key, values in self._params(base).items():
                if key not in given:
                    swept.append((key, values))
            for key, _ in swept:
                if key not in ("model", "device") and not key.startswith("model."):
                    raise ConfigError(f"{key}: cannot be swept, its rows would not compare; sweep model, a key under model., or device")
            if not swept:
                return [base]
            combos = itertools.product(*(v for _, v in swept))
            return [self._with_metrics_of(base, fixed, tuple(zip([k for k, _ in swept], combo, strict=True))) for combo in combos]

    def single(self, overrides: Sequence[str]) -> Composed:
        """Compose the one configuration of a command that looks at one log; what a named sweep sweeps is left out."""
        with self._hydra():
            for override in _parse(overrides):
                if override.is_sweep_override():
                    raise ConfigError(f"{override.get_key_element()}: found several values, and this command looks at one log; give one")
        return self.base(overrides)

    def base(self, overrides: Sequence[str]) -> Composed:
        """Compose what is common to all combinations: every override but the swept ones."""
        with self._hydra():
            parsed = _parse(overrides)
            for override in parsed:
                self._check_override(override)
            return self._one([_forced(o) for o in parsed if not o.is_sweep_override()], ())

    def _with_metrics_of(self, base: Composed, fixed: list[str], swept: tuple[tuple[str, str], ...]) -> Composed:
        """Compose one combination; metrics are common to all, and their many files are read for `base` only."""
        name = next(iter(base.tree.get("metrics") or {}), None)
        if name not in self.options("metrics"):
            return self._one(fixed, swept)
        rest = [line for line in fixed if re.split(r"[=.@]", line.lstrip("+~"))[0] != "metrics"]
        found = self._one([*rest, f"metrics=[{name}]"], swept)
        with open_dict(found.tree):
            found.tree.metrics = base.tree.metrics
        return found

    def _params(self, base: Composed) -> dict[str, list[str]]:
        params = base.plain.get("params") or {}
        found = {}
        for key, values in Node(params, "params").data.items():
            self._check_override(_parse([f"{key}=x"])[0], value=False)
            listed = values.split(",") if isinstance(values, str) else values
            found[str(key)] = [str(v).strip() for v in listed]
            if key == "model":
                for value in found["model"]:
                    self._check_option("model", value)
        return found

    def _one(self, fixed: list[str], swept: tuple[tuple[str, str], ...]) -> Composed:
        try:
            tree = compose(config_name="config", overrides=[*fixed, *(_swept_override(k, v) for k, v in swept)])
        except (HydraException, OmegaConfBaseException) as trouble:
            raise self._explained(trouble) from trouble
        except yaml.YAMLError as trouble:
            raise ConfigError(f"configuration: YAML cannot be read: {_one_line(trouble)}; mend the file at that line") from trouble
        return Composed(tree, swept)

    def _explained(self, trouble: Exception) -> ConfigError:
        text = _one_line(trouble)
        option = re.search(r"Could not find '([\w/]+)/([^'/]+)'", text)
        if option and option[1] in GROUPS:
            return ConfigError(self._no_option(option[1], option[2]))
        merge = re.search(r"Error merging override \+*([^=]+)=(.*)", text)
        if merge:
            return ConfigError(
                f"{merge[1]}: found {merge[2]}, which has another form than the option's; write it as the option's file does"
            )
        return ConfigError(f"configuration: {text}")

    def _check_override(self, override: Override, value: bool = True) -> None:
        key = override.get_key_element().lstrip("+~")
        group = key.split("@")[0]
        top = re.split(r"[./]", group)[0]
        if top == "hydra":
            raise ConfigError(f"{key}: the hydra node is the harness's own; take this override out")
        if top not in TOP_LEVEL:
            last = re.split(r"[./]", group)[-1]
            meant = last if last in TOP_LEVEL else top  # deploy.device: device is a key of its own
            raise ConfigError(f"{key}: unknown key; keys are: {one_of(TOP_LEVEL, 30)}{did_you_mean(meant, TOP_LEVEL)}")
        if value and group in GROUPS and group != "metrics" and not override.is_delete():
            for choice in _sweep_values(override):
                self._check_option(group, choice)
        if group == "metrics" and override.is_sweep_override():
            raise ConfigError("metrics: cannot be swept; name several in brackets, as metrics=[auc,brier]")
        if value and group == "metrics" and not override.is_delete():
            raw: Any = override.value()
            for choice in raw if isinstance(raw, list) else [raw]:
                self._check_option(group, "null" if choice is None else str(choice))

    def _check_option(self, group: str, choice: str) -> None:
        if group == "sweep" and choice in ("null", "None"):
            return
        if choice not in self.options(group):
            raise ConfigError(self._no_option(group, choice))

    def _no_option(self, group: str, choice: str) -> str:
        names = self.options(group)
        near = did_you_mean(choice, [n for n in names if n != "none"])  # `none` switches something off: never a guess
        return f"{group}: no option '{choice}'; options are: {one_of(names, 30)}{near}"

    def _hydra(self) -> Any:
        GlobalHydra.instance().clear()
        return initialize_config_dir(config_dir=str(shipped_conf()), version_base="1.3", job_name="harness")


def compose_sweep(overrides: Sequence[str], config_dirs: Sequence[str] = ()) -> SweepConf:
    """Compose and type everything that one sweep needs.

    Raises
    ------
    ConfigError
        When any combination cannot run; the message names the key.
    """
    composer = Composer(config_dirs)
    combos = composer.combinations(overrides)
    variants = tuple(variant_of(c.plain, _label(c)) for c in combos)
    labels = [v.label for v in variants]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(f"model.name: two variants are called '{label}'; give each its own name")
    saved = tuple((label, OmegaConf.to_yaml(c.tree, resolve=False)) for label, c in zip(labels, combos, strict=True))
    return read_sweep(combos[0].plain, variants, saved, composer.dirs, tuple(map(str, composer.user_dirs)))


def compose_drift(overrides: Sequence[str], config_dirs: Sequence[str] = ()) -> DriftRunConf:
    """Compose and type what `harness drift` needs: a log and its reference, no model.

    Raises
    ------
    ConfigError
        When it cannot run; the message names the key.
    """
    return read_drift_run(Composer(config_dirs).single(overrides).plain)


def _label(combo: Composed) -> str:
    name = Node(combo.plain.get("model"), "model").text("name")
    extra = [f"{k.removeprefix('model.')}={v}" for k, v in combo.swept if k != "model"]
    return f"{name}[{','.join(extra)}]" if extra else str(name)


def _parse(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    parsed = []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except HydraException as trouble:
            hint = "; quote odd texts twice, as \"key='a<b'\"" if "=" in text else f"; did you mean sweep={text}?"
            raise ConfigError(f"override '{text}': cannot be read; wanted key=value, as model=logistic,mlp{hint}") from trouble
    return parsed


def _forced(override: Override) -> str:
    """Let an override add a key that the option's file leaves out; what no room knows is refused when it is typed."""
    line = override.input_line or ""
    if override.get_key_element() in GROUPS and isinstance(override.value(), (int, float)):
        return _swept_override(override.get_key_element(), str(override.get_value_element_as_str()))
    return f"++{line}" if "." in override.get_key_element().split("@")[0] and line[:1] not in "+~" else line


def _swept_override(key: str, value: str) -> str:
    """Write an override; an option's name is quoted, since one that is called nan or 7 would be read as a number."""
    return f"{key}='{value}'" if key in GROUPS else f"{'++' if '.' in key else ''}{key}={value}"


def _sweep_values(override: Override) -> list[str]:
    if override.is_sweep_override():
        return [str(v) for v in override.sweep_string_iterator()]
    return [str(override.get_value_element_as_str())]


def _refuse_hydra_node(folder: Path) -> None:
    for file in sorted(folder.rglob("*.yaml")):
        try:
            text = file.read_text()
            data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # the one in C where it is there
        except (yaml.YAMLError, UnicodeDecodeError) as trouble:
            raise ConfigError(f"{file}: YAML cannot be read: {_one_line(trouble)}; mend the file at that line") from trouble
        if data is not None and not isinstance(data, Mapping):
            raise ConfigError(f"{file}: found {type(data).__name__}, wanted keys and values; write it as the shipped options are")
        defaults = data.get("defaults") if isinstance(data, Mapping) else None
        touches = isinstance(data, Mapping) and "hydra" in data
        touches |= bool(re.search(r"^#\s*@package\s+hydra\b", text, re.MULTILINE)) or file.relative_to(folder).parts[0] == "hydra"
        touches |= any(
            re.match(r"(override\s+)?/?(hydra\b|[^@]*@hydra\b)", str(key)) for item in defaults or [] for key in _entry_names(item)
        )
        if touches:
            raise ConfigError(f"{file}: touches the hydra node, which is the harness's own; take that part out")


def _entry_names(item: Any) -> Iterable[str]:
    return map(str, item) if isinstance(item, Mapping) else [str(item)]


def _one_line(trouble: Exception) -> str:
    return " ".join(str(trouble).split())
