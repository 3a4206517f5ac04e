"""User-mode Linux: a whole kernel as one process, booted round a lab where the host's kernel lacks something.

Debian's build has everything as modules. What makes it quick was measured: it must stay on one CPU (its system calls
are ptrace stops, and between two CPUs each costs twenty times as much: 19 against 370 microseconds, a page fault 0.14
against 1.3 ms), and three built-in initialisations are left out, which takes boot and power-off from 1.3 s to 0.3 s:
RAID and zswap benchmarks, and 256 old-style terminals. Two more are left out because they'd leave a directory behind in
the user's home when the process is killed.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
from pathlib import Path
from typing import NoReturn

from meshnet.errors import MachineError

BINARY = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
GUEST_SCRIPT = Path(__file__).with_name("guest.sh")

_LEFT_OUT = ("raid6_select_algo", "init_zswap", "make_umid_init", "mconsole_init")

MEMORY_MIB = 2048
"""The guest's memory. Pages are taken from the host only as they are touched: about 70 MiB for the article's lab."""

_ENOUGH_SPACE = 512 * 1024 * 1024
_NOEXEC_FLAGS = os.ST_NOEXEC


def find_binary() -> str:
    """The path of ``linux.uml``; ``MachineError`` where there is none or it has no modules."""
    path = shutil.which(BINARY)
    if path is None:
        raise MachineError(
            "user-mode Linux is not installed: linux.uml is not in PATH; install the package user-mode-linux"
        )
    if platform.machine() != "x86_64":
        raise MachineError(f"user-mode Linux runs on x86_64 only; this machine is {platform.machine()}")
    if not MODULES.is_dir():
        raise MachineError(f"user-mode Linux has no modules: {MODULES} is missing; reinstall user-mode-linux")
    return path


def memory_folder(candidates: tuple[Path, ...] | None = None) -> Path:
    """A folder for the guest's memory file: programs run from the file, so not on a ``noexec`` mount, and with room,
    since a full one panics the guest (Docker gives containers 64 MB of /dev/shm)."""
    if candidates is None:
        candidates = tuple(Path(p) for p in ("/dev/shm", os.environ.get("TMPDIR", "/tmp"), "/var/tmp", Path.cwd()))
    found = []
    for folder in candidates:
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            continue
        status = os.statvfs(folder)
        room = status.f_bavail * status.f_frsize
        if status.f_flag & _NOEXEC_FLAGS:
            found.append(f"{folder} is mounted noexec")
        elif room < _ENOUGH_SPACE:
            found.append(f"{folder} has {room >> 20} MiB free")
        else:
            return folder
    raise MachineError(
        f"user-mode Linux needs a folder with {_ENOUGH_SPACE >> 20} MiB free, not mounted noexec, for its memory: "
        f"{'; '.join(found)}; set TMPDIR to one"
    )


class CpuClaim:
    """One CPU, claimed for one guest by a name in the abstract socket namespace, which goes with the process."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        allowed = sorted(os.sched_getaffinity(0), reverse=True)
        self.cpu = allowed[os.getpid() % len(allowed)]
        for cpu in allowed:
            try:
                self._socket.bind(f"\0meshnet-cpu/{cpu}")
            except OSError:
                continue
            self.cpu = cpu
            break

    def release(self) -> None:
        self._socket.close()


def _quoted(word: str) -> str:
    """A word of the kernel's command line; double quotes are its only quoting."""
    if '"' in word:
        raise MachineError(f"user-mode Linux can't be started from a path with a double quote in it: {word}")
    return f'"{word}"'


def command_line(python: str, module: str, arguments: tuple[str, ...], link: int) -> tuple[str, ...]:
    """A guest that runs ``python -m module arguments`` as its one job, with the socket ``link`` as its serial line
    ``/dev/ttyS0``. The kernel's own messages go to its error output."""
    return (
        find_binary(),
        f"mem={MEMORY_MIB}M",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "rw",
        "quiet",
        "con=null",
        "con0=null,fd:2",
        f"ssl0=fd:{link}",
        f"initcall_blacklist={','.join(_LEFT_OUT)}",
        "pty.legacy_count=0",
        "init=/bin/sh",
        "--",
        *(_quoted(word) for word in (str(GUEST_SCRIPT), python, module, *arguments)),
    )


def become(argv: tuple[str, ...], *, cpu: int, folder: Path, console: int) -> NoReturn:
    """Turn this process into the guest of that command line, on that CPU, with its memory file in ``folder`` and its
    messages on the descriptor ``console``. The link must be inheritable."""
    os.sched_setaffinity(0, {cpu})
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream, source in ((0, nowhere), (1, nowhere), (2, console)):
        os.dup2(source, stream)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": str(folder), "HOME": "/"}
    os.execve(argv[0], list(argv), environment)
