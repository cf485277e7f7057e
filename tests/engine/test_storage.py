"""Where a run is kept: disks that are full or read-only, buckets, caches of compiled programs. Real processes."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.cluster import free_port

pytestmark = pytest.mark.slow

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design: {basis: {kind: pca}, schedule: {kind: linear}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 12, batch_size: 8, ema: 0.9, log_every: 2, optimizer: {learning_rate: 1e-3}}
sample: [{name: grid, count: 4, sampler: {kind: ddim, steps: 10}}]
checkpoint: {every: 4, keep: 2}
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(TEXT)
    return path


def gudspec(*arguments: object, wrap: tuple[str, ...] = (), **options: object) -> subprocess.CompletedProcess[str]:
    command = [*wrap, sys.executable, "-m", "gudspec", *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **options.pop("env", {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=environment, **options)


def mounted(workdir: Path, mount: str) -> tuple[str, ...]:
    """A command in front of another, which gives that one a file system of its own."""
    workdir.mkdir(exist_ok=True)
    wrap = ("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', str(workdir))
    try:
        possible = subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        possible = False
    if not possible:
        pytest.skip("this user may not mount file systems")
    return wrap


def test_a_full_disk_is_a_message(spec: Path, tmp_path: Path) -> None:
    """1 MiB holds the start of a run but not its checkpoints, of which each step makes one."""
    wrap = mounted(tmp_path / "w", 'mount -t tmpfs -o size=500k tmpfs "$0"')
    changes = ("--set", "checkpoint.every=1", "--set", "checkpoint.keep=100", "--set", "train.steps=100")
    failed = gudspec("run", spec, "--workdir", tmp_path / "w", "--cache-dir", tmp_path / "c", *changes, wrap=wrap)
    assert failed.returncode == 1, failed.stderr
    assert "no space left on the disk" in failed.stderr
    assert f"the last intact checkpoint is {tmp_path}/w/checkpoints/" in failed.stderr
    assert "The same command continues" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_after_a_disk_that_took_no_large_file_the_run_continues(spec: Path, tmp_path: Path) -> None:
    begun = gudspec("run", spec, "--workdir", tmp_path / "w", "--set", "train.steps=4", "--set", "sample=[]")
    assert begun.returncode == 0, begun.stderr

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    failed = gudspec("run", spec, "--workdir", tmp_path / "w", preexec_fn=limit)
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    again = gudspec("run", spec, "--workdir", tmp_path / "w")
    assert again.returncode == 0, again.stderr
    assert "continuing at step" in again.stdout


def test_read_only_storage_is_refused(spec: Path, tmp_path: Path) -> None:
    wrap = mounted(tmp_path / "w", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"')
    refused = gudspec("run", spec, "--workdir", tmp_path / "w", wrap=wrap)
    assert refused.returncode == 2, refused.stderr
    assert f"{tmp_path}/w cannot be written to (Read-only file system): use another --workdir" in refused.stderr
    (tmp_path / "file").touch()
    refused = gudspec("run", spec, "--workdir", tmp_path / "file")
    assert refused.returncode == 2, refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_second_run_is_refused(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(tmp_path / "w")]
    first = subprocess.Popen([*command, "--set", "train.steps=100000"], stdout=subprocess.DEVNULL)
    try:
        while not (tmp_path / "w" / "metrics.jsonl").exists():
            assert first.poll() is None
            time.sleep(0.05)
        second = gudspec("run", spec, "--workdir", tmp_path / "w")
        assert first.poll() is None, "the first goes on"
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 2
    assert f"is in use by process {first.pid} on " in second.stderr


def test_compiled_programs_are_kept_in_the_workdir_or_where_one_says(spec: Path, tmp_path: Path) -> None:
    environment = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_COMPILATION_CACHE_DIR": ""}
    short = ("--set", "train.steps=4")
    assert gudspec("run", spec, "--workdir", tmp_path / "w", *short, env=environment).returncode == 0
    inside = tmp_path / "w" / "compilation-cache"
    assert sum(path.name.endswith("-cache") for path in inside.iterdir()) > 10
    cache, kept = tmp_path / "cache", []
    for workdir in (tmp_path / "u", tmp_path / "v"):
        run = gudspec("run", spec, "--workdir", workdir, "--cache-dir", cache, *short, env=environment)
        assert run.returncode == 0, run.stderr
        assert not (workdir / "compilation-cache").exists()
        kept.append({path.name for path in cache.iterdir() if path.name.endswith("-cache")})
    assert kept[0] == kept[1], "nothing was compiled again"


def test_a_profile_is_an_xprof_trace(spec: Path, tmp_path: Path) -> None:
    run = gudspec("run", spec, "--workdir", tmp_path / "w", "--profile", "3:4", "--set", "sample=[]")
    assert run.returncode == 0, run.stderr
    assert list((tmp_path / "w" / "profile").rglob("*.xplane.pb"))
    assert gudspec("run", spec, "--workdir", tmp_path / "w", "--profile", "4:3").returncode == 2


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A stand-in for Google Cloud Storage on this machine, as environment variables."""
    pytest.importorskip("gcp_storage_emulator")
    port = free_port()
    command = f"""
import time
from gcp_storage_emulator.server import create_server
server = create_server("127.0.0.1", {port}, in_memory=True, default_bucket="runs")
server.start()
print("ready", flush=True)
time.sleep(1000)
"""
    server = subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    for line in server.stdout:
        if "ready" in line:
            break
    address = f"http://127.0.0.1:{port}"
    yield {"STORAGE_EMULATOR_HOST": address, "TENSORSTORE_GCS_HTTP_URL": address, "GCSFS_LOG_LEVEL": "CRITICAL"}
    server.kill()
    server.wait()


def test_a_run_in_a_bucket_is_listed_with_its_steps(bucket: dict[str, str]) -> None:
    texts = {
        "spec.resolved.yaml": TEXT,
        "summary.json": '{"steps": 12}',
        "report.html": "x",
        "heartbeat.json": '{"phase": "ended", "code": 0}',
    }
    write = (
        "from etils import epath; folder = epath.Path('gs://runs/sweep/a')\n"
        f"for name, text in {texts}.items(): (folder / name).write_text(text)"
    )
    subprocess.run([sys.executable, "-c", write], check=True, env={**os.environ, **bucket})
    listed = gudspec("runs", "gs://runs/sweep", "--format", "json", env=bucket)
    assert listed.returncode == 0, listed.stderr
    (row,) = json.loads(listed.stdout)
    assert (row["name"], row["status"], row["step"], row["steps"]) == ("a", "done", 12, 12)


def test_a_workdir_in_a_bucket(spec: Path, tmp_path: Path, bucket: dict[str, str]) -> None:
    workdir, cache = "gs://runs/tiny", tmp_path / "cache"
    first = gudspec(
        "run",
        spec,
        "--workdir",
        workdir,
        "--cache-dir",
        cache,
        "--set",
        "train.steps=8",
        "--set",
        "sample=[]",
        env=bucket,
    )
    assert first.returncode == 0, first.stderr
    more = gudspec("run", spec, "--workdir", workdir, "--cache-dir", cache, env=bucket)
    assert more.returncode == 0, more.stderr
    assert "continuing at step 8" in more.stdout
    local = gudspec("run", spec, "--workdir", tmp_path / "w")
    assert local.returncode == 0, local.stderr
    read = (
        "from etils import epath; folder = epath.Path('gs://runs/tiny'); print((folder / 'summary.json').read_text())\n"
        "assert (folder / 'report.html').exists() and (folder / 'samples' / 'grid.png').exists()\n"
        "assert list((folder / 'events').iterdir()) and not (folder / '.lock').exists()"
    )
    found = subprocess.run(
        [sys.executable, "-c", read], capture_output=True, text=True, check=True, env={**os.environ, **bucket}
    )
    here = json.loads((tmp_path / "w" / "summary.json").read_text())
    assert json.loads(found.stdout)["parameters_sha256"] == here["parameters_sha256"]
    listed = gudspec("checkpoints", workdir, "--format", "json", env=bucket)
    assert listed.returncode == 0, listed.stdout
    assert [(row["step"], row["state"]) for row in json.loads(listed.stdout)] == [(8, "intact"), (12, "intact")]
