"""What all benchmarks print: what was measured, what was asked, and on which machine."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from gudspec.cli.pages import SETTING, take_large_pages

_PACKAGES = ("jax", "jaxlib", "flax", "diffrax", "optax", "numpy", "scipy")
Goal = dict[str, Any]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options of a benchmark; `description` is the docstring of its module."""
    return argparse.ArgumentParser(description=(description or "").split("\n")[0])


def main(measure: Callable[..., dict[str, Any]], options: argparse.ArgumentParser) -> None:
    """Measures with the options of the command line, and prints JSON.

    Args:
        measure: takes the options by their names.
        options: the options.
    """
    take_large_pages()  # as commands do; other sides of a comparison have them, too
    options.add_argument("--json", type=Path, metavar="FILE", help="write it there, too; see benchmarks/page.py")
    chosen = vars(options.parse_args())
    file, before = chosen.pop("json"), _worked()
    measured = measure(**chosen)
    taken = {"others_share": _others(before, _worked()), "peak_memory_mib": peak_memory()}
    # devices are asked last: a benchmark's own processes may need them
    result = facts() | taken | _device_memory() | measured
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")


def goal(
    what: str, measured: float | Sequence[float], *, at_least: float | None = None, at_most: float | None = None
) -> Goal:
    """A number with what was asked of it: at least, at most, or nothing. Of several the median, with the quartiles."""
    found: Goal = {"what": what}
    if isinstance(measured, Sequence):
        if len(measured) > 1:
            low, _, high = statistics.quantiles(measured, n=4, method="inclusive")
            found["quartiles"] = [round(low, 4), round(high, 4)]
        measured = round(statistics.median(measured), 4)
    found["measured"] = measured
    if at_least is not None:
        found |= {"asked": f"≥ {at_least}", "reached": measured >= at_least}
    elif at_most is not None:
        found |= {"asked": f"≤ {at_most}", "reached": measured <= at_most}
    return found


def facts() -> dict[str, Any]:
    """Command, day, commit, machine and versions."""
    import jax

    name = sys.modules["__main__"].__spec__.name
    return {
        "benchmark": name.rpartition(".")[2],
        "command": shlex.join(["python", "-m", name, *_without_file(sys.argv[1:])]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "machine": {
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "device": jax.devices()[0].device_kind,
            "devices": jax.device_count(),
            "large_pages": f"{SETTING}=1" in os.environ.get("GLIBC_TUNABLES", ""),
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def peak_memory() -> int:
    """Most memory that this process has held, or one of those that it has waited for, in MiB."""
    of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in of) // 1024  # Linux counts KiB


def _commit() -> str:
    """The commit of this checkout, with a + where files differ from it; results of others do not count."""
    head = _git("rev-parse", "--short=7", "HEAD")
    return head + "+" * bool(_git("status", "--porcelain", "--", ":/", ":!results"))


def _git(*order: str) -> str:
    told = subprocess.run(["git", *order], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return told.stdout.strip()


class _Worked(NamedTuple):
    """Seconds of the machine's processors, summed."""

    all: float
    """Since it started."""
    busy: float
    """Of these, not idle: whoever worked, other guests of the same host included."""
    own: float
    """Of these, this process and those that it has waited for."""


def _worked() -> _Worked | None:
    told = Path("/proc/stat")
    if not told.exists():
        return None
    user, nice, system, idle, waiting, *rest = map(int, told.read_text(encoding="ascii").split("\n")[0].split()[1:9])
    busy, hertz = user + nice + system + sum(rest), os.sysconf("SC_CLK_TCK")
    return _Worked((busy + idle + waiting) / hertz, busy / hertz, sum(os.times()[:4]))


def _others(before: _Worked | None, after: _Worked | None) -> float | None:
    """The share of the processors that others had meanwhile; None where the system does not tell."""
    if before is None or after is None:
        return None
    share = (after.busy - before.busy - (after.own - before.own)) / (after.all - before.all)
    return round(max(share, 0.0), 3)


def _device_memory() -> dict[str, int]:
    import jax

    told = jax.devices()[0].memory_stats() or {}  # CPUs tell nothing
    return {"peak_device_memory_mib": told["peak_bytes_in_use"] >> 20} if "peak_bytes_in_use" in told else {}


def _without_file(arguments: list[str]) -> list[str]:
    """The arguments without `--json FILE`: where a result is kept says nothing about it."""
    if "--json" not in arguments:
        return [argument for argument in arguments if not argument.startswith("--json=")]
    at = arguments.index("--json")
    return arguments[:at] + arguments[at + 2 :]


def _cpu() -> str:
    """What the processor calls itself."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
