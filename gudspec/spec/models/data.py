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


class LatticeField(Model):
    """A scalar field on a periodic lattice, density ∝ e^(−S), S = Σ ½(∂φ)² + ½m²φ² + ¼λφ⁴: real-valued, one channel.

    Sampled by hybrid Monte Carlo with a seed, and kept in the cache. At λ = 1 a large lattice orders at m² = −1.27
    (arXiv:0902.0045); near that point the field has structure at all scales.
    """

    kind: Literal["lattice_field"]
    size: Annotated[int, Field(ge=4, le=256)] = 16
    """Sites along each side."""
    mass_squared: Annotated[float, Field(ge=-100, le=100)] = -1.2
    """m²; above 0 where there is no coupling."""
    coupling: Annotated[float, Field(ge=0, le=100)] = 1.0
    """λ; 0 is the free field, whose modes have the variances 1/(k̂² + m²)."""
    sweeps: Annotated[int, Field(ge=1, le=10_000)] = 5
    """Updates of the whole lattice between two images of a chain."""
    warmup: Annotated[int, Field(ge=0, le=100_000)] = 100
    """Updates before the first image; every chain starts as a free field around a minimum of ½m²φ² + ¼λφ⁴."""
    count: Annotated[int, Field(ge=2)] = 4096
    """Training images; a quarter as many are drawn for testing."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the chains."""

    @model_validator(mode="after")
    def _has_a_density(self) -> "LatticeField":
        if self.coupling == 0 and self.mass_squared <= 0:
            message = (
                f"a free field (`coupling: 0`) with `mass_squared: {self.mass_squared:g}` has no density: its mean is "
                "free to run away; let `mass_squared` or `coupling` be above 0"
            )
            raise problem(LatticeField, "GUD130", message, ("mass_squared",))
        return self


class Latents(Model):
    """Latents of another source's images, as `gudspec encode` writes them. Likelihoods are then those of the images.

    −log p(x) ≤ E[−log p(z) − log p(x|z) + log q(z|x)] over z ~ q(z|x), in bits per dimension of the images; what is
    drawn is decoded (Latent Diffusion, arXiv:2112.10752; LSGM, arXiv:2106.05931, eq. 2).
    """

    kind: Literal["latents"]
    path: str
    """The archive that `gudspec encode` has written."""
    autoencoder: str
    """The workdir of the autoencoder that it was written from."""
    shape: Shape | None = None
    """Height, width and channels of the latents, for the linter; null leaves them to the archive."""


AnySource = Annotated[
    Digits
    | Photos
    | Textures
    | Cifar10
    | Pcam
    | Npz
    | Folder
    | GaussianField
    | GaussianMixture
    | LatticeField
    | Latents,
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
        if self.flip != "none" and self.source.kind == "latents":
            message = "a mirrored image has no mirrored latents: set `flip` where the autoencoder is trained"
            raise problem(Data, "GUD122", message, ("flip",))
        return self
