"""How several processes find each other."""

import pytest

from gudspec.engine.processes import Meeting, meeting
from gudspec.errors import Refused


def test_explicit_flags() -> None:
    assert meeting("host:1234", 4, 3, {}) == Meeting("host:1234", 4, 3)
    assert meeting("host:1234", 1, 0, {}) is None, "one process is alone"
    assert meeting("auto", None, None, {}) == Meeting(), "JAX finds the others"
    assert meeting("host:1234", 4, 3, {"SLURM_STEP_NUM_TASKS": "8"}) == Meeting("host:1234", 4, 3), "flags win"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, False),
        ({"SLURM_STEP_NUM_TASKS": "2"}, True),
        ({"SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"SLURM_JOB_ID": "7"}, False),  # a batch script that starts one process without srun
        ({"OMPI_COMM_WORLD_SIZE": "4"}, True),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, False),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
        ({"MEGASCALE_COORDINATOR_ADDRESS": "a:1"}, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),
    ],
)
def test_schedulers_are_recognized(environment: dict[str, str], found: bool) -> None:
    assert meeting(None, None, None, environment) == (Meeting() if found else None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("host:1", None, None), "--coordinator also needs --processes and --process"),
        ((None, 2, None), "--processes also needs --coordinator and --process"),
        (("host:1", 2, 2), "--process 2 is not one of 2 processes, which are counted from 0"),
        (("host", 2, 1), "--coordinator 'host' is not HOST:PORT"),
        (("host:http", 2, 1), "is not HOST:PORT"),
    ],
)
def test_flags_that_do_not_fit_are_refused(flags: tuple[str | None, int | None, int | None], message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        meeting(*flags, {})
    assert refused.value.exit_code == 2
