# ruff: noqa: E501 (tables of values read best undivided)
"""Cases of the fuzzer: a spec of the gallery, torn apart. A seed alone decides about a case."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from gudspec.spec.lookup import fields, held, models_at, type_at
from gudspec.spec.models import Experiment
from tests.fuzz.editable import Items, Leaf, Pair, Pairs, Spot, kind_at, leaf, read, spots, write
from tests.fuzz.values import extreme, section, strange, valid

__all__ = ["SPECS", "Case", "gentle", "rough"]

SPECS = Path(__file__).parents[2] / "specs"


@dataclass(frozen=True)
class Case:
    """What is given to the linter."""

    seed: int
    base: str
    """The spec of the gallery that it was, relative to the gallery; the case takes its place."""
    text: bytes
    overrides: tuple[str, ...]
    known: bool
    """Whether the statistics of the data are known."""
    told: tuple[str, ...]
    """What was done to it."""


@cache
def _bases() -> dict[str, str]:
    return {str(path.relative_to(SPECS)): path.read_text("utf-8") for path in sorted(SPECS.rglob("*.yaml"))}


_SMALL = """\
gudspec: 1
name: example
data: {source: {kind: gaussian_field, size: 8, channels: 3}}
network: {kind: unet, channels: 8, multipliers: [1, 1], blocks: 1, attention: 4, heads: 1, state: 8, mixer_layers: 1}
train: {steps: 2000, batch_size: 8}
"""


# ── what happens to trees ───────────────────────────────────────────────────────────────────────────


def _any(root: Pairs, rng: Random) -> Spot | None:
    found = list(spots(root))
    return rng.choice(found) if found else None


def _delete(root: Pairs, rng: Random) -> None:
    if spot := _any(root, rng):
        spot.drop()


def _duplicate(root: Pairs, rng: Random) -> None:
    if spot := _any(root, rng):
        siblings: list = spot.parent.pairs if isinstance(spot.parent, Pairs) else spot.parent.items
        siblings.insert(rng.randrange(len(siblings) + 1), deepcopy(siblings[spot.index]))


def _retype(root: Pairs, rng: Random) -> None:
    if spot := _any(root, rng):
        node = deepcopy(spot.node)
        spot.put(rng.choice((strange(rng), Items([node]), Pairs([Pair("kind", node)]), Leaf("1"), Leaf("'1'"))))


def _move(root: Pairs, rng: Random) -> None:
    if spot := _any(root, rng):
        node, key = spot.node, str(spot.path[-1])
        spot.drop()
        goal = _any(root, rng)
        parent = goal.parent if goal else root
        if isinstance(parent, Pairs):
            parent.pairs.insert(rng.randrange(len(parent.pairs) + 1), Pair(key, node))
        else:
            parent.items.insert(rng.randrange(len(parent.items) + 1), node)


def _rename(root: Pairs, rng: Random) -> None:
    keyed = [spot for spot in spots(root) if isinstance(spot.parent, Pairs)]
    if not keyed:
        return
    spot = rng.choice(keyed)
    assert isinstance(spot.parent, Pairs)
    pair = spot.parent.pairs[spot.index]
    cut = rng.randrange(len(pair.key)) if pair.key else 0
    models = models_at(spot.path[:-1], lambda path: kind_at(root, path)) or (Experiment,)
    new = (pair.key[:cut] + pair.key[cut + 1 :], pair.key * 2, "", "<<", "1", "~", "? x", "[a]", '"\\u0007"', "kind")
    pair.key = rng.choice((*new, *fields(rng.choice(models))))


def _swap(root: Pairs, rng: Random) -> None:
    one, two = _any(root, rng), _any(root, rng)
    if one and two and one.path[: len(two.path)] != two.path and two.path[: len(one.path)] != one.path:
        first, second = one.node, two.node
        one.put(second)
        two.put(first)


def _number(root: Pairs, rng: Random) -> None:
    numbers = [spot for spot in spots(root) if isinstance(spot.node, Leaf) and spot.node.text[-1:].isdigit()]
    if numbers:
        rng.choice(numbers).put(extreme(rng))


def _kind(root: Pairs, rng: Random) -> None:
    kinds = [spot for spot in spots(root) if spot.path[-1] == "kind"]
    if kinds:
        spot = rng.choice(kinds)
        wanted = type_at(spot.path[:-1], lambda path: kind_at(root, path))
        known = tuple(held(wanted)) if wanted else ()
        spot.put(leaf(rng.choice((*known, "pca", "haar", "unet", "nothing"))))


def _splice(root: Pairs, rng: Random) -> None:
    donor = read(rng.choice(list(_bases().values())))
    if (source := _any(donor, rng)) and (goal := _any(root, rng)):
        if rng.random() < 0.5:
            root.pairs.append(next(pair for pair in donor.pairs if pair.key == source.path[0]))
        else:
            goal.put(source.node)


def _refer(root: Pairs, rng: Random) -> None:
    if (spot := _any(root, rng)) and (goal := _any(root, rng)):
        spot.node.before = rng.choice(("&a ", "&a ", "!!str ", "!!map ", "!x ", "!!python/name:os.system ", "&a &b "))
        goal.put(Leaf("*a"))


def _nest(root: Pairs, rng: Random) -> None:
    if spot := _any(root, rng):
        depth = rng.choice((3, 30, 62, 63, 64, 65, 300))
        left, right = rng.choice((("[", "]"), ("{a: ", "}")))
        spot.put(Leaf(left * depth + "1" + right * depth))


def _redraw(root: Pairs, rng: Random) -> None:
    """A valid value in place of one that was."""
    if spot := _any(root, rng):
        wanted = type_at(spot.path, lambda path: kind_at(root, path))
        if wanted and spot.path not in (("gudspec",), ("name",)):
            spot.put(valid(rng, wanted))


def _section(root: Pairs, rng: Random) -> None:
    """A whole section with valid values."""
    name, node = section(rng)
    root.pairs = [pair for pair in root.pairs if pair.key != name]
    root.pairs.append(Pair(name, node))


def _design(root: Pairs, rng: Random) -> None:
    """A part of the design with valid values."""
    name = rng.choice(("basis", "prior", "schedule", "schedule"))
    wanted = type_at(("design", name), lambda path: None)
    assert wanted
    design = next((pair.value for pair in root.pairs if pair.key == "design"), None)
    if not isinstance(design, Pairs):
        design = Pairs()
        root.pairs.append(Pair("design", design))
    design.pairs = [pair for pair in design.pairs if pair.key != name]
    design.pairs.append(Pair(name, valid(rng, wanted)))


_ROUGH: tuple[Callable[[Pairs, Random], None], ...] = (
    *(_delete, _duplicate, _retype, _move, _rename, _swap, _number, _number, _kind, _splice, _refer, _nest),
    *(_redraw, _redraw, _section, _design),
)
_GENTLE: tuple[Callable[[Pairs, Random], None], ...] = (_redraw, _section, _design, _design, _design, _number)


# ── what happens to texts ───────────────────────────────────────────────────────────────────────────

_BYTES = (
    *(b"\x00", b"\x07", b"\x1b[2J", b"\x7f", b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"),
    *(b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\t", b"\r", b"\r\n", b"\n"),
    *(b"\n---\n", b"\n...\n", b"%YAML 1.3\n", b"%TAG ! x\n", b": ", b" #", b"- ", b"? ", b"&a ", b"*a", b"!!x ", b"{", b"}"),
    *(b"[", b"]", b"'", b'"', b"|", b">", b"\\", b"# gudspec: ignore[GUD230]", b"# gudspec: ignore", b"${", b"\x0b", b"\x0c"),
)  # fmt: skip


def _torn(text: bytes, rng: Random) -> bytes:
    """Text with something inserted, cut out, cut off, repeated or written otherwise."""
    at = rng.randrange(len(text) + 1)
    to = min(len(text), at + rng.choice((1, 2, 5, 20, 200)))
    match rng.randrange(9):
        case 0 | 1:
            return text[:at] + rng.choice(_BYTES) + text[at:]
        case 2:
            return text[:at] + rng.randbytes(rng.choice((1, 2, 8))) + text[at:]
        case 3:
            return text[:at]
        case 4:
            return text[:at] + text[to:]
        case 5:
            return text[:to] + text[at:]
        case 6:
            return text.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b"\xc2\x85")))
        case 7:
            encoding = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "latin-1"))
            return text.decode(errors="replace").encode(encoding, errors="replace")
        case _:
            lines = text.splitlines(keepends=True)
            rng.shuffle(lines)
            return b"".join(lines)


def _override(root: Pairs, rng: Random) -> str:
    spot = _any(root, rng)
    path = ".".join(map(str, spot.path)) if spot else "seed"
    value = rng.choice((extreme(rng).text, strange(rng).text, "3", "", "{", "[1", "{kind: haar}", "a: b", "\n", "\x00"))
    form = rng.choice((*("{p}={v}",) * 4, "{p}", "={v}", ".{p}={v}", "{p}.0.x={v}", '"{p}"={v}'))
    return form.format(p=path, v=value)


# ── cases ───────────────────────────────────────────────────────────────────────────────────────────


def rough(seed: int) -> Case:
    """Anything may have happened to it."""
    rng = Random(seed)
    base = rng.choice(list(_bases()))
    root = read(_bases()[base])
    told = [rng.choice(_ROUGH) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5)))]
    for mutate in told:
        mutate(root, rng)
    text = write(root, rng).encode("utf-8", errors="surrogatepass")
    names = [mutate.__name__[1:] for mutate in told]
    if rng.random() < 0.25:
        text = _torn(text, rng)
        names.append("torn")
    overrides = tuple(_override(root, rng) for _ in range(rng.choice((0, 0, 0, 1, 2))))
    return Case(seed, base, text, overrides, rng.random() < 0.5, tuple(names))


def gentle(seed: int) -> Case:
    """It is well-formed, of a small network, and chances are that it is valid."""
    rng = Random(f"gentle {seed}")
    base, root = "quickstart.yaml", read(_SMALL)
    told = [rng.choice(_GENTLE) for _ in range(rng.choice((1, 2, 3, 4)))]
    for mutate in told:
        mutate(root, rng)
    names = tuple(mutate.__name__[1:] for mutate in told)
    return Case(seed, base, write(root, rng).encode(), (), rng.random() < 0.5, names)
