"""A rule about where a spec is launched."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.accelerators import slice_of
from gudspec.spec.load import Document
from gudspec.spec.tree import Path

__all__ = ["RULES"]


class MeshChips(Rule):
    """On a TPU every chip is a device, so `mesh` and every batch must come out even over `launch.accelerator`.

    `gudspec launch` refuses such a spec where it takes that accelerator; elsewhere other devices may do.
    """

    code = "GUD308"
    severity = "warning"
    summary = "a mesh that does not fill the chips"
    bad = "{mesh: {data: 8}, launch: {accelerator: 'v5e:4x4'}}"
    good = "{mesh: {data: -1, fsdp: 4}, launch: {accelerator: 'v5e:4x4'}}"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment, launch = document.experiment, document.experiment.launch
        if launch.accelerator is None:
            return
        mesh, chips = experiment.mesh, launch.slices * slice_of(launch.accelerator).chips
        where = f"{chips} chips ({launch.accelerator}{f' × {launch.slices} slices' if launch.slices > 1 else ''})"
        if mesh.data > 0 and mesh.data * mesh.fsdp != chips:
            yield Finding(f"`mesh` has {mesh.data} × {mesh.fsdp} devices for {where}: set `data: -1`", ("mesh", "data"))
            return
        if chips % mesh.fsdp:
            yield Finding(f"`fsdp: {mesh.fsdp}` does not divide {where}", ("mesh", "fsdp"))
            return
        sizes: dict[Path, int] = {("train", "batch_size"): experiment.train.batch_size}
        sizes |= {("train", "phases", i, "batch_size"): p.batch_size for i, p in enumerate(experiment.train.phases)}
        sizes |= {("evaluate", i, "batch_size"): e.batch_size for i, e in enumerate(experiment.evaluate)}
        for path, size in sizes.items():
            if size % chips:
                message = f"a batch of {size} images cannot be shared by {where}: take a multiple of {chips}"
                yield Finding(message, path)


RULES: tuple[type[Rule], ...] = (MeshChips,)
