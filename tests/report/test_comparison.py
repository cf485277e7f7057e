import json
import math
from pathlib import Path

import pytest

from gudspec.errors import Refused
from gudspec.report.comparison import as_json, compare
from gudspec.report.comparison_page import cells, render_comparison, warnings
from tests.report.test_page import Page
from tests.report.workdirs import SPEC, workdir

OTHER = SPEC.replace("name: drawings", "name: other").replace("inverse_softness: 0.6", "inverse_softness: 0.2")


def likelihood(value: float, error: float = 0.01, **changes: object) -> dict[str, object]:
    usual = {"name": "nll", "kind": "likelihood", "split": "test", "at": {}, "images": 360, "seconds": 3.0}
    return usual | {"value": value, "standard_error": error} | changes


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    one = workdir(tmp_path / "one", evaluations=[likelihood(2.5), likelihood(2.7, name="extra")])
    two = workdir(tmp_path / "two", OTHER, evaluations=[likelihood(2.4), likelihood(2.8, images=20)])
    return [one, two]


def test_only_fields_that_differ_are_listed(folders: list[Path]) -> None:
    found = compare(folders)
    assert found.labels == ["drawings", "other"]
    assert [(one.path, one.values) for one in found.differences] == [
        ("design.schedule.inverse_softness", ["0.6", "0.2"])
    ]


def test_fields_that_some_runs_lack_and_entries_by_name(tmp_path: Path) -> None:
    changed = SPEC.replace("{kind: sequential, ordering: {kind: column}, inverse_softness: 0.6,", "{kind: linear,")
    changed = changed.replace("- {name: free, count: 9, frames: 6}\n", "").replace("steps: 20", "steps: 30")
    changed = changed.replace("- {name: long, count: 3, task: {kind: extend, length: 64}}\n", "")
    found = compare([workdir(tmp_path / "one"), workdir(tmp_path / "two", changed)])
    paths = {one.path: one.values for one in found.differences}
    assert paths["design.schedule.kind"] == ["sequential", "linear"]
    assert paths["design.schedule.inverse_softness"] == ["0.6", None]
    assert paths["sample.filled.sampler.steps"] == ["20", "30"]
    assert paths["sample.free"][1] is None
    assert paths["sample.free"][0].startswith("{name: free,")
    assert not any(path.startswith(("sample.again", "sample.free.", "name")) for path in paths)


def test_evaluations_are_compared_only_where_they_measure_the_same(folders: list[Path]) -> None:
    found = compare(folders)
    rows = {(row.name, row.images): [v and v.value for v in row.values] for row in found.likelihoods}
    assert rows == {("nll", 360): [2.5, 2.4], ("extra", 360): [2.7, None], ("nll", 20): [None, 2.8]}
    assert [found.best(row) for row in found.likelihoods] == [1, None, None]


@pytest.mark.parametrize(
    ("values", "errors", "marks"),
    [
        ((2.5, 2.4, 2.42), (0.01, 0.01, 0.01), " ★≈"),
        ((2.5, 2.4, 2.43), (0.01, 0.01, 0.01), " ★ "),
        ((2.5, 2.4, 2.43), (0.01, 0.01, 0.02), " ★≈"),
        ((2.4, 2.4, 2.5), (math.nan, math.nan, math.nan), "★≈ "),
        ((math.nan, 2.4, math.inf), (0.01, 0.01, 0.01), "   "),
    ],
    ids=["close", "apart", "uncertain", "no errors", "one finite"],
)
def test_the_best_is_marked_and_what_cannot_be_told_from_it(
    tmp_path: Path, values: tuple[float, ...], errors: tuple[float, ...], marks: str
) -> None:
    folders = [
        workdir(tmp_path / str(i), evaluations=[likelihood(value, error)])
        for i, (value, error) in enumerate(zip(values, errors, strict=True))
    ]
    found = compare(folders)
    texts = cells(found, found.likelihoods[0])
    assert "".join(text[-1] if text[-1] in "★≈" else " " for text in texts) == marks
    json.dumps(as_json(found), allow_nan=False)


def test_no_best_among_runs_of_different_data(tmp_path: Path) -> None:
    other = SPEC.replace("source: {kind: digits}", "source: {kind: digits}, dequantize: none")
    found = compare([workdir(tmp_path / "one"), workdir(tmp_path / "two", other)])
    assert found.best(found.likelihoods[0]) is None
    assert any("different data" in warning for warning in warnings(found))
    flipped = SPEC.replace("source: {kind: digits}", "source: {kind: digits}, flip: horizontal")
    augmented = compare([tmp_path / "one", workdir(tmp_path / "three", flipped)])
    assert augmented.best(augmented.likelihoods[0]) is not None  # measured on the same test images
    assert any("loss" in warning for warning in warnings(augmented))


def test_equal_names_are_told_apart_by_folder_or_path(tmp_path: Path) -> None:
    a, b, c = (workdir(tmp_path / name) for name in ("a/w", "b", "c/w"))
    assert compare([a, b]).labels == ["w", "b"]
    assert compare([a, c]).labels == [str(a), str(c)]


def test_what_is_no_workdir_is_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"is not a workdir: it has no spec\.resolved\.yaml"):
        compare([*folders, tmp_path])
    with pytest.raises(Refused, match="two workdirs or more"):
        compare(folders[:1])
    with pytest.raises(Refused, match="is given 2 times"):
        compare([*folders, f"{folders[0]}/"])
    (folders[1] / "spec.resolved.yaml").write_text("gudspec: 7\n")
    with pytest.raises(Refused, match="cannot be read by this version of gudspec: `gudspec lint"):
        compare(folders)


def test_a_run_that_has_only_started_is_compared_too(folders: list[Path]) -> None:
    for name in ("summary.json", "provenance.json", "metrics.jsonl", "statistics.npz"):
        (folders[1] / name).unlink()
    found = compare(folders)
    assert [v and v.value for v in found.likelihoods[0].values] == [2.5, None]
    assert found.best(found.likelihoods[0]) is None
    Page(render_comparison(found))


def test_the_page_has_all_of_it(folders: list[Path]) -> None:
    page = Page(render_comparison(compare(folders)))
    for expected in (
        "2 runs", "drawings", "other", "2.4000 ± 0.0100 ★", "inverse_softness 0.6 0.2", "1,234", "500",
        "20.0 s", "1 × cpu", "filled", "original, given, drawn.",
    ):  # fmt: skip
        assert expected in page.text, expected
    assert [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"] == ["Loss", "Loss by time"]
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 2 * 7  # six drawings each, one with an animation
    assert all(image["src"].startswith("data:image/") for image in images)
    pairs = [image["alt"] for image in images if "filled" in image["alt"]]
    assert pairs == ["Images of the task inpaint: filled (drawings)", "Images of the task inpaint: filled (other)"]
    assert len(page.ids) == len(set(page.ids))
