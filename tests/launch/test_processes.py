import os
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from gudspec.launch.processes import Processes
from gudspec.launch.render import Job
from gudspec.launch.sweep import sweep

SLEEP = "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(75)); print('ready'); time.sleep(60)"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_output_has_a_prefix_and_codes_come_back() -> None:
    said: list[str] = []
    with Processes(said.append) as processes:
        processes.start_process("a", python("print('one'); print('two')"))
        processes.start_process("b", python("import sys; print('oh', file=sys.stderr); sys.exit(3)"))
        assert sorted(processes.wait() for _ in "ab") == [("a", 0), ("b", 3)]
    assert sorted(said) == ["[a] one", "[a] two", "[b] oh"]


def test_a_process_that_dies_has_failed() -> None:
    with Processes(print) as processes:
        processes.start_process("a", python("import os; os.kill(os.getpid(), 9)"))
        assert processes.wait() == ("a", 1)


def test_a_process_ends_though_nobody_hears_it() -> None:
    def say(line: str) -> None:
        raise BrokenPipeError

    with Processes(say) as processes:
        processes.start_process("a", python("for _ in range(100_000): print('a line')"))
        assert processes.wait() == ("a", 0)


def test_a_signal_is_passed_on() -> None:
    before = signal.getsignal(signal.SIGTERM)
    ready = threading.Event()
    with Processes(lambda line: ready.set()) as processes:
        processes.start_process("a", python(SLEEP))
        assert ready.wait(30)
        os.kill(os.getpid(), signal.SIGTERM)
        assert processes.wait() == ("a", 75)
        assert processes.stopped
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_third_signal_ends_it() -> None:
    ready = threading.Event()
    with Processes(lambda line: ready.set()) as processes:
        processes.start_process("a", python("import signal, time; signal.signal(15, lambda *a: print('no')); print('ready', flush=True)\nwhile True: time.sleep(1)"))  # fmt: skip # noqa: E501
        assert ready.wait(30)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
        assert processes.wait() == ("a", 75)


INNER = """
import sys
from gudspec.launch.processes import Processes
with Processes(lambda line: print(line, flush=True)) as processes:
    processes.start_process("inner", [sys.executable, "-c", sys.argv[1]])
    sys.exit(processes.wait()[1])
"""
STUBBORN = """
import os, signal, sys, time
signal.signal(15, lambda *_: signal.signal(15, signal.SIG_DFL))
print(os.getpid(), flush=True)
while True: time.sleep(0.1)
"""


def test_a_second_signal_leaves_nothing_behind() -> None:
    """A run of several processes is a process that starts others: killed, it would leave them behind."""
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    with Processes(said.put) as processes:
        processes.start_process("a", [*python(INNER), STUBBORN])
        innermost = int(said.get(timeout=30).split()[-1])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        assert processes.wait() == ("a", 75)
    with pytest.raises(ProcessLookupError):
        os.kill(innermost, 0)


def test_a_signal_during_a_start_reaches_what_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen

    def interrupted(*arguments, **options):
        process = start(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with Processes(print) as processes:
        processes.start_process("a", python("import time; time.sleep(5)"))
        assert processes.stopped
        assert processes.wait() == ("a", 75)


def test_what_starts_after_a_signal_is_told() -> None:
    with Processes(print) as processes:
        os.kill(os.getpid(), signal.SIGTERM)
        processes.start_process("a", python("import time; time.sleep(5)"))
        assert processes.wait() == ("a", 75)


class Straw:
    """An engine whose jobs end in the order of their start, with given codes."""

    def __init__(self, codes: dict[str, int], stop_after: int = 99):
        self.stopped = False
        self.most = 0
        self.started: list[str] = []
        self._codes, self._running, self._left = codes, [], stop_after

    def __enter__(self) -> "Straw":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self, job: Job) -> None:
        self.started.append(job.name)
        self._running.append(job.name)
        self.most = max(self.most, len(self._running))

    def wait(self) -> tuple[str, int]:
        name = self._running.pop(0)
        self._left -= 1
        self.stopped = self.stopped or self._left <= 0
        return name, self._codes[name]

    def __len__(self) -> int:
        return len(self._running)


CODES = {"a": 0, "b": 1, "c": 3, "d": 0, "e": 2}
JOBS = [Job(name, ()) for name in CODES]


def test_what_fails_does_not_stop_the_others(tmp_path) -> None:
    engine = Straw(CODES)
    assert sweep(JOBS, engine, 2, str(tmp_path / "new")) == CODES
    assert engine.started == list(CODES)
    assert engine.most == 2
    everything = Straw(CODES)
    sweep(JOBS, everything, None, str(tmp_path))
    assert everything.most == 5


def test_after_a_signal_no_job_starts(tmp_path) -> None:
    engine = Straw(CODES, stop_after=2)
    assert sweep(JOBS, engine, 1, str(tmp_path)) == {"a": 0, "b": 1, "c": 75, "d": 75, "e": 75}
    assert engine.started == ["a", "b"]
