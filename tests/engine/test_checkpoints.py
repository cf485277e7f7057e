"""Which checkpoints are kept, what travels in them, and what is made of damaged ones."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from gudspec import __version__
from gudspec.engine.checkpoints import Checkpoints, Saved, digest
from gudspec.errors import Refused, RunError
from gudspec.program.train import TrainState
from gudspec.spec.models.training import Best, Checkpoint


def state(step: int, size: int = 1000) -> TrainState:
    values = {"network": {"kernel": jax.random.normal(jax.random.key(step), (size,))}}
    return TrainState(jnp.int32(step), values, values, (), jax.random.key(0))


def abstract(size: int = 1000) -> TrainState:
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state(0, size))


def opened(
    folder: Path, left_out: Callable[[int], int] = lambda step: 0, design: str = "abc", **spec: object
) -> Checkpoints:
    travels = {"design_hash": design, "spec": "gudspec: 1\n"}
    return Checkpoints(epath.Path(folder), Checkpoint(**spec), travels, left_out)


def test_the_latest_the_best_and_the_multiples_are_kept(tmp_path: Path) -> None:
    losses = {1: 5.0, 2: 1.0, 3: 4.0, 4: 3.0, 5: 2.0, 6: 6.0, 7: 7.0, 8: 8.0, 9: 9.0}
    best = Best(metric="loss", count=2)
    with opened(tmp_path, keep=2, keep_every=4, best=best) as checkpoints:
        for step, loss in losses.items():
            checkpoints.save(state(step), {"loss": loss, "gradient_norm": 0.0})
        checkpoints.wait()
        assert checkpoints.steps == [2, 4, 5, 8, 9]
    with opened(tmp_path, keep=2) as checkpoints:  # other rules may hold from now on
        checkpoints.save(state(10), {"loss": 9.0, "gradient_norm": 0.0})
        checkpoints.wait()
        assert checkpoints.steps == [9, 10]


def test_a_state_comes_back_to_the_bit_with_the_spec_and_the_version(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(3))
        checkpoints.wait()
        found = checkpoints.restore(abstract(), pytest.fail)
        assert digest(found) == digest(state(3))
        travels = checkpoints.metadata(3)
    assert travels["spec"] == "gudspec: 1\n"
    assert travels["design_hash"] == "abc"
    assert travels["version"] == __version__
    assert "commit" in travels


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path) as checkpoints:
        for step in (1, 2):
            checkpoints.save(state(step))
        checkpoints.wait()
    largest = max(
        (path for path in (tmp_path / "2").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    content = bytearray(largest.read_bytes())
    if damage == "remove":
        largest.unlink()
    elif damage == "truncate":
        largest.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
    said: list[str] = []
    with opened(tmp_path) as checkpoints:
        found = checkpoints.restore(abstract(), said.append)
        assert digest(found) == digest(state(1))
        assert len(said) == 1
        assert f"checkpoint {tmp_path}/2 is damaged" in said[0]
        checkpoints.save(state(2))  # the step is reached again
        checkpoints.wait()
        assert digest(checkpoints.restore(abstract(), pytest.fail)) == digest(state(2))


def test_where_no_checkpoint_can_be_read_nothing_is_started_anew(tmp_path: Path) -> None:
    """Storage that fails looks like damage; whoever took it for an empty folder would delete what is there."""
    with opened(tmp_path) as checkpoints:
        for step in (1, 2):
            checkpoints.save(state(step))
        checkpoints.wait()
    for step in (1, 2):
        (tmp_path / str(step) / "_CHECKPOINT_METADATA").write_bytes(b"\xff")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RunError) as failed, opened(tmp_path) as checkpoints:
        checkpoints.restore(abstract(), pytest.fail)
    assert failed.value.exit_code == 1
    said = str(failed.value)
    assert said.startswith(f"none of the checkpoints in {tmp_path} can be read:\n  step 2: ")
    assert "\n  step 1: 'utf-8' codec can't decode" in said
    assert "credentials" in said
    assert "another --workdir" in said
    assert f"remove {tmp_path}" in said
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "error", [PermissionError("no"), TimeoutError("no answer"), ValueError("Error opening: UNAVAILABLE: 503")], ids=repr
)
def test_storage_that_does_not_answer_costs_no_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is no damage: an older checkpoint is not taken for it, and nothing is saved over it."""
    with opened(tmp_path) as checkpoints:
        for step in (1, 2):
            checkpoints.save(state(step))
        checkpoints.wait()

    def away(*arguments: object) -> None:
        raise error

    with opened(tmp_path) as checkpoints:
        with monkeypatch.context() as patched:
            patched.setattr("gudspec.engine.checkpoints._read", away)
            with pytest.raises(RunError, match="2 cannot be reached: ") as failed:
                checkpoints.restore(abstract(), pytest.fail)
        assert failed.value.exit_code == 1
        assert "run the same command again" in str(failed.value)
        assert digest(checkpoints.restore(abstract(), pytest.fail)) == digest(state(2))


def test_an_unfinished_save_is_no_checkpoint_and_is_cleared_away(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(1))
        checkpoints.wait()
    (tmp_path / "1").rename(tmp_path / "2.orbax-checkpoint-tmp")
    with opened(tmp_path) as checkpoints:
        assert checkpoints.restore(abstract(), pytest.fail) is None
        assert checkpoints.steps == []
        checkpoints.save(state(2))
        checkpoints.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["2"]


def test_another_network_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(1))
        checkpoints.wait()
        with pytest.raises(Refused, match="is of a network with other parameters, saved by gudspec"):
            checkpoints.restore(abstract(999), pytest.fail)


def test_a_disk_that_fails_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(1))
        checkpoints.wait()

        def full(*arguments: object, **options: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoints._checkpointer, "save_async", full)
        with pytest.raises(RunError) as failed:
            checkpoints.save(state(2))
    assert failed.value.exit_code == 1
    assert "no space left on the disk" in str(failed.value)
    assert f"the last intact checkpoint is {tmp_path}/1" in str(failed.value)


def test_digest_reads_every_byte() -> None:
    one, other = state(1), state(1)
    changed = np.array(other.parameters["network"]["kernel"])
    changed[-1] += 1
    assert digest(one) == digest(other)
    assert digest(one) != digest(other._replace(parameters={"network": {"kernel": changed}}))


def test_whatever_is_damaged_there_is_no_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Every file of a checkpoint, in several ways: the state is that of this step, or of the one before."""
    with opened(tmp_path / "w", keep=2) as checkpoints:
        for step in (1, 2):
            checkpoints.save(state(step), {"loss": 1.0, "gradient_norm": 1.0})
        checkpoints.wait()
    files = [path for path in (tmp_path / "w" / "2").rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) > 5
    for number, file in enumerate(files):
        whole = file.read_bytes()
        flipped = bytes([whole[0] ^ 1]) + whole[1:]
        for name, content in (("first", flipped), ("cut", whole[: len(whole) // 2]), ("gone", None)):
            copy = tmp_path / f"{number}-{name}"
            shutil.copytree(tmp_path / "w", copy)
            damaged = copy / file.relative_to(tmp_path / "w")
            if content is None:
                damaged.unlink()
            else:
                damaged.write_bytes(content)
            said: list[str] = []
            with opened(copy, keep=2) as checkpoints:
                found = checkpoints.restore(abstract(), said.append)
                assert digest(found) == digest(state(1 if said else 2)), damaged
                checkpoints.save(state(3), {"loss": 1.0, "gradient_norm": 1.0})
                checkpoints.wait()
                assert digest(checkpoints.restore(abstract(), pytest.fail)) == digest(state(3)), damaged
            assert "Traceback" not in capfd.readouterr().err, damaged


def test_what_ends_after_a_failed_read_or_write_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What TensorStore has for a loop that is gone cannot be raised, as in a destructor; anything else is told."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    loop = asyncio.new_event_loop()
    loop.close()

    class Late:
        def __del__(self) -> None:
            loop.call_soon_threadsafe(print)

    class Broken:
        def __del__(self) -> None:
            raise RuntimeError("something else")

    opened(tmp_path)
    Late()
    assert not capfd.readouterr().err
    Broken()
    assert "something else" in capfd.readouterr().err


def test_a_checkpoint_of_an_older_form_is_refused_and_left(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(2))
        checkpoints.wait()
    file = tmp_path / "2" / "_CHECKPOINT_METADATA"
    content = json.loads(file.read_text())
    del content["custom_metadata"]["checksums"], content["custom_metadata"]["seal"]
    file.write_text(json.dumps(content))
    with pytest.raises(Refused, match="in another form by an older gudspec"), opened(tmp_path) as checkpoints:
        checkpoints.restore(abstract(), pytest.fail)
    assert file.exists()


@pytest.mark.parametrize("keep", [1, 2])
def test_a_run_that_went_back_starts_again_before_that(tmp_path: Path, keep: int) -> None:
    """From step 3 on other images are seen: what was saved after it is of the past, and no longer the latest."""
    with opened(tmp_path, keep_every=3) as checkpoints:
        for step in (3, 6, 9):
            checkpoints.save(state(step))
        checkpoints.wait()

    def since(step: int) -> int:
        return 48 if step >= 3 else 0

    with opened(tmp_path, since, keep=keep) as checkpoints:
        told: list[str] = []
        found = checkpoints.restore(abstract(), told.append)
        assert found is not None
        assert int(found.step) == 3
        assert [line.rpartition(": ")[2] for line in told] == ["6, 9"]
        checkpoints.save(state(4))
        checkpoints.wait()
        assert checkpoints.steps == [3, 4][-keep:]
        checkpoints.save(state(6))
        checkpoints.wait()
    with opened(tmp_path, since, keep=keep) as checkpoints:
        found = checkpoints.restore(abstract(), pytest.fail)
        assert found is not None
        assert int(found.step) == 6


def test_a_step_that_was_set_aside_is_saved_again(tmp_path: Path) -> None:
    with opened(tmp_path, keep=2) as checkpoints:
        for step in (3, 6):
            checkpoints.save(state(step))
        checkpoints.wait()
        checkpoints.set_aside(6)
        assert checkpoints.usable == [3]
        checkpoints.save(state(6)._replace(key=jax.random.key(1)))
        checkpoints.wait()
        assert checkpoints.usable == [3, 6]
        found = checkpoints.restore(abstract(), pytest.fail)
        assert digest(found) == digest(state(6)._replace(key=jax.random.key(1)))


def test_another_design_is_refused(tmp_path: Path) -> None:
    """Also where the file that says so first is damaged."""
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(3))
    with opened(tmp_path, design="def") as checkpoints, pytest.raises(Refused, match="another design, abc, not def"):
        checkpoints.restore(abstract(), pytest.fail)


def test_a_bit_of_the_metadata_is_damage_and_no_other_design(tmp_path: Path) -> None:
    with opened(tmp_path) as checkpoints:
        for step in (3, 6):
            checkpoints.save(state(step))
    file = tmp_path / "6" / "_CHECKPOINT_METADATA"
    for name in ("design_hash", "structure"):
        content = file.read_text()
        own = json.loads(content)["custom_metadata"][name]
        file.write_text(content.replace(own, ("0" if own[0] != "0" else "1") + own[1:]))
        told: list[str] = []
        with opened(tmp_path) as checkpoints:
            found = checkpoints.restore(abstract(), told.append)
        assert found is not None
        assert int(found.step) == 3
        assert "_CHECKPOINT_METADATA does not match its checksum" in told[0]
        file.write_text(content)


def test_no_bit_of_the_metadata_ends_a_run(tmp_path: Path) -> None:
    """Neither of what Orbax writes there nor of what a run does."""
    with opened(tmp_path) as checkpoints:
        for step in (3, 6):
            checkpoints.save(state(step))
    file = tmp_path / "6" / "_CHECKPOINT_METADATA"
    content = file.read_bytes()
    own = content.index(b"timestamp")
    for place in (own, *range(0, len(content), 29)):
        turned = bytearray(content)
        turned[place] ^= 1 << place % 7
        file.write_bytes(turned)
        assert Saved(epath.Path(tmp_path)).steps == [3, 6]
        with opened(tmp_path) as checkpoints:
            found = checkpoints.restore(abstract(), lambda message: None)
        assert found is not None
        assert digest(found) in (digest(state(3)), digest(state(6)))
        file.write_bytes(content)


def test_a_checkpoint_that_does_not_tell_what_was_left_out_counts(tmp_path: Path) -> None:
    """Those of earlier versions."""
    with opened(tmp_path) as checkpoints:
        checkpoints.save(state(3))
    file = tmp_path / "3" / "_CHECKPOINT_METADATA"
    content = json.loads(file.read_text())
    del content["custom_metadata"]["left_out"], content["custom_metadata"]["seal"]
    file.write_text(json.dumps(content))
    with opened(tmp_path, lambda step: 48) as checkpoints:
        assert checkpoints.restore(abstract(), pytest.fail) is not None
