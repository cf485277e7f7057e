"""Layouts over slices, with devices of straw: they are no TPUs, and JAX looks at nothing but their `slice_index`."""

from dataclasses import dataclass
from typing import Any

import jax
import pytest

from gudspec.engine.mesh import arranged, device_mesh, slices_of
from gudspec.spec.models import Experiment


@dataclass(frozen=True)
class Device:
    """What `mesh_utils` asks of a device."""

    id: int
    slice_index: int
    platform: str = "cpu"
    device_kind: str = "cpu"
    process_index: int = 0


def devices(slices: int, size: int) -> list[Any]:
    return [Device(slices * index + one, one) for index in range(size) for one in range(slices)]


@pytest.mark.parametrize(
    ("slices", "size", "data", "fsdp", "within"),
    [
        (2, 4, 8, 1, 8),  # all data
        (2, 4, 2, 4, 2),  # a slice holds the parameters once
        (2, 4, 4, 2, 4),
        (4, 4, 2, 8, 0),  # two slices hold them together
        (2, 4, 1, 8, 0),
    ],
)
def test_slices_lie_along_data(slices: int, size: int, data: int, fsdp: int, within: int) -> None:
    given = devices(slices, size)
    assert slices_of(given) == slices
    found = arranged(given, data, fsdp)
    assert found.shape == (data, fsdp)
    assert sorted(found.ravel(), key=lambda one: one.id) == given
    rows = [{one.slice_index for one in row} for row in found]
    assert sum(len(row) == 1 for row in rows) == within
    assert max(map(len, rows)) == max(1, slices // data)


def test_slices_of_different_sizes_are_taken_in_order() -> None:
    """As of machines with GPUs, whose tasks need not be as many on each."""
    given: list[Any] = [Device(0, 0), Device(1, 0), Device(2, 1)]
    assert list(arranged(given, 3, 1).ravel()) == given


def test_devices_of_several_slices_make_a_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "devices", lambda: devices(2, 4))
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    monkeypatch.setattr(jax, "make_mesh", lambda *_, **__: pytest.fail("it does not support several slices"))
    spec = {"gudspec": 1, "name": "a", "data": {"source": {"kind": "digits"}}, "mesh": {"fsdp": 2}}
    mesh = device_mesh(Experiment.model_validate(spec))
    assert dict(mesh.shape) == {"data": 4, "fsdp": 2}
    assert [[one.slice_index for one in row] for row in mesh.devices] == [[0, 0], [0, 0], [1, 1], [1, 1]]
