"""What is read in a compiled program, without libtpu."""

import jax
import jax.numpy as jnp
import pytest

from gudspec.ahead.target import kind
from gudspec.ahead.xla import Collective, collectives, compiled
from gudspec.errors import Refused
from gudspec.spec.accelerators import ACCELERATORS


def test_collectives_are_counted_with_their_bytes() -> None:
    text = """\
  %a = (f32[64]{0:T(128)}, /*index=1*/bf16[3,3]{1,0}) all-reduce(%x, %y), channel_id=1, to_apply=%add
  %b = f32[2,2]{1,0} all-reduce(%z), to_apply=%add
  %c = (f32[4], f32[16]) all-gather-start(%w), dimensions={0}
  %d = f32[16] all-gather-done(%c)
  ROOT %e = pred[8] fusion(%all-reduce), calls=%f
"""
    assert collectives(text) == {
        "all-reduce": Collective(2, 64 * 4 + 9 * 2 + 16),
        "all-gather": Collective(1, 4 * 4 + 16 * 4),
    }


def test_a_program_of_one_device_has_none() -> None:
    found = compiled(jax.jit(lambda x: x @ x).lower(jax.ShapeDtypeStruct((64, 64), jnp.float32)))
    assert found.collectives == {}
    assert found.flops == pytest.approx(2 * 64**3, rel=0.01)
    assert found.arguments == found.output == 64 * 64 * 4
    assert found.memory >= 2 * 64 * 64 * 4
    assert found.as_dict()["collectives"] == {}


@pytest.mark.parametrize("target", ["v5e", "4x4", "v5e:4", "v5e:4x4x", "v5e:axb", "cpu:2x2"])
def test_what_is_no_slice(target: str) -> None:
    with pytest.raises(Refused, match="v5e:4x4"):
        kind(target)


def test_slices_name_their_accelerator() -> None:
    assert kind("v4:2x2x1") in ACCELERATORS
    assert kind("v5e:16x16") in ACCELERATORS
