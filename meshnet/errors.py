"""Everything meshnet raises on purpose.

::

    MeshnetError
    ├── UserError            the user's input or machine is at fault; exit status 2
    │   ├── InputError       a file, an option or an argument is wrong, and where
    │   │   └── RefusedError the swarm or an engine refuses a request, in Docker's words and with its kind of refusal
    │   ├── MachineError     the machine lacks something, and what would mend it
    │   ├── NotTaughtError   a prediction hangs on something that it doesn't know, and where that is
    │   └── NoSuchLabError   no running lab answers to that name
    ├── AllocationError      the swarm has no address, port or network number left, or two ask for one
    ├── KernelError          the kernel refused a change, in which namespace, and which change
    └── LabError             a running lab did not do what was asked of it

Every message is one sentence that says what was expected, what was found and where.
"""

from __future__ import annotations

from enum import StrEnum

EXIT_DONE = 0
EXIT_CHECK_FAILED = 1
EXIT_USER = 2
EXIT_INTERRUPTED = 130


class MeshnetError(Exception):
    """Root of the tree; its text is a sentence fit to show a user."""

    exit_status = EXIT_CHECK_FAILED


class UserError(MeshnetError):
    """The user's input or machine is at fault; nothing was left half-made."""

    exit_status = EXIT_USER


class InputError(UserError):
    """A file, an option or an argument is wrong.

    ``where`` is the place as the user would point at it: ``stack.yaml:12``, ``--topo``, ...
    """

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where


class Refusal(StrEnum):
    """Kinds of refusal, by the names that swarmkit's answers carry (``rpc error: code = NotFound desc = ...``)."""

    INVALID_ARGUMENT = "InvalidArgument"
    FAILED_PRECONDITION = "FailedPrecondition"
    NOT_FOUND = "NotFound"
    ALREADY_EXISTS = "AlreadyExists"
    PERMISSION_DENIED = "PermissionDenied"
    UNAVAILABLE = "Unavailable"
    UNIMPLEMENTED = "Unimplemented"
    UNKNOWN = "Unknown"


class RefusedError(InputError):
    """The swarm or an engine refuses a request; the message is Docker's sentence, where it has one."""

    def __init__(self, message: str, kind: Refusal = Refusal.INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.kind = kind


class MachineError(UserError):
    """The machine lacks something the lab needs."""


class NotTaughtError(UserError):
    """A prediction hangs on what it doesn't know, a match or target of iptables say, and refuses rather than guess."""


class NoSuchLabError(UserError):
    """No running lab answers to that name."""


class AllocationError(UserError):
    """The swarm has nothing left to give, or two services ask for the same thing."""


class KernelError(MeshnetError):
    """The kernel refused a change: which one, in which namespace, with which errno."""

    def __init__(self, message: str, *, errno: int = 0) -> None:
        super().__init__(message)
        self.errno = errno


class LabError(MeshnetError):
    """A running lab did not do what was asked of it."""
