"""The optimizer of a spec, from optax."""

import optax

from gudspec.spec.models.training import Train

__all__ = ["learning_rate", "optimizer"]


def learning_rate(train: Train) -> optax.Schedule:
    """Linear warm-up, then the spec's course to the last step of all phases."""
    spec = train.optimizer
    remaining = max(train.total_steps - spec.warmup, 1)
    course = {
        "constant": optax.constant_schedule(spec.learning_rate),
        "cosine": optax.cosine_decay_schedule(spec.learning_rate, remaining),
        "linear": optax.linear_schedule(spec.learning_rate, 0.0, remaining),
    }[spec.schedule]
    warmup = optax.linear_schedule(
        spec.learning_rate / max(spec.warmup, 1), spec.learning_rate, max(spec.warmup - 1, 1)
    )
    return optax.join_schedules([warmup, course], [spec.warmup])


def optimizer(train: Train) -> optax.GradientTransformation:
    """Clipping, then Adam or AdamW with the learning rate of each step."""
    spec = train.optimizer
    rate = learning_rate(train)
    if spec.kind == "adamw":
        update = optax.adamw(rate, b1=spec.b1, b2=spec.b2, weight_decay=spec.weight_decay)
    else:
        update = optax.adam(rate, b1=spec.b1, b2=spec.b2)
    return update if spec.clip is None else optax.chain(optax.clip_by_global_norm(spec.clip), update)
