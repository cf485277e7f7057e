"""`gudspec lsp`: the wiring between the protocol and what this room knows.

Requests are answered from the text alone, as it stands in the editor. The server never opens data, computes no
statistics and writes nothing but its answers: whatever it says, `gudspec lint` says too.
"""

import asyncio
import sys

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from gudspec import __version__
from gudspec.editor.actions import FIX_ALL, actions
from gudspec.editor.analysis import Analysis
from gudspec.editor.completion import complete
from gudspec.editor.diagnostics import published
from gudspec.editor.hover import hover
from gudspec.editor.symbols import definition, symbols
from gudspec.formatter.format import format_text
from gudspec.spec.diagnostics import SpecError

__all__ = ["serve", "server"]

_PAUSE = 0.03
"""Seconds without a keystroke after which a text is checked."""


class _Server(LanguageServer):
    """The server of one editor, with the latest analysis of every open text."""

    def __init__(self) -> None:
        # Specs are small, so that whole texts are sent: no edit can be applied wrongly.
        super().__init__("gudspec", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self._analyses: dict[str, Analysis] = {}

    def analysis(self, uri: str) -> Analysis:
        """What is known about a text as it stands."""
        text = self.workspace.get_text_document(uri).source
        known = self._analyses.get(uri)
        if known is None or known.text != text:
            encoding = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
            known = Analysis(to_fs_path(uri) or uri, text, encoding)
            self._analyses[uri] = known
        return known

    async def publish(self, uri: str, pause: float = 0) -> None:
        """Send the problems of a text, unless it changes before they are known.

        Files that it extends may have changed too, so that it is looked at anew. Other requests are answered
        meanwhile: a rule may have to read a large matrix.
        """
        version = self._version(uri)
        await asyncio.sleep(pause)
        if self._version(uri) != version:
            return
        self.forget(uri)
        analysis = self.analysis(uri)
        found = await asyncio.to_thread(published, analysis)
        if self._version(uri) == version and self._analyses.get(uri) is analysis:
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))

    def _version(self, uri: str) -> int | None:
        document = self.workspace.text_documents.get(uri)
        return document.version if document else None

    def forget(self, uri: str) -> None:
        """Drop what is known about a text."""
        self._analyses.pop(uri, None)

    @property
    def snippets(self) -> bool:
        """Whether the editor fills in snippets."""
        document = self.client_capabilities.text_document
        completion = document.completion if document else None
        item = completion.completion_item if completion else None
        return bool(item and item.snippet_support)


def server() -> _Server:
    """A server that is ready to be started."""
    ls = _Server()

    @ls.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        await ls.publish(params.text_document.uri)

    @ls.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        await ls.publish(params.text_document.uri, _PAUSE)

    @ls.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: types.DidSaveTextDocumentParams) -> None:
        # Others may extend the file that was saved.
        for uri in tuple(ls.workspace.text_documents):
            await ls.publish(uri)

    @ls.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        ls.forget(params.text_document.uri)
        ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

    @ls.feature(types.TEXT_DOCUMENT_HOVER)
    def hovered(params: types.HoverParams) -> types.Hover | None:
        analysis = ls.analysis(params.text_document.uri)
        return hover(analysis, params.position) if analysis.is_spec else None

    options = types.CompletionOptions(trigger_characters=[" ", "{", "[", "."])

    @ls.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    def completed(params: types.CompletionParams) -> types.CompletionList:
        analysis = ls.analysis(params.text_document.uri)
        found = complete(analysis, params.position, snippets=ls.snippets) if analysis.is_spec else []
        return types.CompletionList(is_incomplete=False, items=found)

    @ls.feature(types.TEXT_DOCUMENT_DEFINITION)
    def defined(params: types.DefinitionParams) -> types.Location | None:
        analysis = ls.analysis(params.text_document.uri)
        return definition(analysis, params.position) if analysis.is_spec else None

    kinds = types.CodeActionOptions([types.CodeActionKind.QuickFix, FIX_ALL])

    @ls.feature(types.TEXT_DOCUMENT_CODE_ACTION, kinds)
    def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        analysis = ls.analysis(params.text_document.uri)
        found = actions(analysis, params.text_document.uri, params.range) if analysis.is_spec else []
        only = params.context.only
        return [one for one in found if only is None or any(_within(one.kind, kind) for kind in only)]

    @ls.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        analysis = ls.analysis(params.text_document.uri)
        return symbols(analysis) if analysis.is_spec else []

    @ls.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        analysis = ls.analysis(params.text_document.uri)
        if not analysis.is_spec:
            return None
        try:
            after = format_text(analysis.text, name=analysis.name)
        except SpecError:
            return None  # its diagnostics say why
        return [] if after == analysis.text else [types.TextEdit(analysis.positions.everything, after)]

    return ls


def _within(kind: types.CodeActionKind | str | None, wanted: types.CodeActionKind | str) -> bool:
    """Whether an action is of the kind that an editor wants, or of one below it."""
    name, above = (getattr(one, "value", one) or "" for one in (kind, wanted))
    return bool(name == above or name.startswith(f"{above}."))


def serve() -> None:
    """Serve one editor on standard input and output, until it says goodbye."""
    if sys.stdin.isatty():
        print("gudspec lsp is started by an editor, see docs/editors.md; it waits for one now", file=sys.stderr)
    server().start_io()
