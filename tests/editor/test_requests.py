"""What each request answers, and that none fails, whatever the text and wherever the cursor."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol.types import CompletionItem, DocumentSymbol, Position, PositionEncodingKind

from gudspec.editor.actions import actions
from gudspec.editor.analysis import Analysis
from gudspec.editor.completion import complete
from gudspec.editor.diagnostics import published
from gudspec.editor.hover import hover
from gudspec.editor.outline import cursor, outline
from gudspec.editor.positions import Positions
from gudspec.editor.symbols import definition, symbols
from gudspec.formatter.format import format_text
from gudspec.linter.check import lint
from gudspec.spec.diagnostics import Diagnostic, Mark, Source, Span, SpecError
from gudspec.spec.text import parse
from gudspec.spec.tree import Mapping, Node, Sequence
from gudspec.spec.tree import Path as Keys

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
TEXTS = {str(path): path.read_text(encoding="utf-8") for path in SPECS}


def analysis(text: str, name: str = str(ROOT / "specs/new.yaml")) -> Analysis:
    return Analysis(name, text, PositionEncodingKind.Utf16)


def split(marked: str) -> tuple[str, int]:
    """The text and the place of the mark `¦`."""
    return marked.replace("¦", ""), marked.index("¦")


def items(marked: str, *, snippets: bool = True) -> list[CompletionItem]:
    text, offset = split(marked)
    known = analysis(text)
    found = complete(known, known.positions.position(offset), snippets=snippets)
    return sorted(found, key=lambda item: item.sort_text or item.label)


def labels(marked: str) -> list[str]:
    return [item.label for item in items(marked)]


def shown(marked: str) -> str:
    text, offset = split(marked)
    known = analysis(text)
    assert isinstance(known.diagnostics, tuple)  # known from now on
    found = hover(known, known.positions.position(offset))
    return found.contents.value if found else ""  # type: ignore[union-attr]


# ── places ──────────────────────────────────────────────────────────────────────────────────────────


def paths(node: Node, path: Keys = ()) -> list[Keys]:
    inner: list[tuple[Keys, Node]] = []
    if isinstance(node, Mapping):
        inner = [((*path, key), entry.value) for key, entry in node.entries.items()]
    elif isinstance(node, Sequence):
        inner = [((*path, index), item) for index, item in enumerate(node.items)]
    return [found for where, value in inner for found in [where, *paths(value, where)]]


@pytest.mark.parametrize("name", TEXTS)
def test_the_outline_of_a_whole_text_is_its_tree(name: str) -> None:
    tree = parse(Source(name, TEXTS[name]), [])
    assert tree is not None
    found = [slot.path for slot in outline(TEXTS[name]).slots]
    # An item in brackets that is a mapping has no slot of its own before its first key.
    assert set(found) == set(paths(tree))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_cut_off_anywhere_still_knows_where_it_is(name: str) -> None:
    """Each key, when only what is before it has been written, is asked for in the right mapping."""
    text = TEXTS[name]
    for slot in outline(text).slots:
        if isinstance(slot.path[-1], str):
            for offset in range(slot.key[0] + 1, slot.key[1]):
                here = cursor(text[:offset], offset)
                assert here is not None
                assert (here.key, here.path, here.start) == (True, slot.path[:-1], slot.key[0])
        if slot.text and isinstance(slot.path[-1], str):
            here = cursor(text[: slot.value[0] + 1], slot.value[0] + 1)
            assert here is not None
            assert (here.key, here.path, here.start) == (False, slot.path, slot.value[0])


@given(st.text("aβ😀\n\r \u2028", max_size=20), st.sampled_from(list(PositionEncodingKind)))
def test_positions_and_offsets_are_inverse(text: str, encoding: PositionEncodingKind) -> None:
    positions = Positions(text, encoding)
    places = [positions.position(offset) for offset in range(len(text) + 1)]
    for offset, place in enumerate(places):
        if text[offset - 1 : offset + 1] != "\r\n":
            assert positions.offset(place) == offset
    assert sorted((place.line, place.character) for place in places) == [(p.line, p.character) for p in places]


# ── completion ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("¦", ["gudspec", "name", "data", "extends", "seed"]),
        ("gudspec: 1\n¦\nname: x\n", ["data", "extends", "seed", "design"]),
        ("data:\n  ¦", ["source", "dequantize", "flip", "validation"]),
        ("data:\n  source:\n    ¦", ["kind"]),
        ("data: {source: {kind: cifar10, ¦", ["root"]),
        ("data: {source: {¦", ["kind"]),
        ("data: {source: {kind: gaussian_f¦}}", ["cifar10", "digits"]),
        ("design:\n  schedule:\n    kind: hierarchical\n    ¦", ["inverse_softness", "separate_low", "gamma"]),
        ("design: {schedule: {kind: hierarchical, inverse_softness: {¦\ntrain:\n  steps: 1", ["levels", "columns"]),
        ("train:\n  optimizer: {kind: ¦", ["adam", "adamw"]),
        ("data:\n  source: ¦", ["{kind: cifar10}", "{kind: digits}"]),
        ("objective: {prediction: ¦}", ["edm", "epsilon", "v", "x"]),
        ("network: {kind: unet, labels: ¦}", ["false", "true"]),
        ("evaluate:\n  - ¦", ["kind"]),
        ("evaluate:\n  - name: a\n    kind: bound\n    ¦", ["at", "zip", "images"]),
        ("evaluate:\n  ¦", ["- "]),
        ("sample:\n- name: a\n  ¦", ["at", "zip", "count", "batch_size", "sampler"]),
        ("sample: [{name: a, count: 1, sampler: {kind: ode, ¦", ["grid", "solver", "steps", "rtol"]),
        (
            "design: {schedule: {kind: soft_linear, ordering: {kind: mixture}}}\nsample:\n- at: {¦}",
            ["design.schedule.inverse_softness", "design.schedule.ordering.r"],
        ),
        ("extends: ¦", ["quickstart.yaml"]),
        ("extends: gud/¦", ["gud/cifar10.yaml", "gud/cifar10_fourier.yaml"]),
        ("extends: gud/fig4d.yaml\ndesign:\n  schedule:\n    ¦", ["kind", "inverse_softness", "separate_low"]),
    ],
)
def test_completion(marked: str, expected: list[str]) -> None:
    assert labels(marked)[: len(expected)] == expected


@pytest.mark.parametrize(
    "marked", ["# ¦", "name: x # ¦", "name: |\n  ¦", "data: {source: {kind: digits}} ¦", "x: {y: ¦}"]
)
def test_nothing_to_complete(marked: str) -> None:
    assert labels(marked) == []


def test_present_keys_are_not_offered_but_the_one_that_is_typed_is() -> None:
    assert "steps" not in labels("train: {steps: 1, ¦}")
    assert "steps" in labels("train: {st¦eps: 1}")
    (steps,) = [item for item in items("train: {st¦eps: 1}") if item.label == "steps"]
    assert steps.text_edit is not None
    assert steps.text_edit.new_text == "steps", "the colon is there already"


def test_snippets() -> None:
    found = {item.label: item.text_edit.new_text for item in items("¦") if item.text_edit}  # type: ignore[union-attr]
    assert found["seed"] == "seed: ${1:0}"
    assert found["evaluate"] == "evaluate:\n  - {name: $1, kind: ${2|likelihood,bound|}}"
    assert found["objective"] == "objective: {kind: ${1|denoising,elbo|}}"
    found = {item.label: item.text_edit.new_text for item in items("data: {¦") if item.text_edit}  # type: ignore[union-attr]
    assert found["flip"] == "flip: ${1|none,horizontal|}"
    plain = {item.label: item.text_edit.new_text for item in items("data: {¦", snippets=False) if item.text_edit}  # type: ignore[union-attr]
    assert plain["flip"] == "flip: "


# ── hover ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("data: {source: {kind: photos, si¦ze: 16}}", "an integer in [4, 256]; default `32`"),
        ("data: {source: {kind: photos, size: 1¦6}}", "Side of the square patches, in pixels."),
        ("data: {source: {kind: pho¦tos}}", "Patches of the colour photographs"),
        ("design: {schedule: {ki¦nd: vp}}", "required"),
        ("design: {sche¦dule: {kind: vp}}", "`soft_linear`"),
        ("design: {schedule: {kind: edm, rh¦o: 7", "arXiv:2206.00364"),
        ("train: {optimizer: {kind: ada¦mw}}", "Adam"),
        ("ext¦ends: x.yaml", "builds on"),
        ("train: {steps: 5} # gudspec: ignore[GUD2¦30]", "EMA"),
        ("extends: gud/fig4d.yaml\ndesign:\n  schedule:\n    inverse_¦softness: 1", "fig4d.yaml:11:5"),
    ],
)
def test_hover(marked: str, expected: str) -> None:
    assert expected in shown(marked)


def test_hover_over_a_problem_explains_it() -> None:
    text = "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\ntrain: {steps: 500, ema: 0.9¦99, log_every: 1}\n"
    assert "GUD230" in shown(text)
    assert shown("gudspec: 1\nname: a\ndata: {source: {kind: digits}}\n# ¦x") == ""


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", TEXTS)
def test_the_server_says_what_lint_says(name: str) -> None:
    broken = TEXTS[name].replace("kind: pca", "kind: pac").replace("gudspec: 1", "gudspec: 2")
    assert [one.code for one in analysis(TEXTS[name], name).diagnostics] == [one.code for one in lint([name])]
    assert analysis(broken, name).diagnostics


def test_symbols() -> None:
    found = symbols(analysis("train: {steps: 3}\nsample:\n- {name: grid}\n- count: 4\n"))

    def tree(symbols: list[DocumentSymbol]) -> list[tuple[str, object]]:
        return [(one.name, tree(list(one.children or []))) for one in symbols]

    assert tree(found) == [
        ("train", [("steps", [])]),
        ("sample", [("grid", [("name", [])]), ("1", [("count", [])])]),
    ]


def test_silencing_extends_a_comment_that_is_there() -> None:
    text = (
        "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\n"
        "train: {steps: 500, ema: 0.999, log_every: 1}  # gudspec: ignore[GUD999]\n"
    )
    known = analysis(text)
    found = [one for one in actions(known, "u", known.positions.everything) if "GUD230" in one.title]
    (edit,) = found[0].edit.changes["u"]  # type: ignore[index, union-attr]
    assert edit.new_text == ", GUD230"
    assert known.positions.offset(edit.range.start) == text.index("]\n", text.index("GUD999"))


def test_all_that_is_certain_is_fixed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "gudspec: 1\nname: β\ndata: {source: {kind: digits}}  # gudspec: ignore[GUD230]\n"
    known = analysis(text)
    source = Source(known.name, text)

    def found(start: int, stop: int, suggestion: str, certain: bool) -> Diagnostic:
        return Diagnostic(
            "GUD999", "m", Span(source, Mark(3, start), Mark(3, stop)), "warning", suggestion, (), certain
        )

    edits = [found(30, 60, "", True), found(24, 30, "photos", False), found(1, 5, "Data", True), found(2, 7, "x", True)]
    monkeypatch.setattr(Analysis, "diagnostics", edits)
    fixes = actions(known, "u", known.positions.everything)
    assert [fix.title for fix in fixes] == [
        "Remove this",
        "Change to `photos`",
        "Change to `Data`",
        "Change to `x`",
        "Fix all that is certain",
    ]
    assert [fix.is_preferred for fix in fixes[:4]] == [True, None, True, True]
    (changes,) = fixes[-1].edit.changes.values()  # type: ignore[union-attr]
    assert [(edit.range.start.character, edit.new_text) for edit in changes] == [(0, "Data"), (29, "")]


def test_settings_of_the_project_hold(tmp_path: Path) -> None:
    text = "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\ntrain: {steps: 500, ema: 0.999, log_every: 1}\n"
    name = str(tmp_path / "a.yaml")
    assert [one.code for one in analysis(text, name).diagnostics] == ["GUD230"]
    assert analysis(text.replace("1}", "1}  # gudspec: ignore[GUD230]"), name).diagnostics == ()
    (tmp_path / "pyproject.toml").write_text('[tool.gudspec]\nignore = ["GUD230"]\n')
    assert analysis(text, name).diagnostics == ()
    (tmp_path / "pyproject.toml").write_text("[tool.gudspec\n")
    assert [one.code for one in analysis(text, name).diagnostics] == ["GUD230"], "it is being typed as well"


def everything(text: str, position: Position, name: str) -> None:
    known = analysis(text, name)
    published(known)
    hover(known, position)
    definition(known, position)
    actions(known, "file:///x.yaml", known.positions.everything)
    for one in symbols(known):
        assert (one.range.start.line, one.range.start.character) <= (one.range.end.line, one.range.end.character)
    for snippets in (True, False):
        complete(known, position, snippets=snippets)
    try:
        format_text(text)
    except SpecError:
        return


@settings(max_examples=300, deadline=2000)
@given(st.data())
def test_no_request_fails_on_a_text_that_is_being_typed(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(TEXTS)))
    text = TEXTS[name]
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 40)))
    put = data.draw(
        st.sampled_from(["", "{", "[", '"', "'", "- ", ":", "kind: ", "&a", "\t", "|", "\r\n", "😀", "at: {"])
    )
    text = text[:start] + put + (text[stop:] if data.draw(st.booleans()) else "")
    place = analysis(text).positions.position(data.draw(st.integers(0, min(len(text), start + 2))))
    everything(text, place, name)


@settings(max_examples=200, deadline=2000)
@given(st.text(alphabet=st.sampled_from("ab:{}[],-#|>&*!%'\"? \n\t\r😀\x85\u2028") | st.characters()), st.data())
def test_no_request_fails_on_any_text(text: str, data: st.DataObject) -> None:
    line, character = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 30))
    everything(text, Position(line, character), "/nowhere/x.yaml")
