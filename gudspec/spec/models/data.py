"""`data`: where images come from and how they become real numbers."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem

Shape = tuple[int, int, int]


class Digits(Model):
    """The handwritten digits bundled with scikit-learn: 1,797 images of 8×8×1 with 17 grey levels."""

    kind: Literal["digits"]


class Photos(Model):
    """Patches of the colour photographs bundled with scikit-learn and scikit-image (256 levels).

    Train and test patches come from disjoint regions of each photograph.
    """

    kind: Literal["photos"]
    size: Annotated[int, Field(ge=4, le=256)] = 32
    """Side of the square patches, in pixels."""
    stride: Annotated[int, Field(ge=1)] = 4
    """Distance between neighbouring patches, in pixels."""
    downscale: Annotated[int, Field(ge=1, le=16)] = 2
    """Photographs are first shrunk by this factor (area average, quantized again to 256 levels)."""


class Textures(Model):
    """Patches of one of scikit-image's textures (256 levels); train and test regions are disjoint."""

    kind: Literal["textures"]
    name: Literal["immunohistochemistry", "grass", "brick", "gravel"]
    """Which texture; immunohistochemistry has 3 colours, the others are grey."""
    size: Annotated[int, Field(ge=4, le=256)] = 32
    """Side of the square patches, in pixels."""
    stride: Annotated[int, Field(ge=1)] = 2
    """Distance between neighbouring patches, in pixels."""
    downscale: Annotated[int, Field(ge=1, le=16)] = 2
    """The texture is first shrunk by this factor (area average, quantized again to 256 levels)."""


class Cifar10(Model):
    """CIFAR-10 as published: 32×32×3, 256 levels, ten classes, 50,000 + 10,000 images."""

    kind: Literal["cifar10"]
    root: str
    """Folder of the published batches, python (`data_batch_1`) or binary (`data_batch_1.bin`)."""


class Pcam(Model):
    """PatchCamelyon as published (HDF5, 96×96×3), downscaled to 32×32 and quantized again (GUD, §5.2)."""

    kind: Literal["pcam"]
    root: str
    """Folder of `camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5`."""
    downscale: Literal[1, 2, 3, 6] = 3
    """Area averaging by this factor; 3 gives the paper's 32×32."""


class Npz(Model):
    """Images from a NumPy archive with arrays `train` and `test`, optionally `train_labels`, `test_labels`.

    Each image array is [n, height, width, channels]: uint8 with values below `levels`, or floats in
    [−1, 1] when `levels` is null.
    """

    kind: Literal["npz"]
    path: str
    """The archive."""
    levels: Annotated[int, Field(ge=2, le=256)] | None = 256
    """Grey levels of the quantized images; null for real-valued ones."""


class Folder(Model):
    """A folder of image files (png, jpg, webp, bmp), sorted by name; every k-th is a test image."""

    kind: Literal["folder"]
    root: str
    """The folder; searched recursively."""
    size: Annotated[int, Field(ge=4, le=1024)] = 32
    """Images are cropped to a centred square and shrunk to this side by area averaging."""
    channels: Literal[1, 3] = 3
    """1 reads grey images, 3 reads colour."""
    test_every: Annotated[int, Field(ge=2)] = 10
    """Every k-th file (in sorted order) is held out for testing."""


class GaussianField(Model):
    """Gaussian random fields with a power-law spectrum, variance ∝ max(|k|, 1)^−exponent: a known density."""

    kind: Literal["gaussian_field"]
    size: Annotated[int, Field(ge=4, le=256)] = 16
    """Side of the square images, in pixels."""
    channels: Annotated[int, Field(ge=1, le=4)] = 1
    """Independent channels."""
    exponent: Annotated[float, Field(ge=0, le=8)] = 2.0
    """Decay of the variance with frequency; photographs are near 2."""
    variance: Annotated[float, Field(gt=0)] = 0.25
    """Mean variance of a pixel."""
    count: Annotated[int, Field(ge=2)] = 4096
    """Training images; a quarter as many are drawn for testing."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the drawn images."""


class GaussianMixture(Model):
    """An equal mixture of isotropic Gaussians with random means: a known, non-Gaussian density."""

    kind: Literal["gaussian_mixture"]
    size: Annotated[int, Field(ge=2, le=64)] = 8
    """Side of the square images, in pixels."""
    channels: Annotated[int, Field(ge=1, le=4)] = 1
    """Channels."""
    modes: Annotated[int, Field(ge=1, le=64)] = 4
    """Number of Gaussians; the mode of an image is its class label."""
    spread: Annotated[float, Field(gt=0)] = 0.1
    """Standard deviation of each Gaussian, per pixel."""
    count: Annotated[int, Field(ge=2)] = 4096
    """Training images; a quarter as many are drawn for testing."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the means and of the drawn images."""


AnySource = Annotated[
    Digits | Photos | Textures | Cifar10 | Pcam | Npz | Folder | GaussianField | GaussianMixture,
    Field(discriminator="kind"),
]


class Data(Model):
    """The images, and how integers become real numbers."""

    source: AnySource
    """Where the images come from."""
    dequantize: Literal["uniform", "none"] = "uniform"
    """`uniform` adds u ~ U[0, 1) to every quantized pixel before scaling to [−1, 1] (GUD, App. B); `none` uses
    bin centres, which makes likelihoods meaningless."""
    flip: Literal["none", "horizontal"] = "none"
    """`horizontal` mirrors each training image with probability ½; statistics count both."""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the training images held out as the `validation` split; sources that publish one ignore it."""

    @model_validator(mode="after")
    def _flip_keeps_fields(self) -> "Data":
        if self.flip != "none" and self.source.kind == "gaussian_mixture":
            message = "`flip` would change the known density of gaussian_mixture: remove it"
            raise problem(Data, "GUD122", message, ("flip",))
        return self
