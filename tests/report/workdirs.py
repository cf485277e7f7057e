"""A finished run with every kind of drawing, made up of noise: no network is trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from gudspec.program.design import Statistics
from gudspec.report.images import save_drawing
from gudspec.spec.load import reads
from gudspec.spec.resolved import show

SPEC = """
gudspec: 1
name: drawings
data: {source: {kind: digits}}
design:
  basis: {kind: pixel}
  schedule: {kind: sequential, ordering: {kind: column}, inverse_softness: 0.6, gamma: {min: -9, max: 5}}
evaluate: [{name: nll, kind: likelihood}]
sample:
- {name: free, count: 9, frames: 6}
- {name: filled, count: 8, task: {kind: inpaint, mask: {kind: half}}, sampler: {kind: dpm, steps: 20}}
- {name: again, count: 4, task: {kind: reconstruct, time: 0.4, draws: 3}}
- {name: there-and-back, count: 4, task: {kind: roundtrip}, sampler: {kind: ddim, steps: 50}}
- {name: between, count: 4, task: {kind: interpolate, points: 5}, sampler: {kind: ddim, steps: 50}}
- {name: long, count: 3, task: {kind: extend, length: 64}}
"""
_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "free": {"images": (9, 8, 8, 1), "frames": (9, 6, 8, 8, 1)},
    "filled": {"originals": (8, 8, 8, 1), "given": (8, 8, 8, 1), "images": (8, 8, 8, 1)},
    "again": {"originals": (4, 8, 8, 1), "given": (4, 8, 8, 1), "images": (4, 3, 8, 8, 1)},
    "there-and-back": {"originals": (4, 8, 8, 1), "latents": (4, 8, 8, 1), "images": (4, 8, 8, 1)},
    "between": {"originals": (4, 8, 8, 1), "images": (4, 5, 8, 8, 1)},
    "long": {"images": (3, 8, 64, 1)},
}


def statistics() -> Statistics:
    variance = np.geomspace(3, 1e-3, 64, dtype=np.float32).reshape(8, 8, 1)
    return Statistics(np.zeros((8, 8, 1), np.float32), np.zeros((0, 0), np.float32), variance, np.array([1e-3, 3.0]))


def workdir(folder: Path, spec: str = SPEC, **summary: Any) -> Path:
    """Writes a working directory.

    Args:
        folder: where; created.
        spec: the spec.
        summary: fields of `summary.json` that are not as usual.
    """
    (folder / "samples").mkdir(parents=True)
    document = reads(spec, name="drawings.yaml")
    random = np.random.default_rng(0)
    samples = []
    for entry in document.experiment.sample:
        arrays = {name: random.uniform(-1, 1, shape) for name, shape in _SHAPES[entry.name].items()}
        if "frames" in arrays:
            arrays["images"] = arrays["frames"][:, -1]
        np.savez(folder / f"samples/{entry.name}.npz", **arrays)  # type: ignore[arg-type]
        save_drawing(folder / "samples" / entry.name, arrays)
        facts = {
            "name": entry.name,
            "at": {},
            "count": entry.count,
            "seconds": 1.5,
            "file": f"samples/{entry.name}.png",
        }
        samples.append(facts | ({"error": 0.0123} if entry.task.kind in ("roundtrip", "interpolate") else {}))
    nll = {"name": "nll", "kind": "likelihood", "split": "test", "at": {}, "value": 2.5, "standard_error": 0.01}
    usual = {
        "name": document.experiment.name,
        "steps": 100,
        "parameters": 1234,
        "images_per_second": 500.0,
        "wall_seconds": 20.0,
        "nll_bits_per_dim": 2.5,
        "gaussian_bits_per_dim": 2.9,
        "evaluations": [{**nll, "images": 360, "seconds": 3.0}],
        "samples": samples,
    }
    (folder / "summary.json").write_text(json.dumps(usual | summary))
    (folder / "spec.resolved.yaml").write_text(show(document))
    (folder / "provenance.json").write_text(json.dumps({"devices": ["cpu 0"]}))
    lines = [{"step": step, "loss": 1 / step, "gradient_norm": 0.1, "seconds": 10.0} for step in (25, 50, 75, 100)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    np.savez(folder / "statistics.npz", **statistics()._asdict())
    return folder
