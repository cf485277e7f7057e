from hypothesis import HealthCheck, given, settings

from gudspec.spec.load import loads, reads
from gudspec.spec.models import Experiment
from gudspec.spec.parameters import parameters
from gudspec.spec.resolved import dump, show
from tests.spec.strategies import MINIMAL, experiments

relaxed = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@relaxed
@given(experiments())
def test_a_dump_is_read_back_as_the_same_experiment(experiment: Experiment) -> None:
    assert loads(dump(experiment)) == experiment
    assert dump(loads(dump(experiment))) == dump(experiment)


@relaxed
@given(experiments())
def test_what_is_shown_is_a_spec_in_which_nothing_is_a_default(experiment: Experiment) -> None:
    shown = show(reads(dump(experiment), environment={}))
    assert loads(shown) == experiment
    assert "# default" not in shown


@relaxed
@given(experiments())
def test_parameters_hold_their_nominal_values(experiment: Experiment) -> None:
    for path, (low, high, value) in parameters(experiment).items():
        assert path.startswith("design.schedule.")
        assert low <= value <= high


def test_every_value_has_its_origin() -> None:
    text = MINIMAL + "evaluate:\n  - {name: nll, kind: likelihood}\nsample: [{name: '${WHO}${WHAT:-b}'}]\n"
    document = reads(
        text,
        ["train.steps=7", "evaluate.0.probes=1"],
        name="a.yaml",
        environment={"WHO": "me"},
    )
    origins = dict(line.rsplit(" # ", 1) for line in show(document).splitlines() if " # " in line)
    found = {text.strip(): origin for text, origin in origins.items()}
    assert found["gudspec: 1"] == "a.yaml:1:10"
    assert found["kind: digits"] == "a.yaml:3:23"
    assert found["steps: 7"] == "--set"
    assert found["probes: 1"] == "--set"
    assert found["- kind: likelihood"] == "a.yaml:5:23"
    assert found["name: nll"] == "a.yaml:5:12"
    assert found["- name: meb"] == "environment WHO in a.yaml:6:17"
    assert found["seed: 0"] == "default"


def test_a_dollar_survives() -> None:
    text = MINIMAL.replace("{kind: digits}", "{kind: cifar10, root: 'a$${B}$$c'}")
    experiment = loads(text)
    assert experiment.data.source.root == "a${B}$$c"
    assert loads(dump(experiment)) == experiment
