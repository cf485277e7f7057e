"""What happens around a run: its lock, its heartbeat, its events, and those who watch."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from gudspec.cli.main import app
from gudspec.engine import lock
from gudspec.engine.console import Terminal
from gudspec.engine.events import Events
from gudspec.engine.heartbeat import Heartbeat
from gudspec.engine.lock import locked
from gudspec.engine.metrics import Interval, MetricsLog, device_facts, read_metrics
from gudspec.engine.parts import Parts
from gudspec.engine.profile import Profile
from gudspec.engine.skips import Skips
from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged, Refused
from gudspec.program.design import Statistics


def test_a_second_run_is_refused_and_the_first_is_named(tmp_path: Path) -> None:
    with (
        locked(Workdir.at(tmp_path)),
        pytest.raises(Refused, match=f"is in use by process {os.getpid()} on .* since"),
        locked(Workdir.at(tmp_path)),
    ):
        pass
    with locked(Workdir.at(tmp_path)):
        pass


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    text = (
        "import sys, time; from gudspec.engine.lock import locked; from gudspec.engine.workdir import Workdir\n"
        "with locked(Workdir.at(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Refused, match=f"process {holder.pid}"), locked(Workdir.at(tmp_path)):
        pass
    holder.kill()
    holder.wait()
    with locked(Workdir.at(tmp_path)):
        pass


def test_without_locks_a_heartbeat_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_lock", lambda folder: None)
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.1)
    workdir = Workdir.at(tmp_path)
    workdir.write("heartbeat.json", {"phase": "training", "time": 1.0, "pid": 5, "host": "far"})
    with locked(workdir):  # it does not change: whoever wrote it is gone
        pass
    monkeypatch.setattr(
        time, "sleep", lambda seconds: workdir.write("heartbeat.json", {"phase": "training", "pid": 5, "host": "far"})
    )
    with pytest.raises(Refused, match="in use by process 5 on far"), locked(workdir):
        pass


def test_the_heartbeat_tells_life_from_progress(tmp_path: Path) -> None:
    workdir = Workdir.at(tmp_path)
    with Heartbeat(workdir) as heartbeat:
        first = workdir.read("heartbeat.json")
        assert first["phase"] == "starting"
        assert first["pid"] == os.getpid()
        heartbeat.progress("training", 7)
        heartbeat._beat()
        second = workdir.read("heartbeat.json")
        assert (second["phase"], second["step"]) == ("training", 7)
        assert second["progress"] >= first["progress"]
    last = workdir.read("heartbeat.json")
    assert (last["phase"], last["step"]) == ("ended", 7)


def test_only_one_process_writes(tmp_path: Path) -> None:
    silent = Workdir.at(tmp_path / "w", writes=False)
    with Heartbeat(silent):
        pass
    log = MetricsLog(silent, 0)
    log.write({"step": 1, "loss": 1.0})
    log.events.histograms(1, {"kernel": jnp.ones(3)})
    log.close()
    assert not (tmp_path / "w").exists()


def test_events_hold_scalars_histograms_and_images(tmp_path: Path) -> None:
    from PIL import Image
    from tensorboardX.proto.event_pb2 import Event

    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "grid.png")
    with Events(Workdir.at(tmp_path)) as events:
        events.scalars(3, {"train/loss": 0.5})
        events.histograms(3, {"network": {"kernel": jnp.array([0.0, 1.0, 1.0])}})
        events.histograms(3, {"broken": jnp.array([jnp.nan])})
        events.image(3, "samples/grid", tmp_path / "grid.png")
    (file,) = (tmp_path / "events").iterdir()
    content, found = file.read_bytes(), {}
    while content:  # a record: length, its checksum, the event, its checksum
        length = int.from_bytes(content[:8], "little")
        for value in Event.FromString(content[12 : 12 + length]).summary.value:
            found[value.tag] = value
        content = content[16 + length :]
    assert set(found) == {"train/loss", "parameters/network/kernel", "samples/grid"}
    histogram = found["parameters/network/kernel"].histo
    assert (histogram.num, histogram.sum, histogram.min, histogram.max) == (3, 2, 0, 1)
    assert sum(histogram.bucket) == 3
    assert len(histogram.bucket) == len(histogram.bucket_limit)
    assert found["samples/grid"].image.height == 4


def test_an_interval_divides_its_time() -> None:
    interval = Interval()
    for _ in range(4):
        with interval.spending("input"):
            time.sleep(0.01)
        time.sleep(0.01)
        interval.add({"loss": jnp.float32(1.0), "gradient_norm": jnp.float32(2.0)}, 8, 100.0)
    with interval.spending("checkpoint"):
        time.sleep(0.02)
    line = interval.close(4)
    assert line["loss"] == 1.0
    assert line["input_seconds"] >= 0.04
    assert line["checkpoint_seconds"] >= 0.02
    assert line["step_seconds"] >= 0.01
    spent = line["input_seconds"] + line["checkpoint_seconds"] + 4 * line["step_seconds"]
    assert spent == pytest.approx(line["seconds"], rel=0.05)
    assert line["images_per_second"] == pytest.approx(32 / line["seconds"], rel=0.05)
    assert line["flops_per_second"] == pytest.approx(400 / line["seconds"], rel=0.05)


class Scalar:
    """A number on a device, which knows whether it was sent for."""

    sent_for = False

    def copy_to_host_async(self) -> None:
        self.sent_for = True

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        assert self.sent_for, "read before it was sent for"
        return np.array(1.0)


def test_metrics_are_sent_for_at_once() -> None:
    interval, metrics = Interval(), {"loss": Scalar(), "gradient_norm": Scalar()}
    interval.add(metrics, 8, 100.0)
    assert all(metric.sent_for for metric in metrics.values())
    assert interval.close(1)["loss"] == 1.0


@pytest.mark.parametrize(("losses", "step"), [((1.0, float("nan"), 1.0), 9), ((1.0, 1.0, 500.0), 10)])
def test_a_loss_that_explodes_is_found_at_its_step(losses: tuple[float, ...], step: int) -> None:
    interval = Interval()
    for loss in losses:
        interval.add({"loss": jnp.float32(loss), "gradient_norm": jnp.float32(1.0)}, 8, 0.0)
    with pytest.raises(Diverged, match=f"at step {step}") as diverged:
        interval.close(10, limit=100.0)
    assert diverged.value.step == step
    assert diverged.value.exit_code == 3


def test_utilization_is_of_the_peak_of_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        device_kind = "TPU v5 lite"

        def memory_stats(self) -> dict[str, int]:
            return {"peak_bytes_in_use": 5}

    monkeypatch.setattr("jax.local_devices", lambda: [Device()])
    monkeypatch.setattr("jax.device_count", lambda: 4)
    assert device_facts(197e12, "float32") == {"flops_per_second": 197e12, "utilization": 0.25, "memory_bytes": 5.0}
    assert device_facts(0.0, "float32") == {"memory_bytes": 5.0}
    monkeypatch.setattr(Device, "device_kind", "NVIDIA H200")
    shares = [device_facts(989e12, compute)["utilization"] for compute in ("float32", "bfloat16")]
    assert shares == [pytest.approx(989 / 494 / 4), 0.25]  # TF32, bfloat16


def intervals(step: int) -> str:
    """A line of the metrics."""
    return json.dumps({"step": step, "loss": 0.5, "images_per_second": 100.0, "seconds": 1.5}) + "\n"


def test_lines_after_the_checkpoint_are_removed_and_a_torn_one_is_left_out(tmp_path: Path) -> None:
    workdir = Workdir.at(tmp_path)
    lines = [intervals(step) for step in (5, 10, 15)]
    workdir.metrics.write_text("".join(lines) + '{"st')
    assert [line["step"] for line in read_metrics(workdir)] == [5, 10, 15]
    MetricsLog(workdir, 10).close()
    assert workdir.metrics.read_text() == lines[0] + lines[1]


@pytest.mark.parametrize("bit", range(8))
def test_a_bit_that_turns_in_the_metrics_costs_at_most_its_line(tmp_path: Path, bit: int) -> None:
    """Wherever it is: of text, of JSON, of a name, of the end of a line, which joins two."""
    whole = "".join(intervals(step) for step in (5, 10, 15)).encode()
    workdir = Workdir.at(tmp_path)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        workdir.metrics.write_bytes(damaged)
        found = read_metrics(workdir)
        assert len(found) >= 1
        assert all({"step", "loss", "images_per_second", "seconds"} <= set(line) for line in found)


def test_damaged_metrics_are_named_before_they_are_cleared_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workdir = Workdir.at(tmp_path)
    workdir.metrics.write_text(intervals(5) + '{"stop": 10}\n' + intervals(15) + '{"st')
    MetricsLog(workdir, 20).close()
    assert caplog.messages == [f"{workdir.metrics} is damaged in 1 of its 3 lines, which count as missing"]
    assert workdir.metrics.read_text() == intervals(5) + intervals(15)


@pytest.mark.parametrize("content", [b'{"phase": "\xff"}', b"{torn", b"", b"[1]"])
def test_a_damaged_file_counts_as_missing_and_is_named(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    workdir = Workdir.at(tmp_path)
    assert workdir.read("provenance.json") == {}
    assert not caplog.messages
    (tmp_path / "provenance.json").write_bytes(content)
    assert workdir.read("provenance.json") == {}
    assert caplog.messages == [f"{tmp_path}/provenance.json is damaged (not a JSON object): it counts as missing"]


class StorageError(Exception):
    """As object stores raise them: no OSError."""


def test_storage_that_fails_for_a_while_ends_neither_the_heartbeat_nor_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StorageError("503")

    monkeypatch.setattr("gudspec.engine.heartbeat.BEAT_SECONDS", 0.01)
    workdir = Workdir.at(tmp_path)
    with Heartbeat(workdir) as heartbeat:
        with monkeypatch.context() as failing:
            failing.setattr(Workdir, "write", fail)
            time.sleep(0.1)
            heartbeat.progress("training", 7)
        end = time.monotonic() + 10
        while workdir.read("heartbeat.json")["step"] != 7:
            assert time.monotonic() < end, "the thread is gone"
            time.sleep(0.01)
        monkeypatch.setattr(Workdir, "write", fail)
    log = MetricsLog(workdir, 0)
    monkeypatch.setattr(log.events, "close", fail)
    log.close()


def test_skips_are_kept_and_count_from_where_training_went_on(tmp_path: Path) -> None:
    skips = Skips(Workdir.at(tmp_path), ((4, 8), (4, 16)))
    assert skips.add(2, 5) == 8 + 8 + 16
    again = Skips(Workdir.at(tmp_path), ((4, 8), (4, 16)))
    assert again.count == 1
    assert [again.before(step) for step in (0, 1, 2, 7)] == [0, 0, 32, 32]


def test_a_profile_traces_its_steps_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr("jax.profiler.start_trace", calls.append)
    monkeypatch.setattr("jax.profiler.stop_trace", lambda: calls.append("stop"))
    profile = Profile("folder", 2, 3)
    for step in range(1, 6):
        profile.before(step)
        calls.append(step)
        profile.after(step, jnp.ones(()))
    profile.close()
    assert calls == [1, "folder", 2, 3, "stop", 4, 5]


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for forced in (False, True):
        if forced:
            monkeypatch.setenv("FORCE_COLOR", "1")
            monkeypatch.setenv("TTY_COMPATIBLE", "1")
            monkeypatch.setenv("TTY_INTERACTIVE", "1")
        with Terminal() as terminal:
            terminal.begin("training", 10)
            terminal.advance(5, "loss 1.0")
            terminal.end()
        out = capsys.readouterr().out
        assert "loss 1.0" in out
        assert ("━" in out) == forced, "a bar"
        assert ("training 5/10  loss 1.0\n" in out) != forced


def test_tail_shows_intervals_and_the_state(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["tail", str(tmp_path)]).exception.exit_code == 2
    workdir = Workdir.at(tmp_path)
    workdir.write_text("spec.resolved.yaml", "gudspec: 1\n")
    for step in (10, 20):
        facts = {"step_seconds": 0.02, "input_seconds": 0.01, "checkpoint_seconds": 0.02, "flops_per_second": 3e9}
        line = {"step": step, "loss": 0.5, "images_per_second": 100.0, "seconds": 1.0, "utilization": 0.4, **facts}
        workdir.append("metrics.jsonl", json.dumps(line) + "\n")
    with Heartbeat(workdir):
        pass
    shown = CliRunner().invoke(app, ["tail", str(tmp_path), "-n", "1"]).output
    assert "step       20  loss 0.5000  100 images/s  20.0 ms/step  input 1.0 %  checkpoint 2.0 %" in shown
    assert "3 GFLOP/s  40.0 % of the peak" in shown
    assert "step       10" not in shown
    assert "ended" in shown
    beat = {"phase": "training", "step": 20, "time": time.time() - 100, "pid": 1, "host": "far"}
    workdir.write("heartbeat.json", beat)
    shown = CliRunner().invoke(app, ["tail", str(tmp_path), "--once"]).output
    assert "process 1 on far was training at step 20, and has not been heard of" in shown


def test_damaged_statistics_count_as_missing(tmp_path: Path) -> None:
    """No bit, and no length, may end in an exception, or in other numbers."""
    workdir = Workdir.at(tmp_path)
    assert workdir.load_statistics() is None
    saved = Statistics(*(np.full((2, 2, 1), index + 0.5) for index in range(len(Statistics._fields))))
    workdir.save_statistics(saved)
    file = tmp_path / "statistics.npz"
    content = file.read_bytes()
    for length in range(0, len(content), 13):
        file.write_bytes(content[:length])
        assert workdir.load_statistics() is None
    for place in range(len(content)):
        turned = bytearray(content)
        turned[place] ^= 1 << place % 8
        file.write_bytes(turned)
        if (found := workdir.load_statistics()) is not None:  # bits that say nothing, such as a date
            for one, other in zip(found, saved, strict=True):
                np.testing.assert_array_equal(one, other)


def test_storage_that_fails_is_not_taken_for_missing_statistics(tmp_path: Path) -> None:
    (tmp_path / "statistics.npz").mkdir()
    with pytest.raises(OSError, match="directory"):
        Workdir.at(tmp_path).load_statistics()


def test_parts_of_another_result_stay(tmp_path: Path) -> None:
    workdir = Workdir.at(tmp_path)
    Parts(workdir, "one").take(0, lambda: {"a": np.ones(3)}, more=True)  # and an interruption
    with Parts(workdir, "two") as two:
        two.take(0, lambda: {"a": np.zeros(3)}, more=True)
    assert [file.name for file in (tmp_path / ".parts").iterdir()] == ["one-0.npz"]
    with Parts(workdir, "one") as one:
        np.testing.assert_array_equal(one.take(0, lambda: {"a": np.zeros(3)}, more=True)["a"], np.ones(3))
    assert not (tmp_path / ".parts").exists()
