"""Rolling back shows no image again, and leaves none out that was not seen yet."""

import tempfile

from hypothesis import given
from hypothesis import strategies as st

from gudspec.engine.skips import Skips
from gudspec.engine.workdir import Workdir

SIZES = [4, 4, 4, 6, 6, 6, 6, 2, 2, 2]
BATCHES = ((3, 4), (4, 6), (3, 2))


def first(skips: Skips, step: int) -> int:
    """Place in the stream of the first image of a step, counted from 0."""
    return sum(SIZES[:step]) + skips.before(step)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 10)), min_size=1, max_size=6))
def test_the_step_after_going_back_sees_the_images_after_the_failed_one(chances: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workdir = Workdir.at(folder)
        skips = Skips(workdir, BATCHES)
        for start, failed in chances:
            if start >= failed:
                continue
            earlier = [first(skips, step) for step in range(start)]
            behind = first(skips, failed - 1) + SIZES[failed - 1]
            count = skips.count
            skips.add(start, failed)
            assert first(skips, start) == behind, "the next image that was never seen"
            assert [first(skips, step) for step in range(start)] == earlier, "what was trained on stays as it was"
            assert skips.count == count + 1
            again = Skips(workdir, BATCHES)
            assert [again.before(step) for step in range(10)] == [skips.before(step) for step in range(10)]
            assert again.count == skips.count
            # every later step follows the one before it without a gap
            for step in range(start + 1, 10):
                assert first(skips, step) == first(skips, step - 1) + SIZES[step - 1]
