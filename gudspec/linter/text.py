"""What the codes of the text mean, GUD0xx: reading files, YAML, `extends`, `--set`, `${VAR}` and settings.

`gudspec.spec.text`, `gudspec.spec.compose` and `gudspec.linter.config` report them.
"""

from gudspec.linter.rule import Description

__all__ = ["DESCRIPTIONS"]

_SPEC = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"
_YAML = "YAML 1.2.2 (yaml.org/spec/1.2.2)"


class Unreadable(Description):
    """A spec is a file that can be read. Of a folder, every `.yaml` and `.yml` inside is one."""

    code = "GUD001"
    summary = "a spec that cannot be read"
    bad = "# file: no-such-folder/spec.yaml"
    good = _SPEC


class NotText(Description):
    """Specs are UTF-8, with or without a byte order mark, and hold what may be printed.

    UTF-16, which some editors on Windows write, and control characters are refused: they hide from a reviewer.
    """

    code = "GUD002"
    summary = "a file that is not UTF-8 text"
    bad = "gudspec: 1\nname: \x07example\ndata: {source: {kind: digits}}\n"
    good = _SPEC
    source = f"{_YAML}, §5.1"


class TooLarge(Description):
    """A spec has a few thousand bytes. A megabyte, 100,000 values or 64 levels of nesting are a mistake or an attack.

    Values of an alias count where it is used, so that a few lines cannot unfold into gigabytes.
    """

    code = "GUD003"
    summary = "a file too large to be a spec"
    bad = _SPEC + "evaluate: " + "[" * 70 + "]" * 70 + "\n"
    good = _SPEC + "evaluate: []\n"


class NotYaml(Description):
    """The text is not YAML: a bracket is open, a quote is missing, or a line is indented by a tab."""

    code = "GUD004"
    summary = "not YAML"
    bad = "gudspec: 1\nname: example\ndata: {source: {kind: digits}\n"
    good = _SPEC
    source = _YAML


class NotOneMapping(Description):
    """A file holds one spec, which is a mapping: not nothing, not a list, and not two documents."""

    code = "GUD005"
    summary = "a file that does not hold one spec"
    bad = _SPEC + "---\nname: another\n"
    good = _SPEC


class Duplicate(Description):
    """A key that is given twice has two values, of which most YAML readers silently take the second."""

    code = "GUD006"
    summary = "a key given twice"
    bad = _SPEC + "seed: 1\nseed: 2\n"
    good = _SPEC + "seed: 2\n"
    source = f"{_YAML}, §3.2.1.3"


class KeyNotString(Description):
    """Keys are strings: numbers, booleans and null have to be quoted, and lists and mappings cannot be keys."""

    code = "GUD007"
    summary = "a key that is not a string"
    bad = _SPEC + "12: seed\n"
    good = _SPEC + "seed: 12\n"


class MergeKey(Description):
    """`<<` was part of YAML 1.1 and is not of 1.2. A common base is a file of its own, named by `extends`."""

    code = "GUD008"
    summary = "a merge key"
    bad = _SPEC + "train:\n  <<: {steps: 10000}\n"
    good = _SPEC + "train: {steps: 10000}\n"
    source = _YAML


class Tagged(Description):
    """A spec has plain values only. Tags can make some readers run code, and change types behind a reviewer's back."""

    code = "GUD009"
    summary = "a YAML tag"
    bad = _SPEC + "seed: !!int 3\n"
    good = _SPEC + "seed: 3\n"


class UnknownAlias(Description):
    """`*name` repeats the value that `&name` has marked before it."""

    code = "GUD010"
    summary = "an alias without an anchor"
    bad = _SPEC + "seed: *number\n"
    good = _SPEC + "seed: &number 3\ntrain: {log_every: *number}\n"
    source = f"{_YAML}, §7.1"


class Base(Description):
    """`extends` names one file, relative to the file that says it. What this file says itself is stronger."""

    code = "GUD011"
    summary = "a base that cannot be read"
    bad = "gudspec: 1\nname: example\nextends: no-such-base.yaml\n"
    good = "gudspec: 1\nname: example\nextends: base.yaml\n--- # file: base.yaml\ndata: {source: {kind: digits}}\n"


class Circle(Description):
    """A spec that extends itself, over whichever detour, has no beginning."""

    code = "GUD012"
    summary = "bases in a circle"
    bad = "gudspec: 1\nname: example\nextends: base.yaml\n--- # file: base.yaml\nextends: spec.yaml\n"
    good = "gudspec: 1\nname: example\nextends: base.yaml\n--- # file: base.yaml\ndata: {source: {kind: digits}}\n"


class Variable(Description):
    """`${NAME}` in a string is an environment variable, `${NAME:-default}` one that may be missing.

    An unset variable is an error rather than an empty string, and `$${` writes a plain `${`.
    """

    code = "GUD013"
    summary = "an environment variable that is not set"
    bad = "gudspec: 1\nname: example-${GUDSPEC_NOT_SET}\ndata: {source: {kind: digits}}\n"
    good = "gudspec: 1\nname: example-${GUDSPEC_NOT_SET:-1}\ndata: {source: {kind: digits}}\n"


class Override(Description):
    """`--set path.to.key=value` changes a value for one command. A number in the path selects an item of a list.

    The value is YAML, and the result is checked like any other spec.
    """

    code = "GUD014"
    summary = "an override that is not one"
    bad = _SPEC + "--- # set: train.steps\n"
    good = _SPEC + "--- # set: train.steps=3000\n"


class NoNumber(Description):
    """The largest floating-point number has 309 digits. A number of more than 400 characters is a mistake."""

    code = "GUD015"
    summary = "a number of absurd length"
    bad = _SPEC + f"seed: {'9' * 500}\n"
    good = _SPEC + "seed: 999\n"


class Configuration(Description):
    """The linter's own settings are the table `[tool.gudspec]` of pyproject.toml, and `--select` and `--ignore`.

    They are as strict as a spec: an unknown key or a code that no rule has would silently change nothing.
    """

    code = "GUD018"
    summary = "a setting of the linter that is not one"
    bad = f'{_SPEC}--- # file: pyproject.toml\n[tool.gudspec]\nignor = ["GUD230"]\n'
    good = f'{_SPEC}--- # file: pyproject.toml\n[tool.gudspec]\nignore = ["GUD230"]\n'


DESCRIPTIONS: tuple[type[Description], ...] = (
    Unreadable,
    NotText,
    TooLarge,
    NotYaml,
    NotOneMapping,
    Duplicate,
    KeyNotString,
    MergeKey,
    Tagged,
    UnknownAlias,
    Base,
    Circle,
    Variable,
    Override,
    NoNumber,
    Configuration,
)
