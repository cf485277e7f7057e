"""`ordering`: the variable l_i of GUD, eq. (21); components with small l are generated first."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, Parameter, bounds, problem


class NegLogVarianceOrdering(Model):
    """l_i = −log Σ_i, Σ_i the variance of the unwhitened component i (GUD, §5.1)."""

    kind: Literal["neg_log_variance"]


class FrequencyOrdering(Model):
    """l_i = |k_i|, rescaled to the range of −log Σ_i (GUD, §5.1, r = 1). Needs fourier or dct."""

    kind: Literal["frequency"]


class MixtureOrdering(Model):
    """l_i = (1−r)(−log Σ_i) + r(|k_i|+δ)/κ, with κ and δ such that the range at r = 1 equals that at r = 0 (Fig. 5).

    Needs the fourier or the dct basis.
    """

    kind: Literal["mixture"]
    r: Parameter = 0.5
    """0 orders by variance, 1 by frequency; in [0, 1]."""

    @model_validator(mode="after")
    def _inside(self) -> "MixtureOrdering":
        low, high = bounds(self.r)
        if low < 0 or high > 1:
            message = f"`r` reaches {low if low < 0 else high:g} but must stay in [0, 1]"
            raise problem(MixtureOrdering, "GUD210", message, ("r",))
        return self


class ColumnOrdering(Model):
    """l_i = the column of pixel i (GUD, §5.2). Needs the pixel basis."""

    kind: Literal["column"]
    first: Literal["left", "right"] = "left"
    """The side that is generated first."""


class RowOrdering(Model):
    """l_i = the row of pixel i. Needs the pixel basis."""

    kind: Literal["row"]
    first: Literal["top", "bottom"] = "top"
    """The side that is generated first."""


class PatchOrdering(Model):
    """l_i = the square patch of pixel i, in reading order. Needs the pixel basis."""

    kind: Literal["patch"]
    size: Annotated[int, Field(ge=1)] = 4
    """Side of the patches; it must divide both sides of the image."""


class LevelOrdering(Model):
    """l_i = the wavelet level of component i: LL(N) first, then the coarsest details. Needs the haar basis."""

    kind: Literal["level"]


class RandomOrdering(Model):
    """l_i = a random permutation, the same for every image."""

    kind: Literal["random"]
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the permutation."""
    colors: Literal["shared", "separate"] = "shared"
    """`shared`: all colours at one place of the component layout form a group; `separate`: each has its own turn."""


class FileOrdering(Model):
    """l_i from a file."""

    kind: Literal["file"]
    path: str
    """A `.npy`, or `.npz` with one array, of finite numbers: [H, W, 1], or [H, W, C] for `separate` colours.
    Components that always belong together (cos and sin of a Fourier frequency) take their mean."""
    colors: Literal["shared", "separate"] = "shared"
    """`shared`: all colours at one place of the component layout form a group; `separate`: each has its own number."""


AnyOrdering = Annotated[
    NegLogVarianceOrdering
    | FrequencyOrdering
    | MixtureOrdering
    | ColumnOrdering
    | RowOrdering
    | PatchOrdering
    | LevelOrdering
    | RandomOrdering
    | FileOrdering,
    Field(discriminator="kind"),
]
