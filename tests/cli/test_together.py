"""What a process says that ends a run of several."""

import pytest

from gudspec.cli import together
from gudspec.engine import processes, supervisor
from gudspec.engine.signals import StopRequest
from gudspec.errors import RunError

GONE = RuntimeError("UNAVAILABLE: the remote task has exceeded its heartbeat timeout")


class Ended(Exception):
    pass


@pytest.fixture(autouse=True)
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process, as the second of a run, without the first."""

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(supervisor, "supervised", lambda: True)
    monkeypatch.setattr(processes, "connect", lambda where: None)
    monkeypatch.setattr("os._exit", end)


@pytest.mark.parametrize(
    ("error", "said", "traced"),
    [
        (GONE, "error: a process of this run was lost (process 1 of 2, which meet at a:1)", False),
        (FileNotFoundError(2, "No such file", "w/heartbeat.json"), "error: FileNotFoundError: [Errno 2]", False),
        (ConnectionResetError(104, "Connection reset by peer"), "error: ConnectionResetError: [Errno 104]", False),
        (RunError("no checkpoint"), "error: no checkpoint", False),
        (KeyError("heartbeat.json"), "error: KeyError: 'heartbeat.json'", True),
    ],
)
def test_only_what_says_so_is_a_lost_process_and_own_bugs_keep_their_traceback(
    capsys: pytest.CaptureFixture[str], error: Exception, said: str, traced: bool
) -> None:
    with pytest.raises(Ended), together.together(StopRequest(), "a:1", 2, 1):
        raise error
    lines = capsys.readouterr().err.splitlines()
    (told,) = [line for line in lines if line.startswith("error: ")]
    assert told.startswith(said)
    assert ("Traceback (most recent call last):" in lines) == traced


def test_a_meeting_that_fails_is_a_message(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(where: object) -> None:
        raise RunError("the processes did not meet")

    monkeypatch.setattr(processes, "connect", fail)
    with pytest.raises(Ended), together.together(StopRequest(), "a:1", 2, 1):
        pass
    assert capsys.readouterr().err == "error: the processes did not meet\n"
