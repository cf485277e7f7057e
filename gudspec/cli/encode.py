"""`gudspec encode`."""

from typing import Annotated

import typer

from gudspec.cli.eval import Workdir
from gudspec.engine.signals import StopRequest

__all__ = ["encode"]


def encode(
    workdir: Workdir,
    output: Annotated[str, typer.Option("--output", metavar="FILE.npz", help="The archive of latents.")],
    means: Annotated[
        bool, typer.Option("--means/--samples", help="Means of q(z|x); likelihoods of images need samples.")
    ] = False,
) -> None:
    """Write the latents of a trained autoencoder's images: a data source of the kind `latents`. See docs/latents.md.

    Exits 2 if the run is no autoencoder, or its images are not those that it was trained on.
    """
    with StopRequest() as stop:
        from gudspec.engine.console import Terminal
        from gudspec.engine.latents import encode as encoded
        from gudspec.engine.main import Options

        with Terminal() as terminal:
            shapes = encoded(workdir, output, means=means, options=Options(terminal, stop))
    counts = ", ".join(f"{shapes[name][0]:,} {name}" for name in ("train", "test", "validation") if name in shapes)
    shape = list(shapes["train"][1:])
    typer.echo(f"{output}: {counts}; latents of {shape}")
    typer.echo(f"source: {{kind: latents, path: {output}, autoencoder: {workdir}, shape: {shape}}}")
