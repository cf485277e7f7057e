"""Rules about what a spec needs around it: the files that it names, and what is in them."""

import os
from collections.abc import Iterator

from gudspec.linter.look import look
from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.base import Model
from gudspec.spec.models.design import Design
from gudspec.spec.sources import counts, validates
from gudspec.spec.tree import Path

__all__ = ["RULES"]


def _files(model: Model, path: Path) -> Iterator[tuple[str, Path]]:
    """The files and folders that a part of a spec names, each with its place."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Model):
            yield from _files(value, (*path, name))
        elif name in ("path", "root", "autoencoder"):
            yield value, (*path, name)


class MissingFile(Rule):
    """Data, matrices, priors, orderings and masks are read from the files that the spec names when the run starts.

    Relative paths count from the folder in which `gudspec` is started, not from the spec. A file may well exist only
    where the run will be; `${VAR:-default}` lets one spec serve both places.
    """

    code = "GUD404"
    severity = "warning"
    summary = "a file that is not here"
    bad = "data: {source: {kind: npz, path: /no/such/archive.npz}}"
    good = "data: {source: {kind: photos}}"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        named = [*_files(experiment.data, ("data",)), *_files(experiment.design, ("design",))]
        for index, entry in enumerate(experiment.sample):
            named += _files(entry.task, ("sample", index, "task"))
        for name, path in named:
            file = os.path.expanduser(name)
            if _exists(file):
                continue
            beside = os.path.join(os.path.dirname(document.source.name), file)
            notes: tuple[str, ...] = ()
            if not os.path.isabs(file):
                notes = (f"looked for in {os.getcwd()}, the working directory",)
                if beside != file and _exists(beside):
                    notes = (f"{beside} exists, but paths count from the working directory, not from the spec",)
            yield Finding(f"`{name}` is not here: the run will need it", path, notes=notes)


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # a null character
        return False


class Tables(Rule):
    """Files of numbers must be what their field asks for, as they are when the run starts.

    The rows of a matrix basis are orthonormal, standard deviations of a prior positive, values of an ordering finite,
    and all of the shape of the images. The arrays of a data set are checked when it is opened.
    """

    code = "GUD402"
    summary = "a file that is not what its field asks for"
    bad = "design: {basis: {kind: matrix, path: not-orthogonal.npy}}"
    good = "design: {basis: {kind: matrix, path: orthogonal.npy}}"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        named = [name for name, _ in _files(design, ("design",))]
        image = look(document).image if named else None
        if image is None or not look(document).sound:
            return
        from gudspec.data.errors import MALFORMED, DataError
        from gudspec.data.tables import read_tables

        for part in _parts(design):
            try:
                read_tables(part, image)
            except DataError as error:
                if error.code == MALFORMED:
                    yield Finding(error.message, tuple(error.field.split(".")))


def _parts(design: Design) -> Iterator[Design]:
    """The design with one file at a time, so that each is judged although another is wrong."""
    plain = Design()
    for name in ("basis", "prior", "schedule"):
        part = getattr(design, name)
        if any(True for _ in _files(part, ())):
            yield plain.model_copy(update={name: part})


class EmptySplit(Rule):
    """`data.validation` holds out a fraction of the training images, of which at least one must be on either side."""

    code = "GUD403"
    summary = "data that cannot give what the spec asks for"
    bad = "data: {source: {kind: digits}, validation: 0.0001}"
    good = "data: {source: {kind: digits}, validation: 0.1}"

    def check(self, document: Document) -> Iterator[Finding]:
        data = document.experiment.data
        images = counts(data.source).get("train")
        if images is None or data.validation == 0 or validates(data.source):
            return
        held = round(images * data.validation)
        if not 0 < held < images:
            message = (
                f"`validation: {data.validation:g}` of {images:,} images holds out {held} and trains on "
                f"{images - held}: both must be at least 1"
            )
            yield Finding(message, ("data", "validation"))


RULES: tuple[type[Rule], ...] = (Tables, EmptySplit, MissingFile)
