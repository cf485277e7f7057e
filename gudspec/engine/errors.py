"""How a run can end. Each ending has its exit code, which schedulers act on."""

__all__ = ["Diverged", "Interrupted", "Refused", "RunError"]


class RunError(Exception):
    """A run that did not finish; the message is for its user."""

    exit_code = 1
    """1: it failed, a retry may help."""


class Refused(RunError):
    """The spec, the data or the workdir cannot be used: a retry cannot help."""

    exit_code = 2


class Diverged(RunError):
    """The loss is no longer finite: a retry would end the same."""

    exit_code = 3


class Interrupted(RunError):
    """The run was told to stop; its state is saved and the same command continues it."""

    exit_code = 75
