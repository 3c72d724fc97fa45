from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.errors import ConfigError
from harness.meters.load_summary import load_point
from harness.meters.loadgen import loadgen_offline, loadgen_server, served_times

SERVICE_S = 0.0005


class Model:
    """Sleeps for half a millisecond or more, and remembers which requests it served."""

    def __init__(self):
        self.ran = []

    def __call__(self, request_id):
        self.ran.append(request_id)
        time.sleep(SERVICE_S)


@pytest.fixture
def loadgen():
    return pytest.importorskip("mlperf_loadgen")


@pytest.mark.usefixtures("loadgen")
class TestWithThePackage:
    def test_every_request_has_a_latency_from_its_scheduled_time(self):
        model = Model()
        trial = loadgen_server(model, 5, 200.0, 0.4, seed=3, min_requests=40)
        assert trial.n_requests == len(model.ran) >= 40
        assert set(model.ran) <= set(range(5))
        assert (trial.kind, trial.generator, trial.rate_per_s) == ("poisson", "loadgen", 200.0)
        assert trial.latencies_ns.dtype == np.int64
        assert (trial.latencies_ns >= SERVICE_S * 1e9).all()
        assert not trial.clock_went_back
        assert load_point([trial, trial], 0.95).generator == "loadgen"

    def test_a_queue_counts(self):
        model = Model()
        trial = loadgen_server(model, 5, 20_000.0, 0.01, seed=3, min_requests=100)  # far more than it can serve
        assert trial.latencies_ns[-1] > 50 * SERVICE_S * 1e9
        assert trial.n_late < 50  # waiting for a busy model is not late

    def test_the_seed_says_which_requests_come(self):
        first, second, other = Model(), Model(), Model()
        for model, seed in ((first, 5), (second, 5), (other, 6)):
            loadgen_server(model, 50, 2000.0, 0.02, seed=seed, min_requests=30)
        n = min(len(first.ran), len(second.ran), len(other.ran))
        assert first.ran[:n] == second.ran[:n] != other.ran[:n]

    def test_its_arrivals_are_poisson(self, monkeypatch):
        from harness.meters import loadgen as module

        seen = []
        monkeypatch.setattr(module, "n_late", lambda times: seen.append(times) or 0)
        loadgen_server(lambda i: None, 1, 5000.0, 0.2, seed=1)
        gaps_s = np.diff(seen[0].due_ns) / 1e9
        assert stats.kstest(gaps_s, stats.expon(scale=1 / 5000.0).cdf).pvalue > 1e-3

    def test_offline_runs_batches_back_to_back(self):
        model = Model()
        trial = loadgen_offline(model, 4, 100, runs_per_s=500.0, seconds=0.1, seed=1)
        assert trial.n_runs == len(model.ran) == trial.latency_counts.sum() == 55
        assert set(model.ran) == {0, 1, 2, 3}
        assert (trial.point, trial.batch_rows, trial.energy.energy_j) == ("offline", 100, None)
        assert trial.elapsed_s >= 55 * SERVICE_S
        assert (trial.latencies_ns * trial.latency_counts).sum() == pytest.approx(trial.elapsed_s * 1e9)
        assert trial.rows_per_s == pytest.approx(5500 / trial.elapsed_s)

    @pytest.mark.parametrize("trouble", [RuntimeError("model broke"), KeyboardInterrupt()])
    def test_a_model_that_breaks_raises_its_own_error_and_is_not_run_again(self, trouble):
        ran = []

        def broken(i):
            ran.append(i)
            raise trouble

        for call in (lambda: loadgen_server(broken, 1, 500.0, 0.02, 0), lambda: loadgen_offline(broken, 1, 1, 500.0, 0.02, 0)):
            ran.clear()
            with pytest.raises(type(trouble)):
                call()
            assert len(ran) == 1

    def test_nothing_is_left_behind_or_printed_and_no_file_of_the_working_folder_is_read(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "audit.config").write_text("*.*.min_query_count = 500\n")
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
        (tmp_path / "scratch").mkdir()
        model = Model()
        loadgen_server(model, 1, 500.0, 0.02, 0)
        assert len(model.ran) < 100
        assert sorted(p.name for p in tmp_path.rglob("*")) == ["audit.config", "scratch"]
        assert capfd.readouterr() == ("", "")


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    for call in (lambda: loadgen_server(print, 1, 1.0, 1.0, 0), lambda: loadgen_offline(print, 1, 1, 1.0, 1.0, 0)):
        with pytest.raises(ConfigError, match=r"pip install 'replay-harness\[loadgen\]', or take measure.generator=harness"):
            call()


SAMPLE = (
    '{{"name":"Sample","cat":"default","ph":"b","pid":1,"id":{i},"ts":{ts},"args":{{"sample_seq":{i},"query_seq":{i},'
    '"sample_idx":28,"issue_start_ns":{begin},"complete_ns":{end}}}}},\n'
)


def trace(folder, *samples):
    path = Path(folder) / "trace.json"
    other = '{"name":"IssueQuery","ph":"X","pid":1,"tid":1,"ts":1.000,"dur":2031.898,"args":{}},\n'
    end = '{"name":"Sample","cat":"default","ph":"e", "pid":1,"id":0,"ts":2239.446},\n'
    path.write_text('{"traceEvents":[\n' + "".join(SAMPLE.format(i=i, ts=ts, begin=b, end=e) + other + end for i, ts, b, e in samples))
    return path


def test_a_trace_is_read_to_the_nanosecond_in_the_order_of_the_schedule(tmp_path):
    times = served_times(trace(tmp_path, (1, "90000000.007", 5, 3000), (0, "-0.212", 260, 2026641)))
    assert times.due_ns.tolist() == [-212, 90_000_000_007]
    assert times.began_ns.tolist() == [48, 90_000_000_012]
    assert times.latencies_ns.tolist() == [2026641, 3000]


@pytest.mark.parametrize("samples", [[], [(0, "1.000", 1, 2), (2, "2.000", 1, 2)]])
def test_a_trace_without_some_requests_is_refused(tmp_path, samples):
    with pytest.raises(ConfigError, match="not all that were sent"):
        served_times(trace(tmp_path, *samples))


@pytest.mark.parametrize(("n", "rate", "seconds"), [(0, 1.0, 1.0), (1, 0.0, 1.0), (1, 1.0, 0.0)])
@pytest.mark.usefixtures("loadgen")
def test_what_cannot_be_generated_is_refused(n, rate, seconds):
    with pytest.raises(ValueError, match="LoadGen needs"):
        loadgen_server(print, n, rate, seconds, 0)
    with pytest.raises(ValueError, match="LoadGen needs"):
        loadgen_offline(print, n, 1, rate, seconds, 0)
