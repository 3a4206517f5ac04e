"""iptables by its own programs: one ``iptables-restore`` or ``iptables-save`` a namespace.

A program is started by posix_spawn from a thread that stands in the namespace for as long as that takes: nothing of
this process is copied and no code of ours runs in the child, and several can be at work at once.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Literal

from meshnet.errors import KernelError, MachineError
from meshnet.kernel.namespaces import NetNamespace

Flavour = Literal["legacy", "nft"]
FLAVOURS: tuple[Flavour, ...] = ("legacy", "nft")

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LEGACY_TABLES = Path("/proc/thread-self/net/ip_tables_names")
_FAILED_LINE = re.compile(r"line:? (\d+)")
_PROBE = """*nat
-A POSTROUTING -j MASQUERADE
COMMIT
*mangle
-A PREROUTING -p tcp -m tcp --dport 1 -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*filter
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
"""


class _Job:
    """A program at work, whose output goes to memory."""

    def __init__(self, program: str, argv: tuple[str, ...], namespace: NetNamespace, given: str = "") -> None:
        """Start it with ``given`` as its input. Raises ``OSError``."""
        self._output = os.memfd_create("output")
        stdin = os.memfd_create("input")
        try:
            os.write(stdin, given.encode())
            os.lseek(stdin, 0, os.SEEK_SET)
            streams = [(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate((stdin, self._output, self._output))]
            with namespace.entered():
                # in a process group of its own: a Ctrl-C at somebody's terminal must not end it half-way
                self._pid = os.posix_spawn(
                    program, argv, _environment(), file_actions=streams, setpgroup=0, setsigmask=()
                )
        except OSError:
            os.close(self._output)
            raise
        finally:
            os.close(stdin)

    def wait(self) -> tuple[int, str]:
        """Its exit status, and what it wrote. To be called once."""
        _, status = os.waitpid(self._pid, 0)
        with os.fdopen(self._output, "rb") as output:
            output.seek(0)
            return os.waitstatus_to_exitcode(status), output.read().decode(errors="replace")


def _environment() -> dict[str, str]:
    """Messages in English, and whatever says where iptables has its libraries."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("XTABLES_")}
    return {"PATH": _PATH, "LC_ALL": "C", **settings}


class Restore:
    """An ``iptables-restore`` at work."""

    def __init__(self, job: _Job, text: str) -> None:
        self._job = job
        self._lines = text.splitlines()

    def finish(self) -> None:
        """Wait for its end. Raises ``KernelError`` if it failed; tables before the one it failed in are changed."""
        status, output = self._job.wait()
        if status == 0:
            return
        number = _FAILED_LINE.search(output)
        line = self._lines[int(number[1]) - 1] if number and 0 < int(number[1]) <= len(self._lines) else "all of it"
        reason = " ".join(output.split()) or f"status {status}"
        raise KernelError(f"expected iptables to change rules, found it refuse: {line}: {reason}")


class Save:
    """An ``iptables-save`` at work."""

    def __init__(self, job: _Job) -> None:
        self._job = job

    def finish(self) -> str:
        """Wait for its end, and what it wrote. Raises ``KernelError`` if it failed."""
        status, output = self._job.wait()
        if status:
            raise KernelError(f"expected iptables-save to list the rules, found it fail: {' '.join(output.split())}")
        return output


class Iptables:
    """The programs of one flavour."""

    def __init__(self, flavour: Flavour) -> None:
        """Raises ``MachineError`` if they are not installed."""
        self.flavour = flavour
        program = shutil.which(f"xtables-{flavour}-multi", path=_PATH)
        if program is None:
            raise MachineError(f"expected iptables to be installed, found no program xtables-{flavour}-multi")
        self._program = program

    def restore(self, namespace: NetNamespace, text: str) -> Restore:
        """Start to make the changes in ``text`` in ``namespace``; rules that it doesn't mention stay."""
        argv = ("iptables-restore", "--noflush", "-w")
        return Restore(_Job(self._program, argv, namespace, text), text)

    def save(self, namespace: NetNamespace) -> Save | None:
        """Start to list the rules of ``namespace``; None if it has never had any."""
        if self.flavour == "legacy":
            with namespace.entered():
                known = _LEGACY_TABLES.read_text()
            if not known:
                return None
        return Save(_Job(self._program, ("iptables-save",), namespace))


def flavour() -> Flavour:
    """The first flavour by which rules can really be made in this kernel; tried first is the one that user-mode Linux
    has. Raises ``MachineError`` if there is none."""
    reasons = ""
    namespace = NetNamespace.create()
    try:
        for name in FLAVOURS:
            try:
                Iptables(name).restore(namespace, _PROBE).finish()
            except (MachineError, KernelError) as error:
                reasons += f"; {name}: {error}" if reasons else f"{name}: {error}"
            else:
                return name
    finally:
        namespace.close()
    raise MachineError(f"expected a kernel that takes iptables rules, found neither way to work: {reasons}")
