"""What the codes of the structure mean, GUD1xx, and those of single fields of a design, GUD210–216, and of data.

`gudspec.spec.validate`, the models in `gudspec.spec.models` and `gudspec.data` report them.
"""

from gudspec.linter.rule import Description

__all__ = ["DESCRIPTIONS"]


class Missing(Description):
    """A field without a default has to be given. Every choice says its `kind`, from which its other fields follow."""

    code = "GUD101"
    summary = "a field is missing"
    bad = "design: {basis: {levels: 2}}"
    good = "design: {basis: {kind: haar, levels: 2}}"


class WrongType(Description):
    """Nothing is coerced: `"3"` is a string, `3.0` is not an integer, and `on` and `yes` are strings in YAML 1.2."""

    code = "GUD102"
    summary = "a value of another type"
    bad = 'train: {steps: "3000"}'
    good = "train: {steps: 3000}"


class NotOneOf(Description):
    """Some fields have a few possible words, and every `kind` one for each choice that there is."""

    code = "GUD103"
    summary = "a word that is not one of the possible ones"
    bad = "design: {basis: {kind: haars}}"
    good = "design: {basis: {kind: haar}}"


class Unknown(Description):
    """A key that no field has is never ignored: it is a misspelling, or it belongs elsewhere."""

    code = "GUD104"
    summary = "an unknown key"
    bad = "train: {step: 3000}"
    good = "train: {steps: 3000}"


class OutOfRange(Description):
    """Every number has its range, which the reference of the language lists with its unit."""

    code = "GUD105"
    summary = "a number out of its range"
    bad = "train: {ema: 1.5}"
    good = "train: {ema: 0.999}"


class WrongText(Description):
    """Names are made of letters, digits, `_`, `-` and `.`: they become parts of file names."""

    code = "GUD106"
    summary = "a string of another form"
    bad = "sample: [{name: my samples}]"
    good = "sample: [{name: my-samples}]"


class WrongLength(Description):
    """Some lists have a fixed number of items, others at least one or two."""

    code = "GUD107"
    summary = "a list of another length"
    bad = "design: {schedule: {kind: knots, times: [0.0], values: [[-9]]}}"
    good = "design: {schedule: {kind: knots, times: [0.0, 1.0], values: [[-9, 5]]}}"


class RangeOrder(Description):
    """A parameter that is trained over is drawn uniformly between `low` and `high`."""

    code = "GUD120"
    summary = "a range whose low end is not below its high end"
    bad = "design: {schedule: {kind: soft_linear, inverse_softness: {low: 1.5, high: 0.5, value: 1.0}}}"
    good = "design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 1.0}}}"
    source = "GUD (arXiv:2410.02667), App. B"


class RangeValue(Description):
    """`value` is what evaluation and sampling use unless told otherwise, and the network has to be trained there."""

    code = "GUD121"
    summary = "a nominal value outside its range"
    bad = "design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 2.0}}}"
    good = "design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 1.0}}}"


class FlippedField(Description):
    """The modes of a Gaussian mixture are random images, not symmetric: mirrored ones are of another density."""

    code = "GUD122"
    summary = "mirrored images of a known density"
    bad = "data: {source: {kind: gaussian_mixture}, flip: horizontal}"
    good = "data: {source: {kind: gaussian_mixture}, flip: none}"


class NetworkShape(Description):
    """A U-Net has a level or more. Attention splits its channels, or a transformer's width, evenly over the heads."""

    code = "GUD123"
    summary = "a network that cannot be built"
    bad = "network: {kind: unet, channels: 64, heads: 3}"
    good = "network: {kind: unet, channels: 64, heads: 4}"


class DecayOfAdam(Description):
    """Adam has no decay of weights, so a number there would be ignored. `adamw` has."""

    code = "GUD124"
    summary = "a weight decay that adam does not have"
    bad = "train: {optimizer: {kind: adam, weight_decay: 0.01}}"
    good = "train: {optimizer: {kind: adamw, weight_decay: 0.01}}"
    source = "Decoupled Weight Decay Regularization (arXiv:1711.05101)"


class MeshSize(Description):
    """An axis of a mesh has a device or more. −1 takes all devices that the other axis leaves."""

    code = "GUD125"
    summary = "a mesh without devices"
    bad = "mesh: {data: 0}"
    good = "mesh: {data: -1}"


class ZipLengths(Description):
    """`zip: true` pairs the first value with the first, the second with the second: the lists are of one length."""

    code = "GUD126"
    summary = "lists of different lengths to be paired"
    bad = """\
design:
  basis: {kind: haar}
  schedule: {kind: hierarchical, inverse_softness: {levels: {low: 0, high: 0.6, value: 0.5}}}
sample:
  - name: grid
    zip: true
    at: {design.schedule.inverse_softness.levels: [0.3, 0.6], design.schedule.inverse_softness.columns: [0.5]}"""
    good = """\
design:
  basis: {kind: haar}
  schedule: {kind: hierarchical, inverse_softness: {levels: {low: 0, high: 0.6, value: 0.5}}}
sample:
  - name: grid
    zip: true
    at: {design.schedule.inverse_softness.levels: [0.3, 0.6], design.schedule.inverse_softness.columns: [0.5, 0.5]}"""


class NameTwice(Description):
    """Results are filed under the name of their entry; a second one of that name would overwrite the first."""

    code = "GUD127"
    summary = "a name that is used twice"
    bad = "sample: [{name: grid, count: 16}, {name: grid, count: 64}]"
    good = "sample: [{name: small, count: 16}, {name: large, count: 64}]"


class MixtureParts(Description):
    """A mixture has two measures or more, and a share for each."""

    code = "GUD128"
    summary = "measures and shares that do not match"
    bad = """\
design: {schedule: {kind: sequential}}
objective: {measure: {kind: mixture, measures: [{kind: path}, {kind: masked}], shares: [1.0]}}"""
    good = """\
design: {schedule: {kind: sequential}}
objective: {measure: {kind: mixture, measures: [{kind: path}, {kind: masked}], shares: [3.0, 1.0]}}"""


class FieldWithoutDensity(Description):
    """Without a coupling the potential is ½m²φ²: unless m² is above 0 nothing holds the mean of the field.

    A coupling λ > 0 does, also where m² is negative: then the field orders.
    """

    code = "GUD130"
    summary = "a free field that has no density"
    bad = "data: {source: {kind: lattice_field, mass_squared: -0.5, coupling: 0}}"
    good = "data: {source: {kind: lattice_field, mass_squared: 0.5, coupling: 0}}"


class MixtureRange(Description):
    """At r = 0 components are ordered by variance, at r = 1 by frequency; beyond, by neither."""

    code = "GUD210"
    summary = "an ordering beyond variance and frequency"
    bad = "design: {basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: mixture, r: 1.5}}}"
    good = "design: {basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: mixture, r: 0.5}}}"
    source = "GUD (arXiv:2410.02667), Fig. 5"


class EndsOrder(Description):
    """γ = log(σ²/α²) grows along a path: from −∞, the data, towards +∞, the prior."""

    code = "GUD211"
    summary = "a path that ends before it starts"
    bad = "design: {schedule: {kind: linear, gamma: {min: 5, max: -9}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    source = "GUD (arXiv:2410.02667), eqs. (16) and (21)"


class NegativeSoftness(Description):
    """The paper's a is at least 0: 0 has no hierarchy, large values are autoregressive.

    Below 0 the components that come first in the ordering are generated last.
    """

    code = "GUD212"
    summary = "a negative inverse softness"
    bad = "design: {schedule: {kind: soft_linear, inverse_softness: -0.5}}"
    good = "design: {schedule: {kind: soft_linear, inverse_softness: 0.5}}"
    source = "GUD (arXiv:2410.02667), eq. (21)"


class SoftnessOfOne(Description):
    """Each group is noised during 1 − b of the time. At b = 1 that window has no length and γ̇ is infinite.

    The paper's text lets a and b be 1; its formulas divide by 1 − a and 1 − b.
    """

    code = "GUD213"
    summary = "an inverse softness that reaches 1"
    bad = "design: {schedule: {kind: sequential, inverse_softness: 1.0}}"
    good = "design: {schedule: {kind: sequential, inverse_softness: 0.8}}"
    source = "GUD (arXiv:2410.02667), eq. (22) and §5.3"


class OutOfOrder(Description):
    """Times, turning points and widths of blur follow one another: each must be above the one before it."""

    code = "GUD214"
    summary = "times that do not increase"
    bad = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: fdm, turning: [0.8, 0.4]}}"
    good = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: fdm, turning: [0.4, 0.8]}}"


class KnotCount(Description):
    """A group of knots has one value for each time, and a stage of blur one width for each turning point."""

    code = "GUD215"
    summary = "values that do not match the times"
    bad = "design: {schedule: {kind: knots, times: [0.0, 0.5, 1.0], values: [[-9, 5]]}}"
    good = "design: {schedule: {kind: knots, times: [0.0, 0.5, 1.0], values: [[-9, 0, 5]]}}"


class FallingKnots(Description):
    """Noise is never taken away on the way to the prior: β = σ² dγ/dt would be negative, and its root is not real."""

    code = "GUD216"
    summary = "a path on which noise shrinks"
    bad = "design: {schedule: {kind: knots, times: [0.0, 0.5, 1.0], values: [[-9, 5, 4]]}}"
    good = "design: {schedule: {kind: knots, times: [0.0, 0.5, 1.0], values: [[-9, 4, 5]]}}"
    source = "GUD (arXiv:2410.02667), eqs. (14) and (16)"


class SamplerTimes(Description):
    """A sampler walks back from the prior at t = 1 to the data at t = 0, and never turns round."""

    code = "GUD258"
    summary = "times of a sampler that do not fall from 1 to 0"
    bad = "sample: [{name: grid, sampler: {kind: ddim, grid: {kind: times, times: [1, 0.5, 0.1]}}}]"
    good = "sample: [{name: grid, sampler: {kind: ddim, grid: {kind: times, times: [1, 0.7, 0.4, 0.2, 0]}}}]"


class DataMissing(Description):
    """The data of a spec, or a file of its design, is not there when the run starts, or cannot be opened.

    The run stops before it touches a device. The linter says so too where it can look, as the warning GUD404.
    """

    code = "GUD401"
    summary = "data that is missing when the run starts"
    bad = "data: {source: {kind: cifar10, root: no/such/folder}}"
    good = "data: {source: {kind: photos}}"


DESCRIPTIONS: tuple[type[Description], ...] = (
    Missing,
    WrongType,
    NotOneOf,
    Unknown,
    OutOfRange,
    WrongText,
    WrongLength,
    RangeOrder,
    RangeValue,
    FlippedField,
    NetworkShape,
    DecayOfAdam,
    MeshSize,
    ZipLengths,
    NameTwice,
    MixtureParts,
    FieldWithoutDensity,
    MixtureRange,
    EndsOrder,
    NegativeSoftness,
    SoftnessOfOne,
    OutOfOrder,
    KnotCount,
    FallingKnots,
    SamplerTimes,
    DataMissing,
)
