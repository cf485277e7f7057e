"""Findings as JUnit's XML, which most build servers know: a test case per file, failed if something is found in it."""

import re
from xml.etree import ElementTree

from gudspec.linter.check import Report

__all__ = ["write"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def write(report: Report) -> str:
    """One suite with a case for every spec, and for whatever else has findings: bases and overrides."""
    names = [source.name for source in report.sources]
    cases = list(dict.fromkeys([*names, *(one.span.file for one in report.findings)]))
    failures = {name: [one for one in report.findings if one.span.file == name] for name in cases}
    failed = str(sum(map(bool, failures.values())))
    counts = {"name": "gudspec lint", "tests": str(len(cases)), "failures": failed, "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", counts)
    for name, found in failures.items():
        case = ElementTree.SubElement(suite, "testcase", {"name": _legal(name), "classname": "gudspec.lint"})
        if found:
            codes = ", ".join(dict.fromkeys(one.code for one in found))
            kind = "error" if any(one.severity == "error" for one in found) else "warning"
            failure = ElementTree.SubElement(case, "failure", {"message": codes, "type": kind})
            failure.text = _legal("\n\n".join(map(str, found)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
