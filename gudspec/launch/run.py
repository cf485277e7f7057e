"""Carries out what a template has rendered."""

import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from gudspec.engine.signals import STOP_SIGNALS
from gudspec.errors import Refused
from gudspec.launch.platforms import Platform
from gudspec.launch.processes import Processes, command

__all__ = ["submit", "supervise", "together"]


def submit(platform: Platform, text: str) -> int:
    """Gives the rendered file to the platform's own command, which decides what signals mean.

    Args:
        platform: where.
        text: what `render` made for it.

    Returns:
        The exit code of that command; 128 + N where signal N has ended it, as shells say it.

    Raises:
        Refused: the command is not installed here.
    """
    if shutil.which(platform.command[0]) is None:
        raise Refused(f"{platform.name} needs the command `{platform.command[0]}`, which is not installed here")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / platform.template
        file.write_text(text, encoding="utf-8")
        code = _patiently([*platform.command, str(file)])
        return code if code >= 0 else 128 - code


def _patiently(arguments: list[str]) -> int:
    """Runs a command for as long as it takes: a script that is interrupted may have a TPU to give back.

    Ctrl-C reaches it too, as a member of the same foreground group. SIGTERM reaches this process, and is passed on.
    """
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            running[0].terminate() if running else early.append(number)

    # handlers, unlike SIG_IGN, are not inherited
    previous = {number: signal.signal(number, leave) for number in STOP_SIGNALS}
    try:
        running.append(subprocess.Popen(arguments))
        if early:
            running[0].terminate()
        return running[0].wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def supervise(text: str, say: Callable[[str], None]) -> int:
    """Runs the processes of one run on this machine, one for each line.

    Args:
        text: what `render` made for `local`; `$PORT` becomes a free port.
        say: prints a line.

    Returns:
        The exit code of the run: what one process has found to be final holds for all.
    """
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port = str(listener.getsockname()[1])
    lines = [line for line in text.splitlines() if line]
    with Processes(say) as processes:
        for index, line in enumerate(lines):
            if processes.stopped:
                break
            _, *arguments = shlex.split(line.replace("$PORT", port))
            processes.start_process(str(index), command(*arguments))
        started = len(processes)
        return together([*(processes.wait()[1] for _ in range(started)), *[75] * (len(lines) - started)])


def together(codes: Iterable[int]) -> int:
    """The exit code of several processes of one run.

    >>> together([1, 2]), together([75, 1]), together([75, 0]), together([0, 0])
    (2, 1, 75, 0)
    """
    found = set(codes)
    return next((code for code in (2, 3, 1, 75) if code in found), 1 if found - {0} else 0)
