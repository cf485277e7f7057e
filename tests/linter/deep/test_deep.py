"""The deep lint: what it finds and where, what it reports, and that nothing it meets is a traceback."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from gudspec.errors import Refused
from gudspec.linter.check import examine
from gudspec.linter.deep import main
from gudspec.linter.deep.descriptions import DESCRIPTIONS
from gudspec.linter.deep.main import deep
from gudspec.linter.deep.report import Costs
from gudspec.linter.rule import Description
from gudspec.spec.accelerators import ACCELERATORS
from gudspec.spec.diagnostics import Diagnostic, Source, render
from gudspec.spec.load import read, reads

ROOT = Path(__file__).parents[3]
LARGE = [ROOT / "specs" / f"{name}.yaml" for name in ("quickstart", "gud/cifar10", "dvdp/photos")]
"""One of each kind of path; tests/test_specs.py compiles all of the gallery."""
TINY = """\
gudspec: 1
name: tiny
data: {source: {kind: gaussian_field, size: 4, channels: 1}}
design: {basis: {kind: pixel}, schedule: {kind: linear, gamma: {min: -9, max: 9}}}
network: {kind: unet, channels: 8, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {batch_size: 64}
"""


def costs(text: str, **options: object) -> Costs:
    return deep(reads(text), **options)  # type: ignore[arg-type]


def places(found: tuple[Diagnostic, ...]) -> list[tuple[str, str, tuple[int, int], str]]:
    """Code, severity, line and column, and the text that is marked, of every finding."""
    shown = []
    for one in found:
        line = one.span.source.line(one.span.start.line)
        shown.append(
            (one.code, one.severity, tuple(one.span.start), line[one.span.start.column - 1 : one.span.end.column - 1])
        )
    return shown


# ── codes ───────────────────────────────────────────────────────────────────────────────────────────


def completed(part: str) -> str:
    given = yaml.safe_load(part)
    base = {"gudspec": 1, "name": "example", "data": {"source": {"kind": "digits"}}}
    small = {"kind": "unet", "channels": 8, "multipliers": [1], "blocks": 1, "attention": 0, "heads": 1, "state": 8}
    small["mixer_layers"] = 0
    return yaml.safe_dump(base | {"network": small} | given)


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description.code)
def test_the_examples_are_true(description: type[Description]) -> None:
    """And what is said of the bad ones, where, is that of the golden files."""
    for example, codes in ((description.bad, [description.code]), (description.good, [])):
        # a small network traces fast; what does not fit does so by the images
        document = reads(completed(example), name=f"{description.code}.yaml")
        found = deep(document, devices=8, accelerator="v5e").diagnostics
        assert [one.code for one in found] == codes
        assert all(one.severity == description.severity for one in found)
        if found:
            golden = Path(__file__).parent / "golden" / f"{description.code}.out"
            assert render(found) + "\n" == golden.read_text(encoding="utf-8")


def test_a_batch_that_devices_cannot_share_is_marked() -> None:
    text = TINY + "evaluate: [{name: a, kind: bound, batch_size: 100}, {name: b, kind: bound}]\n"
    text = text.replace(
        "train: {batch_size: 64}", "train: {batch_size: 64, accumulate: 2, phases: [{steps: 1, batch_size: 96}]}"
    )
    assert places(costs(text, devices=48).diagnostics) == [
        ("GUD312", "error", (6, 21), "64"),
        ("GUD312", "error", (7, 47), "100"),
        ("GUD312", "error", (7, 60), "b"),
    ]


def test_a_mesh_that_devices_do_not_fill_is_marked() -> None:
    for mesh, devices, place in (("data: 4, fsdp: 2", 4, (7, 14)), ("data: -1, fsdp: 3", 4, (7, 24))):
        found = costs(TINY + f"mesh: {{{mesh}}}\n", devices=devices)
        assert [(code, where) for code, _, where, _ in places(found.diagnostics)] == [("GUD311", place)]
        assert found.programs == ()


def test_what_does_not_fit_is_marked_with_what_would() -> None:
    text = TINY.replace("batch_size: 64", "batch_size: 128000").replace("size: 4", "size: 32")
    (found,) = costs(text, accelerator="v5e").diagnostics
    assert places((found,)) == [("GUD314", "warning", (6, 21), "128000")]
    assert "16.0" in found.message
    assert "train.accumulate" in found.message
    # what it proposes does fit
    fewer = int(found.message.split("`batch_size` of about ")[1].split()[0])
    assert costs(text.replace("128000", str(fewer)), accelerator="v5e").diagnostics == ()
    assert costs(text, accelerator="v5e", devices=64).diagnostics == ()


def test_what_a_program_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise TypeError("shapes (3,) and (4,)\ndo not fit")

    monkeypatch.setattr(main, "placed", broken)
    found = costs(TINY)
    assert {one.code for one in found.diagnostics} == {"GUD310"}
    assert "`train` cannot be traced: TypeError: shapes (3,) and (4,)" in str(found.diagnostics[-1])
    assert found.programs == ()


def test_images_in_archives_are_measured_by_their_heads(tmp_path: Path) -> None:
    file = tmp_path / "images.npz"
    np.savez(file, train=np.zeros((10, 4, 4, 1), np.uint8), test=np.zeros((2, 4, 4, 1), np.uint8))
    text = TINY.replace("{kind: gaussian_field, size: 4, channels: 1}", f"{{kind: npz, path: {file}}}")
    found = costs(text)
    assert found.diagnostics == ()
    assert found.parameters > 0
    file.write_bytes(b"nothing")
    assert [one.code for one in costs(text).diagnostics] == ["GUD316"]


def test_unknown_accelerators_and_slices_are_refused() -> None:
    with pytest.raises(Refused, match="h100"):
        costs(TINY, accelerator="h1000")
    with pytest.raises(Refused, match="v5e:4x4"):
        costs(TINY, target="16 chips")


# ── comments ────────────────────────────────────────────────────────────────────────────────────────


def codes(text: str, **options: object) -> list[str]:
    def deeper(document: object) -> Costs:
        return deep(document, **options)  # type: ignore[arg-type]

    return [one.code for one in examine([(Source("a.yaml", text), None)], deeper=deeper).findings]


def test_comments_silence_the_deep_lint_and_are_never_unused_without_it() -> None:
    text = TINY.replace("batch_size: 64}", "batch_size: 63}  # gudspec: ignore[GUD312]")
    assert "GUD312" in codes(text.partition("  #")[0] + "\n", devices=2)
    assert not {"GUD312", "GUD016", "GUD017"} & set(codes(text, devices=2))
    assert not {"GUD016", "GUD017"} & set(codes(text, devices=1))


def test_specs_with_errors_are_not_traced() -> None:
    asked = []
    text = TINY.replace("kind: pixel", "kind: haar, levels: 9")
    examine([(Source("a.yaml", text), None)], deeper=lambda document: asked.append(document))  # type: ignore[arg-type, return-value]
    assert asked == []


# ── what it reports ─────────────────────────────────────────────────────────────────────────────────


def test_numbers_of_a_spec() -> None:
    text = TINY + "sample: [{name: few, count: 64, sampler: {kind: ddim, steps: 5}}]\n"
    one, four = costs(text, accelerator="cpu"), costs(text, accelerator="cpu", devices=4)
    assert [program.name for program in one.programs] == ["train", "sample/few"]
    for before, after in zip(one.programs, four.programs, strict=True):
        assert after.flops == pytest.approx(before.flops, rel=0.05)  # over all devices
        assert after.traffic < before.traffic / 2  # per device
        assert after.temporary < before.temporary / 2
        assert after.state == pytest.approx(before.state, rel=0.2)  # not sharded
        assert after.seconds(ACCELERATORS["cpu"], 4) < before.seconds(ACCELERATORS["cpu"], 1)
    state = one.programs[0].state
    assert (
        4 * one.parameters * 4 <= state < 4 * one.parameters * 4 + 64 * 16 * 4 + 1000
    )  # average, two moments; the batch


def test_fsdp_shards_the_state() -> None:
    whole, sharded = costs(TINY, devices=8), costs(TINY + "mesh: {fsdp: 8}\n", devices=8)
    assert sharded.mesh == (1, 8)
    assert sharded.programs[0].state < whole.programs[0].state / 3


def test_the_command(tmp_path: Path) -> None:
    """In a process of its own: text on stdout, a table for people and everything for machines."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    command = [
        sys.executable,
        "-m",
        "gudspec",
        "lint",
        str(file),
        "--ignore",
        "GUD2",
        "--deep",
        "--mesh",
        "data=16,fsdp=2",
    ]
    done = subprocess.run([*command, "--format", "json", "--accelerator", "h200"], capture_output=True, check=False)
    shown = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    (found,) = shown["deep"]
    assert (found["devices"], found["mesh"], found["accelerator"]) == (32, {"data": 16, "fsdp": 2}, "H200")
    assert [program["name"] for program in found["programs"]] == ["train"]
    assert found["programs"][0]["flops"] > 1e6
    assert found["programs"][0]["seconds"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--devices", "2"], "--deep"),
        (["--deep", "--accelerator", "x"], "no accelerator 'x'"),
        (["--deep", "--target", "x"], "v5e:4x4"),
        (["--deep", "--mesh", "x=1"], "--mesh"),
    ],
)
def test_options_that_mean_nothing(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gudspec.cli.main import main as cli

    (tmp_path / "tiny.yaml").write_text(TINY)
    with pytest.raises(SystemExit) as end:
        cli(["lint", str(tmp_path / "tiny.yaml"), *options])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert message in error
    assert "Traceback" not in error


# ── the gallery ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("path", LARGE, ids=lambda path: str(path.relative_to(ROOT / "specs")))
def test_the_gallery_traces_for_256_devices(path: Path) -> None:
    experiment = read(path).experiment
    sections = [
        ("train", "batch_size"),
        *((f"train.phases.{i}", "batch_size") for i in range(len(experiment.train.phases))),
    ]
    sections += [(f"evaluate.{i}", "batch_size") for i in range(len(experiment.evaluate))]
    sections += [(f"sample.{i}", "count") for i in range(len(experiment.sample))]
    found = deep(read(path, [f"{section}.{field}=512" for section, field in sections]), devices=256, accelerator="v5e")
    assert found.diagnostics == ()
    assert found.devices == 256
    expected = {"train", *(f"evaluate/{one.name}" for one in experiment.evaluate)}
    expected |= {f"sample/{one.name}" for one in experiment.sample}
    assert expected <= {program.name for program in found.programs}
