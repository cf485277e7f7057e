"""The parent of a process that runs together with others. It never loads JAX.

When a peer dies or never comes, JAX ends the process natively, without an exception: only a parent can turn that into
a message and an exit code. It passes signals on, ends with its child, and the child ends with it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO

from gudspec.engine.signals import STOP_SIGNALS

__all__ = ["has_supervisor", "report_connected", "report_explained", "supervise", "supervised"]

_VARIABLE = "GUDSPEC_SUPERVISED"
_NATIVE = re.compile(r"^(F\d{4} |E\d{4} |\*\*\* )")
"""How the first line of a native failure begins; a stack trace follows."""
_READY, _CONNECTED, _EXPLAINED = b"r", b"c", b"e"
_ALONE_SECONDS = 15
"""How long a process that was stopped still waits to meet the others: whoever stops it may kill it after 30."""


def supervise(arguments: Sequence[str], where: str, stopped: Callable[[], bool] = lambda: False) -> int:
    """Runs `gudspec` with these arguments in a child that may connect to others.

    Args:
        arguments: of the command line.
        where: the meeting, for messages.
        stopped: whether a signal came before; asked once signals are passed on.

    Returns:
        The exit code.
    """
    ours, theirs = socket.socketpair()
    state = bytearray()
    child = subprocess.Popen(
        [sys.executable, "-m", "gudspec", *arguments],
        env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, _VARIABLE: str(theirs.fileno())},
        pass_fds=(theirs.fileno(),),
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the parent alone, which passes it on
        text=True,
        errors="replace",
    )
    theirs.close()
    told = _Signals(child, state)
    told.stopped = told.stopped or stopped()
    states = threading.Thread(target=_listen, args=(ours, state, told), daemon=True)
    states.start()
    assert child.stderr is not None
    native = _pass_on(child.stderr)
    code = child.wait()
    states.join(1)
    if code in (0, 2, 3, 75) or (code == 1 and _EXPLAINED in state):
        return code
    if told.stopped and (code < 0 or code == 130) and _CONNECTED not in state:
        print("interrupted while starting; the same command starts again", file=sys.stderr, flush=True)
        return 75
    if native and _CONNECTED not in state:
        problem = f"not all processes came ({where}). Start all of them, and check that the first can be reached"
    elif native or code == 1:  # JAX may also end a process with 1, and say nothing
        problem = f"a process of this run was lost ({where}). All of them have to be started again, to continue"
    else:
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        problem = f"this process ended by {name} ({where}). Start all processes again, to continue"
    print(f"error: {problem}", *([f"  JAX says: {native}"] if native else []), sep="\n", file=sys.stderr, flush=True)
    return 1


class _Signals:
    """Passes SIGTERM and Ctrl-C on to the child once it can handle them; a second one ends it.

    While it waits for the others natively it cannot: they may still come, for a while, and then all of them stop.

    Args:
        child: who is told.
        state: what it has said of itself.
    """

    def __init__(self, child: subprocess.Popen[str], state: bytearray):
        self.stopped = False
        self._child, self._state = child, state
        self._once = threading.Lock()
        for number in STOP_SIGNALS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.stopped:
            self._child.kill()
            return
        self.stopped = True
        self.pass_on()

    def pass_on(self) -> None:
        """Tells the child of a signal, if one came and it handles signals."""
        if not self.stopped or _READY not in self._state or not self._once.acquire(blocking=False):
            return
        self._child.terminate()
        if _CONNECTED not in self._state:
            waiting = threading.Timer(_ALONE_SECONDS, self._give_up)
            waiting.daemon = True
            waiting.start()

    def _give_up(self) -> None:
        if _CONNECTED not in self._state:
            self._child.kill()


def _listen(ours: socket.socket, state: bytearray, signals: _Signals) -> None:
    """Notes what the child says of itself."""
    while said := ours.recv(1):
        state += said
        if said == _READY:
            signals.pass_on()


def _pass_on(stderr: IO[str]) -> str:
    """Passes the child's messages on, up to a native failure, whose first line is returned, and from an `error:` on."""
    native, quiet = "", False
    for line in stderr:
        if _NATIVE.match(line):
            native, quiet = native or line.partition("] ")[2].strip() or line.strip(), True
        elif line.startswith("error: "):
            quiet = False
        if not quiet:
            print(line, end="", file=sys.stderr, flush=True)
    return native[:300]


def has_supervisor() -> bool:
    """Whether this process is the child of a supervisor."""
    return _VARIABLE in os.environ


def supervised() -> bool:
    """Whether this process has a supervisor. The first call tells it that signals are handled, and watches it."""
    if not has_supervisor():
        return False
    _say(_READY)
    threading.Thread(target=_follow, args=(int(os.environ[_VARIABLE]),), daemon=True).start()
    return True


def report_connected() -> None:
    """Tells the supervisor that all processes have met."""
    _say(_CONNECTED)


def report_explained() -> None:
    """Tells the supervisor that the user knows why this process ends with 1."""
    _say(_EXPLAINED)


def _say(what: bytes) -> None:
    if (number := os.environ.get(_VARIABLE)) is not None:
        os.write(int(number), what)


def _follow(number: int) -> None:
    """Ends with the parent, however that ended."""
    if not os.read(number, 1):
        os._exit(1)
