"""A measurement that was not made, so that nobody has to check for None."""

from __future__ import annotations

from harness.records.measurement import Measurement


def not_measured(variant: str, protocol: str, reason: str, device: str = "cpu") -> Measurement:
    """Stand in for the measurement of a variant that was not timed, with the reason.

    Parameters
    ----------
    variant : str
        The variant's full name.
    protocol : str
        The protocol that was asked for; "none" when nobody asked.
    reason : str
        Why there is no measurement, as a clause.
    device : str
        Where it would have run.

    Examples
    --------
    >>> not_measured("prod", "quick", "scores come from the log").status
    'not_measured'
    """
    return Measurement(
        variant=variant,
        protocol=protocol,
        status="not_measured",
        reason=reason,
        device=device,
        measured_on=None,
        threads=None,
        cold_start_s=None,
        first_run_s=None,
        points=(),
        energy_j_per_1k=None,
        energy_source="unavailable",
        energy_reason=None,
        crosscheck_rows=0,
        crosscheck_max_difference=None,
    )
