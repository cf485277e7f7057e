"""Files that other tools read, held to those tools' own schemas."""

import json
import tomllib
from importlib import resources
from pathlib import Path

import jsonschema
import yaml
from pre_commit.clientlib import load_manifest

from gudspec.linter.config import settings

ROOT = Path(__file__).parents[1]


def test_the_hooks_are_those_of_pre_commit() -> None:
    hooks = {hook["id"]: hook for hook in load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))}
    assert set(hooks) == {"gudspec-lint", "gudspec-fmt"}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert {hook["entry"].split()[0] for hook in hooks.values()} <= set(scripts)


def test_the_workflow_is_one_of_github() -> None:
    folder = resources.files("check_jsonschema.builtin_schemas.vendor")
    schema = json.loads(folder.joinpath("github-workflows.json").read_text("utf-8"))
    workflow = yaml.safe_load((ROOT / "docs/examples/lint.yml").read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # which YAML 1.1 takes for a boolean
    jsonschema.validate(workflow, schema)


def test_the_settings_that_are_documented_exist(tmp_path: Path) -> None:
    page = (ROOT / "docs/linting.md").read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    found = settings(tmp_path)
    assert (found.paths, found.strict, found.ignore) == (("specs",), True, ("GUD301",))
    assert found.per_file_ignores == {"specs/smoke/**": ("GUD230", "GUD231")}
