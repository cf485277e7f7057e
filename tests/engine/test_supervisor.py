"""What a supervisor says of a child that ends without a word."""

import io
import signal
import sys
from pathlib import Path

import pytest

from gudspec.engine.supervisor import _pass_on, supervise

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


CHILD = """\
#!{python}
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
os.write(int(os.environ["GUDSPEC_SUPERVISED"]), b"r")
time.sleep({seconds})
"""


@pytest.mark.parametrize(("stopped", "seconds", "code"), [(True, 30, 75), (False, 0.1, 0)])
def test_a_signal_from_before_is_passed_on_once_the_child_can_handle_it(
    stopped: bool, seconds: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    child.write_text(CHILD.format(python=sys.executable, seconds=seconds))
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert supervise([], "here", lambda: stopped) == code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
