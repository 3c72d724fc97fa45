"""The replayed queue: against events on a clock, against queueing theory, and at the edges of its integers."""

from __future__ import annotations

from math import exp, factorial, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kernels.replica_queue as module
from kernels.replica_queue import latencies, replay_queues
from tests.oracles import replica_queue as oracle

US = 1000  # nanoseconds
ORIGINS = (0, 1_700_000_000_000_000, -5, 2**60 + 1)


def times(low: int, high: int, max_size: int):
    return st.lists(st.integers(low, high), max_size=max_size).map(sorted)


@settings(max_examples=150, deadline=None)
@given(
    arrivals=times(0, 60, 40),
    free=times(-5, 40, 4).filter(len),
    service=st.lists(st.integers(0, 25), min_size=1, max_size=5),
    delay=st.sampled_from([0, 0, 1, 4, 30]),
    slo=st.integers(0, 40),
    origin=st.sampled_from(ORIGINS),
)
def test_every_request_is_answered_when_the_clock_says(arrivals, free, service, delay, slo, origin):
    wanted, free_after = oracle.simulate(arrivals, free, service, delay)
    stamps, free_ns, service_ns = np.array(arrivals, np.int64) + origin, np.array(free) * US, np.array(service) * US
    assert latencies(stamps, origin, free_ns, service_ns, delay * US).tolist() == [one * US for one in wanted]
    found = replay_queues(stamps, origin, np.array([[0, len(arrivals)]]), [free_ns], service_ns, delay * US, slo * US, n_threads=1)
    assert found.n_late.tolist() == [sum(one > slo for one in wanted)]
    assert found.free_ns[0].tolist() == [one * US for one in free_after]


@settings(max_examples=50, deadline=None)
@given(arrivals=times(0, 60, 40), n_replicas=st.integers(1, 4), service=st.integers(0, 25), cut=st.integers(0, 40))
def test_a_log_may_be_cut_anywhere_and_gone_on_with(arrivals, n_replicas, service, cut):
    stamps, service_ns, cut = np.array(arrivals, np.int64), np.array([service * US]), min(cut, len(arrivals))
    idle = np.zeros(n_replicas, np.int64)
    whole = replay_queues(stamps, 0, np.array([[0, len(stamps)]]), [idle], service_ns, 0, 20 * US, n_threads=1)
    first = replay_queues(stamps, 0, np.array([[0, cut]]), [idle], service_ns, 0, 20 * US, n_threads=1)
    second = replay_queues(stamps, 0, np.array([[cut, len(stamps)]]), first.free_ns, service_ns, 0, 20 * US, n_threads=1)
    assert first.n_late + second.n_late == whole.n_late
    assert second.free_ns[0].tolist() == whole.free_ns[0].tolist()


def test_one_replica_fewer_makes_no_fewer_requests_late_without_batches():
    stamps = np.sort(np.random.default_rng(3).integers(0, 10_000, 500))
    ranges, idle = np.array([[0, 500]] * 24), [np.zeros(n, np.int64) for n in range(1, 25)]
    late = replay_queues(stamps, 0, ranges, idle, np.array([150 * US]), 0, 200 * US, n_threads=1).n_late
    assert (np.diff(late) <= 0).all()
    assert late[0] > late[-1] == 0


def test_scenarios_do_not_depend_on_threads_or_on_their_neighbours(monkeypatch):
    monkeypatch.setattr(module, "_SCENARIOS_PER_PIECE", 1)
    rng = np.random.default_rng(1)
    stamps = np.sort(rng.integers(0, 5_000, 400))
    ranges = np.array([[0, 400], [17, 90], [90, 90], [200, 400]])
    free = [np.sort(rng.integers(0, 900, n)) * US for n in (3, 1, 2, 5)]
    service = np.array([20, 30, 35]) * US
    alone = [replay_queues(stamps, 0, ranges[[i]], [free[i]], service, 2 * US, 40 * US, n_threads=1) for i in range(4)]
    together = replay_queues(stamps, 0, ranges, free, service, 2 * US, 40 * US, n_threads=3)
    assert together.n_late.tolist() == [int(one.n_late[0]) for one in alone]
    assert [one.tolist() for one in together.free_ns] == [one.free_ns[0].tolist() for one in alone]
    assert together.n_late[2] == 0
    assert together.free_ns[2].tolist() == free[2].tolist()


def test_a_hopeless_scenario_is_given_up():
    stamps = np.zeros(1000, np.int64)
    found = replay_queues(stamps, 0, np.array([[0, 1000]]), [np.zeros(1, np.int64)], np.array([US]), 0, 5 * US, np.array([10]), n_threads=1)
    assert found.n_late.tolist() == [11]


def test_a_batch_starts_when_it_is_full_or_its_first_request_has_waited():
    service = np.array([10, 12, 14]) * US
    idle = np.zeros(1, np.int64)
    assert latencies(np.array([0, 1, 2]), 0, idle, service, 5 * US).tolist() == [16 * US, 15 * US, 14 * US]  # full at 2
    assert latencies(np.array([0, 5, 6]), 0, idle, service, 5 * US).tolist() == [
        17 * US,
        12 * US,
        21 * US,
    ]  # at 5 with both; the third at 17
    assert latencies(np.array([0, 1]), 0, idle, service, 0).tolist() == [10 * US, 19 * US]  # nobody waits


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_waits_of_an_m_d_1_queue_have_erlangs_distribution(load):
    # A. K. Erlang 1909: P(W <= x) = (1 - load) * sum over k <= x of (load (k - x))^k / k! * exp(-load (k - x)), service time 1
    n, service_us = 400_000, 1000
    stamps = np.cumsum(np.random.default_rng(5).exponential(service_us / load, n)).astype(np.int64)
    wait = latencies(stamps, 0, np.zeros(1, np.int64), np.array([service_us * US]), 0) / US / service_us - 1.0
    assert wait.mean() == pytest.approx(load / (2 * (1 - load)), rel=0.03)  # Pollaczek-Khinchine
    for x in (0.0, 0.5, 1.0, 2.5, 4.0):
        terms = ((load * (k - x)) ** k / factorial(k) * exp(-load * (k - x)) for k in range(int(x) + 1))
        assert (wait <= x + 2e-3).mean() == pytest.approx((1 - load) * sum(terms), abs=0.01)


@pytest.mark.parametrize("n_replicas", [2, 5])
def test_waits_of_several_replicas_agree_with_erlang_c(n_replicas):
    # mean wait of M/M/c by Erlang's C, and of M/D/c from it by Cosmetatos 1975, good to about 1 %
    load, n, service_us = 0.8, 1_000_000, 10_000
    stamps = np.cumsum(np.random.default_rng(6).exponential(service_us / (load * n_replicas), n)).astype(np.int64)
    wait = latencies(stamps, 0, np.zeros(n_replicas, np.int64), np.array([service_us * US]), 0) / US / service_us - 1.0
    offered = load * n_replicas
    last = offered**n_replicas / factorial(n_replicas) / (1 - load)
    erlang_c = last / (sum(offered**k / factorial(k) for k in range(n_replicas)) + last)
    exponential = erlang_c / (n_replicas * (1 - load))
    constant = 0.5 * exponential * (1 + (1 - load) * (n_replicas - 1) * (sqrt(4 + 5 * n_replicas) - 2) / (16 * load * n_replicas))
    assert wait.mean() == pytest.approx(constant, rel=0.04)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ranges": np.array([[0, 4]])}, "outside the 3 arrivals"),
        ({"ranges": np.array([[2, 1]])}, "end before they begin"),
        ({"ranges": np.array([[0, 3], [0, 3]])}, r"wanted \(1, 2\)"),
        ({"free_ns": [np.zeros(0, np.int64)]}, "no replica"),
        ({"service_ns": np.zeros(0, np.int64)}, "time of a batch"),
        ({"service_ns": np.array([-1])}, "at least 0"),
        ({"origin_us": -(2**62)}, "292 years"),
    ],
)
def test_what_means_nothing_is_refused(change, text):
    good = {
        "arrivals_us": np.arange(3),
        "origin_us": 0,
        "ranges": np.array([[0, 3]]),
        "free_ns": [np.zeros(1, np.int64)],
        "service_ns": np.array([US]),
    }
    with pytest.raises(ValueError, match=text):
        replay_queues(**good | change, delay_ns=0, slo_ns=US)
