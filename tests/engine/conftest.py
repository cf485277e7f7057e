"""All runs of these tests are short."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _short(compiled_fast: None) -> None:
    pass
