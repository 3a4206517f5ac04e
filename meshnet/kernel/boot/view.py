"""What a lab sees of the host's files.

In user-mode Linux: all of them to read, none of them to change. Everything is an overlay whose upper layer is the
guest's own memory, so that even ``rm -rf /`` within stays within; and the guest's process stands on read-only mounts,
so that mounting the host's files again from within gains nothing. Only one folder, the lab's output, is written
through.

On the host's kernel: the host's files as they are, with a fresh ``/run`` and fresh terminals, so that neither a real
Docker's socket nor anybody's terminal is in reach.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

from meshnet.errors import MachineError
from meshnet.kernel import libc
from meshnet.kernel.boot.uml import MODULES as MODULE_TREE

_STAGE = Path("/run")  # exists on every host; covered by a tmpfs while the overlay is put together

MODULES = (
    "veth",
    "bridge",
    "br_netfilter",
    "vxlan",
    "ip_vs",
    "ip_vs_rr",
    "xt_ipvs",
    "xt_mark",
    "xt_nat",
    "xt_tcpudp",
    "xt_addrtype",
    "xt_conntrack",
    "xt_state",
    "xt_REDIRECT",
    "xt_MASQUERADE",
    "iptable_filter",
    "iptable_nat",
    "iptable_mangle",
    "iptable_raw",
    "xt_TRACE",
    "nfnetlink_log",
)
"""Loaded before the lab: from within a namespace other than the first the kernel loads hardly any by itself."""


def protect_host(output: Path | None, memory: Path) -> None:
    """Before the guest starts, in its mount namespace: everything read-only but ``output``, and room for its memory
    file at ``memory``. Before Linux 5.12 the files stay writable; the guest's overlay still keeps a lab off them."""
    if output is not None:
        libc.bind(str(output), str(output))
    with contextlib.suppress(OSError):
        libc.make_mounts_read_only("/")
        if output is not None:
            libc.make_mounts_read_only(str(output), read_only=False)
    libc.mount("tmpfs", str(memory), "tmpfs", options="mode=1777,size=100%")


def enter_guest(output: Path | None) -> None:
    """Make this process's root the private view, with the folder ``output`` written through to the host."""
    libc.mount("tmpfs", str(_STAGE), "tmpfs", options="mode=755")
    upper, work, root = (_STAGE / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    _load_overlay()
    libc.mount("overlay", str(root), "overlay", options=f"lowerdir=/,upperdir={upper},workdir={work}")
    if output is not None:
        libc.bind(str(output), f"{root}{output}")
    libc.mount("tmpfs", str(root / "run"), "tmpfs", options="mode=755")
    old = root / "run" / "host"
    old.mkdir()
    libc.pivot_root(str(root), str(old))
    os.chdir("/")
    _mount_kernel_file_systems()
    libc.unmount("/run/host", libc.MNT_DETACH)
    Path("/run/host").rmdir()
    _load_modules()


def enter_host() -> None:
    """Cover what of the host's a lab must not reach, in this process's mount namespace."""
    libc.mount("tmpfs", "/run", "tmpfs", options="mode=755")
    libc.mount("devpts", "/dev/pts", "devpts", options="newinstance,ptmxmode=666,mode=620")
    if not Path("/dev/ptmx").is_symlink():
        libc.bind("/dev/pts/ptmx", "/dev/ptmx")
    with contextlib.suppress(OSError):  # refused in a user namespace inside a container, whose /sys is masked
        libc.mount("sysfs", "/sys", "sysfs")


def _load_overlay() -> None:
    """The one module wanted before there is a place for ``/lib/modules``."""
    (module,) = MODULE_TREE.glob(f"{os.uname().release}/kernel/fs/overlayfs/overlay.ko")
    with module.open("rb") as file:
        libc.load_module(file.fileno())


def _mount_kernel_file_systems() -> None:
    libc.mount("proc", "/proc", "proc")
    libc.mount("sysfs", "/sys", "sysfs")
    libc.mount("devtmpfs", "/dev", "devtmpfs")
    for folder, kind, options in (("/dev/pts", "devpts", "ptmxmode=666,mode=620"), ("/dev/shm", "tmpfs", "mode=1777")):
        Path(folder).mkdir(exist_ok=True)
        libc.mount(kind, folder, kind, options=options)
    tree = Path("/lib/modules")
    tree.mkdir(exist_ok=True)
    libc.bind(str(MODULE_TREE), str(tree))


def _load_modules() -> None:
    done = subprocess.run(["modprobe", "--all", *MODULES], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"user-mode Linux could not load its modules: {done.stderr.strip()}")
