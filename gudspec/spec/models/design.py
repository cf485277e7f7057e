"""`design`: the design point of the process: basis, prior, schedule (GUD, §4)."""

from gudspec.spec.models.base import Model
from gudspec.spec.models.bases import AnyBasis, PixelBasis
from gudspec.spec.models.priors import AnyPrior, IsotropicPrior
from gudspec.spec.models.schedules import AnySchedule, LinearSchedule


class Design(Model):
    """A point of the design space: in which basis, towards which prior, along which path."""

    basis: AnyBasis = PixelBasis(kind="pixel")
    """In which components the process is diagonal."""
    prior: AnyPrior = IsotropicPrior(kind="isotropic")
    """The noise in which it ends."""
    schedule: AnySchedule = LinearSchedule(kind="linear")
    """The path of noising states γ(t), t from 0 (data) to 1 (prior)."""
