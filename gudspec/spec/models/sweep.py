"""`sweep`: several runs of one spec."""

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from gudspec.spec.models.base import Model, problem, refuse
from gudspec.spec.models.results import Linspace, expand

__all__ = ["Axis", "Draw", "Random", "Sweep", "values"]

_MOST = 1000
"""Runs of the largest sweep."""
_FIXED = ("gudspec", "name", "extends", "sweep")
"""What belongs to the sweep as a whole: its runs are named by their axes."""


def _kind_of_axis(value: Any) -> str:
    return "linspace" if isinstance(value, (dict, Linspace)) else "list"


Axis = Annotated[
    Annotated[tuple[Any, ...], Tag("list")] | Annotated[Linspace, Tag("linspace")], Discriminator(_kind_of_axis)
]
"""A list of values of any kind, or `{linspace: [first, last, count]}`."""


def values(axis: tuple[Any, ...] | Linspace) -> tuple[Any, ...]:
    """The values that an axis goes through."""
    return expand(axis) if isinstance(axis, Linspace) else axis


class Draw(Model):
    """Where the values of an axis are drawn."""

    low: float
    """Lower end of the range."""
    high: float
    """Upper end of the range; above `low`."""
    log: bool = False
    """Draw the logarithm uniformly instead of the value; `low` must be above 0."""

    @model_validator(mode="after")
    def _ordered(self) -> "Draw":
        if not self.low < self.high:
            raise problem(Draw, "GUD120", f"`low` ({self.low:g}) must be below `high` ({self.high:g})", ("low",))
        if self.log and self.low <= 0:
            raise problem(Draw, "GUD105", f"`low` must be above 0, not {self.low:g}, where `log` is true", ("low",))
        return self


class Random(Model):
    """Values drawn at random, independently for each axis."""

    count: Annotated[int, Field(ge=1, le=_MOST)]
    """How many draws."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draws; a larger `count` keeps the first ones."""
    over: dict[str, Draw]
    """Ranges by dotted path. Values are rounded to four digits, and drawn again where that makes two runs equal."""


class Sweep(Model):
    """Several runs of this spec, `gudspec sweep`: every combination of a point of `grid`, one of `zip` and a draw.

    Axes are dotted paths, as `--set` takes them. `gudspec run` and `gudspec launch` leave the sweep aside.
    """

    grid: dict[str, Axis] = Field(default_factory=dict)
    """Axes of which every combination is a run."""
    zip: dict[str, Axis] = Field(default_factory=dict)
    """Axes of one length, whose values are paired one by one."""
    random: Random | None = None
    """Axes whose values are drawn; null draws nothing."""

    @property
    def axes(self) -> tuple[tuple[str, str], ...]:
        """(`grid`, `zip` or `random`; path) of every axis."""
        drawn = self.random.over if self.random else {}
        parts = (("grid", [*self.grid]), ("zip", [*self.zip]), ("random", [*drawn]))
        return tuple((part, path) for part, paths in parts for path in paths)

    @model_validator(mode="after")
    def _axes(self) -> "Sweep":
        refuse(Sweep, self._not_axes())
        if not self.axes:
            message = "a sweep needs an axis: a path with its values in `grid`, `zip` or `random`"
            raise problem(Sweep, "GUD107", message, ())
        return self

    def _not_axes(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        seen: set[str] = set()
        for part, path in self.axes:
            loc = ("random", "over", path) if part == "random" else (part, path)
            if path.partition(".")[0] in _FIXED:
                message = f"`{_shown(path)}` cannot be swept: it belongs to the sweep as a whole"
                yield "GUD014", message, loc
            elif path in seen:
                message = f"`{_shown(path)}` is an axis twice: one value would overwrite the other"
                yield "GUD127", message, loc
            seen.add(path)

    @model_validator(mode="after")
    def _lengths(self) -> "Sweep":
        counts = {(part, path): len(values(getattr(self, part)[path])) for part, path in self.axes if part != "random"}
        empty = [loc for loc, count in counts.items() if not count]
        refuse(Sweep, (("GUD107", f"`{_shown(loc[1])}` has no values: there would be no run", loc) for loc in empty))
        zipped = {path: count for (part, path), count in counts.items() if part == "zip"}
        if len(set(zipped.values())) > 1:
            listed = ", ".join(f"{count} of `{_shown(path)}`" for path, count in zipped.items())
            raise problem(Sweep, "GUD126", f"`zip` needs lists of one length, not {listed}", ("zip",))
        grid = math.prod(count for (part, _), count in counts.items() if part == "grid")
        runs = grid * next(iter(zipped.values()), 1) * (self.random.count if self.random else 1)
        if runs > _MOST:
            raise problem(Sweep, "GUD105", f"a sweep of {runs:,} runs; at most {_MOST:,} are possible", ())
        return self


def _shown(path: str) -> str:
    """A path as the template of an error message takes it, which must not contain braces."""
    return path.replace("{", "(").replace("}", ")")
