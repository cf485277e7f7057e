"""The codes of the deep lint. Free of JAX.

`bad` and `good` are looked at with `--deep --devices 8 --accelerator v5e`.
"""

from gudspec.linter.rule import Description

__all__ = [
    "DESCRIPTIONS",
    "DevicesUnfilled",
    "Overdrawn",
    "Undivided",
    "UnevenBatch",
    "UnknownImages",
    "Untraceable",
    "WillNotFit",
]


class Untraceable(Description):
    """A program of the spec cannot be built: its shapes do not fit together.

    Tracing runs every program on shapes alone, as a run would, so that what it refuses a run refuses too. A spec
    without other errors, silenced ones included, should never get here; please report it.
    """

    code = "GUD310"
    summary = "a program that cannot be traced"
    bad = "design: {basis: {kind: haar, levels: 4}}"
    good = "design: {basis: {kind: haar, levels: 3}}"


class DevicesUnfilled(Description):
    """`mesh` lays out data × fsdp devices. A run takes all the devices it finds and refuses to leave any idle.

    `data: -1` takes as many as there are, but `fsdp` must still divide their number.
    """

    code = "GUD311"
    summary = "a mesh that the devices do not fill"
    bad = "mesh: {data: 2, fsdp: 2}"
    good = "mesh: {data: -1, fsdp: 2}"


class UnevenBatch(Description):
    """Batches of training, and each part of them (`train.accumulate`), and of evaluation are split evenly over devices.

    The plain rule GUD306 knows the mesh as far as the spec tells; `--devices` tells the rest.
    """

    code = "GUD312"
    summary = "a batch that these devices cannot share"
    bad = "train: {batch_size: 100}"
    good = "train: {batch_size: 128}"


class Undivided(Description):
    """With `fsdp: n` every array of the state is split along an axis that n divides; others stay whole everywhere.

    Where more than a third of the bytes stay whole, more devices hardly make room. Channels that are multiples of
    `fsdp` divide.
    """

    code = "GUD313"
    severity = "warning"
    summary = "parameters that fsdp cannot divide"
    bad = "{mesh: {fsdp: 8}, network: {kind: unet, channels: 36, multipliers: [1]}}"
    good = "{mesh: {fsdp: 8}, network: {kind: unet, channels: 32, multipliers: [1]}}"


class WillNotFit(Description):
    """Parameters, their average, the optimizer's moments and the activations of a program exceed a device's memory.

    Train steps: more devices, `train.accumulate`, `network.remat`, a smaller `train.batch_size`; or `mesh.fsdp`, where
    the state itself is too large. Evaluations: a smaller `batch_size` or fewer `probes`. Samples: a smaller `count`.
    Without `--target` the memory is an estimate from the shapes, and the finding a warning.
    """

    code = "GUD314"
    severity = "warning"
    summary = "a program that does not fit into a device's memory"
    bad = "{data: {source: {kind: photos, size: 64}}, train: {batch_size: 65536}}"
    good = "{data: {source: {kind: photos, size: 64}}, train: {batch_size: 64}}"


class Overdrawn(Description):
    """Samples are split evenly over all devices. Where `count` cannot be, more are drawn and the rest is left out.

    The finding comes where that is more than half of the work.
    """

    code = "GUD315"
    severity = "warning"
    summary = "samples that are drawn and left out"
    bad = "sample: [{name: one, count: 1}]"
    good = "sample: [{name: grid, count: 64}]"


class UnknownImages(Description):
    """Archives keep the shape of their images to themselves: programs can be traced only where they can be opened.

    The same is true of the autoencoder of a learned stage, whose workdir has to be there.

    Nothing has been said about the spec on these devices. `gudspec lint --deep` reads the heads of an archive's arrays,
    not the images: it may run on any machine that sees the file.
    """

    code = "GUD316"
    severity = "warning"
    summary = "programs that cannot be traced before the data is here"
    bad = "data: {source: {kind: npz, path: nowhere.npz}}"
    good = "data: {source: {kind: photos}}"


DESCRIPTIONS: tuple[type[Description], ...] = (
    Untraceable,
    DevicesUnfilled,
    UnevenBatch,
    Undivided,
    WillNotFit,
    Overdrawn,
    UnknownImages,
)
"""Every code of the deep lint."""
