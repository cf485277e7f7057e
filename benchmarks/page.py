"""The page of all measurements, from their JSON: `python -m benchmarks.page > docs/benchmarks.md`.

Each benchmark writes its file with `--json benchmarks/results/NAME.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
Result = dict[str, Any]

_PREFACE = """\
# Benchmarks

<!-- Generated from benchmarks/results by `make docs`; measure again instead of editing. -->

Every number in a table was printed by the command of its section; `python -m benchmarks` runs them all. Two sides of a
comparison take turns in one run, and a ratio is the median over the rounds, with the quartiles in brackets: what else
the machine does meets both. Peers (the step by hand, PyTorch, the research loop, SciPy) have to compute the same as
gudspec before they are timed. Images/s and seconds are medians too, and depend on the machine; peak memory is the
largest of a process. Others' share is the part of the processors' time that other programs had meanwhile: a machine is
called busy above a tenth. A + behind a commit says that files differed from it.
"""

_SECTIONS = {
    "overhead": (
        "Against a step written by hand",
        """\
The compiled train step of the quickstart against the same step in one file of JAX with nothing to configure
(`benchmarks/handwritten.py`): what is above 1 is the price of a declarative spec. Once the other step has its own
network, as one would write it; gudspec's takes less time with the same numbers, since convolutions of 1×1 kernels, of
grids of a few pixels and of enlarged images are matrix products there, and group normalization multiplies and adds
once. Once it has gudspec's network: then nothing differs but the engine, and times of equal programs still differ by
some hundredths from run to run; operations and bytes, as XLA counts them in the compiled programs, do not.""",
    ),
    "torch_unet": (
        "Against PyTorch",
        """\
A train step of diffusers' `UNet2DModel`, which has taken over the parameters of gudspec's network and computes the same
from them: eager, in the faster of PyTorch's two layouts, with AdamW, clipping and a moving average as here. What is
missing is in the convolutions, as the next section shows. Tried, and no faster in the whole step: Winograd's form
(alone 1.5 to 2 times as fast as XLA's convolution, but it moves more memory, and compiles for twice as long), im2col
and shifted products on more than a few pixels, products row by row for the gradients of kernels, and XLA's own oneDNN,
YNNPACK and XNNPACK.""",
    ),
    "convolutions": (
        "Convolutions of XLA and of PyTorch",
        """\
Every convolution that gudspec leaves to XLA, by itself, its result and both of its gradients, without those that are
matrix products there; PyTorch's in the faster of its layouts. Gradients by a network's own input are in the sums,
though no step needs them.""",
    ),
    "nnx_loop": (
        "Against the common research loop",
        """\
flax NNX with `nnx.jit`, complex Fourier transforms, conversions between bases whenever another is asked for, sampling
by diffrax (`benchmarks/nnx_research.py`). Both have the same network, one in gudspec's form and one in plain flax. What
gudspec's network takes by itself, its gradients in training and its evaluations in sampling, is timed beside them: were
all the rest of gudspec free, the ratio would be that of the network alone.""",
    ),
    "rk45": (
        "Against the usual likelihood",
        """\
SciPy's RK45 on the host, drift and divergence as one compiled function on the device. Both have the same tolerance, and
SciPy as many probes as make it as certain: kept ones, whose errors add up along the solve, which it has to take in each
evaluation, also of steps that it rejects. What the program gains is that it asks for the divergence in accepted steps
alone, with fresh probes ([likelihood](how-it-works.md#likelihood)). SciPy with a single probe, as in the paper, is
timed beside them: it is done sooner, and knows less. Exact traces are compared at the tolerance, and at a tenth of it,
where steps are too fine to tell.""",
    ),
    "segments": (
        "What dropping levels saves",
        """\
A spec with its segments against the same with `segments: off`; [Segments](segments.md) says what they are. Both are
then trained on equally many images; bits/dim are the bound of 256 test images, what dropping loses included.""",
    ),
    "transforms": (
        "What the transforms of a step take",
        """\
A train step transforms its images into components, the noised ones into the network's image, and what the network says
back, whose gradient is one transform more. All four of them, one after the other, over the whole step: more than this
no loss in image space and no encoding in advance could save.""",
    ),
    "tokens": (
        "What mixing fewer noising-state tokens saves",
        """\
The quickstart on patches of photographs, where each of the principal components has a token: `network.mixer_tokens`
says how many are mixed, one dense layer having reduced them before. Bits/dim are those of 128 validation images.""",
    ),
    "earlier": (
        "How soon the quickstart reaches a likelihood, against an earlier version",
        """\
All that was done since commit 581ec42, together: Muon in place of Adam, a faster step, large pages of memory. Each
version trains its own quickstart, for several numbers of steps since the learning rate falls to 0 at the end, and
measures the same 144 validation images; the time to a likelihood is interpolated between two trainings. Compilation and
input are left out.""",
    ),
    "recipes": (
        "How soon a likelihood is reached",
        """\
The quickstart's network on the digits, and on patches of photographs of 16×16 and 32×32 in batches of 64 and 32; then
specs of the gallery that train on images that come with the libraries, whose rates are the best of this table or as
good as it can tell. Each number of steps is a training of its own, whose learning rate falls to 0; with the fewest
steps rates are tried until the best one is between two worse, and that one goes on. Bits/dim are those of 128
validation images, or the bound of 256 in the gallery, the same for all: differences are surer than the standard error
says. Patches of photographs overlap, also between training and validation: their numbers compare optimizers, and
nothing else. The time to a given likelihood is interpolated between two trainings.""",
    ),
    "dispatch": (
        "Whether several steps should be dispatched together",
        """\
Every train step of a run is a dispatch of its own. Here ten are taken in one `lax.scan` instead, the most that this
could save; what is above 1 it would cost. On CPUs XLA computes the gradients of convolutions inside of loops number by
number. A dispatch by itself takes well below a millisecond, and the loop runs ahead of the devices.""",
    ),
    "solves": (
        "How long images wait for each other in a likelihood",
        """\
The solver takes a batch as one system, whose steps suit its most difficult image. Each image solved alone, and the
batch in two halves sorted by that, say what sorting images into solves could save.""",
    ),
    "times": (
        "How much less a loss varies with even times",
        """\
`objective.time: low_discrepancy` spreads the times of a batch evenly over [0, 1]. Variances are those between batches
of other images, times and noise, of one trained network; a gradient's is that of all parameters together. The loss is
told far surer, the gradient is not.""",
    ),
    "large_pages": (
        "What large pages of memory save",
        """\
The same run with pages of 2 MiB and of 4 KiB, beginning with programs that are compiled: commands ask for the former
where Linux gives them to those who ask ([Running](running.md)).""",
    ),
    "startup": (
        "What a compilation cache saves",
        """\
The start of a run up to its first step, warm over cold; processors' seconds say more where others work too.""",
    ),
    "saving": (
        "What checkpoints cost",
        """\
The time of training with a checkpoint every hundred steps over that with one at its end; and what share of the time
waits for input.""",
    ),
    "scaling": (
        "What a train step costs, and how far it is from the machine's limits",
        """\
One of size, batch, groups and devices varies; the others are 16×16×3, 64 images, 16 groups and 1 device. FLOPs, bytes
and collectives are XLA's own counts; the rates of a matrix product and of a pass over memory were measured in turns
with the steps, and the best of them are the machine's. The roof is what these rates allow for that many FLOPs and
bytes: steps above it read from caches. Planned memory is the step's own; the peak is that of the whole process, its
compiler included. Virtual devices share the cores: more of them show what division and exchange cost, not what they
gain.""",
    ),
}
_BUSY = 0.1
"""Share of the processors that others may have."""
_SIZES = ("8x8x1", "28x28x1", "32x32x3")


def page(results: list[Result]) -> str:
    """The page as Markdown."""
    machines: list[str] = []
    for result in results:
        if (machine := _machine(result)) not in machines:
            machines.append(machine)
    parts = [_PREFACE, *_overview(results), "", *_machines(machines)]
    for name, (title, meaning) in _SECTIONS.items():
        found = [result for result in results if result["benchmark"] == name]
        if not found:
            continue
        parts += ["", f"## {title}", "", meaning, ""]
        parts += _scaling(found) if name == "scaling" else _sides(found)
        parts += _commands(found, machines)
    return "\n".join(parts).rstrip() + "\n"


def read(folder: Path) -> list[Result]:
    """The results of a folder, in the order of the page."""
    results = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    names = list(_SECTIONS)

    def place(result: Result) -> tuple[int, int]:
        size = result.get("size")
        return names.index(result["benchmark"]), _SIZES.index(size) if size in _SIZES else len(_SIZES)

    return sorted(results, key=place)


def _overview(results: list[Result]) -> Iterator[str]:
    yield from _table(["benchmark", "on", "what", "asked", "measured", "reached"])
    for result in results:
        for goal in result.get("goals", []):
            title = _SECTIONS[result["benchmark"]][0]
            reached = {True: "yes", False: "**no**", None: ""}[goal.get("reached")]
            busy = ", on a busy machine" if (result["others_share"] or 0) > _BUSY else ""
            spread = " ({:.3g} – {:.3g})".format(*goal["quartiles"]) if "quartiles" in goal else ""
            measured = f"{goal['measured']}{spread}"
            cells = [_subject(result) + busy, goal["what"], goal.get("asked", ""), measured, reached]
            yield _row([f"[{title}](#{_anchor(title)})", *cells])


def _sides(results: list[Result]) -> Iterator[str]:
    """A row per size and side, a column for every number that one of them has."""
    rows = [
        (_subject(result), side, {name: value for name, value in numbers.items() if not isinstance(value, dict)})
        for result in results
        for side, numbers in result.get("sides", {}).items()
    ]
    if not rows:
        return
    names = list(dict.fromkeys(name for _, _, numbers in rows for name in numbers))
    yield from _table(["on", "side", *(_spoken(name) for name in names)])
    for subject, side, numbers in rows:
        yield _row([subject, side, *(numbers.get(name, "") for name in names)])
    yield ""


def _scaling(results: list[Result]) -> Iterator[str]:
    columns = {
        "images/s": "train_images_per_second",
        "s/step": "step_seconds",
        "GFLOPs": "gflops",
        "MiB of traffic": "mib_traffic",
        "FLOPs/byte": "intensity",
        "GFLOP/s": "gflops_per_second",
        "of the product's rate": "share_of_product",
        "of the roof": "share_of_roof",
        "planned MiB/device": "planned_mib_per_device",
        "peak MiB": "peak_memory_mib",
        "compile s": "compile_seconds",
    }
    for result in results:
        for axis, points in result["axes"].items():
            yield from _table([axis, *columns, "collectives"])
            for point in points:
                values = (f"{point[key]:.1%}" if key.startswith("share") else point[key] for key in columns.values())
                yield _row([point[axis], *values, _exchanged(point["collectives"])])
            yield ""
        every = [point for points in result["axes"].values() for point in points]
        product, memory = (
            f"{min(values):g} to {max(values):g}"
            for values in zip(
                *((point["product_gflops_per_second"], point["memory_gb_per_second"]) for point in every), strict=True
            )
        )
        yield f"Matrix products ran at {product} GFLOP/s, passes over memory at {memory} GB/s."
        yield ""


def _exchanged(collectives: dict[str, dict[str, int]]) -> str:
    """What devices tell each other in a step."""
    parts = (f"{of['operations']} {kind} ({of['bytes'] / 2**20:.2g} MiB)" for kind, of in collectives.items())
    return ", ".join(parts) or "none"


def _commands(results: list[Result], machines: list[str]) -> Iterator[str]:
    yield from _table(["command", "day", "commit", "machine", "others' share", "peak memory"])
    for result in results:
        machine, memory = machines.index(_machine(result)) + 1, f"{result['peak_memory_mib']} MiB"
        busy = ", busy" if (result["others_share"] or 0) > _BUSY else ""
        others = "" if result["others_share"] is None else f"{result['others_share']:.1%}{busy}"
        commit = result.get("commit", "")
        yield _row([f"`{result['command']}`", result["date"], commit, machine, others, memory])
    versions = {
        ", ".join(f"{name} {version}" for name, version in side["versions"].items())
        for result in results
        for side in result.get("sides", {}).values()
        if "versions" in side
    }
    for other in sorted(versions):
        yield ""
        yield f"The other side: {other}."


def _machines(machines: list[str]) -> Iterator[str]:
    for number, machine in enumerate(machines, 1):
        yield f"Machine {number}: {machine}"
        yield ""


def _machine(result: Result) -> str:
    one = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    device = f"{one['devices']} × {one['device']}"
    pages = ", large pages" if one.get("large_pages") else ""
    return f"{one['cpu']}, {one['cores']} cores, {one['memory_gib']} GiB of memory{pages}; {device}; {versions}."


def _subject(result: Result) -> str:
    return str(result.get("size", result.get("spec", "")))


def _spoken(name: str) -> str:
    """The name of a number as people read it."""
    units = {"_per_second": "/s", "_seconds": ", s", "_mib": ", MiB"}
    for ending, unit in units.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ") + unit
    return name.replace("_", " ")


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


def _table(header: list[str]) -> Iterator[str]:
    yield _row(header)
    yield "|" + "---|" * len(header)


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(page(read(RESULTS)), end="")
