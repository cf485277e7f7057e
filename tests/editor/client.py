"""A real client of the language server: a process of its own, spoken to over its standard input and output."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient


class Client(LanguageClient):
    """An editor with open texts."""

    def __init__(self) -> None:
        super().__init__("test", "1")
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.versions: dict[str, int] = {}

        @self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def _(params: types.PublishDiagnosticsParams) -> None:
            self.published.put_nowait(params)

    async def show(self, uri: str, text: str) -> list[types.Diagnostic]:
        """Open a text, or change it; the diagnostics that come back."""
        self.versions[uri] = version = self.versions.get(uri, 0) + 1
        if version == 1:
            item = types.TextDocumentItem(uri, "yaml", version, text)
            self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        else:
            document = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
            change = types.TextDocumentContentChangeWholeDocument(text)
            self.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        return list((await self.next(uri, version)).diagnostics)

    async def next(self, uri: str, version: int) -> types.PublishDiagnosticsParams:
        while True:
            params = await asyncio.wait_for(self.published.get(), 20)
            if params.uri == uri and params.version == version:
                return params


@asynccontextmanager
async def editor(*, snippets: bool = True, encodings: Any = None) -> AsyncIterator[tuple[Client, Any]]:
    """A client of a server that is up, and what the server said that it can do; shut down in the end."""
    client = Client()
    await client.start_io(sys.executable, "-m", "gudspec", "lsp")
    item = types.ClientCompletionItemOptions(snippet_support=snippets)
    answer = await client.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(
                text_document=types.TextDocumentClientCapabilities(
                    completion=types.CompletionClientCapabilities(completion_item=item)
                ),
                general=types.GeneralClientCapabilities(position_encodings=encodings),
            )
        )
    )
    client.initialized(types.InitializedParams())
    yield client, answer.capabilities
    await client.shutdown_async(None)
    client.exit(None)
    server = client._server
    assert server is not None
    assert await asyncio.wait_for(server.wait(), 20) == 0
    await client.stop()
