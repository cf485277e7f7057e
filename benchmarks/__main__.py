"""All measurements of docs/benchmarks.md, or some, on a machine that does nothing else meanwhile; `make bench`.

    python -m benchmarks
    python -m benchmarks overhead-8x8x1 rk45-8x8x1

Each is a process of its own, and writes its file in `benchmarks/results`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys

from benchmarks.page import RESULTS
from benchmarks.sizes import SIZES, SPEC

_OPTIONS = {  # fewer steps a round where each takes longer
    "8x8x1": {"rk45": "--rounds 3"},
    "28x28x1": {
        "torch_unet": "--rounds 5 --steps 5",
        "nnx_loop": "--rounds 5 --steps 3 --sample-steps 20 --count 16",
        "rk45": "--rounds 2 --images 16 --train 100",
    },
    "32x32x3": {
        "torch_unet": "--rounds 5 --steps 5",
        "nnx_loop": "--rounds 5 --steps 3 --sample-steps 20 --count 16",
        "rk45": "--rounds 2 --images 8 --train 100",
    },
}
_PEERS = ("overhead", "torch_unet", "nnx_loop", "rk45")
COMMANDS = {
    **{
        f"{peer}-{size}": " ".join(filter(None, (peer, "--size", size, _OPTIONS[size].get(peer))))
        for peer in _PEERS
        for size in SIZES
    },
    "convolutions-28x28x1": "convolutions --size 28x28x1",
    "convolutions-32x32x3": "convolutions --size 32x32x3",
    "segments": "segments specs/dvdp/photos.yaml --rounds 5 --steps 800",
    "dispatch": "dispatch --size 8x8x1",
    "times": "times --size 8x8x1",
    "solves": "solves --size 8x8x1",
    "earlier": "earlier --commit 581ec42 --then 900 1100 --now 300 400",
    "recipes-digits": "recipes --on digits --target 2.35 --steps 200 400 800",
    "recipes-photos16": "recipes --on photos16 --steps 100 200 400",
    "recipes-photos32": "recipes --on photos32 --steps 100 200 400",
    **{
        f"recipes-{name}": f"recipes --on specs/{spec}.yaml --steps 300"
        for name, spec in {
            "dvdp_photos": "dvdp/photos",
            "classes_digits": "applications/classes_digits",
            "upscale_photos": "applications/upscale_photos",
            "inpaint_digits": "applications/inpaint_digits",
            "extend_tissue": "applications/extend_tissue",
        }.items()
    },
    **{f"transforms-{size}": f"transforms --size {size}" for size in SIZES},
    "tokens": "tokens --on photos32 --steps 100",
    "startup": f"startup {SPEC} --pairs 3",
    "saving": f"saving {SPEC} --pairs 3",
    "large_pages": f"large_pages {SPEC} --pairs 5",
    "scaling": "scaling --rounds 3",
}
"""Results by their names, and how they are measured."""
ON_A_GPU = {
    f"torch_unet-paper-{batch}": f"torch_unet --size 32x32x3 --network paper --compute bfloat16 --batch {batch}"
    for batch in (128, 512)
}
"""Those that would take a processor hours."""
EVERY = COMMANDS | ON_A_GPU


def main() -> int:
    """Measures what is asked for; 1 if a measurement failed, after all others."""
    failed = []
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*EVERY, []], metavar="NAME", help=", ".join(EVERY))
    for name in parser.parse_args().names or (EVERY if shutil.which("nvidia-smi") else COMMANDS):
        print(f"python -m benchmarks.{EVERY[name]}", file=sys.stderr)
        order = [sys.executable, "-m", *f"benchmarks.{EVERY[name]}".split(), "--json", str(RESULTS / f"{name}.json")]
        if subprocess.run(order, stdout=subprocess.DEVNULL, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
