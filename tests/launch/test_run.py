"""What the command that launches does with signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gudspec.launch import run
from gudspec.launch.processes import Processes

PROGRAM = """
from gudspec.launch.platforms import Platform
from gudspec.launch.run import submit
raise SystemExit(submit(Platform("straw", "template.sh", ("bash",)), {script!r}))
"""
SCRIPT = "trap 'sleep 1; touch {folder}/given-back' EXIT; touch {folder}/ready; sleep 20"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_script_that_is_interrupted_may_clean_up(tmp_path: Path, number: int) -> None:
    """Ctrl-C goes to all processes of a terminal's foreground group, `kill` to one."""
    program = PROGRAM.format(script=SCRIPT.format(folder=tmp_path))
    launched = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)  # the script's own `sleep` begins after its `touch`
    (os.killpg if number == signal.SIGINT else os.kill)(launched.pid, number)
    code = launched.wait(30)
    assert (tmp_path / "given-back").exists()
    assert code == 128 + number


def test_after_a_signal_no_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    start = Processes.start_process

    def interrupted(self: Processes, label: str, arguments: list[str]) -> None:
        start(self, label, arguments)
        started.append(label)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Processes, "start_process", interrupted)
    monkeypatch.setattr(run, "command", lambda *_: [sys.executable, "-c", "import time; time.sleep(5)"])
    assert run.supervise("gudspec run a\ngudspec run a\n", print) == 75
    assert started == ["0"]
