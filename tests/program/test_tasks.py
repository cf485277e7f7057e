"""Tasks on Gaussian data with the exact score: what is drawn against conditionals in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.engine.prepare import open_data
from gudspec.process.extension import exact_times, window_time
from gudspec.program.known import known_components
from gudspec.spec.load import loads
from gudspec.spec.models import samplers, tasks
from gudspec.spec.models.results import Sample
from gudspec.verify.gaussian import GaussianData, gaussian_data
from tests.verify.test_verify import make

MANY = 4096
TSIT5 = samplers.Ode(kind="ode", solver="tsit5", rtol=1e-5, atol=1e-5)
INPAINT = tasks.Inpaint(kind="inpaint", mask=tasks.HalfMask(kind="half", hidden="right"))
COLORIZE = tasks.Colorize(kind="colorize")
UPSCALE = tasks.Upscale(kind="upscale", levels=1)
MASKED = "{measure: {kind: masked, by: components, clean: -16}}"
ENDS = "gamma: {min: -14, max: 9}"


def task_data(design: str, size: int = 4, extra: str = "") -> GaussianData:
    more = ("network: {kind: unet, conditioning: components}", f"objective: {MASKED}", extra)
    return make(design, size, "\n        ".join(more))


def photos(design: str) -> GaussianData:
    """Gaussian data with the moments of photographs, whose colours go with their luma."""
    text = f"""
        gudspec: 1
        name: verified
        data: {{source: {{kind: photos, size: 4, stride: 8, downscale: 4}}}}
        design: {design}
        network: {{kind: unet, multipliers: [1], conditioning: components}}
        objective: {MASKED}
    """
    return gaussian_data(open_data(loads(text)))


def conditional(covariance: np.ndarray, known: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a centred Gaussian's unknown part (Schur's complement)."""
    gain = covariance[np.ix_(~known, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
    return values @ gain.T, covariance[np.ix_(~known, ~known)] - gain @ covariance[np.ix_(known, ~known)]


CASES = {
    "inpaint, one γ": (f"{{schedule: {{kind: linear, {ENDS}}}}}", INPAINT),
    "inpaint, column by column": (f"{{schedule: {{kind: sequential, inverse_softness: 0.5, {ENDS}}}}}", INPAINT),
    "upscale": (f"{{basis: {{kind: haar, levels: 2}}, schedule: {{kind: linear, {ENDS}}}}}", UPSCALE),
    "colorize": (f"{{basis: {{kind: color}}, schedule: {{kind: linear, {ENDS}}}}}", COLORIZE),
    "upscale, level by level": (
        f"{{basis: {{kind: haar, levels: 2}}, schedule: {{kind: hierarchical, {ENDS}}}}}",
        UPSCALE,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_what_is_drawn_follows_the_exact_conditional(case: str) -> None:
    """One given image, many draws by the probability flow: linear in the noise, mean and covariance by unit vectors."""
    design, task = CASES[case]
    data = photos(design) if task is COLORIZE else task_data(design)
    known = known_components(task, data.program.design.layout).ravel()
    chi = np.random.default_rng(0).multivariate_normal(np.zeros(len(known)), data.covariance).astype(np.float32)
    images = data.images(chi[None]).repeat(MANY, axis=0)
    draw = data.program.drawing(Sample(name="s", task=task, sampler=TSIT5))
    result = draw({}, data.statistics, jax.random.key(1), data.parameters, {"pixels": images}, count=MANY)
    drawn = np.asarray(data.process.to_components(np.asarray(result["images"], np.float64))).reshape(MANY, -1)
    np.testing.assert_allclose(drawn[:, known], chi[None, known].repeat(MANY, 0), atol=2e-4)
    mean, covariance = conditional(data.covariance, known, chi[known])
    spread = np.sqrt(np.diag(covariance))
    assert np.abs(mean / spread).max() > 0.1  # more than the tolerance below: the marginal would not do
    assert np.abs((drawn[:, ~known].mean(0) - mean) / spread).max() < 5 / np.sqrt(MANY) + 0.02
    error = np.linalg.norm(np.cov(drawn[:, ~known].T) - covariance) / np.linalg.norm(covariance)
    assert error < 0.08  # of 4096 draws


def test_known_components_stay_to_the_bit() -> None:
    from dataclasses import replace

    from gudspec.process.paths import Held
    from gudspec.program.samplers import sample
    from gudspec.program.stretches import Stretch

    data = task_data(CASES["inpaint, one γ"][0])
    known = known_components(INPAINT, data.program.design.layout)
    process = data.program.process(data.statistics)
    held = replace(process, path=Held(process.path, jnp.asarray(known), -16.0))
    chi = jax.random.normal(jax.random.key(0), (8, 4, 4, 1))
    for sampler in (samplers.Ancestral(kind="ancestral", steps=5), samplers.Dpm(kind="dpm", steps=5), TSIT5):
        arguments = (chi, jax.random.key(1), data.parameters, {}, sampler)
        result = np.asarray(sample([Stretch(held, data.oracle.denoise)], *arguments))
        np.testing.assert_array_equal(result[:, known], np.asarray(chi)[:, known])
        assert (result[:, ~known] != np.asarray(chi)[:, ~known]).all()


def autoregressive(width: int, correlation: float) -> np.ndarray:
    """Covariance of a stationary Markov field of independent rows."""
    return correlation ** np.abs(np.subtract.outer(np.arange(width), np.arange(width)))


def test_exact_times_are_those_that_are_needed() -> None:
    """Paper's Fig. 7 (b = 0.5, k = 9, L = 32) is outside: it would take b ≥ 31/54."""
    assert exact_times(0.5, 32, 9) is None
    assert exact_times(31 / 54 - 1e-3, 32, 9) is None
    low, high = exact_times(31 / 54 + 1e-3, 32, 9)
    assert low <= float(window_time(np.float64(31 / 54 + 1e-3), 32, 9)) <= high


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "first", "stride"),
    [("column", "left", 1), ("column", "left", 2), ("column", "right", 1), ("column", "right", 2), ("row", "top", 2)],
)
def test_extended_strips_have_the_covariance_of_long_images(kind: str, first: str, stride: int) -> None:
    """An AR(1) field, Markov of order 1: the strip's covariance is the field's, also across windows."""
    from dataclasses import replace

    from gudspec.process.oracles import GaussianMixture

    length, width, rho = 14, 8, 0.8
    schedule = f"{{kind: sequential, inverse_softness: 0.7, ordering: {{kind: {kind}, first: {first}}}, {ENDS}}}"
    data = make(f"{{schedule: {schedule}}}", width)
    variance = data.statistics.variance * 0 + 1
    statistics = data.statistics._replace(mean=data.statistics.mean * 0, variance=variance)
    factors = [np.eye(width), autoregressive(width, rho)]
    covariance = np.kron(*(factors if kind == "column" else factors[::-1]))
    oracle = GaussianMixture.gaussian(jnp.asarray(covariance, jnp.float32))
    program = replace(data.program, denoiser=lambda *_: oracle.denoise)
    task = tasks.Extend(kind="extend", length=length, stride=stride)
    draw = program.drawing(Sample(name="s", task=task, sampler=samplers.Ode(kind="ode", solver="heun", steps=60)))
    strips = np.asarray(draw({}, statistics, jax.random.key(0), program.at(), {}, count=1024)["images"])
    strips = strips if kind == "column" else strips.swapaxes(1, 2)
    assert strips.shape == (1024, width, length, 1)
    rows = strips.reshape(-1, length)
    np.testing.assert_allclose(np.cov(rows.T), autoregressive(length, rho), atol=0.06)


def test_a_round_trip_comes_back() -> None:
    """The error is that of the solver, and falls with its steps: O(step) of DDIM."""
    data = task_data("{schedule: {kind: linear, gamma: {min: -9, max: 5}}}")
    images = data.images(data.points()[:8])
    errors = []
    for steps in (25, 50, 100):
        entry = Sample(
            name="s", task=tasks.Roundtrip(kind="roundtrip"), sampler=samplers.Ddim(kind="ddim", steps=steps)
        )
        draw = data.program.drawing(entry)
        back = draw({}, data.statistics, jax.random.key(0), data.parameters, {"pixels": images}, count=8)["images"]
        errors.append(np.abs(np.asarray(back) - images).mean())
    assert errors[0] > 1.6 * errors[1] > 1.6**2 * errors[2]


def test_interpolations_end_at_the_images() -> None:
    data = task_data("{schedule: {kind: linear, gamma: {min: -9, max: 5}}}")
    images = data.images(data.points()[:4])
    entry = Sample(name="s", task=tasks.Interpolate(kind="interpolate", points=5), sampler=TSIT5)
    draw = data.program.drawing(entry)
    rows = np.asarray(
        draw({}, data.statistics, jax.random.key(0), data.parameters, {"pixels": images}, count=4)["images"]
    )
    assert rows.shape == (4, 5, 4, 4, 1)
    np.testing.assert_allclose(rows[:, 0], images, atol=2e-3)
    np.testing.assert_allclose(rows[:, -1], np.roll(images, -1, 0), atol=2e-3)


def test_reconstructions_from_little_noise_are_the_images() -> None:
    data = task_data("{schedule: {kind: linear, gamma: {min: -14, max: 9}}}")
    images = data.images(data.points()[:4])

    def distance(time: float) -> np.ndarray:
        task = tasks.Reconstruct(kind="reconstruct", time=time, draws=2)
        draw = data.program.drawing(
            Sample(name="s", task=task, sampler=samplers.Ancestral(kind="ancestral", steps=100))
        )
        result = draw({}, data.statistics, jax.random.key(0), data.parameters, {"pixels": images}, count=4)["images"]
        assert result.shape == (4, 2, 4, 4, 1)
        assert not np.allclose(result[:, 0], result[:, 1])
        return np.abs(np.asarray(result) - images[:, None]).mean()

    assert distance(0.1) < 0.1 * distance(1.0)


def test_guidance_at_one_is_the_conditional_and_at_zero_ignores_the_label() -> None:
    from gudspec.program.denoiser import guided

    def denoise(chi, gamma, condition):
        return chi * condition["labels"][:, None, None, None]

    chi, gamma = jnp.ones((3, 1, 1, 1)), jnp.zeros((1, 1, 1, 1))
    condition = {"labels": jnp.array([1, 2, 3])}
    for scale, expected in ((1.0, [1, 2, 3]), (0.0, [10, 10, 10]), (2.0, [-8, -6, -4])):
        np.testing.assert_allclose(guided(denoise, scale, 10)(chi, gamma, condition).ravel(), expected)
