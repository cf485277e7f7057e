"""Rules about the training run."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.experiment import backbone
from gudspec.spec.models.training import Unet
from gudspec.spec.sources import classes, counts, shape

__all__ = ["RULES"]

_SHARED = ("linear", "vp", "cosine", "ddpm", "edm", "ve")
"""Schedules whose one noise level is one token: there is nothing to attend to."""


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
    source = "GUD (arXiv:2410.02667), App. B"

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
        if backbone(document.experiment).labels and classes(source) == 0:
            message = f"the source `{source.kind}` has no class labels to condition on"
            yield Finding(message, ("network", "labels"), suggestion="false")


class BatchOfAll(Rule):
    """A batch that is larger than the data holds some images twice: its gradient is hardly noisy, and costs more."""

    code = "GUD236"
    severity = "warning"
    summary = "a batch larger than the training set"
    bad = "train: {batch_size: 2048}"
    good = "train: {batch_size: 128}"

    def check(self, document: Document) -> Iterator[Finding]:
        data, train = document.experiment.data, document.experiment.train
        images = counts(data.source).get("train", 0)
        for phase, (_, size) in enumerate(train.batches):
            if images and size > images:
                message = f"a batch of {size:,} images, but the training set has {images:,}: images repeat inside it"
                path = ("train", "phases", phase - 1, "batch_size") if phase else ("train", "batch_size")
                yield Finding(message, path)


class LearningRate(Rule):
    """Adam moves every parameter by about the learning rate in each step, whatever the gradient's size.

    U-Nets are trained with 1e-4 to 2e-3. From 1e-2 on, steps are as large as the weights, and the loss ends where it
    begins or is not a number.
    """

    code = "GUD237"
    severity = "warning"
    summary = "a learning rate too high for Adam"
    bad = "train: {optimizer: {learning_rate: 0.05}}"
    good = "train: {optimizer: {learning_rate: 5e-4}}"
    source = "Adam (arXiv:1412.6980), §2.1; GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        rate = document.experiment.train.optimizer.learning_rate
        if rate > 1e-2:
            message = f"Adam moves every weight by about {rate:g} in each step: U-Nets diverge above 0.01"
            yield Finding(message, ("train", "optimizer", "learning_rate"))


class SamePhase(Rule):
    """A phase changes the batch size. With the same size it only continues: raise the steps of the phase before."""

    code = "GUD238"
    severity = "warning"
    summary = "a phase that changes nothing"
    bad = "train: {batch_size: 128, phases: [{steps: 1000, batch_size: 128}]}"
    good = "train: {batch_size: 128, phases: [{steps: 1000, batch_size: 512}]}"
    source = "GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        batches = document.experiment.train.batches
        for index, phase in enumerate(document.experiment.train.phases):
            if phase.batch_size == batches[index][1]:
                message = f"the batch size is {phase.batch_size} already: it only makes the phase before longer"
                yield Finding(message, ("train", "phases", index, "batch_size"))


class NoDecay(Rule):
    """AdamW is Adam with weights that decay. Here the decay is 0 unless it is given; elsewhere it is 0.01."""

    code = "GUD239"
    severity = "warning"
    summary = "adamw without a decay"
    bad = "train: {optimizer: {kind: adamw}}"
    good = "train: {optimizer: {kind: adamw, weight_decay: 0.01}}"
    source = "Decoupled Weight Decay Regularization (arXiv:1711.05101)"

    def check(self, document: Document) -> Iterator[Finding]:
        optimizer = document.experiment.train.optimizer
        if optimizer.kind == "adamw" and optimizer.weight_decay == 0:
            message = "`weight_decay` is 0, so `adamw` is `adam`: give a decay, or say `adam`"
            yield Finding(message, ("train", "optimizer", "kind"), suggestion="adam", certain=True)


class Moments(Rule):
    """Adam converges where b1² < √b2: its second moment must remember the gradients longer than the first."""

    code = "GUD252"
    severity = "warning"
    summary = "moments with which Adam need not converge"
    bad = "train: {optimizer: {b1: 0.999, b2: 0.9}}"
    good = "train: {optimizer: {b1: 0.9, b2: 0.999}}"
    source = "Adam (arXiv:1412.6980), Theorem 4.1"

    def check(self, document: Document) -> Iterator[Finding]:
        optimizer = document.experiment.train.optimizer
        if optimizer.b1**2 >= optimizer.b2**0.5:
            message = f"b1² = {optimizer.b1**2:.3g} is not below √b2 = {optimizer.b2**0.5:.3g}: were they exchanged?"
            yield Finding(message, ("train", "optimizer", "b1"))


class NoLog(Rule):
    """A line of metrics is written every `log_every` steps: of a shorter run nothing is known but its end."""

    code = "GUD253"
    severity = "warning"
    summary = "a run that ends before its first line of metrics"
    bad = "train: {steps: 500, ema: 0.9, log_every: 1000}"
    good = "train: {steps: 500, ema: 0.9, log_every: 100}"

    def check(self, document: Document) -> Iterator[Finding]:
        train = document.experiment.train
        if train.log_every > train.total_steps:
            message = f"metrics are written every {train.log_every} steps, but the run has {train.total_steps}"
            yield Finding(message, ("train", "log_every"))


class NeverAttends(Rule):
    """The image attends to the noising state on grids of at most `attention` pixels a side.

    If even the coarsest grid of the U-Net is larger, none does, and each component's noise reaches the network only
    through an average over all of them. `attention: 0` says that this is meant.
    """

    code = "GUD254"
    severity = "warning"
    summary = "no grid is small enough to attend"
    bad = """\
{data: {source: {kind: photos, size: 64}}, design: {schedule: {kind: sequential}},
 network: {kind: unet, multipliers: [1, 2], attention: 16}}"""
    good = """\
{data: {source: {kind: photos, size: 64}}, design: {schedule: {kind: sequential}},
 network: {kind: unet, multipliers: [1, 2, 2], attention: 16}}"""
    source = "GUD (arXiv:2410.02667), App. A"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        if (
            not isinstance(network, Unet)
            or image is None
            or network.attention == 0
            or document.experiment.design.schedule.kind in _SHARED
        ):
            return
        coarsest = max(image[:2]) >> (len(network.multipliers) - 1)
        if coarsest > network.attention:
            message = (
                f"the coarsest grid has {coarsest} pixels a side, above `attention: {network.attention}`: the image "
                "never attends to the noise of its components"
            )
            yield Finding(message, ("network", "attention"))


RULES: tuple[type[Rule], ...] = (
    EmaHorizon,
    Warmup,
    Labels,
    BatchOfAll,
    LearningRate,
    SamePhase,
    NoDecay,
    Moments,
    NoLog,
    NeverAttends,
)
