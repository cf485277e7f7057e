"""What is left of a spec in which something is wrong."""

from collections.abc import Collection

from gudspec.spec.models import Experiment

__all__ = ["Intact", "NotIntact"]


class NotIntact(Exception):
    """A question about a section in which something is wrong: it has no answer until that is put right."""


class Intact:
    """An experiment of which only some sections may be asked for.

    Args:
        experiment: the experiment, with anything in place of its broken sections.
        broken: the names of these.
    """

    def __init__(self, experiment: Experiment, broken: Collection[str]):
        self._experiment = experiment
        self._broken = broken

    def __getattr__(self, name: str) -> object:
        """The section of that name.

        Raises:
            NotIntact: something is wrong with it.
        """
        if name in self._broken:
            raise NotIntact(name)
        return getattr(self._experiment, name)
