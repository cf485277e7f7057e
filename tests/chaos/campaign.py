"""A campaign: cases one after the other, each compared with a run that nothing disturbed."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.chaos.attempt import STEPS, Run, attempt
from tests.chaos.damage import damage
from tests.chaos.faults import Case, case

__all__ = ["Campaign"]

TEXT = f"""
gudspec: 1
name: chaos
data: {{source: {{kind: digits}}}}
design: {{basis: {{kind: pca}}, schedule: {{kind: linear}}}}
network: {{kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}}
train: {{steps: {STEPS}, batch_size: 8, ema: 0.9, log_every: 5, optimizer: {{learning_rate: 1e-3}}}}
evaluate:
  - {{name: coarse, kind: bound, images: 32, times: 2, batch_size: 8}}
  - {{name: fine, kind: bound, images: 32, times: 4, batch_size: 8}}
sample: [{{name: grid, count: 4, sampler: {{kind: ddim, steps: 10}}}}]
checkpoint: {{every: 10, keep: 3}}
"""


class Campaign:
    """Runs cases and writes one line about each into `cases.jsonl`, from which a later campaign goes on.

    Args:
        folder: where everything is; it may hold an earlier campaign of the same seed.
        seed: of the list of faults.
    """

    def __init__(self, folder: Path, seed: int):
        self._folder, self._seed = folder.absolute(), seed
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spec = self._folder / "chaos.yaml"
        self._spec.write_text(TEXT)
        self._log = self._folder / f"cases-{seed}.jsonl"
        lines = self._log.read_text().splitlines(keepends=True) if self._log.exists() else []
        self.cases: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("\n")]

    @property
    def injected(self) -> int:
        """Faults so far."""
        return sum(len(one["faults"]) for one in self.cases)

    def step(self) -> dict[str, Any]:
        """Runs the next case."""
        result = self._run(case(self._seed, len(self.cases)))
        self.cases.append(result)
        with self._log.open("a") as log:
            log.write(json.dumps(result) + "\n")
        return result

    def summary(self) -> dict[str, Any]:
        """What came of all cases."""
        kinds = Counter(fault for one in self.cases for fault in one["faults"])
        return {
            "seed": self._seed,
            "cases": len(self.cases),
            "faults injected": self.injected,
            "runs lost": sum(one["lost"] for one in self.cases),
            "resumes not bitwise equal": sum(one["unequal"] for one in self.cases),
            "other problems": sum(len(one["problems"]) > 0 for one in self.cases),
            "by kind": dict(sorted(kinds.items())),
        }

    def _run(self, plan: Case) -> dict[str, Any]:
        start = time.monotonic()
        expected = self._undisturbed(plan.processes)
        workdir = self._folder / f"case-{plan.index}"
        shutil.rmtree(workdir, ignore_errors=True)
        faults: list[str] = []
        problems: list[str] = []
        for one in plan.attempts:
            names = one.faults
            if one.rest:
                rest = names.pop(0)
                faults += [rest] if damage(workdir, one.rest, one.seed) else []
            done, found = attempt(one, self._spec, workdir, plan.processes)
            faults += names if done else []
            problems += found
        last = Run(self._spec, workdir, plan.processes)
        codes = last.wait()
        lost = any(code != 0 for code in codes)
        unequal = not lost and _outcome(workdir) != expected
        if lost:
            problems.append(f"the last start ended with {codes}: {last.said[-1500:]}")
        if not (lost or unequal or problems):
            shutil.rmtree(workdir)
        return {
            "index": plan.index,
            "processes": plan.processes,
            "faults": faults,
            "lost": lost,
            "unequal": unequal,
            "problems": problems,
            "seconds": round(time.monotonic() - start, 1),
        }

    def _undisturbed(self, processes: int) -> dict[str, Any]:
        """What the run ends with if nothing happens to it, on so many processes."""
        workdir = self._folder / f"undisturbed-{processes}"
        run = Run(self._spec, workdir, processes)  # if it is there already, it says so
        codes = run.wait()
        assert all(code == 0 for code in codes), run.said
        return _outcome(workdir)


def _outcome(workdir: Path) -> dict[str, Any]:
    """What must not depend on what happened: parameters, losses, evaluations and samples, to the bit."""
    summary = json.loads((workdir / "summary.json").read_text())
    lines = (workdir / "metrics.jsonl").read_text().splitlines(keepends=True)
    steps = [json.loads(line)["step"] for line in lines if line.endswith("\n")]  # a finished run is not mended
    return {
        "parameters": summary["parameters_sha256"],
        "evaluations": [(one["name"], one["value"]) for one in summary["evaluations"]],
        "images": np.load(workdir / "samples" / "grid.npz")["images"].tobytes().hex(),
        "steps in order": steps == sorted(set(steps)),
    }
