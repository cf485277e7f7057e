"""Goldens of the platforms: `python -m tests.launch.goldens` writes them anew; look at their diff."""

import contextlib
import io
from pathlib import Path

from gudspec.cli.main import main
from gudspec.launch.platforms import PLATFORMS

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "runners/example.yaml"


def goldens() -> dict[Path, tuple[str, ...]]:
    """Each golden with the command that prints it."""
    found: dict[Path, tuple[str, ...]] = {}
    for name, platform in PLATFORMS.items():
        suffix = platform.template.partition(".")[2]
        rest = ("runners/example.yaml", "--on", name, "--workdir", "gs://my-bucket/runs", "--dry-run")
        found[ROOT / f"runners/{name}/golden.{suffix}"] = ("launch", *rest)
        if platform.sweeps or not platform.command:
            found[ROOT / f"runners/{name}/golden-sweep.{suffix}"] = ("sweep", *rest)
    return found


def printed(arguments: tuple[str, ...]) -> str:
    """What a command prints, in the root of the repository."""
    out = io.StringIO()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(arguments)
    return out.getvalue()


if __name__ == "__main__":
    for path, arguments in goldens().items():
        path.write_text(printed(arguments), encoding="utf-8")
