"""`gudspec tail`."""

import time
from typing import Annotated

import typer

from gudspec.cli.eval import Workdir

__all__ = ["tail"]


def tail(
    workdir: Workdir,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last intervals first.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--once", help="Go on until the run ends.")] = True,
) -> None:
    """Show the last metrics of a run, and follow it.

    Exits 0 when the run has ended, and 2 if there is no such run.
    """
    from etils import epath

    from gudspec.engine.jsonfiles import read_intervals, read_object
    from gudspec.errors import Refused

    folder = epath.Path(workdir).expanduser()
    if not (folder / "spec.resolved.yaml").exists():
        raise Refused(f"{workdir} is not a workdir: it has no spec.resolved.yaml. `gudspec run` makes one")
    shown = None
    said = ""
    while True:
        beat, found = read_object(folder / "heartbeat.json"), read_intervals(folder / "metrics.jsonl")
        new = found[-lines:] if shown is None and lines else [line for line in found if line["step"] > (shown or 0)]
        for line in new if shown is not None or lines else ():
            typer.echo(_interval(line))
        shown = found[-1]["step"] if found else (shown or 0)
        state = _state(beat)
        if state != said:
            typer.echo(state)
            said = state
        if not follow or beat.get("phase") == "ended":
            return
        time.sleep(2)


def _interval(line: dict[str, float]) -> str:
    parts = [f"step {line['step']:>8,}", f"loss {line['loss']:.4f}", f"{line['images_per_second']:,.0f} images/s"]
    if line.get("step_seconds"):
        parts.append(f"{1000 * line['step_seconds']:.1f} ms/step")
    waited = 100 * line.get("input_seconds", 0.0) / max(line["seconds"], 1e-9)
    saved = 100 * line.get("checkpoint_seconds", 0.0) / max(line["seconds"], 1e-9)
    parts.append(f"input {waited:.1f} %  checkpoint {saved:.1f} %")
    if "flops_per_second" in line:
        parts.append(f"{line['flops_per_second'] / 1e9:,.0f} GFLOP/s")
    if "utilization" in line:
        parts.append(f"{100 * line['utilization']:.1f} % of the peak")
    return "  ".join(parts)


def _state(beat: dict[str, object]) -> str:
    if not beat:
        return "no heartbeat"
    who = f"process {beat.get('pid')} on {beat.get('host')}"
    silent = time.time() - float(str(beat.get("time", 0)))
    if beat.get("phase") != "ended" and silent > 60:
        return (
            f"{who} was {beat.get('phase')} at step {beat.get('step')}, and has not been heard of for a minute or more"
        )
    return f"{who}: {beat.get('phase')}"
