"""`gudspec compile`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gudspec.cli.options import Overrides, Spec
from gudspec.cli.together import CACHE, MeshShape, mesh_overrides

if TYPE_CHECKING:
    from gudspec.ahead.main import Programs
    from gudspec.linter.deep.opened import Opened
    from gudspec.spec.load import Document

__all__ = ["compile"]

Section = Literal["train", "evaluate", "sample", "all"]


def compile(
    spec: Spec,
    devices: Annotated[
        int | None, typer.Option("--devices", metavar="N", min=1, help="For N CPU devices, here or not.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="SLICE", help="For a TPU slice that is not here, e.g. v5e:16x16.")
    ] = None,
    mesh: MeshShape = None,
    program: Annotated[Section, typer.Option("--program", help="Which programs.")] = "all",
    cache_dir: Annotated[
        str | None,
        typer.Option(
            "--cache-dir",
            metavar="DIR",
            envvar=CACHE,
            help="Keep them for `gudspec run --cache-dir` on such devices.",
        ),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="For people or for machines.")] = "text",
    overrides: Overrides = None,
) -> None:
    """Compile the programs of a spec without running any: memory, FLOPs, communication, time.

    Images are not read. Without --devices and --target the programs are compiled for the devices of this machine.

    Exits 0 if all programs compile, and 2 if the spec, the devices or the target cannot be used.
    """
    import json
    from contextlib import ExitStack

    from gudspec.cli.checked import checked, located

    if devices and target:
        raise typer.BadParameter("a slice says itself how many devices it has", param_hint="--devices")
    if cache_dir and target:
        raise typer.BadParameter("JAX keeps no programs for devices that are not here", param_hint="--cache-dir")
    document = checked(spec, [*(overrides or ()), *mesh_overrides(mesh)])
    there = _devices(devices, target)
    with ExitStack() as stack:
        stack.enter_context(located(document))
        if cache_dir:
            from gudspec.engine.cache import kept_programs

            stack.enter_context(kept_programs(cache_dir))
        found = _compiled(document, there, target, program)
    typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if format == "json" else found.text())


def _devices(count: int | None, target: str | None) -> list[Any]:
    """The devices to compile for."""
    import os

    if count or target:
        os.environ["JAX_PLATFORMS"] = "cpu"  # accelerators are left to those who train on them
    if target:
        from gudspec.ahead.target import topology

        return topology(target)
    import jax

    if count:
        jax.config.update("jax_num_cpu_devices", count)  # type: ignore[no-untyped-call]
    return list(jax.devices())


def _compiled(document: Document, devices: list[Any], target: str | None, section: Section) -> Programs:
    """Compiles the programs of a section, or tells what is wrong with them.

    Raises:
        SpecError: the devices cannot run the spec, or a program does not compile.
    """
    from gudspec.ahead.main import Programs, ahead
    from gudspec.linter.deep.findings import failed
    from gudspec.linter.deep.opened import opened

    ready, found = opened(document, len(devices))
    _tell(document, found, keeps=ready is None)
    assert ready is not None
    mesh, done, failures = _mesh(document, ready, devices, target), [], []
    for call in _calls(ready, section):
        typer.echo(f"compiling {call.name}", err=True)
        try:
            done.append(ahead(call, mesh))
        except Exception as error:  # whatever a program raises on shapes, a run would raise too
            failures.append(failed(call, error, target))
    _tell(document, failures, keeps=bool(failures))
    kind = devices[0].device_kind
    return Programs(document.source.name, ready.parameters, ready.shape, kind, target, tuple(done))


def _mesh(document: Document, ready: Opened, devices: list[Any], target: str | None) -> Any:
    """The devices, in the order in which a run would lay them out."""
    from gudspec.ahead.placement import mesh_of
    from gudspec.engine.mesh import device_mesh

    return mesh_of(devices, ready.shape) if target else device_mesh(document.experiment)


def _calls(ready: Opened, section: Section) -> list[Any]:
    """The programs of a section; training begins with the initial state."""
    from gudspec.ahead.images import masks_of
    from gudspec.program.abstract import programs

    masks = masks_of(ready.program.experiment, ready.program.shape)
    calls = [(call.name.partition("/")[0], call) for call in programs(ready.program, ready.classes, masks)]
    wanted = {"train": {"init", "train"}, "all": {name for name, _ in calls}}.get(section, {section})
    return [call for name, call in calls if name in wanted]


def _tell(document: Document, found: list[Any], *, keeps: bool) -> None:
    """Findings: what keeps the spec from being compiled ends the command, the rest goes to stderr."""
    from gudspec.linter.deep.findings import diagnostics
    from gudspec.spec.diagnostics import SpecError, render

    shown = list(diagnostics(document, found, certain=True))
    if keeps:
        raise SpecError(shown)
    if shown:
        typer.echo(render(shown), err=True)
