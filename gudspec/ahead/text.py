"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gudspec.ahead.xla import Compiled

__all__ = ["quantity", "size", "span", "spoken", "table", "told"]


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table: the first column to the left, the others to the right.

    >>> list(table([["program", "images"], ["train", "128"]]))
    ['  program  images', '  train       128']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()


def spoken(mesh: tuple[int, int]) -> str:
    """The devices of a mesh, (data, fsdp).

    >>> spoken((4, 2)), spoken((1, 1))
    ('8 devices, data × fsdp = 4 × 2', '1 device')
    """
    data, fsdp = mesh
    return f"{data * fsdp} devices, data × fsdp = {data} × {fsdp}" if data * fsdp > 1 else "1 device"


def told(one: Compiled) -> str:
    """What XLA counts in a program."""
    kinds = sorted(one.collectives.items())
    crossing = ", ".join(f"{of.operations} {name} ({size(of.bytes)})" for name, of in kinds)
    return (
        f"per device and with loops once {quantity(one.flops)} FLOPs, {size(one.traffic)} traffic, "
        f"{crossing or 'no collectives'}"
    )


def quantity(number: float) -> str:
    """A number with a decimal prefix.

    >>> quantity(7.63e12), quantity(77_274_323), quantity(12)
    ('7.63 T', '77.3 M', '12')
    """
    for unit, name in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number:.3g}"


def size(number: float) -> str:
    """A number of bytes, to the two digits that an estimate deserves."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= unit:
            return f"{float(f'{number / unit:.2g}'):g} {name}"
    return f"{number:.0f} B"


def span(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> span(0.0123), span(90), span(7200), span(400_000)
    ('12 ms', '90 s', '2.0 h', '4.6 d')
    """
    for unit, name, digits in ((86_400, "d", 1), (3_600, "h", 1), (1, "s", 0 if seconds >= 10 else 1)):
        if seconds >= (2 * unit if unit > 1 else unit):
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds * 1e3:.0f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"
