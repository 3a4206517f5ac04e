"""The files under a node's ``/var/run/docker/netns``, by which people enter its namespaces with ``nsenter``."""

from __future__ import annotations

import contextlib

from meshnet.kernel import libc
from meshnet.lab.net.inside import Inside, run
from meshnet.lab.net.interior import NETNS_FOLDER, Interior


def put(node: Interior, name: str, fd: int) -> None:
    """Let the file ``name`` on the node stand for the namespace that ``fd`` is open on."""

    def bind() -> None:
        target = NETNS_FOLDER / name
        target.touch()
        libc.bind(f"/proc/self/fd/{fd}", str(target))

    run(Inside(mount=node.mount), bind)


def remove(node: Interior, name: str) -> None:
    """Take the file away; one that somebody else took away is no error."""

    def unbind() -> None:
        with contextlib.suppress(OSError):
            libc.unmount(str(NETNS_FOLDER / name), libc.MNT_DETACH)
            (NETNS_FOLDER / name).unlink()

    run(Inside(mount=node.mount), unbind)
