"""What mixing fewer noising-state tokens saves: the quickstart on larger images, where every component has a token.

    python -m benchmarks.tokens --on photos32 --steps 100

Each number of mixed tokens is a training of its own, otherwise the same. Prints JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import command
from benchmarks.recipes import ALL, LIKELIHOOD, ON, RATES, trained
from benchmarks.sizes import SPEC


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--on", choices=ON, default="photos32")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--mixed", type=int, nargs="+", default=[16, 64, 256, 3072], help="the last are all")
    command.main(measure, parser)


def measure(on: str, steps: int, mixed: Sequence[int]) -> dict[str, Any]:
    """Step times, and bits/dim of validation images."""
    sides: dict[str, dict[str, float]] = {}
    for count in mixed:
        overrides = [*ON[on], LIKELIHOOD, *ALL, f"network.mixer_tokens={count}"]
        found: dict[str, dict[str, float]] = {}
        trained(SPEC, overrides, "muon", RATES["muon"], steps, found)
        (sides[f"{count} mixed"],) = found.values()
    *fewer, every = ((name, numbers["milliseconds_per_step"]) for name, numbers in sides.items())
    goals = [command.goal(f"step time, {name}, over {every[0]}", round(one / every[1], 3)) for name, one in fewer]
    return {"size": on, "goals": goals, "sides": sides, "steps": steps}


if __name__ == "__main__":
    main()
