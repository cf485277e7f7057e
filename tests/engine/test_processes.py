"""How several processes find each other."""

import json
import os
import subprocess
import sys

import pytest

from gudspec.engine.processes import Meeting, meeting
from gudspec.errors import Refused


def test_explicit_flags() -> None:
    assert meeting("host:1234", 4, 3, {}) == Meeting("host:1234", 4, 3)
    assert meeting("host:1234", 1, 0, {}) is None, "one process is alone"
    assert meeting("auto", None, None, {}) == Meeting(), "JAX finds the others"
    assert meeting("host:1234", 4, 3, {}, seconds=600) == Meeting("host:1234", 4, 3, 600)
    assert meeting("host:1234", 4, None, {"JOB_COMPLETION_INDEX": "2"}) == Meeting("host:1234", 4, 2), "a pod's index"
    assert meeting("host:1234", 4, 3, {"JOB_COMPLETION_INDEX": "2"}) == Meeting("host:1234", 4, 3)
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


def test_where_nothing_tells_of_others_auto_is_refused() -> None:
    program = "from gudspec.engine.processes import Meeting, connect; connect(Meeting())"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI", "TPU"))}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "Refused: no other processes were found: `--coordinator auto` needs processes that Slurm," in done.stderr
    assert "--coordinator HOST:PORT, --processes N and --process I" in done.stderr


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


def test_pods_of_a_tpu_slice_meet_by_what_gke_tells_them() -> None:
    """JAX reads it without the package `kubernetes`, which it would ask for everything else."""
    environment = {
        "TPU_WORKER_HOSTNAMES": "example-slice-0-0.example,example-slice-0-1.example",
        "TPU_WORKER_ID": "1",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "JOB_COMPLETION_INDEX": "1",
    }
    assert meeting(None, None, None, environment) == Meeting()
    program = """
import json
from jax._src import clusters
from jax._src.clusters import cloud_tpu_cluster as cloud
cloud.running_in_cloud_tpu_vm = True  # as on a machine with libtpu
cloud.BaseTpuCluster.wait_for_coordinator = classmethod(lambda *arguments: None)
cloud.get_tpu_env_value_from_metadata = lambda key: None
print(json.dumps(clusters.ClusterEnv.auto_detect_unset_distributed_params(None, None, None, None, None, 10)))
"""
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[:3] == ["example-slice-0-0.example:8482", 2, 1]
