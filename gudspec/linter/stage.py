"""Rules about learned stages: `design.segments: {autoencoder, turning}`."""

import os
from collections.abc import Iterator
from typing import Any

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.autoencoders import Autoencoder
from gudspec.spec.models.data import AnySource
from gudspec.spec.models.training import Unet
from gudspec.spec.models.transformers import Dit
from gudspec.spec.sources import shape
from gudspec.spec.stage import autoencoder_of, learned_stage, unasked, unsuited

__all__ = ["RULES"]

_STAGE = "segments: {autoencoder: autoencoder-of-digits, turning: 0.3}"


class Unsuited(Rule):
    """Latents are no components of an image: a learned stage and what comes after it have one noise level in common.

    So the basis is `pixel`, the prior `isotropic`, the schedule one of those that all components share, and training
    follows its path. Images and latents have a network each (`network.grids: separate`), with a single token.
    """

    code = "GUD286"
    summary = "a choice that does not go with a learned stage"
    bad = f"{{design: {{basis: {{kind: haar}}, {_STAGE}}}, network: {{kind: unet, grids: separate}}}}"
    good = f"{{design: {{{_STAGE}}}, network: {{kind: unet, grids: separate}}}}"
    source = "f-DM (arXiv:2210.04955), §3"

    def check(self, document: Document) -> Iterator[Finding]:
        for message, path in unsuited(document.experiment):
            yield Finding(message, path)


class Unasked(Rule):
    """From the turning point on, the process is one of latents, which do not determine the image.

    So there is no flow from images to noise and no bound that would measure their likelihood, and nothing that is known
    of an image can be held. Images are drawn from noise alone, by `ancestral` sampling or `ddim`: between two times the
    image itself moves, which other samplers do not know of.
    """

    code = "GUD287"
    summary = "something that cannot go through a learned stage"
    bad = (
        f"{{design: {{{_STAGE}}}, network: {{kind: unet, grids: separate}}, "
        "sample: [{name: grid, sampler: {kind: dpm, steps: 20}}]}"
    )
    good = (
        f"{{design: {{{_STAGE}}}, network: {{kind: unet, grids: separate}}, "
        "sample: [{name: grid, sampler: {kind: ddim, steps: 20}}]}"
    )
    source = "f-DM (arXiv:2210.04955), §3, sampling"

    def check(self, document: Document) -> Iterator[Finding]:
        for message, path in unasked(document.experiment):
            yield Finding(message, path)


class OtherAutoencoder(Rule):
    """The autoencoder of a learned stage is a finished run of `objective: {kind: elbo}`, trained on the same images.

    Its latents are smaller than the images by a power of two, and the network of latents is made of the levels that
    are left: a U-Net needs more levels than the autoencoder halves, and patches of a transformer must tile the
    latents. That its images have the same content too is checked when the run opens them.
    """

    code = "GUD288"
    summary = "an autoencoder that does not go with this spec"
    bad = f"{{data: {{source: {{kind: photos}}}}, design: {{{_STAGE}}}, network: {{kind: unet, grids: separate}}}}"
    good = f"{{data: {{source: {{kind: digits}}}}, design: {{{_STAGE}}}, network: {{kind: unet, grids: separate}}}}"
    source = "f-DM (arXiv:2210.04955), §4"

    def check(self, document: Document) -> Iterator[Finding]:
        design, data, network = (getattr(document.experiment, name) for name in ("design", "data", "network"))
        stage, path = learned_stage(design), ("design", "segments", "autoencoder")
        if stage is None or not os.path.isdir(os.path.expanduser(stage.autoencoder)):  # GUD404 says so
            return
        found = autoencoder_of(design)
        if found is None:
            message = f"`{stage.autoencoder}` holds no run of an autoencoder (`objective: {{kind: elbo}}`)"
            yield Finding(message, path)
            return
        here, there = _identity(data.source), _identity(found.data.source)
        if here != there:
            differ = ", ".join(f"{key}: {there.get(key)} there, {here.get(key)} here" for key in here.keys() | there)
            if there["kind"] != here["kind"]:
                differ = f"{there['kind']} there, {here['kind']} here"
            yield Finding(f"`{stage.autoencoder}` was trained on other images ({differ})", path)
            return
        assert isinstance(found.network, Autoencoder)
        halvings, image = len(found.network.multipliers) - 1, shape(data.source)
        if isinstance(network, Unet) and len(network.multipliers) <= halvings:
            message = f"the autoencoder has {halvings + 1} levels: give `multipliers` as many entries, or more"
            yield Finding(message, ("network", "multipliers"))
        if isinstance(network, Dit) and image and any((side >> halvings) % network.patch for side in image[:2]):
            message = (
                f"latents of {image[0] >> halvings}×{image[1] >> halvings} are not tiled by patches of "
                f"{network.patch}×{network.patch}"
            )
            yield Finding(message, ("network", "patch"))


def _identity(source: AnySource) -> dict[str, Any]:
    """What a source says of its images, beside where they are."""
    return source.model_dump(exclude={"root", "path"})


RULES: tuple[type[Rule], ...] = (Unsuited, Unasked, OtherAutoencoder)
