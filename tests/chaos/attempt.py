"""One start of a run, real processes, and the fault that meets it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.faults import Attempt
from tests.engine.cluster import free_port

__all__ = ["STEPS", "Run", "attempt", "isolated"]

STEPS = 120
_PATIENCE = 600.0
"""Seconds after which a run that does not end counts as hanging."""


class Run:
    """A run that is going on.

    Args:
        spec: its text.
        workdir: its folder.
        processes: how many.
        wrap: what stands before the command.
    """

    def __init__(self, spec: Path, workdir: Path, processes: int = 1, wrap: tuple[str, ...] = ()):
        command = [*wrap, sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(workdir)]
        port = free_port()
        self.workdir = workdir
        self.started = time.monotonic()
        self.logs: list[Path] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        for index in range(processes):
            together = ("--coordinator", f"localhost:{port}", "--processes", str(processes), "--process", str(index))
            log = workdir.with_name(f"{workdir.name}.{index}.log")
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [*command, *(together if processes > 1 else ())],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"},
                )
            self.logs.append(log)
            self.processes.append(process)

    @property
    def going(self) -> bool:
        """Whether all processes are still there."""
        return all(process.poll() is None for process in self.processes)

    @property
    def said(self) -> str:
        """What all of them have said so far."""
        return "".join(log.read_text(errors="replace") for log in self.logs)

    def wait(self, patience: float = _PATIENCE) -> list[int | None]:
        """The exit codes; None for a process that had to be killed because it did not end."""
        end = time.monotonic() + patience
        codes: list[int | None] = []
        for process in self.processes:
            try:
                codes.append(process.wait(max(0.0, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                codes.append(None)
        self.kill()
        return codes

    def until(self, ready: Callable[[], bool], patience: float = _PATIENCE) -> bool:
        """Waits until something is so; False if the run is over before."""
        end = time.monotonic() + patience
        while self.going and time.monotonic() < end:
            if ready():
                return True
            time.sleep(0.002)
        return False

    def signal(self, number: int, index: int) -> None:
        """Sends a signal to one process."""
        with contextlib.suppress(ProcessLookupError):
            self.processes[index].send_signal(number)

    def kill(self) -> None:
        """kill -9 of every process, and of what they supervise."""
        for process in self.processes:
            for child in _children(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            process.kill()
            process.wait()

    def kill_worker(self, index: int) -> None:
        """kill -9 of the process that computes, below its supervisor."""
        for child in _children(self.processes[index].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def isolated() -> bool:
    """Whether this machine lets a process see a folder as read-only, or as a disk of its own."""
    try:
        return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def attempt(plan: Attempt, spec: Path, workdir: Path, processes: int) -> tuple[bool, list[str]]:
    """Starts a run and does to it what is planned.

    Returns:
        Whether the fault could be done, and what went wrong in a way that no fault excuses.
    """
    if plan.fault == "read_only":
        return _read_only(spec, workdir)
    if plan.fault == "full_disk":
        return _full_disk(spec, workdir, plan.when)
    run = Run(spec, workdir, processes)
    if plan.fault == "second_run":
        return _second(run, spec)
    if not _moment(run, plan):
        return _judge(run, run.wait(), {0}, done=False)
    if plan.fault == "term":
        run.signal(signal.SIGTERM, plan.seed % processes)
        # before Python handles signals, SIGTERM ends it natively
        return _judge(run, run.wait(), {0, 75} if plan.moment != "start" else {0, 75, -signal.SIGTERM})
    if plan.fault == "kill_peer":
        run.kill_worker(plan.seed % processes)
        before = time.monotonic()
        codes = run.wait()
        done, problems = _judge(run, codes, {0, 1})
        if (took := time.monotonic() - before) > 60:
            problems.append(f"the others took {took:.0f} s to notice that a process was lost")
        return done, problems
    run.kill()
    return True, []


def _moment(run: Run, plan: Attempt) -> bool:
    """Waits for the moment; False if the run is over before."""
    if plan.fault == "kill_in_save":
        checkpoints, skipped = run.workdir / "checkpoints", int(3 * plan.when)
        seen: set[str] = set()

        def saving() -> bool:
            names = [path.name for path in checkpoints.glob("*") if not path.name.isdigit()]
            seen.update(names)
            return bool(names) and len(seen) > skipped

        return run.until(saving)
    if plan.moment == "start":
        moment = run.started + 8 * plan.when
        return run.until(lambda: time.monotonic() > moment)
    if plan.moment == "training":
        metrics, lines = run.workdir / "metrics.jsonl", 1 + int(plan.when * STEPS / 5)

        def far() -> bool:  # lines of an earlier attempt are there from the start
            return "\ntraining " in run.said and metrics.read_text(errors="replace").count("\n") >= lines

        return run.until(far)
    if not run.until(lambda: f"training {STEPS}/{STEPS}" in run.said):
        return False
    moment = time.monotonic() + 4 * plan.when
    return run.until(lambda: time.monotonic() > moment)


def _second(run: Run, spec: Path) -> tuple[bool, list[str]]:
    """Starts the run a second time, beside itself."""
    if not run.until(lambda: "parameters, " in run.said):
        return _judge(run, run.wait(), {0}, done=False)
    beside = subprocess.run(
        [sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(run.workdir)],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        timeout=_PATIENCE,
        check=False,
    )
    still = run.going
    done, problems = _judge(run, run.wait(), {0})
    if still and (beside.returncode != 2 or "is in use by" not in beside.stderr):
        problems.append(f"a second run ended with {beside.returncode}: {beside.stderr[-300:]}")
    return done and still, problems


def _read_only(spec: Path, workdir: Path) -> tuple[bool, list[str]]:
    """Starts a run whose folder cannot be written to."""
    if not isolated():
        return False, []
    workdir.mkdir(exist_ok=True)
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    run = Run(spec, workdir, wrap=("unshare", "-m", "sh", "-c", mount, str(workdir)))
    done, problems = _judge(run, run.wait(), {0, 2})
    if run.processes[0].returncode == 2 and "cannot be written to" not in run.said:
        problems.append(f"read-only storage is not named: {run.said[-300:]}")
    return done, problems


_DISK = """
mkdir -p "$0.disk" && mount --bind "$0" "$0.disk" && mount -t tmpfs -o "size=$1" tmpfs "$0" || exit 99
cp -a "$0.disk/." "$0" || exit 99
folder="$0"; shift
"$@"
code=$?
find "$folder.disk" -mindepth 1 -delete
cp -a "$folder/." "$folder.disk" || exit 99
exit $code
"""
"""Runs a command whose folder is a disk of a given size, and keeps what it leaves there."""


def _full_disk(spec: Path, workdir: Path, when: float) -> tuple[bool, list[str]]:
    """Starts a run on a disk that has room for a part of what is still to be written."""
    if not isolated():
        return False, []
    workdir.mkdir(exist_ok=True)
    room = int(when * _used(workdir.with_name("undisturbed-1")))
    wrap = ("unshare", "-m", "sh", "-c", _DISK, str(workdir), str(_used(workdir) + room))
    run = Run(spec, workdir, wrap=wrap)
    done, problems = _judge(run, run.wait(), {0, 1})
    if run.processes[0].returncode == 1 and "no space left" not in run.said.lower():
        problems.append(f"a full disk is not named: {run.said[-300:]}")
    return done, problems


def _used(folder: Path) -> int:
    """Bytes of a folder, in whole pages."""
    files = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // 4096) * 4096 for size in files)


def _judge(run: Run, codes: list[int | None], allowed: set[int], done: bool = True) -> tuple[bool, list[str]]:
    problems = [f"exit code {code}, not of {sorted(allowed)}" for code in codes if code not in allowed]
    if "Traceback (most recent call last)" in run.said:
        problems.append("a traceback")
    if problems:
        problems.append(run.said[-1500:])
    return done, problems
