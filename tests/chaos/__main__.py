"""Chaos: `python -m tests.chaos`, or `make chaos`.

Small runs are killed, told to stop, damaged, starved of disk and doubled, at random moments from a seeded list. Each
must then end as if nothing had happened, to the bit. The same command goes on where it stopped, unless the code has
changed.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from gudspec.engine.workdir import commit
from tests.chaos.campaign import Campaign

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Runs a campaign; the exit code is 1 if a run was lost, ended otherwise than it should, or misbehaved."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=100, help="at least how many")
    parser.add_argument("--seed", type=int, default=0, help="of the list of faults")
    parser.add_argument("--folder", type=Path, default=Path("runs/chaos"), help="where runs and results are")
    given = parser.parse_args(arguments)
    folder = given.folder.absolute() / (commit() or "installed")
    os.environ.setdefault("GUDSPEC_CACHE", str(folder / "statistics"))
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "compilation"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    campaign = Campaign(folder, given.seed)
    while campaign.injected < given.faults:
        result = campaign.step()
        verdict = "LOST" if result["lost"] else "NOT EQUAL" if result["unequal"] else "equal"
        said = f"{campaign.injected:>4} faults  case {result['index']}: {verdict}  {', '.join(result['faults'])}"
        print(said, *result["problems"], sep="\n  ", file=sys.stderr, flush=True)
    summary = campaign.summary()
    print(json.dumps(summary, indent=2))
    return 1 if summary["runs lost"] or summary["resumes not bitwise equal"] or summary["other problems"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
