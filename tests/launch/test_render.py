"""What platforms are given: goldens, the schedulers' own schemas and parsers, and scripts that are really run."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from gudspec.launch.platforms import PLATFORMS
from gudspec.launch.render import Job, dns, render
from gudspec.spec.accelerators import slice_of
from gudspec.spec.load import load, loads
from gudspec.spec.models.launch import Tpu
from tests.launch.goldens import ROOT, SPEC, goldens, printed

GOLDENS = goldens()
EMBEDDED = re.compile(r"^ *cat >.*<<'GUDSPEC_SPEC'\n(.*?)^ *GUDSPEC_SPEC$|^SPEC=.*?\n(.*?)^GUDSPEC_SPEC$", re.M | re.S)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: str(path.relative_to(ROOT / "runners")))
def test_goldens(path: Path) -> None:
    assert printed(GOLDENS[path]) == path.read_text(encoding="utf-8"), "run `python -m tests.launch.goldens`"


def test_every_platform_has_a_folder_with_its_readme() -> None:
    for name, platform in PLATFORMS.items():
        folder = ROOT / "runners" / name
        assert (folder / f"{platform.template}.jinja").is_file()
        assert f"--on {name}" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", [path for path in GOLDENS if path.suffix != ".yaml"], ids=lambda path: path.parent.name
)
def test_scripts_are_bash(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("name", ["slurm/golden.sbatch", "tpu-vm/golden.sh"])
def test_the_spec_travels_along(name: str) -> None:
    found = EMBEDDED.search((ROOT / "runners" / name).read_text(encoding="utf-8"))
    assert found
    assert loads(found[1] or found[2]) == load(SPEC)


def test_every_accelerator_of_the_language_is_known() -> None:
    for name in Tpu.__args__:  # type: ignore[attr-defined]
        tpu = slice_of(name)
        assert tpu.chips % tpu.hosts == 0
        assert tpu.chips // tpu.hosts in (1, 4, 8)


def test_names_are_labels_of_dns() -> None:
    names = ["a", "A", "a_b", "a.b", "7", "x" * 80, "x" * 81, "ä"]
    assert len({dns(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", dns(name)) for name in names)


# ── JobSet ──────────────────────────────────────────────────────────────────────────────────────────


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "runners/gke-jobset" / name).read_text(encoding="utf-8")))


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Where a schema has dropped or changed something; defaults that it added do not count."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [one for key, value in given.items() for one in lost(value, kept.get(key), f"{path}.{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [one for i, pair in enumerate(zip(given, kept, strict=True)) for one in lost(*pair, f"{path}.{i}")]
    return [] if given == kept else [path]


@pytest.mark.parametrize("name", ["golden.yaml", "golden-sweep.yaml"])
def test_jobsets_follow_the_schema_of_jobset_and_kubernetes(name: str) -> None:
    """The models are generated from the OpenAPI documents of JobSet v1alpha2 and Kubernetes."""
    from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet as JobSet

    config, *jobsets = manifests(name)
    assert loads(config["data"]["spec.yaml"]) == load(SPEC)
    assert len(jobsets) == {"golden.yaml": 1, "golden-sweep.yaml": 4}[name]
    for jobset in jobsets:
        read = JobSet.from_dict(jobset)
        assert read is not None
        assert lost(jobset, read.to_dict()) == []
    jobsets[0]["spec"]["failurePolicy"]["maxRestart"] = 1
    read = JobSet.from_dict(jobsets[0])
    assert read is not None
    assert lost(jobsets[0], read.to_dict()) == [".spec.failurePolicy.maxRestart"]


def test_pods_of_a_jobset_can_meet() -> None:
    """What GKE asks for before it tells pods about each other, and JAX's port."""
    _, jobset = manifests("golden.yaml")
    tpu = slice_of(load(SPEC).launch.accelerator or "")
    job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert (job["completionMode"], job["parallelism"], job["completions"]) == ("Indexed", tpu.hosts, tpu.hosts)
    (container,) = job["template"]["spec"]["containers"]
    chips = str(tpu.chips // tpu.hosts)
    assert {str(value["google.com/tpu"]) for value in container["resources"].values()} == {chips}
    assert 8482 in {port["containerPort"] for port in container["ports"]}
    assert {"name": "GUDSPEC_MEETING_SECONDS", "value": "900"} in container["env"]
    selector = job["template"]["spec"]["nodeSelector"]
    assert selector["cloud.google.com/gke-tpu-topology"] == tpu.topology


def test_exit_codes_of_a_jobset() -> None:
    """2 and 3 are final, 75 and a lost node go on for ever, all else restarts the JobSet a few times.

    The messages are those of Kubernetes' `pkg/controller/job/pod_failure_policy.go`.
    """
    _, jobset = manifests("golden.yaml")
    job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
    actions = {
        code: rule["action"]
        for rule in job["podFailurePolicy"]["rules"]
        for code in rule.get("onExitCodes", {}).get("values", [])
    }
    assert actions == {2: "FailJob", 3: "FailJob", 75: "Ignore"}
    assert job["backoffLimit"] == 0  # so that any other code fails the job, which restarts the JobSet
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # which podFailurePolicy requires
    node = job["podFailurePolicy"]["rules"][2]  # the others wait for a pod of it: ignored, they would fail by 1
    assert (node["action"], node["onPodConditions"][0]["type"]) == ("FailJob", "DisruptionTarget")

    def action(reason: str, message: str) -> str:
        for rule in jobset["spec"]["failurePolicy"]["rules"]:
            fits = any(re.search(pattern, message) for pattern in rule["onJobFailureMessagePatterns"])
            if fits and reason in rule["onJobFailureReasons"]:
                return str(rule["action"])
        return "RestartJobSet"

    exited = "Container gudspec for pod team/example-0-3-x7 failed with exit code {} matching FailJob rule at index 0"
    disrupted = "Pod team/example-0-3-x7 has condition DisruptionTarget matching FailJob rule at index 2"
    assert action("PodFailurePolicy", exited.format(2)) == action("PodFailurePolicy", exited.format(3)) == "FailJobSet"
    assert action("PodFailurePolicy", disrupted) == "RestartJobSetAndIgnoreMaxRestarts"
    assert action("BackoffLimitExceeded", "Job has reached the specified backoff limit") == "RestartJobSet"
    (container,) = job["template"]["spec"]["containers"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] == container["name"]


def test_another_spec_has_another_configmap() -> None:
    """A JobSet that waits, or restarts, keeps the spec that it was started with."""
    names = set()
    for seed in (1, 1, 2):
        text = render(
            PLATFORMS["gke-jobset"], load(SPEC, [f"seed={seed}"]), [Job("example", ("--workdir", "gs://b/w"))]
        )
        config, jobset = yaml.safe_load_all(text)
        assert config["immutable"] is True
        pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
        assert pod["volumes"][0]["configMap"]["name"] == config["metadata"]["name"]
        names.add(config["metadata"]["name"])
    assert len(names) == 2


def test_slices_and_hosts_of_a_jobset() -> None:
    experiment = load(SPEC, ["launch.slices=2", "launch.accelerator=v5p:2x2x2", "launch.spot=false"])
    text = render(PLATFORMS["gke-jobset"], experiment, [Job("example", ("--workdir", "gs://b/w"))])
    (slices,) = list(yaml.safe_load_all(text))[1]["spec"]["replicatedJobs"]
    job = slices["template"]["spec"]
    assert (slices["replicas"], job["completions"], job["parallelism"]) == (2, 2, 2)
    pod = job["template"]["spec"]
    assert pod["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5p-slice",
        "cloud.google.com/gke-tpu-topology": "2x2x2",
    }


# ── Slurm, with a scheduler of straw ────────────────────────────────────────────────────────────────


def fake(folder: Path, **programs: str) -> dict[str, str]:
    """An environment in which some commands are short bash scripts; they log to `$LOG`."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, text in programs.items():
        file = folder / "bin" / name
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    return os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LOG": str(folder / "log"), "PAUSE": "0"}


@pytest.mark.parametrize(
    ("code", "failures", "requeued"),
    [(0, 0, False), (2, 0, False), (3, 0, False), (75, 3, True), (1, 0, True), (1, 2, True), (1, 3, False)],
)
def test_a_job_of_slurm_is_queued_again_where_that_helps(
    tmp_path: Path, code: int, failures: int, requeued: bool
) -> None:
    """Restarts by Slurm itself, of which there were 99, do not count."""
    kept = tmp_path / "example-7.failures"
    kept.write_text("1\n" * failures)
    environment = fake(
        tmp_path,
        srun='while [ "$1" != bash ]; do shift; done; "$@"',
        gudspec=f'cp "$2" "$LOG.yaml"; echo "$@" >>"$LOG"; exit {code}',
        scontrol='echo "$@" >>"$LOG"',
    )
    environment |= {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "99", "SLURM_ARRAY_TASK_ID": "2"}
    text = (ROOT / "runners/slurm/golden-sweep.sbatch").read_text(encoding="utf-8").replace("\npip ", "\n: pip ")
    done = subprocess.run(
        ["bash", "-c", text], env=environment, check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr == ""
    said = (tmp_path / "log").read_text().splitlines()
    assert re.match(r"run /\S+\.yaml --workdir gs://my-bucket/runs/example-learning_rate-0.001-seed-0 --set ", said[0])
    assert load(tmp_path / "log.yaml") == load(SPEC)
    assert said[1:] == (["requeue 7"] if requeued else [])
    assert done.returncode == (0 if requeued else code)
    assert kept.exists() == requeued
    if requeued:
        assert kept.read_text().count("\n") == failures + (code == 1)


# ── TPU VM, with a cloud of straw ───────────────────────────────────────────────────────────────────

GCLOUD = """
echo "${*:3:2} $name" >>"$LOG"
case "$3 $4" in
  "queued-resources create")
    [ ! -e "$LOG.taken" ] || { echo "ERROR: ALREADY_EXISTS: Resource already exists" >&2; exit 1; }
    echo ACTIVE >"$LOG.state" ;;
  "queued-resources delete") rm "$LOG.state" ;;
  "queued-resources describe" | "tpu-vm describe") cat "$LOG.state" ;;
  "tpu-vm ssh")
    echo "$*" >"$LOG.ssh"
    [ ! -e "$LOG.long" ] || sleep 20
    read -r codes <"$LOG.codes"; sed -i 1d "$LOG.codes"
    [ "$codes" != gone ] || { echo SUSPENDED >"$LOG.state"; exit 255; }
    for code in $codes; do echo "gudspec ended with code $code"; done ;;
esac
"""


@pytest.mark.parametrize(
    ("runs", "code", "created"),
    [
        (["0 0 0 0"], 0, 1),
        (["gone", "75 75 75 75", "0 0 0 0"], 0, 2),
        (["1 1 1 1", "0 0 0 0"], 0, 1),
        (["0 0 0 1", "1 1 1 1", "1", "", "0 0 0 0"], 1, 1),
        (["2 1 1 1"], 2, 1),
        (["3 3 3 3"], 3, 1),
    ],
)
def test_a_tpu_is_watched_created_again_and_given_back(
    tmp_path: Path, runs: list[str], code: int, created: int
) -> None:
    environment = fake(tmp_path, gcloud=GCLOUD)
    (tmp_path / "log.codes").write_text("".join(f"{codes}\n" for codes in runs))
    script = ROOT / "runners/tpu-vm/golden.sh"
    done = subprocess.run(["bash", script], env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    said = (tmp_path / "log").read_text().split("\n")
    assert sum("queued-resources create" in line for line in said) == created
    assert not (tmp_path / "log.state").exists()


@pytest.mark.parametrize("seen", [True, False], ids=["before", "when it asks"])
def test_a_tpu_of_another_launch_is_left_alone(tmp_path: Path, seen: bool) -> None:
    environment = fake(tmp_path, gcloud=GCLOUD)
    (tmp_path / "log.taken").touch()
    (tmp_path / "log.codes").write_text("0 0 0 0\n")
    if seen:
        (tmp_path / "log.state").write_text("ACTIVE\n")
    script = ROOT / "runners/tpu-vm/golden.sh"
    done = subprocess.run(["bash", script], env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "a queued resource named example exists, " in done.stderr
    said = (tmp_path / "log").read_text()
    assert "delete" not in said
    assert "ssh" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_tpu_is_given_back_when_the_script_is_interrupted(tmp_path: Path, number: int) -> None:
    environment = fake(tmp_path, gcloud=GCLOUD)
    (tmp_path / "log.long").touch()
    script = subprocess.Popen(["bash", ROOT / "runners/tpu-vm/golden.sh"], env=environment, start_new_session=True)
    wait_for(tmp_path / "log.ssh")
    os.killpg(script.pid, number)
    assert script.wait(30) != 0
    assert not (tmp_path / "log.state").exists()
    flags = (tmp_path / "log.ssh").read_text()
    assert "--ssh-flag=-oServerAliveInterval=30 --ssh-flag=-oServerAliveCountMax=6" in flags


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_a_broken_connection_left_behind_goes_first(tmp_path: Path) -> None:
    text = (ROOT / "runners/tpu-vm/golden.sh").read_text(encoding="utf-8")
    found = re.search(r"<<'GUDSPEC_REMOTE'\n(.*?)^GUDSPEC_REMOTE$", text, re.M | re.S)
    assert found
    environment = fake(
        tmp_path, pip="true", curl="echo 0", gudspec='kill -0 "$OLD" 2>/dev/null; echo "old lives: $?, $*"; exit 75'
    )
    with subprocess.Popen(["bash", "-c", "exec -a gudspec sleep 60"]) as old:
        threading.Thread(target=old.wait, daemon=True).start()
        (tmp_path / "gudspec.pid").write_text(f"{old.pid}\n")
        environment |= {"HOME": str(tmp_path), "OLD": str(old.pid)}
        done = subprocess.run(["bash", "-c", found[1]], env=environment, check=False, capture_output=True, text=True)
        old.kill()
    assert done.stdout.startswith("old lives: 1, run "), done.stderr
    assert done.stdout.endswith("gudspec ended with code 75\n")
    assert int((tmp_path / "gudspec.pid").read_text()) != old.pid


@pytest.mark.parametrize(("refusals", "code"), [(3, 0), (4, 1)])
def test_a_tpu_that_is_refused_is_asked_for_again(tmp_path: Path, refusals: int, code: int) -> None:
    refuse = (
        f'[ "$4" != create ] || [ "$(grep -c create "$LOG")" -ge {refusals} ] || {{ echo create >>"$LOG"; exit 1; }}\n'
    )
    environment = fake(tmp_path, gcloud=refuse + GCLOUD)
    (tmp_path / "log").touch()
    (tmp_path / "log.codes").write_text("0 0 0 0\n")
    script = ROOT / "runners/tpu-vm/golden.sh"
    done = subprocess.run(["bash", script], env=environment, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert ("4 refused requests" in done.stderr) == (code == 1)


# ── SkyPilot ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("endpoints", ["unknown:unknown:10.0.0.5,unknown:unknown:10.0.0.6", "10.0.0.5,10.0.0.6"])
@pytest.mark.parametrize("name", ["tpu-vm/golden.sh", "skypilot/golden.yaml"])
def test_the_workers_of_a_slice_meet_at_the_first(tmp_path: Path, name: str, endpoints: str) -> None:
    """JAX would ask the metadata server too, but only if it is told that there are others."""
    curl = f'case "$*" in *worker-network-endpoints) echo {endpoints} ;; *agent-worker-number) echo 3 ;; esac'
    text = (ROOT / "runners" / name).read_text(encoding="utf-8")
    (snippet,) = re.findall(
        r"^ *# how the workers meet.*?^ *export GUDSPEC_.*?\n", text, flags=re.DOTALL | re.MULTILINE
    )
    command = ["bash", "-euc", snippet + 'echo "$GUDSPEC_COORDINATOR $GUDSPEC_PROCESSES $GUDSPEC_PROCESS"']
    done = subprocess.run(command, env=fake(tmp_path, curl=curl), check=True, capture_output=True, text=True)
    assert done.stdout == "10.0.0.5:8482 4 3\n"


def test_a_task_of_skypilot() -> None:
    task = yaml.safe_load((ROOT / "runners/skypilot/golden.yaml").read_text(encoding="utf-8"))
    assert task["resources"]["accelerators"] == "tpu-v5litepod-16"
    assert task["resources"]["job_recovery"] == {"recover_on_exit_codes": [75]}
    subprocess.run(["bash", "-n"], input=task["run"], text=True, check=True)
    found = EMBEDDED.search(task["run"])
    assert found
    assert loads(found[1]) == load(SPEC)


@pytest.mark.parametrize(("codes", "runs"), [("0", 1), ("2", 1), ("3", 1), ("75", 1), ("1 137 0", 3), ("1 1 1 1", 4)])
def test_exit_codes_of_a_task_of_skypilot(tmp_path: Path, codes: str, runs: int) -> None:
    run = yaml.safe_load((ROOT / "runners/skypilot/golden.yaml").read_text(encoding="utf-8"))["run"]
    gudspec = f'set -- {codes}; shift "$(wc -l <"$LOG")"; echo run >>"$LOG"; exit "$1"'
    environment = fake(tmp_path, curl="echo 0", gudspec=gudspec) | {"HOME": str(tmp_path)}
    (tmp_path / "log").touch()
    done = subprocess.run(["bash", "-euc", run], env=environment, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (int(codes.split()[-1]), "")
    assert (tmp_path / "log").read_text().count("run") == runs
