"""What a result depends on: the design hash, and how two designs differ."""

import hashlib
import json
from typing import Any

from gudspec.spec.models import Experiment

__all__ = ["design_hash", "differences"]

_LOCATIONS = ("root", "path", "autoencoder")
"""Fields that say where a source or a file of the design is. What is there counts through the fingerprint."""


def design_hash(experiment: Experiment, data_fingerprint: str) -> str:
    """Hash of everything that the trained parameters depend on.

    That is the language's version, the seed, the data (by content), the design, the objective, the network, the
    optimizer, the EMA and the batch size of every step. It is not the name, the mesh, the checkpoints, the logging,
    nor what is evaluated and sampled. Of the number of steps it takes what shapes the steps that come before the
    last one: a run may be made longer or shorter, so the length of its last phase is left out. It is included where
    the learning rate's schedule (`cosine`, `linear`) runs to the end of training, because every step depends
    on it there.

    Args:
        experiment: the spec.
        data_fingerprint: hash of the images, and of the files of the design, as the data room computes it.

    Returns:
        64 hexadecimal digits.
    """
    text = json.dumps({"fingerprint": data_fingerprint, **_design(experiment)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(a: Experiment, b: Experiment) -> list[tuple[str, Any, Any]]:
    """Where two designs differ, in the fields that `design_hash` takes.

    Args:
        a: one spec.
        b: another.

    Returns:
        (dotted path, value in `a`, value in `b`) in the order of the language. Where two kinds differ, only the
        kind is listed: keys of different kinds are not comparable. A field that one side lacks is None there.
    """
    return _compare(_design(a), _design(b), "")


def _design(experiment: Experiment) -> dict[str, Any]:
    dumped = experiment.model_dump(mode="json", include={"gudspec", "seed", "data", "design", "objective", "network"})
    dumped["network"].pop("remat", None)  # it trades arithmetic for memory, and changes no result
    for location in _LOCATIONS:
        dumped["data"]["source"].pop(location, None)
        _forget(location, dumped["design"])
    train = experiment.train.model_dump(mode="json", include={"steps", "batch_size", "optimizer", "ema", "phases"})
    if experiment.train.optimizer.schedule == "constant":
        last = train["phases"][-1] if train["phases"] else train
        del last["steps"]
    return {**dumped, "train": train}


def _forget(key: str, tree: dict[str, Any]) -> None:
    tree.pop(key, None)
    for value in tree.values():
        if isinstance(value, dict):
            _forget(key, value)


def _compare(a: Any, b: Any, path: str) -> list[tuple[str, Any, Any]]:
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return [] if a == b else [(path, a, b)]
    keys = list(dict.fromkeys([*a, *b]))
    if "kind" in keys and a.get("kind") != b.get("kind"):
        keys = ["kind"]
    prefix = f"{path}." if path else ""
    return [difference for key in keys for difference in _compare(a.get(key), b.get(key), f"{prefix}{key}")]
