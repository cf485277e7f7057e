"""The resolved form of every spec: `python -m tests.gallery.goldens` writes them anew; look at their diff.

They show what a change of a default, of a base or of the language does to every experiment.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from gudspec.spec.load import load
from gudspec.spec.resolved import dump

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
FOLDER = Path(__file__).parent / "resolved"
PLACES = ("GUDSPEC_DATA", "GUDSPEC_RUNS")
"""Variables of the environment that specs name: a golden has their defaults."""


def golden(spec: Path) -> Path:
    """The file that keeps the resolved form of a spec."""
    return FOLDER / spec.relative_to(ROOT / "specs")


def resolved() -> Iterator[tuple[Path, str]]:
    """Every golden with what it should say."""
    for spec in SPECS:
        yield golden(spec), dump(load(spec))


if __name__ == "__main__":
    for variable in PLACES:
        os.environ.pop(variable, None)
    for path in set(FOLDER.rglob("*.yaml")) - {golden(spec) for spec in SPECS}:
        path.unlink()
    for path, text in resolved():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
