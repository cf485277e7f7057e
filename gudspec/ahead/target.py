"""TPU slices that are not there: compiling for them needs libtpu, the extra `tpu`."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from typing import Any

from gudspec.errors import Refused

__all__ = ["kind", "topology"]


def kind(target: str) -> str:
    """The accelerator of a target such as `v5e:4x4`.

    Raises:
        Refused: this is no target.
    """
    if not re.fullmatch(r"v\d\w*:\d+(x\d+){1,2}", target):
        raise Refused(f"error: {target!r} is no TPU slice: write its kind and shape, such as v5e:4x4 or v4:2x2x1")
    return target.partition(":")[0]


def topology(target: str) -> list[Any]:
    """The devices of a TPU slice, none of which has to be here.

    Raises:
        Refused: libtpu is not installed, or knows no such slice.
    """
    kind(target)
    if find_spec("libtpu") is None:
        raise Refused("error: --target needs libtpu, which compiles for TPUs: pip install 'gudspec[tpu]'")
    # without these libtpu looks for the machine's own TPUs, and holds a lock of which there is one
    for name, value in (
        ("TPU_SKIP_MDS_QUERY", "1"),
        ("TPU_ACCELERATOR_TYPE", "none"),
        ("TPU_WORKER_HOSTNAMES", "localhost"),
        ("ALLOW_MULTIPLE_LIBTPU_LOAD", "1"),
    ):
        os.environ.setdefault(name, value)
    from jax.experimental.topologies import get_topology_desc

    try:
        return list(get_topology_desc(topology_name=target, platform="tpu").devices)
    except Exception as error:  # of jaxlib, or ValueError, by version
        why = str(error).splitlines()[0]
        raise Refused(f"error: libtpu knows no slice {target!r}: {why}") from None
