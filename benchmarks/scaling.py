"""What a train step costs against size, batch, groups and devices, and how close it comes to the machine's own rates.

    python -m benchmarks.scaling --rounds 5

Every point is a process of its own, `benchmarks/scaling_point.py`: the quickstart's network on images with three
channels, noised patch by patch. One of size, batch, groups and devices varies, the others keep their values. FLOPs,
bytes and collectives are those that XLA counts in the compiled step. Prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks import command

BASE = {"size": 16, "batch": 64, "patch": 4, "devices": 1}
AXES: dict[str, list[dict[str, int]]] = {
    "size": [{"size": size, "patch": size // 4} for size in (8, 16, 32, 64)],
    "batch": [{"batch": batch} for batch in (16, 64, 256)],
    "groups": [{"patch": patch} for patch in (16, 4, 2, 1)],
    "devices": [{"devices": devices} for devices in (1, 2, 4, 8)],
}


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    command.main(measure, parser)


def measure(rounds: int, axes: list[str]) -> dict[str, Any]:
    """The points of every axis."""
    known: dict[tuple[int, ...], dict[str, Any]] = {}

    def point(change: dict[str, int]) -> dict[str, Any]:
        options = BASE | change
        key = tuple(options.values())
        if key not in known:
            print(f"measuring {options}", file=sys.stderr)
            named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
            order = [sys.executable, "-m", "benchmarks.scaling_point", *named, "--rounds", str(rounds)]
            known[key] = json.loads(subprocess.run(order, check=True, stdout=subprocess.PIPE).stdout)
        return known[key]

    found = {axis: [point(change) for change in AXES[axis]] for axis in axes}
    # the machine's rates are the best that a point has seen: another's work may have met its rounds
    product = max(one["product_gflops_per_second"] for one in known.values())
    bandwidth = max(one["memory_gb_per_second"] for one in known.values())
    for one in known.values():
        roof = min(product, one["intensity"] * bandwidth)
        one["share_of_product"] = round(one["gflops_per_second"] / product, 4)
        one["share_of_roof"] = round(one["gflops_per_second"] / roof, 4)
    return {"axes": found, "peak_memory_mib": max(one["peak_memory_mib"] for one in known.values())}


if __name__ == "__main__":
    main()
