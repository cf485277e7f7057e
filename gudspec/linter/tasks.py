"""Rules about tasks: what is given must be what the network knows, and what is asked must be what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gudspec.linter.look import look
from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment, tasks
from gudspec.spec.models.bases import ColorBasis, HaarBasis, spatial
from gudspec.spec.models.data import Shape
from gudspec.spec.models.experiment import backbone, denoising
from gudspec.spec.models.measures import Independent, Masked, MeasureMixture
from gudspec.spec.models.results import AnyEvaluation, Sample, expand
from gudspec.spec.models.samplers import Ddim, Dpm, Ode
from gudspec.spec.models.schedules import AnySchedule, SequentialSchedule
from gudspec.spec.sources import classes, shape
from gudspec.spec.tree import Path

if TYPE_CHECKING:
    import numpy as np

__all__ = ["HOLDING", "RULES", "content", "fitting", "follows"]

HOLDING = (tasks.Inpaint, tasks.Upscale, tasks.Colorize)
"""Tasks that hold some components while others are drawn."""


def fitting(experiment: Experiment) -> Iterator[tuple[int, Sample, tasks.AnyTask]]:
    """Tasks that the basis serves, with their entries."""
    for index, entry in enumerate(experiment.sample):
        if _misfit(experiment, entry) is None:
            yield index, entry, entry.task


def _schedule(experiment: Experiment, entry: Sample) -> AnySchedule:
    return entry.schedule or experiment.design.schedule


def _softness(schedule: SequentialSchedule, entry: Sample) -> list[float]:
    """B of every strip that is drawn."""
    swept = None if entry.schedule else entry.at.get("design.schedule.inverse_softness")
    if swept is not None:
        return [float(b) for b in expand(swept)]
    b = schedule.inverse_softness
    return [b if isinstance(b, float | int) else b.value]


def _count(experiment: Experiment, schedule: SequentialSchedule) -> int | None:
    """Columns, or rows, of an image."""
    image = shape(experiment.data.source)
    return None if image is None else image[1] if schedule.ordering.kind == "column" else image[0]


class TaskBasis(Rule):
    """What a task is given has to be components of the basis, so that they can be held while the others are drawn.

    Pixels are components of the pixel basis, images of lower resolution of the haar basis, the luma of the color basis.
    Extension shifts columns, or rows, along a sequential path over columns, or rows, of pixels.
    """

    code = "GUD270"
    summary = "a task for another basis"
    bad = "sample: [{name: large, task: {kind: upscale, levels: 1}}]"
    good = """\
design: {basis: {kind: haar, levels: 2}}
network: {kind: unet, conditioning: levels}
objective: {measure: {kind: masked, by: levels}}
sample: [{name: large, task: {kind: upscale, levels: 1}}]"""
    source = "GUD (arXiv:2410.02667), §5.2, §5.3 and App. C"

    def check(self, document: Document) -> Iterator[Finding]:
        for index, entry in enumerate(document.experiment.sample):
            if misfit := _misfit(document.experiment, entry):
                field, message = misfit
                yield Finding(message, ("sample", index, "task", field))


def _misfit(experiment: Experiment, entry: Sample) -> tuple[str, str] | None:
    """The field of a task that does not go with basis or schedule, and why."""
    basis, task = experiment.design.basis, entry.task
    inner = spatial(basis)
    match task:
        case tasks.Inpaint() | tasks.Extend() if inner.kind != "pixel":
            return "kind", f"`{task.kind}` needs the pixel basis, not {inner.kind}"
        case tasks.Extend():
            schedule = _schedule(experiment, entry)
            if not isinstance(schedule, SequentialSchedule) or schedule.ordering.kind not in ("column", "row"):
                return "kind", "`extend` needs a sequential schedule, ordered by `column` or `row`"
            if 0.0 in _softness(schedule, entry):
                return "kind", "with b = 0 no column waits for another: there is nothing to extend"
            count = _count(experiment, schedule)
            if count is not None and task.stride >= count:
                return "stride", f"a stride of {task.stride} leaves nothing of {count} to go on from"
            return None
        case tasks.Upscale() if not isinstance(inner, HaarBasis):
            return "kind", f"`upscale` needs the haar basis, not {inner.kind}"
        case tasks.Upscale(levels=levels) if isinstance(inner, HaarBasis) and levels > inner.levels:
            return "levels", f"{levels} levels are to be drawn, but the basis has {inner.levels}"
        case tasks.Colorize() if not isinstance(basis, ColorBasis):
            return "kind", f"`colorize` needs the color basis, not {basis.kind}"
    return None


class TaskUntrained(Rule):
    """A conditional is drawn with the known components held clean, while the others follow the path.

    A network that was trained on the path alone has never seen such noising states: what it draws is not the
    conditional. `masked` trains on them, `independent` on all combinations of noise levels.
    """

    code = "GUD271"
    summary = "a conditional that the network was not trained on"
    bad = """\
network: {kind: unet, conditioning: pixels}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: half}}}]"""
    good = """\
network: {kind: unet, conditioning: pixels}
objective: {measure: {kind: masked, by: pixels}}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: half}}}]"""
    source = "GUD (arXiv:2410.02667), §4.5"

    def check(self, document: Document) -> Iterator[Finding]:
        measure = denoising(document.experiment).measure
        parts = measure.measures if isinstance(measure, MeasureMixture) else (measure,)
        if any(isinstance(part, Masked | Independent) for part in parts):
            return
        for index, _, task in fitting(document.experiment):
            if isinstance(task, HOLDING):
                by = {"inpaint": "pixels", "upscale": "levels", "colorize": "colors"}[task.kind]
                message = (
                    f"`{task.kind}` holds components clean, which `objective.measure: {{kind: {measure.kind}}}` never "
                    f"does: train with `{{kind: masked, by: {by}}}`"
                )
                yield Finding(message, ("sample", index, "task", "kind"))


class TaskTokens(Rule):
    """The network sees one noise level for each token: what is known and what is drawn must not share one.

    The same holds for the parts that a `masked` measure holds in training.
    """

    code = "GUD272"
    summary = "known and unknown components in one token"
    bad = """\
network: {kind: unet, conditioning: columns}
objective: {measure: {kind: masked, by: columns}}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: half, hidden: bottom}}}]"""
    good = """\
network: {kind: unet, conditioning: pixels}
objective: {measure: {kind: masked, by: pixels}}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: half, hidden: bottom}}}]"""
    source = "GUD (arXiv:2410.02667), App. A"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        measure = denoising(experiment).measure
        inside = isinstance(measure, MeasureMixture)
        parts = measure.measures if isinstance(measure, MeasureMixture) else (measure,)
        masked = [(index, part) for index, part in enumerate(parts) if isinstance(part, Masked)]
        asked = [one for one in fitting(experiment) if one[1].schedule or isinstance(one[2], HOLDING)]
        measured = [one for one in enumerate(experiment.evaluate) if one[1].schedule]
        if not (masked or asked or measured) or (design := look(document).design) is None:
            return
        from gudspec.process.groups import Groups
        from gudspec.program.known import known_components

        conditioning = backbone(experiment).conditioning
        tokens = design.partition(conditioning)
        for index, part in masked:
            if not tokens.refines(design.partition(part.by)):
                place = ("objective", "measure", *(("measures", index) if inside else ()), "by")
                message = f"tokens by `{conditioning}` do not tell apart what is masked by `{part.by}`"
                yield Finding(message, place)
        along = [("evaluate", index, entry) for index, entry in measured]
        for section, index, entry in [*along, *(("sample", index, entry) for index, entry, _ in asked)]:
            if entry.schedule is not None and not follows(document, entry):
                message = (
                    f"γ of the {entry.schedule.kind} path is not constant inside the network's tokens, or has no ends"
                )
                yield Finding(message, (section, index, "path", "kind"))
        for index, _, task in asked:
            if isinstance(task, HOLDING) and (mask := content(task, design.shape)) is not None:
                known = known_components(task, design.layout, mask)
                if known is not None and not tokens.refines(Groups.of(known.astype(int))):
                    message = (
                        f"tokens by `{conditioning}` hold known and unknown components together: "
                        "set `network.conditioning` to a finer one"
                    )
                    yield Finding(message, ("sample", index, "task", "kind"))


def follows(document: Document, entry: AnyEvaluation | Sample) -> bool:
    """Whether the network can follow the entry's path at all."""
    design = look(document).design
    assert design is not None
    assert entry.schedule is not None
    tokens = design.partition(backbone(document.experiment).conditioning)
    try:
        return tokens.refines(design.along(entry.schedule).groups)
    except (ValueError, AssertionError):  # it fits neither basis nor image
        return False


def content(task: tasks.AnyTask, image: Shape) -> np.ndarray | None:
    """The content of the file of a task's mask; an empty array where it has none, None where it cannot be read."""
    import numpy as np

    if not isinstance(task, tasks.Inpaint) or not isinstance(task.mask, tasks.FileMask):
        return np.zeros(0)
    from gudspec.data.errors import DataError
    from gudspec.data.tables import read_mask

    try:
        return read_mask(task.mask, image, "")
    except DataError:
        return None


class Guidance(Rule):
    """Guidance compares what the network predicts with the label and without.

    It needs the network to be conditioned on labels, and `label_dropout` so that it has learned to do without.
    """

    code = "GUD273"
    summary = "labels or guidance that the network does not know"
    bad = "sample: [{name: sevens, labels: [7], guidance: 2.0}]"
    good = """\
network: {kind: unet, labels: true, label_dropout: 0.1}
sample: [{name: sevens, labels: [7], guidance: 2.0}]"""
    source = "Classifier-Free Diffusion Guidance (arXiv:2207.12598), Algorithm 1"

    def check(self, document: Document) -> Iterator[Finding]:
        network, known = backbone(document.experiment), classes(document.experiment.data.source)
        for index, entry in enumerate(document.experiment.sample):
            field = "labels" if entry.labels else "guidance"
            if not network.labels and (entry.labels or entry.guidance != 1):
                message = "the network is not conditioned on labels: set `network.labels`, and train"
                yield Finding(message, ("sample", index, field))
            elif entry.guidance != 1 and not network.label_dropout:
                message = (
                    "guidance needs a network that does without labels too: set `network.label_dropout`, say to 0.1"
                )
                yield Finding(message, ("sample", index, "guidance"))
            elif entry.labels and known and max(entry.labels) >= known:
                message = f"label {max(entry.labels)}, but the classes are 0 to {known - 1}"
                yield Finding(message, ("sample", index, "labels"))


class MaskSize(Rule):
    """A mask must hide something, leave something, and lie inside the image."""

    code = "GUD274"
    summary = "a mask that does not fit the image"
    bad = """\
network: {kind: unet, conditioning: pixels}
objective: {measure: {kind: masked, by: pixels}}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: rectangle, top: 4, left: 4, height: 8, width: 4}}}]"""
    good = """\
network: {kind: unet, conditioning: pixels}
objective: {measure: {kind: masked, by: pixels}}
sample: [{name: filled, task: {kind: inpaint, mask: {kind: rectangle, top: 2, left: 2, height: 4, width: 4}}}]"""

    def check(self, document: Document) -> Iterator[Finding]:
        image = look(document).image
        for index, _, task in fitting(document.experiment):
            if image is None or not isinstance(task, tasks.Inpaint):
                continue
            place = ("sample", index, "task", "mask")
            mask, (height, width, _) = task.mask, image
            if isinstance(mask, tasks.RectangleMask) and (
                mask.top + mask.height > height or mask.left + mask.width > width
            ):
                message = (
                    f"rows {mask.top} to {mask.top + mask.height} and columns {mask.left} to {mask.left + mask.width} "
                    f"are not inside an image of {height}×{width}"
                )
                yield Finding(message, place)
            elif isinstance(mask, tasks.FileMask):
                yield from _of_file(mask, image, place)
            elif (reason := _trivial(mask, image)) is not None:
                yield Finding(reason, place)


def _of_file(mask: tasks.FileMask, image: Shape, place: Path) -> Iterator[Finding]:
    """What is wrong with the file of a mask; one that is not there is another rule's."""
    from gudspec.data.errors import MALFORMED, DataError
    from gudspec.data.tables import read_mask

    try:
        found = _trivial(mask, image, read_mask(mask, image, ""))
    except DataError as error:
        found = error.message if error.code == MALFORMED else None
    if found is not None:
        yield Finding(found, (*place, "path"))


def _trivial(mask: tasks.AnyMask, image: Shape, given: np.ndarray | None = None) -> str | None:
    """Why there is nothing to inpaint."""
    if isinstance(mask, tasks.HalfMask):
        return None
    from gudspec.program.known import hidden_pixels

    hidden = hidden_pixels(mask, image, given)
    if not hidden.any():
        return "the mask hides nothing: nothing would be drawn"
    return "the mask hides everything: nothing is known, and `generate` draws the same" if hidden.all() else None


class InexactExtension(Rule):
    """Extension draws from the very density of longer images only if its windows begin at the right times.

    1 − b + b(k − 1)/(L − 1) ≤ t ≤ b: below, the path is not yet at the noise that is appended; above, columns are cut
    off before they are done. For b < (L − 1)/(2L − 1 − k) there is no such t, and the method approximates.
    """

    code = "GUD275"
    severity = "warning"
    summary = "an extension that is not exact"
    bad = """\
data: {source: {kind: textures, name: grass}}
design: {schedule: {kind: sequential, inverse_softness: 0.5}}
sample: [{name: strips, task: {kind: extend, stride: 9}}]"""
    good = """\
data: {source: {kind: textures, name: grass}}
design: {schedule: {kind: sequential, inverse_softness: 0.6}}
sample: [{name: strips, task: {kind: extend, stride: 9}}]"""
    source = "GUD (arXiv:2410.02667), App. C; the times are derived, and tested on a Markov field"

    def check(self, document: Document) -> Iterator[Finding]:
        for index, entry, task in fitting(document.experiment):
            schedule = _schedule(document.experiment, entry)
            if not isinstance(task, tasks.Extend) or not isinstance(schedule, SequentialSchedule):
                continue
            if (count := _count(document.experiment, schedule)) is not None:
                for b in _softness(schedule, entry):
                    if (inexact := self._inexact(b, count, task)) is not None:
                        yield Finding(inexact[1], ("sample", index, "task", inexact[0]))
                        break

    @staticmethod
    def _inexact(b: float, count: int, task: tasks.Extend) -> tuple[str, str] | None:
        """The field because of which an extension is not exact, and why."""
        from gudspec.process.extension import exact_times

        times = exact_times(b, count, task.stride)
        if times is None:
            least = (count - 1) / (2 * count - 1 - task.stride)
            return (
                "kind",
                f"b = {b:g}, but a stride of {task.stride} is exact only from {least:.3g} on: joints may show",
            )
        if task.time is not None and not times[0] <= task.time <= times[1]:
            return "time", f"exact from t = {times[0]:.3g} to {times[1]:.3g}, not at {task.time:g}: joints may show"
        return None


class StochasticLatents(Rule):
    """A latent is where the deterministic sampler, run forwards, takes an image; noise would make it another one."""

    code = "GUD276"
    summary = "latents by a sampler that draws noise"
    bad = "sample: [{name: back, task: {kind: roundtrip}, sampler: {kind: ancestral}}]"
    good = "sample: [{name: back, task: {kind: roundtrip}, sampler: {kind: ddim, eta: 0.0}}]"
    source = "DDIM (arXiv:2010.02502), §4.3"

    def check(self, document: Document) -> Iterator[Finding]:
        for index, entry, task in fitting(document.experiment):
            sampler = entry.sampler
            deterministic = isinstance(sampler, Ode | Dpm) or (isinstance(sampler, Ddim) and sampler.eta == 0)
            if isinstance(task, tasks.Roundtrip | tasks.Interpolate) and not deterministic:
                message = f"`{task.kind}` needs a sampler without noise: ode, dpm, or ddim with `eta: 0`"
                yield Finding(message, ("sample", index, "sampler", "kind"))


RULES: tuple[type[Rule], ...] = (
    TaskBasis,
    TaskUntrained,
    TaskTokens,
    Guidance,
    MaskSize,
    InexactExtension,
    StochasticLatents,
)
