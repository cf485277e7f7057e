import json

import pytest

from gudspec.cli.main import main
from gudspec.spec.json_schema import json_schema


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["schema"])
    assert exit.value.code in (0, None)
    assert json.loads(capsys.readouterr().out) == json_schema()
