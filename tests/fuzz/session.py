"""A session of fuzzing: many cases, what they told, and what has to be looked at."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gudspec.spec.load import Document, reads
from tests.fuzz.cases import SPECS, Case, gentle, rough
from tests.fuzz.law import broken, crooked, structure, traceable
from tests.fuzz.minimal import minimal
from tests.fuzz.oracle import Verdict, examined, knowing

__all__ = ["Session"]

_KINDS = {"rough": rough, "gentle": gentle}


@dataclass
class Session:
    """Cases by seed, and the count of what came of them.

    Args:
        folder: failing cases are written here; nothing is written with None.
        gallery: a copy of the gallery, in which cases take their places.
    """

    folder: Path | None
    gallery: Path
    cases: int = 0
    seconds: float = 0.0
    slowest: tuple[float, str] = (0.0, "")
    clean: int = 0
    curves: int = 0
    traced: int = 0
    too_large: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[str]] = field(default_factory=dict)
    """Names of the cases that break a law, by law."""
    _structures: set[str] = field(default_factory=set)

    @staticmethod
    def start(folder: Path | None, scratch: Path) -> Session:
        gallery = scratch / "specs"
        shutil.copytree(SPECS, gallery, dirs_exist_ok=True)
        return Session(folder, gallery)

    def lint(self, kind: str, seed: int) -> tuple[Case, Verdict]:
        """Puts a case to the linter and, where it is clean, its path to NumPy."""
        case = _KINDS[kind](seed)
        verdict = examined(case, self.gallery)
        self.cases += 1
        self.clean += verdict.clean
        self.seconds += verdict.seconds
        self.slowest = max(self.slowest, (verdict.seconds, f"{kind}/{seed}"))
        if verdict.report:
            self.codes.update(found.code for found in verdict.report.findings)
        for told in verdict.wrong:
            self._fail(kind, case, told, lambda other: [_law(one) for one in examined(other, self.gallery).wrong])
        if verdict.clean:
            told = self._curve(case)
            self.curves += 1
            if told:
                self._fail(kind, case, told, lambda other: [_law(self._curve(other))] if self._clean(other) else [])
        return case, verdict

    def trace(self, kind: str, case: Case) -> bool:
        """Traces the programs of a clean case, unless that was done or takes too long; whether it was traced."""
        experiment = self._read(case).experiment
        if not traceable(experiment):
            self.too_large += 1
            return False
        if (known := structure(experiment)) in self._structures:
            return False
        self._structures.add(known)
        self.traced += 1
        if told := broken(experiment):
            self._fail(kind, case, told, None)
        return True

    def _clean(self, case: Case) -> bool:
        return examined(case, self.gallery).clean

    def _read(self, case: Case) -> Document:
        return reads(case.text.decode("utf-8-sig"), case.overrides, name=str(self.gallery / case.base))

    def _curve(self, case: Case) -> str | None:
        with knowing(case.seed if case.known else None):
            return crooked(self._read(case))

    def _fail(self, kind, case, told, laws) -> None:  # type: ignore[no-untyped-def]
        law = _law(told)
        known = self.failures.setdefault(law, [])
        known.append(f"{kind}/{case.seed}")
        if self.folder is None or len(known) > 3:
            return
        small = minimal(case, lambda other: law in laws(other)) if laws else case
        target = self.folder / f"{kind}-{case.seed}"
        target.mkdir(parents=True, exist_ok=True)
        (target / "case.yaml").write_bytes(case.text)
        (target / "minimal.yaml").write_bytes(small.text)
        told = f"{told}\n\nin place of {case.base}\nmutations: {case.told}\noverrides: {small.overrides!r}\n"
        (target / "why.txt").write_text(told, "utf-8", errors="backslashreplace")
        shown = small.text.decode("utf-8", errors="backslashreplace")
        print(f"BROKEN {law}\n{shown}\nagain: python -m tests.fuzz --case {kind}/{case.seed}", file=sys.stderr)

    def summary(self) -> str:
        """The session in words."""
        rows = [
            f"{self.cases:,} cases in {self.seconds:.1f} s of linting, {self.clean:,} without errors",
            f"slowest: {self.slowest[0]:.3f} s, {self.slowest[1]}",
            f"{self.curves:,} paths evaluated; {self.traced} specs traced, {self.too_large} too large for that",
            "findings: " + ", ".join(f"{code} {count:,}" for code, count in sorted(self.codes.items())),
        ]
        for law, names in self.failures.items():
            rows.append(f"BROKEN {law}: {len(names)} cases, {' '.join(names[:8])}")
            rows.append(f"    python -m tests.fuzz --case {names[0]}")
        return "\n".join(rows if self.failures else [*rows, "all laws hold"])

    def save(self, path: Path, done: dict[str, int]) -> None:
        """Writes what a later session needs to go on."""
        kept = {name: getattr(self, name) for name in _KEPT} | {"done": done}
        path.write_text(json.dumps(kept), "utf-8")

    def resume(self, path: Path) -> dict[str, int]:
        """Takes over the counts of an earlier session; returns how many cases of each kind it has seen."""
        kept = json.loads(path.read_text("utf-8"))
        for name in _KEPT:
            setattr(self, name, kept[name])
        self.slowest, self.codes = tuple(kept["slowest"]), Counter(kept["codes"])
        return kept["done"]  # type: ignore[no-any-return]


_KEPT = ("cases", "seconds", "slowest", "clean", "curves", "traced", "too_large", "codes", "failures")


def _law(told: str | None) -> str:
    return (told or "").partition("\n")[0]
