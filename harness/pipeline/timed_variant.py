"""One variant in the speed phase: its warm child, and what that has answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from harness.device import first_device
from harness.errors import MeasurementError
from harness.meters.cards import visible_uuids
from harness.meters.load_summary import load_point
from harness.meters.not_measured import not_measured
from harness.meters.percentiles import n_needed
from harness.meters.protocol import recorded_name
from harness.meters.rate_search import N_REQUESTS, highest_rate
from harness.meters.schedules import poisson_requests
from harness.meters.steady import why_unsteady
from harness.meters.summary import summarise
from harness.meters.turns import joined
from harness.meters.validity import is_throttled
from harness.pipeline.quality import Member
from harness.pipeline.speed_child import SINGLE, Started, operating_points, serve_trials
from harness.records.conf import MeasureConf, SweepConf
from harness.records.load import LoadTrial, RateLimit, Schedule
from harness.records.measurement import DECIDING_PROTOCOLS, Gpu, Machine, Measurement
from harness.records.replay import PreparedReplay
from harness.records.trial import Trial
from harness.runs import store
from harness.workers.child import Child

_START_TIMEOUT_S = 300.0
_MAX_RERUNS = 3  # of a throttled trial
_SAME_SCORE = 1e-4  # of a probability; of a regression's largest score


class Timed:
    """A warm child that is asked for trials; a broken one is asked no more."""

    def __init__(self, member: Member, conf: SweepConf, prepared: PreparedReplay) -> None:
        self.member, self.conf, self.trials = member, conf, list[Trial]()
        self._turns = dict[int, list[Trial]]()  # of the block that is running, by operating point
        self._reruns = dict[tuple[int, int], int]()  # by operating point and block
        self.loads = list[LoadTrial]()
        self.rate_limit: RateLimit | None = None
        self.started: Started | None = None
        self.broken: str | None = None
        self.throttled: str | None = None
        self.n_discarded = 0
        self.points = operating_points(member.plan, conf.measure, request_rows(conf), prepared.n_rows, member.conf.deploy.batch_rows)
        work = (member.plan, prepared.folder, member.folder, conf.measure, self.points, conf.seed)
        self.child = Child(serve_trials, work, member.folder / store.LOG)

    def start(self) -> None:
        """Wait until the child is warm."""
        self.started = self._ask(("start",), _START_TIMEOUT_S + len(self.points) * self.conf.measure.warmup_at_most_s)

    def run(self, number: int, block: int, seconds: float) -> None:
        """Run one turn of one operating point; a throttled one is thrown away and run again, three times at most in a trial."""
        while (turn := self._ask(("trial", number, seconds), self.conf.timeout_s + seconds)) is not None:
            why = is_throttled(turn)
            n_rerun = self._reruns.get((number, block), 0)
            if why is None or n_rerun == _MAX_RERUNS or self.throttled:
                self._turns.setdefault(number, []).append(replace(turn, block=block))
                self.throttled = self.throttled or (f"{self.points[number]}: {why}" if why else None)
                return
            self._reruns[number, block] = n_rerun + 1
            self.n_discarded += 1

    def end_block(self) -> None:
        """Make one trial of each operating point from its turns in this block; a broken child's block was not finished."""
        if self.broken is None:
            self.trials += [joined(turns) for turns in self._turns.values()]
        self._turns = {}

    def run_load(self, arrivals: Schedule | float, seconds: float, seed: int) -> LoadTrial | None:
        """Run one open-loop trial under a schedule, or under LoadGen's Poisson arrivals of this many requests per second."""
        found: LoadTrial | None = self._ask(("load", arrivals, seconds, seed), self.conf.timeout_s + 10.0 * seconds)
        return found

    def arrivals(self, rate_per_s: float, n_requests: int, seed: int) -> Schedule | float:
        """Return so many Poisson arrivals of a rate; where LoadGen draws them itself, the rate."""
        if self.conf.measure.generator == "loadgen":
            return rate_per_s
        return poisson_requests(rate_per_s, n_requests, np.random.default_rng(seed))

    def search_rate(self, slo_ms: float) -> RateLimit | None:
        """Find the highest rate that holds a service level; None where no single request was timed."""
        own = self.single_rate_per_s()
        if own is None or self.broken is not None:
            return None
        n_requests = rate_search_requests(self.conf.measure)
        seeds = count(self.conf.seed)

        def run_at(rate_per_s: float, n: int) -> LoadTrial:
            seed = next(seeds)
            trial = self.run_load(self.arrivals(rate_per_s, n, seed), n / rate_per_s, seed)
            if trial is None:
                raise MeasurementError(f"speed: {self.member.conf.label}: {self.broken}")
            return trial

        try:
            return highest_rate(run_at, slo_ms, own, n_requests)
        except MeasurementError as trouble:
            return RateLimit(slo_ms, None, None, 0, str(trouble))

    def single_rate_per_s(self) -> float | None:
        """Return the requests per second of the last single-request trial; None where there is none."""
        threads = self.started.threads if self.started else None  # the arrivals are served at the first thread count
        last = next((t for t in reversed(self.trials) if t.point == SINGLE and t.threads in (None, threads) and t.elapsed_s > 0), None)
        return last.n_runs / last.elapsed_s if last else None

    def measurement(self, machine: Machine, identity: str, idle_w: float | None) -> Measurement:
        """Return what the trials say, or why there is nothing."""
        label, measure, started = self.member.conf.label, self.conf.measure, self.started
        on_card = self.member.plan.device == "cuda"
        cards = timed_cards(machine.gpus) if on_card else ()
        machine = replace(machine, gpus=cards)
        remarks = list[str]()
        wanted = request_rows(self.conf)
        if self.points[0].batch_rows != wanted:
            remarks.append(f"single requests have {self.points[0].batch_rows} rows, replay.rows_per_request asks for {wanted}")
        if self.broken is not None or started is None:
            return not_measured(label, recorded_name(measure), f"its speed child failed: {self.broken}", self.member.plan.device)
        doubts = (why_unsteady(str(point), warm, measure) for point, warm in zip(self.points, started.warm_ups, strict=True))
        found = summarise(
            label,
            self.trials,
            measure,
            machine,
            device=self.member.plan.device,
            threads=started.threads,
            cold_start_s=started.cold_start_s,
            first_run_s=started.first_run_s,
            confidence=self.conf.confidence,
            crosscheck_rows=started.crosscheck_rows,
            crosscheck_max_difference=started.crosscheck_max_difference,
            invalid=used_by_others(cards),
            no_steady_state="; ".join(doubt for doubt in doubts if doubt) or None,
            set_identity=identity,
            idle_w=idle_w,
            provider=started.provider,
            allow_cpu_nodes=self.member.plan.card is not None and self.member.plan.card.allow_cpu_nodes,
            loads=(load_point(self.loads, self.conf.confidence),) if self.loads else (),
            rate_limit=self.rate_limit,
            n_discarded=self.n_discarded,
            throttled_out=self.throttled,
            remarks=remarks,
            crosscheck_tolerance=_SAME_SCORE * (1.0 if self.member.plan.task != "regression" else started.largest_score),
        )
        return replace(found, card=next((f"{gpu.name} ({gpu.uuid})" for gpu in cards), None))

    def _ask(self, request: tuple[Any, ...], timeout_s: float) -> Any:
        if self.broken is not None:
            return None
        outcome = self.child.ask(request, timeout_s)
        if outcome.status != "ok":
            self.broken = str(outcome.reason)
        return outcome.value


def timed_cards(gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Return the card that sessions run on, the first one that CUDA shows: as NVML describes it, or by its name alone, as of a MIG instance."""
    described = tuple(gpu for gpu in gpus if gpu.uuid in visible_uuids()[:1])
    device = None if described else first_device()
    if device is None:
        return described
    return (Gpu(device.uuid or "unknown", device.name, None, None, None, None, None, mig=None, compute_capability=None),)


def used_by_others(cards: Sequence[Gpu]) -> str | None:
    """Say why times on a card decide nothing: other processes compute on it too."""
    for gpu in cards:
        if gpu.foreign_pids:
            pids = ", ".join(map(str, gpu.foreign_pids))
            return f"card in use: {gpu.name} ({gpu.uuid}) is used by other processes too ({pids}); end them, or name a free card, and measure again"
    return None


def request_rows(conf: SweepConf) -> int:
    """Return how many rows one request has: a ranker scores many."""
    return max(1, round(conf.replay.rows_per_request))


def rate_search_requests(measure: MeasureConf) -> int:
    """Return how many requests each trial of a rate search has."""
    return N_REQUESTS if measure.protocol in DECIDING_PROTOCOLS else n_needed(99.0)
