"""Rules about the training run."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.sources import classes

__all__ = ["RULES"]


class EmaHorizon(Rule):
    """Evaluation and sampling use an exponential moving average of the parameters over about 1/(1−ema) steps.

    If the run is shorter, the average still remembers the random initialization, and results are far worse than
    those of the network that was trained.
    """

    code = "GUD230"
    severity = "warning"
    summary = "the EMA's horizon is longer than the run"
    bad = "train: {steps: 500, ema: 0.999}"
    good = "train: {steps: 500, ema: 0.99}"

    def check(self, document: Document) -> Iterator[Finding]:
        train = document.experiment.train
        horizon = 1 / (1 - train.ema)
        if horizon > train.total_steps:
            message = (
                f"the EMA averages over about {horizon:.0f} steps, but the run has {train.total_steps}: "
                "its parameters would be mostly those of the initialization"
            )
            yield Finding(message, ("train", "ema"))


class Warmup(Rule):
    """The learning rate grows from 0 over `warmup` steps. A run that ends before never trains at `learning_rate`."""

    code = "GUD231"
    severity = "warning"
    summary = "the warm-up is longer than the run"
    bad = "train: {steps: 5000, optimizer: {warmup: 10000}}"
    good = "train: {steps: 5000, optimizer: {warmup: 500}}"

    def check(self, document: Document) -> Iterator[Finding]:
        train = document.experiment.train
        if train.optimizer.warmup >= train.total_steps:
            message = (
                f"the warm-up takes {train.optimizer.warmup} steps, but the run has {train.total_steps}: "
                "the learning rate never reaches its peak"
            )
            yield Finding(message, ("train", "optimizer", "warmup"))


class Labels(Rule):
    """`labels: true` conditions the network on the class of each image, so the source must know classes."""

    code = "GUD232"
    summary = "labels of a source that has none"
    bad = "{data: {source: {kind: photos}}, network: {kind: unet, labels: true}}"
    good = "{data: {source: {kind: digits}}, network: {kind: unet, labels: true}}"

    def check(self, document: Document) -> Iterator[Finding]:
        source = document.experiment.data.source
        if document.experiment.network.labels and classes(source) == 0:
            message = f"the source `{source.kind}` has no class labels to condition on"
            yield Finding(message, ("network", "labels"), suggestion="false")


RULES: tuple[type[Rule], ...] = (EmaHorizon, Warmup, Labels)
