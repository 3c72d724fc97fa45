from __future__ import annotations

import pytest

from harness.gates.p99_latency import P99Latency


@pytest.mark.parametrize(
    ("p99", "status"),
    [((40.0, 30.0, 50.0), "PASS"), ((40.0, 30.0, 50.1), "UNDECIDED"), ((60.0, 50.1, 70.0), "FAIL"), ((60.0, 50.0, 70.0), "UNDECIDED")],
)
def test_the_interval_decides(evidence, measurement, p99, status: str) -> None:
    (result,) = P99Latency(limit_ms=50).judge((evidence(measurement=measurement(p99)),))
    assert (result.status, result.value, result.limit) == (status, p99[0], "p99 <= 50 ms")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": "quick"}, "quick protocol"),
        ({"protocol": "standard (shortened)"}, "standard (shortened) protocol"),
        ({"status": "noisy", "reason": "steal time"}, "noisy: steal time"),
        ({"points": (), "status": "not_measured", "reason": "measure=none"}, "was not measured: measure=none"),
    ],
)
def test_a_measurement_that_decides_nothing_leaves_it_undecided(evidence, measurement, changes, reason: str) -> None:
    (result,) = P99Latency(limit_ms=50).judge((evidence(measurement=measurement(**changes)),))
    assert result.status == "UNDECIDED"
    assert reason in result.sentence


def test_not_measured_or_too_few_requests_is_undecided_without_a_figure(evidence, measurement) -> None:
    (absent,) = P99Latency(limit_ms=50).judge((evidence(measurement=None),))
    (few,) = P99Latency(limit_ms=50).judge((evidence(measurement=measurement((None, None, None))),))
    assert (absent.status, absent.value, few.status, few.value) == ("UNDECIDED", None, "UNDECIDED", None)
    assert "no p99 from 1,000 requests, it needs 662" in few.sentence


@pytest.mark.parametrize("limit", [0, -1, True, "fast", float("inf")])
def test_a_limit_that_means_nothing_is_refused(limit: object) -> None:
    with pytest.raises(ValueError, match="limit_ms: found"):
        P99Latency(limit_ms=limit)


def test_the_limit_is_given_as_a_number_with_what_it_bounds(evidence) -> None:
    (result,) = P99Latency(limit_ms=50).judge((evidence(),))
    assert (result.limit_value, result.limit_on) == (50.0, "latency_single_p99_ms")
