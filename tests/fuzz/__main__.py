"""The fuzzer: `python -m tests.fuzz`, or `make fuzz`.

Nine tenths of the cases are rough, one tenth is gentle; those without errors are traced, gentle ones first, for as long
as it is allowed. A case is a kind and a seed, so every case can be seen again: `python -m tests.fuzz --case rough/17`.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.cases import Case
from tests.fuzz.session import Session

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Runs a session; the exit code is 1 if a law is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000, help="how many")
    parser.add_argument("--start", type=int, default=0, help="first seed")
    parser.add_argument("--trace", type=float, default=3600.0, help="seconds of tracing specs without errors")
    parser.add_argument("--folder", type=Path, default=Path("runs/fuzz"), help="where failing cases are kept")
    parser.add_argument("--resume", action="store_true", help="go on where the last session in the folder stopped")
    parser.add_argument("--case", metavar="KIND/SEED", help="only this case, in full")
    given = parser.parse_args(arguments)
    os.environ["JAX_PLATFORMS"] = "cpu"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["GUDSPEC_CACHE"] = f"{scratch}/cache"
        if given.case:
            return _one(Session.start(given.folder, Path(scratch)), given.case)
        given.folder.mkdir(parents=True, exist_ok=True)
        session = Session.start(given.folder, Path(scratch))
        state = given.folder / "session.json"
        first = session.resume(state)["seed"] if given.resume and state.exists() else given.start
        clean: list[tuple[str, Case]] = []
        for seed in range(first, given.start + given.cases):
            kind = "rough" if seed % 10 else "gentle"
            case, verdict = session.lint(kind, seed)
            if verdict.clean and not verdict.wrong:
                clean.append((kind, case))
            if seed % 500 == 499:
                session.save(state, {"seed": seed + 1})
                print(f"{seed + 1:,} … {len(session.failures)} laws broken", file=sys.stderr, flush=True)
        stop = time.monotonic() + given.trace
        waiting = sorted(clean, key=lambda one: one[0])
        for done, (kind, case) in enumerate(waiting):
            if time.monotonic() > stop:
                print(f"{len(waiting) - done} specs are left untraced: --trace SECONDS allows more", file=sys.stderr)
                break
            session.trace(kind, case)
        print(session.summary())
        session.save(state, {"seed": given.start + given.cases})
        if session.failures:
            print(f"failing cases are in {given.folder}")
        return 1 if session.failures else 0


def _one(session: Session, name: str) -> int:
    kind, _, seed = name.partition("/")
    case, verdict = session.lint(kind, int(seed))
    sys.stdout.write(case.text.decode("utf-8", errors="replace"))
    print(f"\nmutations: {case.told}\noverrides: {case.overrides!r}\nstatistics known: {case.known}\n")
    for found in verdict.report.findings if verdict.report else ():
        print(found, end="\n\n")
    if verdict.clean:
        session.trace(kind, case)
    print(session.summary())
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
