import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from gudspec.program.design import Statistics
from gudspec.report.images import save_grid
from gudspec.report.page import write_report
from gudspec.spec.load import reads
from gudspec.spec.resolved import show

SPEC = """
gudspec: 1
name: example
data: {source: {kind: digits}}
design:
  basis: {kind: pca}
  schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 1.0}}
evaluate: [{name: nll, kind: likelihood}]
sample: [{name: digits, count: 9}]
"""
SUMMARY = {
    "name": "example",
    "design_hash": "d" * 64,
    "steps": 1500,
    "parameters": 347973,
    "parameters_sha256": "a" * 64,
    "images_per_second": 1020.2,
    "wall_seconds": 151.0,
    "nll_bits_per_dim": 2.4181,
    "gaussian_bits_per_dim": 2.9652,
    "evaluations": [
        {
            "name": "nll",
            "kind": "likelihood",
            "split": "test",
            "at": {"design.schedule.inverse_softness": at},
            "value": value,
            "standard_error": 0.0123,
            "images": 360,
            "seconds": 12.0,
        }
        for at, value in ((0.5, 2.5678), (1.0, 2.4181), (1.5, 2.4321))
    ],
    "samples": [{"name": "digits", "at": {}, "count": 9, "seconds": 7.3, "file": "samples/digits.png"}],
}
PROVENANCE = {
    "design_hash": "d" * 64,
    "versions": {"jax": "0.10.2"},
    "commit": None,
    "devices": ["TPU v5e 0", "TPU v5e 1"],
}
VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """Checks that every element is closed in order, and collects what tests ask about."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


def statistics():
    variance = np.geomspace(3, 1e-3, 64, dtype=np.float32).reshape(8, 8, 1)
    return Statistics(np.zeros((8, 8, 1), np.float32), np.eye(64, dtype=np.float32), variance, np.array([1e-3, 3.0]))


def make(folder, spec=SPEC, without=()):
    metrics = [
        {"step": 50 * i, "loss": 1 / i, "gradient_norm": 0.1, "images_per_second": 1e3, "seconds": 1.0}
        for i in (1, 2, 3)
    ]
    files = {
        "spec.resolved.yaml": show(reads(spec, name="example.yaml")),
        "summary.json": json.dumps(SUMMARY),
        "provenance.json": json.dumps(PROVENANCE),
        "metrics.jsonl": "".join(json.dumps(line) + "\n" for line in metrics),
        "parameters.txt": "| Name | Shape |\n",
    }
    for name, content in files.items():
        if name not in without:
            (folder / name).write_text(content)
    if "statistics.npz" not in without:
        np.savez(folder / "statistics.npz", **statistics()._asdict())
    if "samples" not in without:
        (folder / "samples").mkdir()
        save_grid(folder / "samples" / "digits.png", np.zeros((9, 8, 8, 1)))
    return folder


def report(folder):
    path = write_report(folder)
    assert path.name == "report.html"
    assert [file.name for file in folder.iterdir() if file.name.startswith(".")] == []  # nothing temporary is left
    return path.read_text(encoding="utf-8")


def test_a_page_tells_what_the_workdir_knows(tmp_path):
    page = Page(report(make(tmp_path)))
    for expected in (
        "example", "2.418 bits/dim", "± 0.012", "2.965 bits/dim", "−0.547", "better than the Gaussian",
        "1,500", "347,973", "1,020 images/s", "2 min 31 s",
        "inverse_softness = 1.5", "2.4321 ± 0.0123", "360 test",
        "9 images · nominal · ancestral, 100 steps · 7.3 s",
        "inverse_softness 1 (trained over 0.5 to 1.5)", "8 of 64 components",
        "kind: soft_linear", "# example.yaml:7:", "# default",
        "d" * 64, "a" * 64, "jax 0.10.2", "2 × TPU v5e", "unknown", "| Name | Shape |",
    ):  # fmt: skip
        assert expected in page.text, expected
    figures = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert figures == [
        "nll, bits/dim", "Loss", "Gradient norm", "Speed, images/s", "σ(t)", "γ(t)", "log SNR(t)",
    ]  # fmt: skip


def test_a_page_needs_nothing_but_itself(tmp_path):
    text = report(make(tmp_path))
    assert not re.search(r"https?:|@import|<script|<link", text)
    page = Page(text)
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,")), (tag, attributes)
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", text))
    assert len(page.ids) == len(set(page.ids))
    references = re.findall(r'(?:url\(|href=")#([^)"]+)', text) + re.findall(r'aria-labelledby="([^"]+)"', text)
    assert set(references) <= set(page.ids)


FILES = [
    "spec.resolved.yaml",
    "summary.json",
    "provenance.json",
    "metrics.jsonl",
    "parameters.txt",
    "statistics.npz",
    "samples",
]


@pytest.mark.parametrize("missing", FILES)
def test_any_file_may_be_missing(tmp_path, missing):
    Page(report(make(tmp_path, without=[missing])))


def test_an_empty_workdir_has_a_page(tmp_path):
    folder = tmp_path / "nothing-yet"
    folder.mkdir()
    assert "nothing-yet" in Page(report(folder)).text


def test_damaged_files_are_left_out(tmp_path):
    make(tmp_path, without=FILES)
    (tmp_path / "summary.json").write_text('{"name": "exam')
    (tmp_path / "metrics.jsonl").write_text('{"step": 5, "loss": 0.5}\n{"step": 10, "lo')
    (tmp_path / "statistics.npz").write_bytes(b"PK\3\4 cut off")
    (tmp_path / "spec.resolved.yaml").write_text("gudspec: 7\nnew: syntax\n")
    page = Page(report(tmp_path))
    assert "new: syntax" in page.text
    assert "Steps 5 so far" in page.text


def test_numbers_that_are_none_or_not_finite_are_not_printed_as_numbers(tmp_path):
    make(tmp_path)
    evaluation = {**SUMMARY["evaluations"][0], "value": math.nan, "standard_error": math.nan, "images": 1}
    changed = {"nll_bits_per_dim": math.nan, "gaussian_bits_per_dim": None, "images_per_second": None}
    (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, **changed, "evaluations": [evaluation]}))
    page = Page(report(tmp_path))
    assert "not finite" in page.text
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)
    assert "Gaussian" not in page.text


def test_names_and_texts_are_escaped(tmp_path):
    make(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({**SUMMARY, "name": "<b>&amp;"}))
    (tmp_path / "parameters.txt").write_text("<script>alert(1)</script>")
    text = report(tmp_path)
    assert "<b>" not in text
    assert "<script" not in text
    assert "<b>&amp;" in Page(text).text


@pytest.mark.parametrize(
    ("design", "of", "first", "last"),
    [
        ("{schedule: {kind: linear}}", "64 components", "Σ = 3", "Σ = 0.001"),
        ("{basis: {kind: fourier}, schedule: {kind: vp}}", "34 frequencies", "Σ =", "Σ ="),
        ("{schedule: {kind: sequential}}", "8 columns", "column 1", "column 8"),
        ("{schedule: {kind: sequential, ordering: {kind: row}}}", "8 rows", "row 1", "row 8"),
        (
            "{basis: {kind: haar}, schedule: {kind: hierarchical}}",
            "7 columns of wavelet levels", "level 1, column 1", "level 3, column 4",
        ),
    ],
)  # fmt: skip
def test_the_figure_names_groups_in_the_order_of_generation(tmp_path, design, of, first, last):
    spec = f"gudspec: 1\nname: example\ndata: {{source: {{kind: digits}}}}\ndesign: {design}\n"
    text = report(make(tmp_path, spec))
    labels = re.findall(r'<li><i style="background: var\(--line-\d\)"></i>(.*?)</li>', text)
    assert len(labels) == min(8, int(of.split()[0]))
    assert labels[0].startswith(first)
    assert labels[-1].startswith(last)
    assert f"of {of}" in Page(text).text


def test_reports_import_no_jax():
    code = "import sys, gudspec.report.page, gudspec.report.images; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
