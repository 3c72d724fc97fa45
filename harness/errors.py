"""One class per kind of trouble; each message says what was found, what was wanted, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

EXIT_PASS, EXIT_FAIL, EXIT_REFUSED, EXIT_UNDECIDED, EXIT_VARIANT, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 70, 130


class HarnessError(Exception):
    """Trouble that a user can mend; the command prints its one message and leaves with `exit_code`."""

    exit_code = EXIT_REFUSED


class ConfigError(HarnessError):
    """The configuration cannot run."""


class ReplayError(HarnessError):
    """The replay log is not what the configuration says."""


class ModelError(HarnessError):
    """A model file is not what its variant says."""


class DeviceError(HarnessError):
    """The device that was asked for cannot be used."""


class ResultsError(HarnessError):
    """The results folder cannot be read or written."""


class ScoreError(HarnessError):
    """Scores that no metric may be computed from; known only after scoring, so the variant is invalid."""

    exit_code = EXIT_VARIANT


class MeasurementError(HarnessError):
    """A measurement that broke off; known only while measuring, so the variant is not measured."""

    exit_code = EXIT_VARIANT


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest of `choices`, or an empty string when none is near."""
    folded = {str(choice).lower(): str(choice) for choice in choices}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    return f"; did you mean '{folded[near[0]]}'?" if near else ""


def one_of(choices: Iterable[str], limit: int = 20) -> str:
    """List `choices` for a message, at most `limit` of them, saying how many are left out."""
    names = [str(choice) for choice in choices]
    more = f", … ({len(names) - limit} more)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
