r"""The noising state γ = log(σ²/α²) and what follows from it (GUD, eqs. 16 and 19).

A component with noising state γ is χ(t) = α χ(0) + σ ε with α² = sigmoid(−γ) and σ² = sigmoid(γ).
"""

from gudspec.process.arrays import Array, namespace

__all__ = ["alpha", "beta", "log_snr", "sigma", "total_variance"]


def alpha(gamma: Array) -> Array:
    """Signal coefficient α = sigmoid(−γ)^½, accurate in both tails.

    >>> import numpy as np
    >>> alpha(np.array([-30.0, 0.0, 30.0])).round(7)
    array([1.000000e+00, 7.071068e-01, 3.000000e-07])
    """
    xp = namespace(gamma)
    return xp.exp(-0.5 * xp.logaddexp(xp.zeros_like(gamma), gamma))


def sigma(gamma: Array) -> Array:
    """Noise coefficient σ = sigmoid(γ)^½, accurate in both tails."""
    return alpha(-gamma)


def beta(gamma: Array, gamma_dot: Array) -> Array:
    """Noising rate β = σ² dγ/dt of the process dχ = −½βχ dt + √β dw (GUD, eqs. 14 and 16)."""
    return sigma(gamma) ** 2 * gamma_dot


def log_snr(gamma: Array, variance: Array) -> Array:
    """Log SNR = log Σ − γ of components with data variance Σ (GUD, eq. 18)."""
    xp = namespace(gamma, variance)
    return xp.log(variance) - gamma


def total_variance(gamma: Array, variance: Array) -> Array:
    """V = α²Σ + σ², what χ(t) varies by, of components with data variance Σ.

    >>> import numpy as np
    >>> total_variance(np.array([-30.0, 0.0, 30.0]), np.array([3.0])).round(7)
    array([3., 2., 1.])
    """
    return alpha(gamma) ** 2 * variance + sigma(gamma) ** 2
