"""What can go wrong by a user's doing, or to a run. Each has the exit code that schedulers act on."""

__all__ = ["Diverged", "GudspecError", "Interrupted", "Refused", "RunError", "is_away", "of_storage"]

_STORAGE = {"aiohttp", "fsspec", "gcsfs", "google"}
"""Packages through which a `gs://` address is reached."""


class GudspecError(Exception):
    """Something whose message is for the user: the command line prints it and exits with `exit_code`."""

    exit_code = 2
    """0 done; 1 failed, a retry may help; 2 refused; 3 diverged; 75 interrupted, start again to continue."""


class RunError(GudspecError):
    """A run that did not finish; a retry may help."""

    exit_code = 1


class Refused(RunError):
    """The spec, the data or the workdir cannot be used: a retry cannot help."""

    exit_code = 2


class Diverged(RunError):
    """The loss is no longer finite, or exploded: a retry would end the same.

    Args:
        message: what happened.
        step: the step in which it happened.
    """

    exit_code = 3

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step


class Interrupted(RunError):
    """The run was told to stop; its state is saved and the same command continues it."""

    exit_code = 75


def of_storage(error: BaseException) -> bool:
    """Whether an exception says that files cannot be reached: of the system, or of an object store and its credentials.

    >>> of_storage(FileNotFoundError()), of_storage(ValueError())
    (True, False)
    """
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _STORAGE


def is_away(error: BaseException) -> bool:
    """Whether storage refused or did not answer, which says nothing of what lies there.

    >>> is_away(PermissionError()), is_away(ValueError("UNAVAILABLE: try later")), is_away(FileNotFoundError())
    (True, True, False)
    """
    if isinstance(error, FileNotFoundError):
        return False
    if isinstance(error, (PermissionError, TimeoutError, ConnectionError)):
        return True
    refusals = ("PERMISSION_DENIED", "UNAUTHENTICATED", "UNAVAILABLE", "DEADLINE_EXCEEDED")  # TensorStore's names
    return type(error).__module__.partition(".")[0] in _STORAGE or any(name in str(error) for name in refusals)
