"""Mixtures of Gaussians, one Gaussian included: the diffused density and its score in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.noising import alpha, sigma

__all__ = ["GaussianMixture"]


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Data χ(0) ~ Σ_k w_k N(m_k, C_k) in components, flattened to d = H·W·C dimensions.

    At noising state γ the density is Σ_k w_k N(α m_k, α C_k α + σ²), and the denoiser E[ε | χ] = −σ ∇ log p is exact.

    Args:
        means: m_k, [K, d].
        covariances: C_k, [K, d, d]; or variances of independent components, [K, d].
        weights: w_k, [K]; None weighs equally.
    """

    means: Array
    covariances: Array
    weights: Array | None = None

    @classmethod
    def gaussian(cls, covariance: Array) -> GaussianMixture:
        """One Gaussian of mean zero: covariance [d, d] or variances [d]."""
        return cls(jnp.zeros((1, covariance.shape[-1])), covariance[None])

    def log_density(self, chi: Array, gamma: Array) -> Array:
        """Log p of components χ [b, H, W, C] at noising state γ [b or 1, …], in nats, [b]."""
        _, log_densities = self._modes(chi, gamma)
        return jax.nn.logsumexp(log_densities, axis=1)

    def denoise(self, chi: Array, gamma: Array, condition: Any = None) -> Array:
        """E[ε | χ] for components χ [b, H, W, C] at noising state γ [b or 1, …], of the shape of χ."""
        whitened, log_densities = self._modes(chi, gamma)
        posterior = jax.nn.softmax(log_densities, axis=1)
        # −σ ∇ log p = σ Σ_k r_k V_k⁻¹(χ − α m_k)
        return sigma(gamma) * jnp.einsum("bk,bkd->bd", posterior, whitened).reshape(chi.shape)

    def _modes(self, chi: Array, gamma: Array) -> tuple[Array, Array]:
        """V_k⁻¹(χ − α m_k), [b, K, d], and log w_k N(χ; α m_k, V_k), [b, K]."""
        count, d = self.means.shape
        states = (gamma.shape[0], *chi.shape[1:])  # one noising state for all images costs one factorization
        a = jnp.broadcast_to(alpha(gamma), states).reshape(-1, 1, d)
        s = jnp.broadcast_to(sigma(gamma), states).reshape(-1, 1, d)
        error = chi.reshape(len(chi), 1, d) - a * self.means
        if self.covariances.ndim == 2:
            variances = a**2 * self.covariances + s**2
            whitened, log_det = error / variances, jnp.log(variances).sum(-1)
        else:
            covariances = a[..., None] * self.covariances * a[..., None, :] + s[..., None] ** 2 * jnp.eye(d)
            factors = jnp.linalg.cholesky(covariances)
            # images that share a noising state are columns of one system
            columns = error.reshape(len(factors), -1, count, d).transpose(0, 2, 3, 1)
            solved = jax.scipy.linalg.cho_solve((factors, True), columns)
            whitened = solved.transpose(0, 3, 1, 2).reshape(error.shape)
            log_det = 2 * jnp.log(jnp.diagonal(factors, axis1=-2, axis2=-1)).sum(-1)
        weights = jnp.full(len(self.means), 1 / len(self.means)) if self.weights is None else self.weights
        quadratic = (error * whitened).sum(-1)
        return whitened, jnp.log(weights) - 0.5 * (quadratic + log_det + d * jnp.log(2 * jnp.pi))
