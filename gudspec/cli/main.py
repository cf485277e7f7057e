"""The entry point `gudspec`."""

import gc
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gudspec import __version__
from gudspec.cli.checkpoints import checkpoints
from gudspec.cli.compare import compare
from gudspec.cli.compile import compile
from gudspec.cli.encode import encode
from gudspec.cli.eval import evaluate
from gudspec.cli.explain import explain
from gudspec.cli.fmt import fmt
from gudspec.cli.launch import launch
from gudspec.cli.lint import lint
from gudspec.cli.lsp import lsp
from gudspec.cli.optimize import optimize
from gudspec.cli.pages import take_large_pages
from gudspec.cli.rules import rules
from gudspec.cli.run import run
from gudspec.cli.runs import runs
from gudspec.cli.sample import sample
from gudspec.cli.schema import schema
from gudspec.cli.show import show
from gudspec.cli.sweep import sweep
from gudspec.cli.tail import tail
from gudspec.cli.verify import verify

__all__ = ["COMPUTING", "app", "main"]

COMPUTING = frozenset({"run", "eval", "sample", "verify", "optimize", "encode"})
"""Commands that run programs of a spec."""

app = typer.Typer(
    help="A declarative experiment-spec engine for unified diffusion models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(lint)
app.command()(explain)
app.command()(rules)
app.command()(fmt)
app.command()(show)
app.command()(verify)
app.command()(compile)
app.command()(run)
app.command("eval")(evaluate)
app.command()(sample)
app.command()(optimize)
app.command()(encode)
app.command()(checkpoints)
app.command()(tail)
app.command()(launch)
app.command()(sweep)
app.command()(runs)
app.command()(compare)
app.command()(schema)
app.command()(lsp)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gudspec {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A declarative experiment-spec engine for unified diffusion models."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can mend ends in a message and an exit code, never in a traceback.

    Args:
        arguments: what follows `gudspec`; None takes the process' own.
    """
    from gudspec.errors import GudspecError, of_storage

    if arguments is None and COMPUTING.intersection(sys.argv[1:2]):
        take_large_pages()
    try:
        app(arguments, prog_name="gudspec")
    except GudspecError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not of_storage(error):
            raise
        # a full disk, a lost mount, credentials that have expired: a retry may help
        print(f"error: {str(error) or type(error).__name__}", file=sys.stderr, flush=True)
        sys.exit(1)
    finally:
        if arguments is None:  # all is said and saved: told to stop only now, the process still ends with its exit code
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        gc.freeze()  # the process ends: to look for garbage once more would take a cold lint a tenth of its time
