"""Places of the protocol, in lines and UTF-16 units unless client and server agree on others, as offsets and back."""

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from lsprotocol.types import Position, PositionEncodingKind, Range

from gudspec.spec.diagnostics import Mark, Span

__all__ = ["Positions"]

_LINE_END = re.compile(r"\r\n|\r|\n")
_BYTES = {PositionEncodingKind.Utf8: ("utf-8", 1), PositionEncodingKind.Utf16: ("utf-16-le", 2)}


class Positions:
    r"""The lines of one text.

    Example:
        >>> positions = Positions("β: 😀 # x\ny: 1")
        >>> positions.position(5), positions.offset(Position(0, 6))
        (0:6, 5)
    """

    def __init__(self, text: str, encoding: str = PositionEncodingKind.Utf16):
        self._text = text
        self._codec, self._width = _BYTES.get(PositionEncodingKind(encoding), ("utf-32-le", 4))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self._text))]

    def offset(self, position: Position) -> int:
        """The offset of a position; positions beyond a line's end are its end."""
        if position.line >= len(self._starts):
            return len(self._text)
        start = self._starts[max(position.line, 0)]
        line = self._line(position.line)
        if line.isascii():
            return start + min(max(position.character, 0), len(line))
        units = line.encode(self._codec, "surrogatepass")[: max(position.character, 0) * self._width]
        return start + len(units.decode(self._codec, "ignore"))

    def _line(self, number: int) -> str:
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._text)
        return self._text[self._starts[number] : stop].rstrip("\r\n")

    def position(self, offset: int) -> Position:
        """The position of an offset."""
        line = bisect_right(self._starts, offset) - 1
        before = self._text[self._starts[line] : offset]
        character = len(before) if before.isascii() else len(before.encode(self._codec, "surrogatepass")) // self._width
        return Position(line, character)

    def range(self, start: int, stop: int) -> Range:
        """The range between two offsets."""
        return Range(self.position(start), self.position(stop))

    def offset_of(self, mark: Mark) -> int:
        """The offset of a mark of this text, whose lines are YAML's: it breaks them at more characters."""
        starts = self._yaml_starts
        return min(starts[min(mark.line, len(starts)) - 1] + mark.column - 1, len(self._text))

    @cached_property
    def _yaml_starts(self) -> list[int]:
        return list(accumulate(map(len, self._text.splitlines(keepends=True)), initial=0))

    def of_span(self, span: Span) -> Range:
        """The range of a span of this text."""
        return self.range(self.offset_of(span.start), self.offset_of(span.end))

    @property
    def everything(self) -> Range:
        """The whole text."""
        return self.range(0, len(self._text))
