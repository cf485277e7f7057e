"""The whole design space is compiled exactly: every basis, prior and path against the closed form of its likelihood."""

from pathlib import Path

import numpy as np
import pytest

from gudspec.engine.prepare import open_data
from gudspec.spec.load import loads
from gudspec.verify.gaussian import gaussian_data
from gudspec.verify.programs import check_likelihood

BASES = {
    "pixel": "kind: pixel",
    "pca": "kind: pca",
    "mixed": "kind: pca, colors: mixed",
    "fourier": "kind: fourier",
    "dct": "kind: dct",
    "haar": "kind: haar, levels: 2",
    "color-dct": "kind: color, spatial: {kind: dct}",
}
ALL_BASES = {**BASES, "matrix": "kind: matrix, path: u.npy"}
PRIORS = {
    "isotropic": "kind: isotropic, scale: 0.7",
    "whitened": "kind: data_variance",
    "file": "kind: file, path: s.npy",
}
WITH_FREQUENCIES = ("fourier", "dct", "color-dct")
"""Bases that a power law makes sense for."""
ANYWHERE = {
    "linear": "kind: linear",
    "cosine": "kind: cosine",
    "soft": "kind: soft_linear, inverse_softness: 0.6",
    "sequential": "kind: sequential, ordering: {kind: neg_log_variance}, inverse_softness: 0.4",
    "vp": "kind: vp",
    "learned": "kind: learned, pieces: 4",
}
ONLY = {
    ("pixel", "columns"): "kind: sequential, ordering: {kind: column}, inverse_softness: 0.5",
    ("pixel", "patches"): "kind: sequential, ordering: {kind: patch, size: 2}, inverse_softness: 0.5",
    ("pixel", "random"): "kind: sequential, ordering: {kind: random}, inverse_softness: 0.3",
    ("pixel", "ddpm"): "kind: ddpm",
    ("pixel", "edm"): "kind: edm",
    ("pixel", "ve"): "kind: ve",
    ("pixel", "knots"): "kind: knots, by: columns, times: [0, 0.3, 1], values: [[-10, -2, 6]]",
    ("fourier", "mixture"): "kind: soft_linear, ordering: {kind: mixture, r: 0.5}",
    ("fourier", "rg_cutoff"): "kind: rg_cutoff",
    ("dct", "blurring"): "kind: blurring",
    ("haar", "hierarchical"): "kind: hierarchical",
    ("haar", "levels"): "kind: sequential, ordering: {kind: level}, inverse_softness: 0.5",
    ("haar", "dvdp"): "kind: dvdp, turning: [0.5]",
    ("haar", "subspace"): "kind: subspace, turning: [0.5]",
    ("haar", "fdm"): "kind: fdm, turning: [0.5]",
    **{("haar", f"{kind}, dropped"): f"kind: {kind}, turning: [0.4, 0.7]" for kind in ("dvdp", "fdm", "subspace")},
    ("dct", "fdm_blur"): "kind: fdm_blur, turning: [0.5], widths: [1]",
    ("pixel", "file"): "kind: sequential, ordering: {kind: file, path: l.npy}, inverse_softness: 0.4",
    ("matrix", "soft"): "kind: soft_linear, inverse_softness: 0.6",
    ("matrix", "linear"): "kind: linear",
}
PATHS = [
    *((basis, name, text) for basis in BASES for name, text in ANYWHERE.items()),
    *((basis, name, text) for (basis, name), text in ONLY.items()),
]


def priors(basis: str, schedule: str, index: int) -> dict[str, str]:
    """Every prior with the softened linear path; with the others they take turns, so that every pair is met."""
    known = {**PRIORS, **({"power": "kind: power_law"} if basis in WITH_FREQUENCIES else {})}
    turn = list(known)[(index + index // len(ANYWHERE)) % len(known)]
    return known if schedule == "soft" else {turn: known[turn]}


DESIGNS = [
    (
        f"{basis}-{prior}-{schedule}",
        f"{{basis: {{{ALL_BASES[basis]}}}, prior: {{{words}}}, schedule: {{{text}}}"
        f"{', segments: auto' if 'dropped' in schedule else ''}}}",
    )
    for index, (basis, schedule, text) in enumerate(PATHS)
    for prior, words in priors(basis, schedule, index).items()
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the designs take from files: a random orthogonal matrix, uneven deviations and an ordering with ties."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    np.save(folder / "u.npy", np.linalg.qr(rng.normal(size=(16, 16)))[0])
    np.save(folder / "s.npy", rng.uniform(0.3, 1.5, size=(4, 4, 1)))
    np.save(folder / "l.npy", rng.integers(0, 5, size=(4, 4, 1)).astype(float))
    return folder


def test_there_are_at_least_sixty() -> None:
    """And every basis, and every path that suits any, is met with every prior."""
    assert len(DESIGNS) >= 60
    assert len({text for _, text in DESIGNS}) == len(DESIGNS)
    named = [name.split("-") if "color-dct" not in name else ["color-dct", *name.split("-")[2:]] for name, _ in DESIGNS]
    for basis in BASES:
        assert {prior for one, prior, _ in named if one == basis} >= set(PRIORS)
    for schedule in ANYWHERE:
        assert {prior for _, prior, one in named if one == schedule} >= set(PRIORS)


@pytest.mark.slow
@pytest.mark.parametrize("design", [text for _, text in DESIGNS], ids=[name for name, _ in DESIGNS])
def test_likelihood_is_exact(design: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 1e-3 bits/dim of the closed form: basis, prior scale, path, kinks, every constant."""
    monkeypatch.chdir(files)
    colors = 3 if "color" in design else 1
    text = f"""
        gudspec: 1
        name: oracle
        data: {{source: {{kind: gaussian_field, size: 4, channels: {colors}, count: 512}}}}
        design: {design}
        network: {{kind: unet, multipliers: [1, 1, 1]}}
    """
    (check,) = check_likelihood(gaussian_data(open_data(loads(text))))
    assert np.isfinite(check.measured)
    assert check.passed, check
