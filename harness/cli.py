"""The command: reads the arguments, runs one story of the pipeline, and turns trouble into one message and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from harness.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_REFUSED, HarnessError, did_you_mean, one_of

_COMMANDS = {
    "sweep": "prepare the replay, score every variant, time them, compare, apply the gates, write the report",
    "compare": "tables and report again from what is stored, also with another price, gain, review or metric",
    "signoff": "apply gates to stored evidence and print the verdict",
    "drift": "contract and drift of a log against its reference; no model needed",
    "init": "look at a log and at models, write a configuration and a sweep that run",
    "status": "how far a running or interrupted sweep is",
    "doctor": "what this machine has, what will be used, what cannot be measured and why",
}
_DETAILS = {
    "sweep": "Overrides are Hydra's: harness sweep sweep=flights, harness sweep replay=mine model=a,b champion=a device=cpu",
    "compare": "harness compare results/flights price=c5_large price.requests_per_day=1000000",
    "signoff": "harness signoff results/flights review=flights candidate=gbdt_small",
    "drift": "harness drift replay=flights drift=standard",
    "init": "harness init data/log.parquet --models 'models/*.onnx'",
    "status": "harness status results/flights",
    "doctor": "harness doctor",
}
_EXIT_CODES = "exit codes: 0 PASS or nothing to judge, 1 FAIL, 2 refused, 3 UNDECIDED, 4 a variant failed, 70 a bug, 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; this is what `harness` calls."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if args else EXIT_REFUSED
    if args[0] == "--version":
        from importlib.metadata import version

        print(f"replay-harness {version('replay-harness')}")
        return 0
    command, rest = args[0], args[1:]
    if command.startswith("-"):
        print(f"harness: options stand after the command, as: harness sweep {command} …", file=sys.stderr)
        return EXIT_REFUSED
    if command not in _COMMANDS:
        print(f"harness: no command '{command}'{did_you_mean(command, _COMMANDS)}; commands are: {one_of(_COMMANDS)}", file=sys.stderr)
        return EXIT_REFUSED
    try:
        options = _parser(command).parse_intermixed_args(_joined(rest))
    except SystemExit as end:
        return int(end.code or 0)
    return _guarded(lambda: _run(command, options), options.debug)


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: harness COMMAND [ARGUMENTS] [OVERRIDES]",
            "",
            "Replays a log of real requests through candidate models: quality by slice, cost, gain, and a verdict.",
            "",
            *lines,
            "",
            "harness COMMAND --help says more.",
            _EXIT_CODES,
        ]
    )


class _Parser(argparse.ArgumentParser):
    """Says which argument is missing without naming those that may be left out."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and one sentence, and leave with exit code 2."""
        super().error(message.replace(", OVERRIDE", ""))


def _parser(command: str) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"harness {command}", description=_COMMANDS[command], epilog=f"example: {_DETAILS[command]}")
    if command in ("compare", "signoff", "status"):
        parser.add_argument("dir", metavar="DIR", help="folder of a sweep, as results/flights")
    if command == "init":
        parser.add_argument("log", metavar="LOG", help="a Parquet or CSV file, folder or glob")
        parser.add_argument("--models", metavar="GLOB", nargs="+", default=[], help="ONNX files, as models/*.onnx")
        parser.add_argument("--out", metavar="DIR", default="my_conf", help="folder for the configuration (default: my_conf)")
        parser.add_argument("--label", default=None, help="the label column, when the guess is wrong")
        parser.add_argument("--timestamp", default=None, help="the time column, when the guess is wrong")
        parser.add_argument("--features", default=None, help="the models' input columns in their order, as a,b,c")
        parser.add_argument("--name", default=None, help="name of the replay and the sweep (default: the log's)")
    if command in ("sweep", "compare", "signoff", "drift"):
        parser.add_argument(
            "--config-dir", action="append", default=[], metavar="DIR", help="a folder of your own options, which win over shipped ones"
        )
        parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="key=value")
    if command == "compare":
        what = "order the rows by a column of comparison.csv, best first, as net_per_1k; -COLUMN: highest first, +COLUMN: lowest first"
        parser.add_argument("--sort", default=None, metavar="COLUMN", help=what)
    if command == "sweep":
        parser.add_argument("--dry-run", action="store_true", help="say what it would take, write nothing")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(command: str, options: argparse.Namespace) -> int:
    overrides = [_quoted(o) for o in getattr(options, "overrides", [])]
    if command == "sweep":
        from harness.pipeline.sweep import sweep

        return sweep(overrides, options.config_dir, options.dry_run)
    if command == "drift":
        from harness.pipeline.drift import drift

        return drift(overrides, options.config_dir)
    if command == "doctor":
        from harness.pipeline.doctor import doctor

        return doctor()
    if command == "init":
        from harness.pipeline.init import init

        return init(options.log, options.models, options.out, options.label, options.timestamp, options.name, options.features)
    from harness.pipeline import stored

    if command == "status":
        return stored.status(options.dir)
    if command == "compare":
        return stored.compare(options.dir, overrides, options.config_dir, sort=options.sort)
    return stored.signoff(options.dir, overrides, options.config_dir)


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write `--sort -COLUMN` as one argument: argparse takes what begins with a hyphen for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined[-1:] == ["--sort"] and argument[:1] == "-" and argument[:2] != "--":
            joined[-1] = f"--sort={argument}"
        else:
            joined.append(argument)
    return joined


def _quoted(override: str) -> str:
    """Quote a variant's name such as mlp[precision=int8], which Hydra's grammar would read as a list."""
    key, _, value = override.partition("=")
    needs = key in ("champion", "candidate") and "[" in value and value[:1] not in "'\""
    return f"{key}='{value}'" if needs else override


def _guarded(action: Callable[[], int], debug: bool) -> int:
    try:
        return action()
    except KeyboardInterrupt:
        print("harness: interrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as trouble:
        if debug:
            import traceback

            traceback.print_exc()
        if isinstance(trouble, HarnessError):
            print(f"harness: {trouble}", file=sys.stderr)
            return trouble.exit_code
        hint = "report it" if debug else "run again with --debug and report it"
        print(f"harness: a bug in the harness: {type(trouble).__name__}: {trouble}; {hint}", file=sys.stderr)
        return EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
