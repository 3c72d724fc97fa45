"""One server with a queue in order, from the definitions; two queues whose percentiles are known; the busiest stretch of a log. Slow and obvious."""

from __future__ import annotations

import math
import statistics

from scipy import stats
from scipy.optimize import brentq


def lindley(due, services):
    """Return when each request begins and ends: it begins when it is due or when the one before has ended, whichever is later."""
    begins, ends = [], []
    for at, (due_at, service) in enumerate(zip(due, services, strict=True)):
        begin = int(due_at) if at == 0 else max(int(due_at), ends[at - 1])
        begins.append(begin)
        ends.append(begin + int(service))
    return begins, ends


def busiest_stretch(arrivals, span):
    """Return the start and the arrivals of the stretch [a, a + span) that begins at an arrival and holds most; the first of several."""
    stretches = [(a, sorted(b for b in arrivals if a <= b < a + span)) for a in sorted(arrivals)]
    most = max(len(inside) for _, inside in stretches)
    return next((a, inside) for a, inside in stretches if len(inside) == most)


def student_t(values, confidence):
    """Return the mean with its two-sided interval over independent values."""
    mean, n = statistics.fmean(values), len(values)
    half = stats.t.ppf(1 - (1 - confidence) / 2, n - 1) * statistics.stdev(values) / math.sqrt(n)
    return mean, mean - half, mean + half


def mm1_rate(slo_s, services_per_s):
    """Return the rate at which 1 % of the times in an M/M/1 queue are above slo_s: they are exponential with rate mu - lambda."""
    return services_per_s - math.log(100) / slo_s


def md1_share_within(rate, service_s, time_s):
    """Return the share of requests of an M/D/1 queue that are answered within a time (Erlang 1909, for the wait)."""
    wait = time_s - service_s
    if wait < 0:
        return 0.0
    terms = (
        (-rate * (wait - k * service_s)) ** k / math.factorial(k) * math.exp(rate * (wait - k * service_s))
        for k in range(math.floor(wait / service_s) + 1)
    )
    return (1 - rate * service_s) * sum(terms)


def md1_rate(slo_s, services_per_s):
    """Return the rate at which 1 % of the times in an M/D/1 queue are above slo_s."""
    return brentq(lambda rate: md1_share_within(rate, 1 / services_per_s, slo_s) - 0.99, 1e-3 * services_per_s, 0.97 * services_per_s)
