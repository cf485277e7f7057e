from pathlib import Path

from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_written_reference_has_not_drifted() -> None:
    written = (ROOT / "docs/rules.md").read_text(encoding="utf-8")
    assert written == reference(), "run `make docs`"


def test_every_code_has_a_section_that_the_table_leads_to() -> None:
    text = reference()
    for description in CATALOGUE:
        assert text.count(f"\n### {description.code}\n") == 1
        assert f"[{description.code}](#{description.code.lower()})" in text
