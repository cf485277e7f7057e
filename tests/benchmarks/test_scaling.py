"""A point of the scaling benchmark: what its compiled step exchanges is what two devices have to."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_two_devices_exchange_every_gradient_once() -> None:
    options = ["--size", "16", "--patch", "8", "--batch", "8", "--devices", "2", "--rounds", "1"]
    order = [sys.executable, "-m", "benchmarks.scaling_point", *options]
    point = json.loads(subprocess.run(order, check=True, stdout=subprocess.PIPE).stdout)
    assert (point["devices"], point["groups"]) == (2, 4)
    exchanged = sum(found["bytes"] for found in point["collectives"].values())
    # float32, and some more: of a convolution of an enlarged image the gradients by 16 sums of its kernel's 9 taps
    assert 1 <= exchanged / (4 * point["parameters"]) <= 1.06
    assert [found["operations"] for found in point["collectives"].values()] == [1]
    assert 0 < point["gflops_per_second"] < point["product_gflops_per_second"]
