"""`gudspec lsp`; what it serves is tested in tests/editor."""

import subprocess
import sys


def test_what_is_missing_is_named() -> None:
    program = "import sys\nsys.modules['pygls'] = None\nfrom gudspec.cli.main import main\nmain(['lsp'])\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: the language server needs pygls: pip install 'gudspec[editor]'\n"


def test_it_ends_with_its_input() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gudspec", "lsp"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Traceback" not in done.stderr
