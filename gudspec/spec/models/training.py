"""`objective`, `network`, `train`, `mesh`, `checkpoint`: what is learned and how."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from gudspec.spec.models.autoencoders import Autoencoder, Elbo
from gudspec.spec.models.base import Model, problem
from gudspec.spec.models.measures import AnyMeasure, OnPath
from gudspec.spec.models.transformers import Conditioning, Dit

Positive = Annotated[int, Field(ge=1)]
Images = Annotated[int, Field(ge=1, le=1_000_000)]
"""How many images are held at once."""


class Denoising(Model):
    """The denoising score matching loss (12): a diffusion model. Needs the unet or the dit network."""

    kind: Literal["denoising"] = "denoising"
    """May be left out."""
    prediction: Literal["epsilon", "x", "v", "edm"] = "epsilon"
    """What the network's output means, in every component: the noise ε, the clean component x, v = αε − σx, or `edm`:
    the residual, in units of its standard deviation, after the best linear guess from that component alone
    (the preconditioning of arXiv:2206.00364 with the data's own variances)."""
    weight: Literal["uniform", "x", "v", "likelihood"] = "uniform"
    """λ_i(t) of (12) on the squared error of the score. `uniform`: σ_i², the squared error of ε as in the paper;
    `x`: σ_i⁴/α_i², the squared error of x; `v`: σ_i²/α_i², the squared error of v; `likelihood`: ½β_i, the variational
    bound of the path."""
    time: Literal["uniform", "low_discrepancy"] = "uniform"
    """How t is drawn: independently and uniformly in [0, 1] (GUD, App. B), or spread evenly over each batch
    (Variational Diffusion Models, arXiv:2107.00630, App. I.1), which makes the loss vary less."""
    measure: AnyMeasure = OnPath(kind="path")
    """At which noising states the network learns; sampling and likelihood follow the design's path all the same."""


def _kind_of_objective(value: Any) -> Any:
    return value.get("kind", "denoising") if isinstance(value, dict) else getattr(value, "kind", None)


AnyObjective = Annotated[
    Annotated[Denoising, Tag("denoising")] | Annotated[Elbo, Tag("elbo")], Discriminator(_kind_of_objective)
]


class Unet(Model):
    """The noising-state-conditional U-Net of GUD, App. A."""

    kind: Literal["unet"]
    channels: Annotated[int, Field(ge=4, le=16_384, multiple_of=4)] = 64
    """Feature channels at full resolution."""
    multipliers: tuple[Annotated[int, Field(ge=1, le=64)], ...] = (1, 2, 2)
    """Channels of each level, as multiples of `channels`; each level after the first halves the image."""
    blocks: Annotated[int, Field(ge=1, le=64)] = 2
    """Residual blocks per level."""
    attention: Annotated[int, Field(ge=0)] = 16
    """Largest grid side at which the image attends to the noising state; at larger ones the state acts through the
    residual blocks alone, which keeps big images affordable."""
    heads: Positive = 2
    """Attention heads."""
    conditioning: Conditioning = "groups"
    """The noising-state tokens: a partition of the components on whose parts γ must be constant. `groups` takes the
    groups of the schedule. With `pixels`, γ is a further channel of the image too, so that each pixel sees its own."""
    state: Annotated[int, Field(ge=8, le=16_384)] = 32
    """Width of the embedded noising state, per token."""
    mixer_layers: Annotated[int, Field(ge=0, le=64)] = 2
    """MLP-Mixer layers over the tokens."""
    mixer_tokens: Annotated[int, Field(ge=1, le=65_536)] = 64
    """Tokens that the mixer layers take at most. Where there are more, a dense layer first reduces them to so many."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout rate inside residual blocks."""
    labels: bool = False
    """Condition on the source's class labels."""
    label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the training images whose label is hidden, so that one network also draws without: needed by `guidance`
    (Classifier-Free Diffusion Guidance, arXiv:2207.12598)."""
    grids: Literal["shared", "separate"] = "shared"
    """Where `design.segments` works on several grids: one network for all, which images enter at the level of their
    size, or one for each."""
    remat: bool = False
    """Compute the inside of every stage again in the backward pass instead of keeping it: about a third more
    arithmetic for a fraction of the memory. Gradients are the same up to rounding."""

    @model_validator(mode="after")
    def _levels(self) -> "Unet":
        if not self.multipliers:
            raise problem(Unet, "GUD123", "`multipliers` needs at least one level", ("multipliers",))
        if self.channels % self.heads:
            message = f"`heads` ({self.heads}) must divide `channels` ({self.channels})"
            raise problem(Unet, "GUD123", message, ("heads",))
        return self


Backbone: TypeAlias = Unet | Dit
"""The networks of a diffusion model."""

AnyNetwork = Annotated[Unet | Dit | Autoencoder, Field(discriminator="kind")]


class Optimizer(Model):
    """Adam or Muon with warm-up, clipping and a learning-rate schedule."""

    kind: Literal["adam", "adamw", "muon"] = "adam"
    """`adamw` decays weights, `adam` does not. `muon` makes the updates of matrices between features orthogonal (Muon
    is Scalable for LLM Training, arXiv:2502.16982, §2) and leaves all else to Adam with Nesterov's momentum; its
    learning rates are of Adam's size."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak learning rate."""
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    """Course of the learning rate after warm-up; `cosine` and `linear` end at 0 on the last step of the run."""
    warmup: Annotated[int, Field(ge=0)] = 0
    """Steps over which the learning rate grows linearly from 0."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Largest global norm of the gradient; null does not clip."""
    b1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the first moment, or of Muon's momentum."""
    b2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the second moment."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decay of the weights per step, times the learning rate; not of `adam`. Of `muon`, that of the matrices."""

    @model_validator(mode="after")
    def _decay(self) -> "Optimizer":
        if self.weight_decay and self.kind == "adam":
            message = "`weight_decay` has no effect with `adam`: use `kind: adamw`"
            raise problem(Optimizer, "GUD124", message, ("weight_decay",))
        return self


class Phase(Model):
    """A continuation of the training with another batch size (GUD, App. B: 100k steps at batch 512)."""

    steps: Positive
    """Further steps."""
    batch_size: Images
    """Images per step, over all devices."""


class Train(Model):
    """The training run."""

    steps: Positive = 300_000
    """Steps of the first phase."""
    batch_size: Images = 128
    """Images per step, over all devices."""
    optimizer: Optimizer = Optimizer()
    """How gradients become updates."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay per step of the exponential moving average of the parameters, which evaluation and sampling use."""
    phases: tuple[Phase, ...] = ()
    """What follows the first phase."""
    log_every: Positive = 100
    """Steps between two lines of metrics."""
    accumulate: Positive = 1
    """Parts into which every batch is cut, one after the other in memory. Gradient and loss are those of the whole
    batch, up to rounding: noise, noising states and dequantization are drawn for the batch as a whole. Only dropout,
    where there is any, draws other masks."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """Numbers in which the network computes while it is trained: `bfloat16` takes half the memory, and is for TPUs and
    recent GPUs, which have units for it; CPUs gain nothing. Parameters, their updates, the embedded noising state and
    the loss stay in float32, and so do evaluation and sampling."""
    divergence: Literal["stop", "rollback"] = "stop"
    """What follows a loss or gradient that is not finite, or a loss that explodes. `stop`: the run ends with code 3.
    `rollback`: it goes back to the last checkpoint, and further where it fails again before the next one, goes on with
    the images after the ones that failed. It gives up after ten times, and where no checkpoint is further back."""
    explosion: Annotated[float, Field(gt=1)] | None = 1000.0
    """A loss so many times the mean of the interval before it has exploded; null only minds what is not finite."""

    @property
    def total_steps(self) -> int:
        """Steps of all phases."""
        return self.steps + sum(phase.steps for phase in self.phases)

    @property
    def batches(self) -> tuple[tuple[int, int], ...]:
        """(steps, batch size) of every phase, the first included."""
        return ((self.steps, self.batch_size), *((phase.steps, phase.batch_size) for phase in self.phases))


class Mesh(Model):
    """How devices are laid out; a batch is split over all of them."""

    data: Annotated[int, Field(ge=-1)] = -1
    """Devices along the data axis; −1 takes all that are left."""
    fsdp: Positive = 1
    """Devices over which the parameters are sharded."""

    @model_validator(mode="after")
    def _not_zero(self) -> "Mesh":
        if self.data == 0:
            raise problem(Mesh, "GUD125", "`data` must be −1 (all devices) or at least 1", ("data",))
        return self


class Best(Model):
    """By what checkpoints are compared."""

    metric: Literal["loss", "gradient_norm"] = "loss"
    """Metric of training whose mean over the interval before the checkpoint counts; lower is better."""
    count: Positive = 1
    """How many are kept."""


class Checkpoint(Model):
    """When the run is saved, and what is kept of it."""

    every: Positive = 1000
    """Steps between two checkpoints; the last step is always saved."""
    keep: Positive = 3
    """How many of the latest checkpoints are kept."""
    keep_every: Positive | None = None
    """Checkpoints at multiples of this number of steps are kept for ever; null keeps none for that."""
    best: Best | None = None
    """Also keeps the best checkpoints; null keeps none for that."""
