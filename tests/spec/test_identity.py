import pytest
from hypothesis import HealthCheck, given, settings

from gudspec.spec.identity import design_hash, differences
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from tests.spec.strategies import MINIMAL, experiments


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=40)
@given(experiments(), experiments())
def test_designs_differ_exactly_if_their_hashes_do(a: Experiment, b: Experiment) -> None:
    assert differences(a, a) == []
    assert (design_hash(a, "x") == design_hash(b, "x")) == (not differences(a, b))
    assert differences(b, a) == [(path, right, left) for path, left, right in differences(a, b)] or differences(b, a)


@pytest.mark.parametrize(
    "override",
    [
        "name=other", "mesh.fsdp=2", "mesh.data=4", "checkpoint.every=7", "checkpoint.keep=1", "train.log_every=1",
        "train.steps=7", "evaluate=[{name: a, kind: bound}]", "sample=[{name: a}]",
    ],
)  # fmt: skip
def test_run_fields_do_not_change_the_design(override: str) -> None:
    a, b = loads(MINIMAL), loads(MINIMAL, [override])
    assert design_hash(a, "x") == design_hash(b, "x")
    assert a != b


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=1", ("seed", 0, 1)),
        ("data.flip=horizontal", ("data.flip", "none", "horizontal")),
        ("data.source={kind: photos, size: 8}", ("data.source.kind", "digits", "photos")),
        ("design.prior.scale=2", ("design.prior.scale", 1.0, 2.0)),
        ("design.basis.kind=pca", ("design.basis.kind", "pixel", "pca")),
        ("objective.prediction=v", ("objective.prediction", "epsilon", "v")),
        ("network={kind: unet, dropout: 0.1}", ("network.dropout", 0.0, 0.1)),
        ("train.ema=0.5", ("train.ema", 0.999, 0.5)),
        ("train.batch_size=64", ("train.batch_size", 128, 64)),
        ("train.optimizer.clip=1", ("train.optimizer.clip", None, 1.0)),
    ],
)
def test_design_fields_change_it_and_are_named(override: str, expected: tuple[str, object, object]) -> None:
    a = loads(MINIMAL + "design: {prior: {kind: isotropic}, basis: {kind: pixel}}")
    b = loads(MINIMAL + "design: {prior: {kind: isotropic}, basis: {kind: pixel}}", [override])
    assert differences(a, b) == [expected]
    assert design_hash(a, "x") != design_hash(b, "x")


def test_data_counts_by_content_and_not_by_place() -> None:
    a, b = (loads(MINIMAL, [f"data.source={{kind: cifar10, root: {root}}}"]) for root in ("here", "there"))
    assert design_hash(a, "x") == design_hash(b, "x")
    assert design_hash(a, "x") != design_hash(a, "y")


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_steps_count_where_the_learning_rate_looks_ahead(schedule: str) -> None:
    a, b = (loads(MINIMAL, [f"train.optimizer.schedule={schedule}", f"train.steps={steps}"]) for steps in (100, 200))
    assert differences(a, b) == [("train.steps", 100, 200)]


def test_only_the_last_phase_may_change_its_length() -> None:
    def phases(first: int, second: int) -> Experiment:
        return loads(MINIMAL, [f"train.steps={first}", f"train.phases=[{{steps: {second}, batch_size: 512}}]"])

    assert design_hash(phases(10, 20), "x") == design_hash(phases(10, 30), "x")
    assert differences(phases(10, 20), phases(11, 20)) == [("train.steps", 10, 11)]
