"""A configuration that cannot run is refused in one sentence that names the key and the nearest right one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.test_cli_refused_log import assert_refused
from tests.conftest import Said, World

Harness = Callable[[Sequence[str]], Said]

OVERRIDES = {
    "unknown key": (["replay.featurs=[a]"], ["replay.featurs: unknown key", "did you mean 'features'?"]),
    "top key under another": (["deploy.device=cuda"], ["deploy.device: unknown key", "did you mean 'device'?"]),
    "unknown top key": (["champoin=good"], ["champoin: unknown key", "did you mean 'champion'?"]),
    "unknown replay": (["replay=tinny"], ["replay: no option 'tinny'", "did you mean 'tiny'?"]),
    "unknown model": (["model=goood"], ["model: no option 'goood'", "did you mean 'good'?"]),
    "unknown metric": (["metrics=aux"], ["metrics: no option 'aux'", "did you mean 'auc'?"]),
    "unknown metric of several": (["metrics=[auc,breir]"], ["metrics: no option 'breir'", "did you mean 'brier'?"]),
    "unknown review": (["review=standart"], ["review: no option 'standart'", "did you mean 'standard'?"]),
    "no metric": (["metrics=null"], ["metrics: no option 'null'"]),
    "no model": (["model=null"], ["model: no option 'null'"]),
    "model taken out": (["~model"], ["model: found None"]),
    "unknown champion": (["champion=god"], ["champion: no variant 'god' in this sweep", "did you mean 'good'?"]),
    "unknown candidate": (["candidate=god"], ["candidate: no variant 'god'", "did you mean 'good'?"]),
    "two variants of a name": (["model=good,worse", "model.name=same"], ["two variants are called 'same'"]),
    "one variant twice": (["model=good,good"], ["two variants are called 'good'"]),
    "replay swept": (["replay=tiny,flights"], ["replay: cannot be swept"]),
    "name swept": (["name=a,b"], ["name: cannot be swept"]),
    "name that is a path": (["name=../elsewhere"], ["name: found '../elsewhere', wanted a plain folder name"]),
    "hydra overridden": (["hydra.run.dir=elsewhere"], ["hydra node is the harness's own"]),
    "hydra added": (["+hydra.x=1"], ["hydra node is the harness's own"]),
    "no override": (["what"], ["override 'what'", "wanted key=value"]),
    "override cut off": (["replay.features=[a"], ["override 'replay.features=[a'", "cannot be read"]),
    "foreign target": (["+gain._target_=os.system"], ["gain._target_: 'os.system' is not a GainRule"]),
    "foreign target through us": (["+gain._target_=harness.cli.sys.exit"], ["'harness.cli.sys.exit' is not a GainRule"]),
    "target imported into a room": (["+gain._target_=harness.gain.value_matrix.dataclass"], ["is not a GainRule"]),
    "unknown gate": (["+review.gates.g._target_=harness.gates.net_gain.NetGane"], ["'harness.gates.net_gain.NetGane' is not a Gate"]),
    "cuda without a card": (["device=cuda"], ["device: cuda was asked for by variant 'good'", "use device=cpu"]),
    "unknown device": (["device=gpu"], ["device: found 'gpu', wanted one of cpu, cuda"]),
    "threshold of words": (["model.threshold=high"], ["model.threshold: found 'high'", "{maximise: gain}"]),
    "threshold of percent": (["model.threshold=50"], ["model.threshold: found 50, wanted a number between 0 and 1"]),
    "threshold of no number": (["model.threshold=nan"], ["model.threshold: found nan"]),
    "gain to maximise, and none": (["model.threshold={maximise: gain}"], ["maximises gain, and gain=none"]),
    "champion to match, and none": (["model.threshold={match: champion}"], ["matches the champion", "set champion="]),
    "confidence of percent": (["confidence=95"], ["confidence: found 95, wanted a number between 0.5 and 0.9999"]),
    "no time at all": (["timeout_s=-1"], ["timeout_s: found -1"]),
    "windows of years": (["replay.windows=1y"], ["replay.windows: found '1y'", "1mo"]),
    "windows of no rows": (["replay.windows={rows: 0}"], ["replay.windows.rows: found 0"]),
    "edges that fall": (
        ["replay.slices={columns: [{column: amount, edges: [3, 1]}]}"],
        ["edges: found [3, 1], wanted numbers in ascending order"],
    ),
    "a cross of what is not sliced": (
        ["replay.slices={columns: [country], crosses: [[country, chanel]]}"],
        ["'chanel' is not among slices.columns"],
    ),
    "slices as a list": (["replay.slices=[country]"], ["replay.slices", "[country]"]),
    "columns as a text": (["replay.slices.columns=country"], ["replay.slices.columns: found 'country', wanted a list"]),
    "where without values": (["replay.where=[{column: country, in: []}]"], ["replay.where[0].in: found an empty list"]),
    "where with is": (["replay.where=[{column: country, is: [DE]}]"], ["replay.where[0].in: not given"]),
    "where as one rule": (["replay.where={column: country, in: [DE]}"], ["replay.where: found", "wanted a list"]),
    "a date of words": (["model.trained_until=yesterday"], ["model.trained_until: found 'yesterday', wanted a date"]),
    "a period that ends before": (
        ["replay.reference={from: 2025-03-01, until: 2025-02-01}"],
        ["replay.reference: from 2025-03-01", "swap them"],
    ),
    "a feature twice": (["replay.features=[age,age,ratio]"], ["replay.features: age stands there more than once"]),
    "a task of no kind": (["replay.task=ranking"], ["replay.task: found 'ranking', wanted one of binary, multiclass, regression"]),
    "a positive value of numbers": (["replay.task=regression"], ["replay.positive: found 1, and task regression has no positive value"]),
    "classes of two values": (["replay.classes=[a,b]"], ["replay.classes: found 'a', 'b', and task binary has no classes; leave them out"]),
    "a label that is also the weight": (["replay.weight=late"], ["replay.weight: 'late' is also the label; name another column"]),
    "a time that is also the cluster": (["replay.cluster=asked_at"], ["replay.cluster: 'asked_at' is also the time"]),
    "a weight that is also the cluster": (
        ["replay.cluster=n_items", "replay.weight=n_items"],
        ["replay.weight: 'n_items' is also the cluster"],
    ),
    "two sources of labels": (
        ["replay.labels={path: l.parquet, on: request_id, column: late}"],
        ["replay.label: found 'late' beside labels from 'l.parquet', wanted one source of labels"],
    ),
    "labels by no key": (
        ["replay.label=null", "replay.labels={path: l.parquet, on: [], column: late}"],
        ["replay.labels.on: found an empty list; name the columns"],
    ),
    "labels without a key": (
        ["replay.label=null", "replay.labels={path: l.parquet, column: late}"],
        ["replay.labels.on: not given; add it"],
    ),
    "labels that are the key": (
        ["replay.label=null", "replay.labels={path: l.parquet, on: [late], column: late}"],
        ["replay.labels.column: 'late' is also a key of labels.on"],
    ),
    "labels that are their own time": (
        ["replay.label=null", "replay.labels={path: l.parquet, on: id, column: late, observed_at: late}"],
        ["replay.labels.observed_at: 'late' is also the label"],
    ),
    "labels with an unknown key": (
        ["replay.label=null", "replay.labels={path: l.parquet, on: id, column: late, observed: at}"],
        ["replay.labels.observed: unknown key", "did you mean 'observed_at'?"],
    ),
    "no label at all": (["replay.label=null"], ["replay.label: found null, and replay.labels is null too"]),
    "periods without a time column": (["replay.timestamp=null"], ["needs replay.timestamp, which is null"]),
    "an interpolation of nothing": (["seed=${nope}"], ["Interpolation key 'nope' not found"]),
    "an unknown price": (["price=c5_larg"], ["price: no option 'c5_larg'", "did you mean 'c5_large'?"]),
    "an unknown sku": (["price=c5_large", "price.sku=c5.larg"], ["price.sku: no sku 'c5.larg'", "did you mean 'c5.large'?"]),
}
FILES = {
    "YAML that cannot be read": ("replay/mine.yaml", "name: [tiny\npath: x\n", ["replay/mine.yaml: YAML cannot be read", "line 2"]),
    "YAML with a tab": ("replay/mine.yaml", "name: tiny\nslices:\n\tcolumns: []\n", ["replay/mine.yaml: YAML cannot be read"]),
    "a file that is no text": ("replay/mine.yaml", b"\xff\xfe\x00\x01", ["replay/mine.yaml", "cannot be read"]),
    "hydra at the top": ("sweep/mine.yaml", "# @package _global_\nhydra: {run: {dir: x}}\n", ["sweep/mine.yaml: touches the hydra node"]),
    "hydra as a package": ("sweep/mine.yaml", "# @package hydra\nrun: {dir: x}\n", ["sweep/mine.yaml: touches the hydra node"]),
    "hydra in the defaults": ("sweep/mine.yaml", "defaults: [{override /hydra/launcher: basic}]\n", ["touches the hydra node"]),
    "hydra as a package of the defaults": ("sweep/mine.yaml", "defaults: [{/model@hydra.run: good}]\n", ["touches the hydra node"]),
    "hydra as a folder": ("hydra/launcher/mine.yaml", "x: 1\n", ["touches the hydra node"]),
    "a list where keys belong": ("replay/mine.yaml", "[a, b]\n", ["replay/mine.yaml", "wanted keys and values"]),
}
REPLAY_KEYS = "name: mine\npath: {log}\ntask: binary\nfeatures: [amount, age, ratio]\n"
REPLAYS = {
    "positive: yes without quotes": ("label: late_text\npositive: yes\n", ["replay.positive: found True", "late_text", 'write "yes"']),
    "unknown key in a file": ("label: late\npositve: 1\n", ["replay.positve: unknown key", "did you mean 'positive'?"]),
    "no label": ("positive: 1\n", ["replay.label: not given"]),
    "labels of a moment that nobody names": (
        "labels: {path: l.parquet, on: request_id, column: late, observed_at: seen}\n",
        ["replay.labels.observed_at: found no moment to compare with, wanted label_maturity.as_of or a timestamp"],
    ),
    "a label file that is not there": (
        "labels: {path: l.parquet, on: request_id, column: late}\n",
        ["replay.labels.path: no file 'l.parquet'"],
    ),
    "a label file without a column": ("labels: {path: l.parquet, on: request_id}\n", ["replay.labels.column: not given; add it"]),
    "a period without dates": ("label: late\ntimestamp: asked_at\nreference: {}\n", ["replay.reference: found nothing"]),
}


CLASSES = {
    "one class": ("[a]", ["replay.classes: found 1 classes, wanted 2 to 1,000"]),
    "too many classes": (str(list(range(1001))), ["replay.classes: found 1,001 classes, wanted 2 to 1,000"]),
    "a class twice": ("[a, b, a]", ["replay.classes: a stands there more than once"]),
    "classes that YAML reads otherwise": (
        "[maybe, yes]",
        ["replay.classes: found 'maybe', True, wanted texts only", "put texts in quotes"],
    ),
    "classes of fractions": ("[0.5, 1.5]", ["replay.classes: found 0.5, 1.5, wanted texts only, whole numbers only"]),
    "classes as a text": ("cat", ["replay.classes: found 'cat', wanted a list"]),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_that_are_none(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    classes, words = CLASSES[case]
    (tmp_path / "mine" / "replay").mkdir(parents=True)
    text = REPLAY_KEYS.format(log=world.logs / "log.parquet").replace("binary", "multiclass") + f"label: country\nclasses: {classes}\n"
    (tmp_path / "mine" / "replay" / "mine.yaml").write_text(text)
    args = [*world.args(tmp_path / "results", "replay=mine", sweep=None), "--config-dir", str(tmp_path / "mine")]
    assert_refused(harness(args), words, tmp_path / "results")


@pytest.mark.parametrize("case", OVERRIDES)
def test_an_override_that_cannot_run(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    overrides, words = OVERRIDES[case]
    assert_refused(harness(world.args(tmp_path / "results", *overrides, sweep=None)), words, tmp_path / "results")


@pytest.mark.parametrize("case", FILES)
def test_a_conf_file_that_cannot_be_used(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    name, text, words = FILES[case]
    file = tmp_path / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    args = [*world.args(tmp_path / "results", sweep=None), "--config-dir", str(tmp_path / "mine")]
    assert_refused(harness(args), words, tmp_path / "results")


@pytest.mark.parametrize("case", REPLAYS)
def test_a_replay_file_that_cannot_run(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    text, words = REPLAYS[case]
    (tmp_path / "mine" / "replay").mkdir(parents=True)
    (tmp_path / "mine" / "replay" / "mine.yaml").write_text(REPLAY_KEYS.format(log=world.logs / "log.parquet") + text)
    args = [*world.args(tmp_path / "results", "replay=mine", sweep=None), "--config-dir", str(tmp_path / "mine")]
    assert_refused(harness(args), words, tmp_path / "results")


def test_a_config_dir_that_is_not_there(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness([*world.args(tmp_path / "results"), "--config-dir", str(tmp_path / "myconf")])
    assert_refused(said, ["--config-dir: no folder", "myconf"], tmp_path / "results")


@pytest.mark.parametrize(("column", "value"), [("billing_currency", ""), ("valid_from", "")])
def test_a_price_without_currency_or_date(column: str, value: str, harness: Harness, world: World, tmp_path: Path) -> None:
    cells = {
        "sku": "c5.large",
        "list_unit_price": "0.1",
        "pricing_unit": "hour",
        "billing_currency": "USD",
        "valid_from": "2025-01-01",
        "retrieved_at": "2025-01-01",
    } | {column: value}
    (tmp_path / "sheet.csv").write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    overrides = ["price=c5_large", f"price.file={tmp_path / 'sheet.csv'}", "price.region=null", "price.pricing_category=null"]
    said = harness(world.args(tmp_path / "results", *overrides, sweep=None))
    assert_refused(said, ["sheet.csv, line 2", column], tmp_path / "results")


def test_a_folder_for_results_that_is_a_file(harness: Harness, world: World, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("in the way")
    said = harness(world.args(tmp_path / "results", sweep=None))
    assert (said.code, (tmp_path / "results").read_text()) == (2, "in the way")
    assert "results_dir:" in said.err
    assert "cannot be written" in said.err


def test_a_folder_for_the_cache_that_is_a_file(harness: Harness, world: World, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    said = harness(world.args(tmp_path / "results", f"cache_dir={tmp_path / 'cache'}", sweep=None))
    assert_refused(said, ["cache_dir:", "cannot be written", "set cache_dir"], tmp_path / "results")


@pytest.mark.parametrize(
    "args", [["swep"], ["sweep", "--nope"], ["compare"], ["status", "nowhere"], ["compare", "nowhere"], ["signoff", "nowhere"]]
)
def test_a_command_line_that_cannot_be_meant(args: list[str], harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = harness(args)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert {"swep": "did you mean 'sweep'?", "sweep": "--nope", "compare": "", "status": "holds no sweep", "signoff": "holds no sweep"}[
        args[0]
    ] in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overrides", [["model=nan"], ["model=nan,good"]])
def test_an_option_that_is_called_like_a_number(overrides: list[str], world: World) -> None:
    from harness.config import compose_sweep

    conf = compose_sweep(["replay=tiny", "metrics=[auc]", *overrides], [str(world.conf)])
    assert conf.variants[0].label == "nan"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gates: {}\n", ["review.name: not given"]),
        ("name: mine\ngate: {}\n", ["review.gates: not given", "did you mean 'gate'"]),
        ("name: mine\ngates: {}\nlimit: 1\n", ["review.limit: unknown key"]),
    ],
)
def test_a_review_that_is_half_written(text: str, words: list[str], harness: Harness, world: World, tmp_path: Path) -> None:
    (tmp_path / "mine" / "review").mkdir(parents=True)
    (tmp_path / "mine" / "review" / "mine.yaml").write_text(text)
    args = [*world.args(tmp_path / "results", "review=mine", sweep=None), "--config-dir", str(tmp_path / "mine")]
    assert_refused(harness(args), words, tmp_path / "results")


def test_gain_and_price_in_two_currencies(harness: Harness, world: World, tmp_path: Path) -> None:
    overrides = ["price=c5_large", "gain=flights_example", "gain.currency=EUR"]
    said = harness(world.args(tmp_path / "results", *overrides, sweep=None))
    assert_refused(said, ["gain is in EUR", "in USD", "state both in one currency"], tmp_path / "results")


def test_a_drift_option_is_not_taken_in_silence(harness: Harness, world: World, tmp_path: Path) -> None:
    (tmp_path / "mine" / "drift").mkdir(parents=True)
    (tmp_path / "mine" / "drift" / "standard.yaml").write_text("name: standard\n")
    args = [*world.args(tmp_path / "results", "drift=standard", sweep=None), "--config-dir", str(tmp_path / "mine")]
    assert_refused(harness(args), ["drift.statistics: not given; add it"], tmp_path / "results")


def test_debug_shows_the_traceback_and_keeps_the_exit_code(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness([*world.args(tmp_path / "results", "review=nope", sweep=None), "--debug"])
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("harness: review: no option 'nope'")


def test_statistics_of_one_convention_do_not_go_under_the_name_of_another(harness: Harness, world: World, tmp_path: Path) -> None:
    args = ["drift", *world.args(tmp_path / "results", "drift=quick", "drift.profile=evidently", sweep=None)[1:]]
    assert_refused(harness(args), ["drift.profile: found evidently", "'psi' is by the conventions of harness"], tmp_path / "results")


def test_a_slice_column_that_is_called_as_all_rows_are_is_refused(harness: Harness, world: World, tmp_path: Path) -> None:
    args = world.args(tmp_path / "results", "replay.slices.columns=[all]", "replay.slices.crosses=[]", sweep=None)
    assert_refused(harness(args), ["replay.slices.columns: found 'all'", "rename the column"], tmp_path / "results")
