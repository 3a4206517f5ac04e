"""The system calls Python 3.11 has no function for. Each raises ``OSError`` with the kernel's errno.

Through ctypes every call releases the interpreter lock, and the ones that change a *thread's* namespaces change only
the calling thread's.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SYS_PIVOT_ROOT = 155
_SYS_MOUNT_SETATTR = 442
_SYS_FINIT_MODULE = 313
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Give the calling thread new namespaces of the kinds in ``flags`` (``CLONE_NEW*``), or a file-system context of
    its own (``CLONE_FS``), without which a thread of several may not change its mount namespace."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into the namespace that ``fd`` is open on; ``kind`` is its ``CLONE_NEW*``."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str | None = None) -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), target.encode(), kind and kind.encode(), ctypes.c_ulong(flags), options and options.encode()
    )
    _checked(result, f"mount {source} on {target}")


def bind(source: str, target: str) -> None:
    """Make ``target`` show what ``source`` does, in the calling thread's mount namespace."""
    mount(source, target, flags=MS_BIND)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _checked(_libc.umount2(target.encode(), flags), f"unmount {target}")


def make_mounts_private() -> None:
    """Let no mount of this namespace be seen by, or come from, another."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def make_mounts_read_only(target: str, *, read_only: bool = True, recursive: bool = True) -> None:
    """Make everything mounted at and below ``target`` read-only, or writable again; Linux 5.12 and later."""
    attr = _MountAttr(_MOUNT_ATTR_RDONLY, 0, 0, 0) if read_only else _MountAttr(0, _MOUNT_ATTR_RDONLY, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        _AT_FDCWD,
        target.encode(),
        _AT_RECURSIVE if recursive else 0,
        ctypes.byref(attr),
        ctypes.c_size_t(ctypes.sizeof(attr)),
    )
    _checked(result, f"make {target} read-only")


def pivot_root(new_root: str, old_root: str) -> None:
    """Make ``new_root`` the root of this mount namespace and put the old one at ``old_root``, below it."""
    _checked(_libc.syscall(ctypes.c_long(_SYS_PIVOT_ROOT), new_root.encode(), old_root.encode()), "pivot_root")


def set_hostname(name: str) -> None:
    """Name the calling thread's UTS namespace."""
    encoded = name.encode()
    _checked(_libc.sethostname(encoded, ctypes.c_size_t(len(encoded))), "sethostname")


def die_with_parent(signal: int = 9) -> None:
    """Have the kernel send ``signal`` to this process when the thread that made it ends. Changing one's user namespace
    undoes it, so ask afterwards."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal), 0, 0, 0), "prctl PR_SET_PDEATHSIG")


def adopt_orphans() -> None:
    """Have orphaned descendants become this process's children rather than the machine's first process's."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0), "prctl PR_SET_CHILD_SUBREAPER")


def load_module(fd: int) -> None:
    """Load the kernel module that ``fd`` is open on; one that is loaded already is no error."""
    result = _libc.syscall(ctypes.c_long(_SYS_FINIT_MODULE), fd, b"", 0)
    if result < 0 and ctypes.get_errno() != errno.EEXIST:
        _checked(result, "load a kernel module")


def get_socket_option(fd: int, level: int, option: int, buffer: ctypes.Array[ctypes.c_char]) -> None:
    """getsockopt(2) for an option that is asked by what stands in ``buffer``, and answered there."""
    size = ctypes.c_uint32(ctypes.sizeof(buffer))
    _checked(_libc.getsockopt(fd, level, option, buffer, ctypes.byref(size)), f"getsockopt {level} {option}")


def bind_socket(fd: int, address: bytes) -> None:
    """bind(2) to an address as the kernel has it: Python binds a packet socket to one interface only, not to all."""
    _checked(_libc.bind(fd, address, len(address)), "bind")


def receive_many(fd: int, messages: ctypes.Array[Any], flags: int) -> int:
    """recvmmsg(2): fill as many of ``messages``, each a ``struct mmsghdr``, as there is something for; how many."""
    count = int(_libc.recvmmsg(fd, messages, len(messages), flags, None))
    _checked(count, "recvmmsg")
    return count
