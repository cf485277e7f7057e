"""Samplers: how their error falls with the number of evaluations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gudspec.spec.models import samplers as spec
from gudspec.verify.check import Check
from gudspec.verify.flow import reached
from gudspec.verify.gaussian import GaussianData
from gudspec.verify.propagate import Propagator

__all__ = ["check_samplers", "covariance_error", "label"]

_STEPS = (25, 50, 100, 200)


def check_samplers(data: GaussianData) -> Iterator[Check]:
    """Error of the covariance at t = 0 against the number of steps, for the samplers of the spec."""
    chosen = [entry.sampler for entry in data.program.experiment.sample] or [spec.Ancestral(kind="ancestral")]
    propagator, expected = Propagator(data), reached(data)
    for sampler in dict.fromkeys(chosen):
        name = f"sampler: {label(sampler)}"
        if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
            yield Check(f"{name}, covariance error", 0.0, _error(propagator, expected, sampler), 1e-2)
            continue
        if isinstance(sampler.grid, spec.TimesGrid):
            yield Check(f"{name}, its own times, covariance error", None, _error(propagator, expected, sampler), None)
            continue
        errors = {}
        for steps in dict.fromkeys((*_STEPS, sampler.steps)):
            errors[steps] = _error(propagator, expected, sampler.model_copy(update={"steps": steps}))
            own = " (the spec's)" if steps == sampler.steps else ""
            yield Check(f"{name}, {steps} steps{own}, covariance error", None, errors[steps], None)
        note = "½ at first order, less at higher ones; 0 where nothing is left to gain"
        left = errors[200] / errors[100] if errors[200] > 1e-3 else 0.0
        yield Check(f"{name}, converges: error at 200 steps over that at 100", 0.0, left, 0.75, note)


def label(sampler: spec.AnySampler) -> str:
    """A sampler in a word or two."""
    match sampler:
        case spec.Ddim(eta=eta):
            return f"ddim η = {eta:g}"
        case spec.Dpm(order=order):
            return f"dpm {order}M"
        case spec.Ode(solver=solver):
            return f"ode {solver}"
        case _:
            return sampler.kind


def covariance_error(data: GaussianData, sampler: spec.AnySampler) -> float:
    """‖Cov(χ(0)) − V(0)‖ / ‖V(0)‖ in the Frobenius norm, of a sampler started from the exact V(1)."""
    return _error(Propagator(data), reached(data), sampler)


def _error(propagator: Propagator, expected: np.ndarray, sampler: spec.AnySampler) -> float:
    return float(np.linalg.norm(propagator.covariance(sampler) - expected) / np.linalg.norm(expected))
