"""The laws of a formatter: the meaning stays, comments stay, and the second time changes nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gudspec.formatter.format import format_text
from gudspec.formatter.layout import WIDTH, lay_out
from gudspec.formatter.syntax import Unusual, read
from gudspec.spec.diagnostics import Source, SpecError
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump, flow
from gudspec.spec.text import parse
from gudspec.spec.tree import plain
from tests.spec.strategies import MINIMAL, experiments

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in SPECS]


def meaning(text: str) -> str:
    problems: list[object] = []
    tree = parse(Source("spec.yaml", text), problems)
    assert tree is not None
    assert not problems
    return json.dumps(plain(tree), sort_keys=True)


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_the_gallery_is_formatted(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8")
    assert format_text(text) == text, f"run `gudspec fmt {spec.relative_to(ROOT)}`"
    assert lay_out(read(text)) == text, "and not because it was left alone"


BEFORE = """\
# What it is for.

# More of it.
name:   foo    # trailing
gudspec : 1


data:      # the data
    # about source
    source: { size: 16,kind: photos   }
    # below source
# about design
design:
 schedule:
  # knots
  kind: knots
  by: "columns"      # aligned
  times: [0,1]       # aligned too
  values: [
     [ -9, 5],   # first
     # second
     [-8,6]
  ]
  # below values
 # below schedule
evaluate:
- name: a
  at: {design.x: [1,2]}

  kind: bound
  # below kind
# next
- {kind: likelihood,   name: b}
- # dash
  kind: bound
  name: c
sample: []
# final
"""

AFTER = """\
# What it is for.

# More of it.
gudspec: 1
name: foo  # trailing

data:  # the data
  # about source
  source: {kind: photos, size: 16}
  # below source
# about design
design:
  schedule:
    # knots
    kind: knots
    by: "columns"    # aligned
    times: [0, 1]    # aligned too
    values: [
      [-9, 5],  # first
      # second
      [-8, 6],
    ]
    # below values
  # below schedule
evaluate:
  - name: a

    kind: bound
    at: {design.x: [1, 2]}
    # below kind
  # next
  - {name: b, kind: likelihood}
  # dash
  - name: c
    kind: bound
sample: []
# final
"""


def test_layout() -> None:
    assert format_text(BEFORE) == AFTER
    assert format_text(AFTER) == AFTER


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1", "a: 1\n"),
        ("a: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
        ("\n\na: 1\n", "a: 1\n"),
        ("b: 1e-3\nseed: 012\nname: 'x'\n", "name: 'x'\nseed: 012\nb: 1e-3\n"),
        ("a: {b: {c: [1,2 ,3]} , d: null}\n", "a: {b: {c: [1, 2, 3]}, d: null}\n"),
        ("a: { }\nb: [ ]\n", "a: {}\nb: []\n"),
        ("a: {\n  b: 1 }\n", "a: {\n  b: 1,\n}\n"),
        ("a: {b: 1,\n  c: 2}\n", "a: {b: 1, c: 2}\n"),
        ("a: [b: 1]\n", "a: [{b: 1}]\n"),
        ("a: {b}\n", "a: {b: null}\n"),
        ("a:\n- - 1\n  - 2\n", "a:\n  - - 1\n    - 2\n"),
        ("? a\n: 1\n", "a: 1\n"),
        ("a: |\n      x\n       y\nb: >-\n x\n", "a: |\n      x\n       y\nb: >-\n x\n"),
        ("  a:\n     b: |\n       x\n        y\n", "a:\n  b: |\n    x\n     y\n"),
        ("---\na:  1\n...\n", "---\na: 1\n"),
        ("# c\n--- # d\na:  1\n", "# c\n--- # d\na:  1\n"),
        ("%YAML 1.2\n---\na:  1\n", "%YAML 1.2\n---\na:  1\n"),
        ("seed: &x 1\nname:  *x\n", "seed: &x 1\nname: *x\n"),
        ("a: &x\n - 1\nb: {*x : 2}\n", None),
        ("a:  1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\n"),
        ("a:\t1 # β😀\n", "a: 1  # β😀\n"),
        ("a: 1   # x\nbb: 2  # y\n", "a: 1   # x\nbb: 2  # y\n"),
        ("a: 1 # x\nbb: 2 # y\n", "a: 1  # x\nbb: 2  # y\n"),
        ("a: 1  # x\n\nbb: 22  # y\n", "a: 1  # x\n\nbb: 22  # y\n"),
        ("a: 1 # x\nbb: # y\n - 1\n", "a: 1  # x\nbb:  # y\n  - 1\n"),
    ],
)
def test_pieces(before: str, after: str | None) -> None:
    if after is None:
        with pytest.raises(SpecError):
            format_text(before)
        return
    assert format_text(before) == after
    assert format_text(after) == after


def test_what_is_too_wide_takes_several_lines() -> None:
    numbers = [0.5 + i / 1e4 for i in range(60)]
    after = format_text(f"betas: {numbers}\n")
    assert max(map(len, after.splitlines())) <= WIDTH
    first, second = after.splitlines()[1:3]
    assert len(f"{first} {second.split()[0]}") > WIDTH, "as many as fit"
    rows = format_text(f"values: {[[i, i + 1] * 9 for i in range(8)]}\n")
    assert [len(line) < WIDTH and line.startswith("  [") for line in rows.splitlines()[1:-1]] == [True] * 8
    silenced = f"betas: {numbers}  # gudspec: ignore[GUD206]\n"
    assert format_text(silenced) == silenced, "what it silences is on its line"


def test_what_cannot_be_parsed_is_refused_as_by_the_linter() -> None:
    for text in ("a: [1", f"{MINIMAL}seed: 1\nseed: 2", "a: !!python/object [1", ""):
        with pytest.raises(SpecError) as formatted:
            format_text(text, name="x.yaml")
        with pytest.raises(SpecError) as linted:
            loads(text, name="x.yaml")
        assert str(formatted.value) == str(linted.value)


@settings(deadline=None)
@given(experiments())
def test_the_experiment_stays(experiment: Experiment) -> None:
    block, whole = dump(experiment), flow(experiment)[1:-1]
    for text in (block, f"{{{whole}}}"):
        after = format_text(text)
        assert loads(after) == experiment
        assert format_text(after) == after
    # `gudspec show` prints the canonical order.
    assert [line.split(":")[0] for line in format_text(block).splitlines() if not line.startswith(" ")] == [
        line.split(":")[0] for line in block.splitlines() if not line.startswith(" ")
    ]


INSERTS = [
    "# c\n",
    "\n",
    "  ",
    "\n\n\n",
    " # β😀 c\n",
    "x: 1\n",
    "- ",
    "{",
    "}",
    "[a, b]",
    ", ",
    ": ",
    "&a ",
    "*a",
    "|\n",
    "'",
    '"',
]


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """Specs of the gallery with something put in, cut out or said again."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 12)))
        match draw(st.integers(0, 2)):
            case 0:
                text = text[:start] + draw(st.sampled_from(INSERTS)) + text[start:]
            case 1:
                text = text[:start] + text[stop:]
            case _:
                text = text[:start] + text[start:stop] + text[start:]
    return text


@settings(max_examples=400, deadline=None)
@example("a: 1 #x\n#y")
@example("a:\n  - # x\n    b: 1\n    # y\n  # z\n")
@given(mutants())
def test_the_meaning_and_the_comments_stay(text: str) -> None:
    try:
        after = format_text(text)
    except SpecError:
        return
    if after == text:
        return
    assert meaning(after) == meaning(text)
    assert sorted(c.text for c in read(after).comments) == sorted(c.text for c in read(text).comments)
    assert format_text(after) == after


@settings(max_examples=200, deadline=None)
@example(f"a: {{{', '.join(f'key{index}: {index}' for index in range(20))}, b, c: 1}}\n")
@given(mutants())
def test_the_safeguards_are_hardly_needed(text: str) -> None:
    """What can be laid out keeps the law by itself; `format_text` would leave alone what does not."""
    try:
        after = format_text(text)
        found = lay_out(read(text))
    except (SpecError, Unusual):
        return
    assert found == after


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
@example("\xa0@")  # to YAML, a space that does not break is a letter like any other
@example("a:\n  - \u2003@b\n")
def test_any_text_is_formatted_or_refused(text: str) -> None:
    try:
        assert format_text(format_text(text)) == format_text(text)
    except SpecError:
        return
