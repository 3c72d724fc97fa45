import os
import signal
import time

import psutil
import pytest

from harness.errors import ConfigError, ScoreError
from harness.workers.child import Child, run_child


def doubled(channel, x):
    channel.progress(x)
    return 2 * x


def invalid(channel):
    raise ScoreError("scores: NaN")


def refused(channel):
    raise ConfigError("no such file")


def crash(channel):
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(channel):
    os._exit(7)


def hang(channel):
    time.sleep(60)


def noisy(channel):
    print("a line for the log")
    raise ValueError("two\nlines")


def serve(channel):
    while (request := channel.request()) is not None:
        channel.answer((os.getpid(), request + 1))


def run(work, *args, timeout_s=20.0, log=None):
    seen = []
    return run_child(work, args, timeout_s, log, seen.append), seen


def test_the_value_and_the_progress_come_back():
    outcome, seen = run(doubled, 21)
    assert (outcome.status, outcome.value, seen) == ("ok", 42, [21])


@pytest.mark.parametrize(
    ("work", "status", "reason"),
    [
        (invalid, "invalid", "scores: NaN"),
        (refused, "failed", "no such file"),
        (crash, "failed", "ended by SIGSEGV"),
        (leave, "failed", "exit code 7"),
        (noisy, "failed", "ValueError: two lines"),
    ],
)
def test_every_other_end_is_an_outcome_with_a_reason(work, status, reason, tmp_path):
    outcome, _ = run(work, log=tmp_path / "run.log")
    assert outcome.status == status
    assert reason in outcome.reason


def test_no_sign_of_life_is_a_timeout():
    outcome, _ = run(hang, timeout_s=0.5)
    assert outcome.status == "timed_out"
    assert "no progress for 0.5 s" in outcome.reason


def test_what_a_child_prints_goes_to_its_log(tmp_path):
    run(noisy, log=tmp_path / "run.log")
    text = (tmp_path / "run.log").read_text()
    assert "a line for the log" in text
    assert "ValueError" in text


def test_a_warm_child_answers_more_than_once_and_is_gone_after_close():
    child = Child(serve, ())
    first, second = child.ask(1, 20.0).value, child.ask(2, 20.0).value
    assert (first[1], second[1]) == (2, 3)
    assert first[0] == second[0]
    child.close()
    assert not psutil.pid_exists(first[0]) or psutil.Process(first[0]).status() == psutil.STATUS_ZOMBIE


def test_a_child_that_died_is_not_asked_in_vain():
    child = Child(serve, ())
    pid = child.ask(1, 20.0).value[0]
    os.kill(pid, signal.SIGKILL)
    outcome = child.ask(2, 20.0)
    child.close()
    assert outcome.status == "failed"
    assert "SIGKILL" in outcome.reason
