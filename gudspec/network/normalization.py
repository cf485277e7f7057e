"""Group normalization in the form that costs least."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

__all__ = ["GroupNorm"]


class GroupNorm(nnx.GroupNorm):
    """Group Normalization (arXiv:1803.08494) of images, x → a x + c with one a and one c per image and channel.

    Flax subtracts, divides, scales and shifts number by number, for which it divides the channels into an axis of
    groups. Here all of that, and what a condition scales and shifts by, happens to a and c, which are few.
    """

    def __call__(  # type: ignore[override]  # flax' serves masks, too
        self, x: Array, *, scale: Array | float = 0.0, shift: Array | float = 0.0
    ) -> Array:
        """Normalizes, then multiplies by 1 + scale and adds shift.

        Args:
            x: [b, h, w, channels].
            scale: of a condition, [b or 1, channels].
            shift: likewise.

        Returns:
            [b, h, w, channels], in the precision of x. Statistics, a and c are in float32.
        """
        assert self.scale is not None
        assert self.bias is not None
        wide = x.astype(jnp.float32)
        mean, square = (self._of_groups(moment.mean(axis=(1, 2))) for moment in (wide, wide * wide))
        deviation = jnp.sqrt(jnp.maximum(square - mean**2, 0.0) + self.epsilon)
        a = self.scale[...] / deviation * (1 + scale)
        c = self.bias[...] * (1 + scale) + shift - mean * a
        # in memory before they are used: fused with what uses them, XLA would compute them anew for every number
        both = jax.lax.optimization_barrier(jnp.stack([a, c], axis=1)[:, :, None, None])
        normalized: Array = (wide * both[:, 0] + both[:, 1]).astype(x.dtype)
        return normalized

    def _of_groups(self, moments: Array) -> Array:
        """Means over the channels of each group, for all of them: [b, channels] to the same."""
        means = moments.reshape(len(moments), self.num_groups, -1).mean(axis=-1)
        return jnp.repeat(means, self.group_size, axis=1)
