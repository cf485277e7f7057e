"""What gudspec is measured against computes the same, where fewer tokens are mixed than there are and where not."""

import pytest
from flax import nnx

from benchmarks.nnx_loop import DESIGN, losses_of, rebuilt, reverse_steps
from benchmarks.sizes import moved, ready
from benchmarks.turns import check_equal
from gudspec.program.keys import root

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", ["8x8x1", "28x28x1"])
def test_the_research_loop(size: str) -> None:
    made = ready(size, [*DESIGN, "train.batch_size=4"])
    model, schedule = rebuilt(made)
    parameters = moved(made.program.init(root(0)).parameters, root(1))
    nnx.update(model, parameters["network"])
    check_equal(*losses_of(made, model, schedule, parameters), 1e-4)
    check_equal(*reverse_steps(made, model, schedule, parameters), 1e-4)
