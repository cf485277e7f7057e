"""Rules about autoencoders, which have no process: what belongs to one must not be asked of them."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.intact import NotIntact
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Autoencoder, Elbo
from gudspec.spec.models.results import Likelihood
from gudspec.spec.models.tasks import Generate, Roundtrip
from gudspec.spec.sources import shape
from gudspec.spec.tree import find

__all__ = ["RULES", "is_autoencoder"]


def is_autoencoder(experiment: Experiment) -> bool:
    """Whether a spec is of an autoencoder, as far as it is intact: rules about noise have nothing to say then."""
    return any(_is(experiment, section) for section in ("objective", "network"))


def _is(experiment: Experiment, section: str) -> bool:
    try:
        return isinstance(getattr(experiment, section), Elbo | Autoencoder)
    except NotIntact:
        return False


class Pair(Rule):
    """The bound of an autoencoder needs its encoder and decoder, and these learn nothing from denoising."""

    code = "GUD290"
    summary = "objective and network do not belong together"
    bad = "objective: {kind: elbo}"
    good = "{objective: {kind: elbo}, network: {kind: autoencoder}}"
    source = "Auto-Encoding Variational Bayes (arXiv:1312.6114), §2"

    def check(self, document: Document) -> Iterator[Finding]:
        objective, network = document.experiment.objective.kind, document.experiment.network.kind
        if (objective == "elbo") != (network == "autoencoder"):
            wanted = "`autoencoder`" if objective == "elbo" else "`unet` or `dit`"
            message = f"the objective `{objective}` needs the network {wanted}, not `{network}`"
            yield Finding(message, ("network", "kind"))


class Unasked(Rule):
    """An autoencoder bounds the likelihood of images, draws images of N(0, 1), and encodes and decodes images.

    Likelihoods by the flow, samplers' other tasks and their paths belong to the model that diffuses its latents.
    """

    code = "GUD291"
    summary = "something that an autoencoder cannot do"
    bad = "{objective: {kind: elbo}, network: {kind: autoencoder}, evaluate: [{name: nll, kind: likelihood}]}"
    good = "{objective: {kind: elbo}, network: {kind: autoencoder}, evaluate: [{name: elbo, kind: bound}]}"
    source = "Auto-Encoding Variational Bayes (arXiv:1312.6114), eq. 3"

    def check(self, document: Document) -> Iterator[Finding]:
        if not is_autoencoder(document.experiment):
            return
        for index, entry in enumerate(document.experiment.evaluate):
            if isinstance(entry, Likelihood):
                message = "an autoencoder only bounds the likelihood: take `kind: bound`"
                yield Finding(message, ("evaluate", index, "kind"), suggestion="bound")
        for index, drawn in enumerate(document.experiment.sample):
            if not isinstance(drawn.task, Generate | Roundtrip):
                message = f"an autoencoder cannot {drawn.task.kind}: it can `generate` and `roundtrip`"
                yield Finding(message, ("sample", index, "task", "kind"))


class NoDesign(Rule):
    """Nothing is noised while an autoencoder is trained: basis, prior and schedule say nothing.

    They belong into the spec whose source are the latents.
    """

    code = "GUD292"
    severity = "warning"
    summary = "a design of an autoencoder"
    bad = "{objective: {kind: elbo}, network: {kind: autoencoder}, design: {schedule: {kind: linear}}}"
    good = "{objective: {kind: elbo}, network: {kind: autoencoder}}"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        if is_autoencoder(experiment) and experiment.design and find(document.tree, ("design",)) is not None:
            message = "`design` has no effect on an autoencoder: nothing is noised"
            yield Finding(message, ("design",), key=True)


class Halvings(Rule):
    """Each level of an autoencoder after the first halves the image, so a power of two must divide its sides."""

    code = "GUD293"
    summary = "an image that the autoencoder cannot halve as often"
    bad = "{objective: {kind: elbo}, network: {kind: autoencoder, multipliers: [1, 1, 2, 2, 4]}}"
    good = "{objective: {kind: elbo}, network: {kind: autoencoder, multipliers: [1, 2]}}"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        if not isinstance(network, Autoencoder) or image is None:
            return
        factor = 2 ** (len(network.multipliers) - 1)
        if image[0] % factor or image[1] % factor:
            message = f"{len(network.multipliers)} levels need sides divisible by {factor}, not {image[0]}×{image[1]}"
            yield Finding(message, ("network", "multipliers"))


RULES: tuple[type[Rule], ...] = (Pair, Unasked, NoDesign, Halvings)
