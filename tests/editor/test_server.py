"""The server as an editor meets it: a process, driven over its standard input and output."""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lsprotocol import types

from tests.editor.client import editor

ROOT = Path(__file__).parents[2]
TEXT = """\
# β: 😀
gudspec: 1
name: example
data: {source: {kind: digits}, flip: nne}
design:
  basis: {kind: pca}
  schedule:
    kind: soft_linear
    inverse_softness: 1.0
train: {steps: 500, log_evry: 3, ema: 0.999}
"""


def at(text: str, word: str, shift: int = 0) -> types.Position:
    """The position of a word of a text, in UTF-16 units."""
    offset = text.index(word) + shift
    line = text.count("\n", 0, offset)
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return types.Position(line, len(before.encode("utf-16-le")) // 2)


def document(uri: str) -> types.TextDocumentIdentifier:
    return types.TextDocumentIdentifier(uri)


def applied(text: str, edits: list[types.TextEdit]) -> str:
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True):
        start, end = edit.range.start, edit.range.end
        before = lines[start.line].encode("utf-16-le")[: 2 * start.character].decode("utf-16-le")
        after = lines[end.line].encode("utf-16-le")[2 * end.character :].decode("utf-16-le")
        lines[start.line : end.line + 1] = f"{before}{edit.new_text}{after}".split("\n")
    return "\n".join(lines)


def test_a_session(tmp_path: Path) -> None:
    asyncio.run(session(tmp_path))


async def session(folder: Path) -> None:
    uri = (folder / "spec.yaml").as_uri()
    async with editor() as (client, capabilities):
        assert capabilities.hover_provider
        assert capabilities.document_formatting_provider
        assert capabilities.position_encoding == "utf-16"

        # diagnostics, while typing
        found = await client.show(uri, TEXT)
        assert [(one.code, one.range.start) for one in found] == [
            ("GUD103", at(TEXT, "nne")),
            ("GUD104", at(TEXT, "log_evry")),
        ]
        assert "did you mean `none`" in found[0].message
        half = TEXT.replace("nne", "none").replace("log_evry: 3, ", "") + "sample: ["
        assert [one.code for one in await client.show(uri, half)] == ["GUD004"]
        text = TEXT.replace("nne", "none").replace("log_evry: 3, ", "")
        (warning,) = await client.show(uri, text)
        assert (warning.code, warning.severity) == ("GUD230", types.DiagnosticSeverity.Warning)

        # hover
        async def hover(word: str) -> str:
            answer = await client.text_document_hover_async(types.HoverParams(document(uri), at(text, word, 1)))
            return answer.contents.value if answer else ""

        assert "(20)–(21)" in await hover("soft_linear")
        assert "(20)–(21)" in await hover("inverse_softness")
        assert "a number or a range {low, high, value}; default `1.0`" in await hover("inverse_softness")
        assert "warm-up" not in await hover("ema")
        assert "GUD230" in await hover("0.999")
        assert await hover("# β") == ""

        # quick fixes
        async def fixes(word: str, only: list[str] | None = None) -> list[types.CodeAction]:
            place = types.Range(at(text, word), at(text, word))
            context = types.CodeActionContext([], only=only)
            params = types.CodeActionParams(document(uri), place, context)
            return list(await client.text_document_code_action_async(params) or [])

        (ignore,) = await fixes("0.999")
        assert "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD230]" in applied(text, ignore.edit.changes[uri])
        assert await fixes("0.999", ["refactor"]) == []
        assert await fixes("# β") == []
        text = TEXT
        await client.show(uri, text)
        (fix,) = await fixes("log_evry", ["quickfix"])
        assert fix.title == "Change to `log_every`"
        assert applied(text, fix.edit.changes[uri]) == text.replace("log_evry", "log_every")

        # formatting
        text = "name:  😀\n# β\ngudspec: 1\ndata: {source:  {kind: digits}}"
        await client.show(uri, text)
        params = types.DocumentFormattingParams(document(uri), types.FormattingOptions(4, True))
        edits = await client.text_document_formatting_async(params)
        assert applied(text, edits) == "# β\ngudspec: 1\nname: 😀\ndata: {source: {kind: digits}}\n"
        await client.show(uri, "name: [1")
        assert await client.text_document_formatting_async(params) is None

        # other YAML is none of its business
        text = "on: push\njobs:  {}\nname: CI\n"
        assert not await client.show(uri, text)
        assert await client.text_document_formatting_async(params) is None
        assert await hover("name") == ""

        # closing takes its problems away
        client.text_document_did_close(types.DidCloseTextDocumentParams(document(uri)))
        assert not (await asyncio.wait_for(client.published.get(), 20)).diagnostics


def test_specs_that_extend_others(tmp_path: Path) -> None:
    asyncio.run(extending(tmp_path))


async def extending(folder: Path) -> None:
    base = folder / "base.yaml"
    good = "gudspec: 1\nname: base\ndata: {source: {kind: digits}}\ntrain: {steps: 5, ema: 0.5, log_every: 1}\n"
    base.write_text(good)
    text = "name: child\nextends: base.yaml\ntrain: {steps: 7}\ndata: {source: {}}\n"
    uri = (folder / "child.yaml").as_uri()
    async with editor() as (client, _):
        assert await client.show(uri, text) == []
        for word, line in (("base.yaml", 0), ("steps", 3), ("child", 1)):
            answer = await client.text_document_definition_async(types.DefinitionParams(document(uri), at(text, word)))
            assert answer.uri == base.as_uri()
            assert answer.range.start.line == line
        assert (
            await client.text_document_definition_async(types.DefinitionParams(document(uri), types.Position(9, 0)))
            is None
        )

        # what is wrong in the base is shown where it is extended, and gone when it is saved
        base.write_text(good.replace("digits", "digts"))
        (problem,) = await client.show(uri, text)
        assert problem.code == "GUD103"
        assert problem.range.start == at(text, "base.yaml")
        (related,) = problem.related_information
        assert related.location.uri == base.as_uri()
        assert related.location.range.start == types.Position(2, 22)
        base.write_text(good)
        client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(base.as_uri())))
        assert not (await client.next(uri, client.versions[uri])).diagnostics


def test_completion_in_a_text_that_is_being_typed(tmp_path: Path) -> None:
    asyncio.run(typing(tmp_path))


async def typing(folder: Path) -> None:
    uri = (folder / "spec.yaml").as_uri()
    for snippets in (True, False):
        async with editor(snippets=snippets) as (client, _):
            text = "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\ndesign:\n  schedule: {kind: soft_linear, sn"
            await client.show(uri, text)
            params = types.CompletionParams(document(uri), types.Position(4, 34))
            answer = await client.text_document_completion_async(params)
            (snr,) = [item for item in answer.items if item.label == "snr"]
            assert [item.label for item in answer.items] == ["ordering", "inverse_softness", "snr"]
            assert applied(text, [snr.text_edit]).endswith(
                "soft_linear, snr: {$1}" if snippets else "soft_linear, snr: "
            )
            assert "log SNR" in snr.documentation.value


def test_other_encodings(tmp_path: Path) -> None:
    asyncio.run(utf8(tmp_path))


async def utf8(folder: Path) -> None:
    uri = (folder / "spec.yaml").as_uri()
    async with editor(encodings=[types.PositionEncodingKind.Utf8]) as (client, capabilities):
        assert capabilities.position_encoding == "utf-8"
        (found,) = await client.show(uri, 'gudspec: 1\nname: a\ndata: {source: {kind: npz, path: "😀"}, fli: none}')
        assert found.range.start.character == len('data: {source: {kind: npz, path: "😀"}, '.encode())


LINES = 200
LIMIT = 0.1
"""Seconds that an answer may take for a text of 200 lines."""


def test_answers_come_while_one_types(tmp_path: Path) -> None:
    for name, seconds in asyncio.run(timed(tmp_path)).items():
        print(f"{name:<12} {1e3 * seconds:.1f} ms")
        assert seconds < LIMIT, name


def long_text() -> str:
    head = (ROOT / "specs/quickstart.yaml").read_text(encoding="utf-8").split("evaluate:")[0] + "evaluate:\n"
    items = (
        f"  - name: e{i}\n    kind: likelihood\n    probes: {i}\n    # β 😀\n    images: 7\n" for i in range(1, 60)
    )
    return "\n".join((head + "".join(items)).split("\n")[:LINES]) + "\n"


async def timed(folder: Path) -> dict[str, float]:
    uri, text = (folder / "spec.yaml").as_uri(), long_text()
    place = types.Position(LINES - 2, 6)
    everything = types.Range(types.Position(0, 0), types.Position(LINES, 0))
    async with editor() as (client, _):
        edits = iter(range(10**6))
        changed = {
            "diagnostics": lambda: client.show(uri, f"{text}# {next(edits)}\n"),
            "broken": lambda: client.show(uri, f"{text}sample: [ # {next(edits)}\n"),
        }
        asked = {
            "hover": lambda: client.text_document_hover_async(types.HoverParams(document(uri), place)),
            "completion": lambda: client.text_document_completion_async(types.CompletionParams(document(uri), place)),
            "definition": lambda: client.text_document_definition_async(types.DefinitionParams(document(uri), place)),
            "symbols": lambda: client.text_document_document_symbol_async(types.DocumentSymbolParams(document(uri))),
            "actions": lambda: client.text_document_code_action_async(
                types.CodeActionParams(document(uri), everything, types.CodeActionContext([]))
            ),
            "formatting": lambda: client.text_document_formatting_async(
                types.DocumentFormattingParams(document(uri), types.FormattingOptions(2, True))
            ),
        }
        medians = {}
        for name, request in {**changed, **asked}.items():
            taken = []
            for _ in range(12):
                if name in asked:  # on a text that has just changed, so that nothing is known about it
                    client.text_document_did_change(
                        types.DidChangeTextDocumentParams(
                            types.VersionedTextDocumentIdentifier(uri=uri, version=10**6),
                            [types.TextDocumentContentChangeWholeDocument(f"{text}# {next(edits)}\n")],
                        )
                    )
                start = time.perf_counter()
                await request()
                taken.append(time.perf_counter() - start)
            medians[name] = statistics.median(taken[2:])
        return medians


def test_the_server_imports_no_jax() -> None:
    program = (
        "import sys, gudspec.editor.server; print([m for m in ('jax', 'flax', 'sklearn', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
