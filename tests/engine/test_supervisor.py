"""What a supervisor says of a child that ends without a word."""

import io

import pytest

from gudspec.engine.supervisor import _pass_on

NATIVE = "E1121 11:23:19.746818   29313 client.cc:188] another task died\n"


@pytest.mark.parametrize(
    ("lines", "passed", "native"),
    [
        ("warning: a\nb\n", "warning: a\nb\n", ""),
        (f"a\n{NATIVE}    @ 0x7f stack\n", "a\n", "another task died"),
        (f"{NATIVE}stack\nerror: lost\n  JAX says: this\n", "error: lost\n  JAX says: this\n", "another task died"),
        (f"error: lost\n{NATIVE}stack\n", "error: lost\n", "another task died"),
        ("*** Check failure stack trace: ***\n", "", "*** Check failure stack trace: ***"),
    ],
)
def test_messages_pass_and_native_stacks_do_not(
    capsys: pytest.CaptureFixture[str], lines: str, passed: str, native: str
) -> None:
    assert _pass_on(io.StringIO(lines)) == native
    assert capsys.readouterr().err == passed
