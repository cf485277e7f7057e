import pytest

from gudspec.spec.load import loads
from gudspec.spec.sources import classes, levels, shape


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{kind: digits}", ((8, 8, 1), 17, 10)),
        ("{kind: photos, size: 16}", ((16, 16, 3), 256, 0)),
        ("{kind: textures, name: immunohistochemistry}", ((32, 32, 3), 256, 0)),
        ("{kind: textures, name: brick}", ((32, 32, 1), 256, 0)),
        ("{kind: cifar10, root: x}", ((32, 32, 3), 256, 10)),
        ("{kind: pcam, root: x}", ((32, 32, 3), 256, 2)),
        ("{kind: pcam, root: x, downscale: 1}", ((96, 96, 3), 256, 2)),
        ("{kind: npz, path: x}", (None, 256, None)),
        ("{kind: npz, path: x, levels: null}", (None, None, None)),
        ("{kind: folder, root: x, channels: 1}", ((32, 32, 1), 256, 0)),
        ("{kind: gaussian_field, channels: 2}", ((16, 16, 2), None, 0)),
        ("{kind: gaussian_mixture, modes: 3}", ((8, 8, 1), None, 3)),
        ("{kind: lattice_field, size: 12}", ((12, 12, 1), None, 0)),
    ],
)
def test_what_is_known_before_reading(source: str, expected: object) -> None:
    spec = loads(f"gudspec: 1\nname: x\ndata: {{source: {source}}}").data.source
    assert (shape(spec), levels(spec), classes(spec)) == expected
