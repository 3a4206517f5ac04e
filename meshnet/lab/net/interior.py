"""What a node looks like from inside: namespaces of its own, and the few files that differ from the machine's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meshnet.kernel import libc
from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.net.inside import Inside, run
from meshnet.lab.net.wiring import Wiring

NETNS_FOLDER = Path("/run/docker/netns")
"""Where Docker keeps the files of its network namespaces; ``/var/run`` is a link to ``/run``."""

_HOSTS = Path("/etc/hosts")


@dataclass(frozen=True, slots=True)
class Interior:
    """A node's namespaces, held open by descriptors: no process is needed to keep them. ``wiring`` has its links."""

    namespace: NetNamespace
    mount: int
    uts: int
    wiring: Wiring

    @property
    def network(self) -> int:
        """A descriptor of its network namespace."""
        return self.namespace.fd

    @property
    def inside(self) -> Inside:
        return Inside(self.network, self.mount, self.uts)

    def close(self) -> None:
        """Let go. The kernel clears a namespace away, and the links in it, once no program is left inside."""
        self.wiring.close()
        self.namespace.close()
        for fd in (self.mount, self.uts):
            os.close(fd)


def make_interior(name: str, hosts: Path | None = None, private: Iterable[str | tuple[str, str]] = ()) -> Interior:
    """New network, mount and UTS namespaces for the node ``name``.

    Inside, ``hostname`` says ``name``, ``/sys`` shows the node's own interfaces, ``/run/docker/netns`` is the node's
    own, and ``/etc/hosts`` shows the file ``hosts``, if one is given. ``private`` are Mininet's ``privateDirs``:
    folders that are the node's own and empty, or show another folder's content. ``/run`` has to be the lab's: the
    folder that the node's tmpfs covers is made there. Raises ``OSError``.
    """

    def make() -> Interior:
        libc.unshare(libc.CLONE_NEWNET | libc.CLONE_NEWNS | libc.CLONE_NEWUTS)
        libc.make_mounts_private()
        libc.set_hostname(name)
        libc.mount("sysfs", "/sys", "sysfs", libc.MS_NOSUID | libc.MS_NODEV)
        NETNS_FOLDER.parent.mkdir(exist_ok=True)
        libc.mount("tmpfs", str(NETNS_FOLDER.parent), "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, "mode=755")
        NETNS_FOLDER.mkdir()
        if hosts is not None and _HOSTS.exists():
            libc.bind(str(hosts), str(_HOSTS))
        for folder in private:
            _cover(*([folder] if isinstance(folder, str) else folder))
        namespace = NetNamespace.current()
        mount, uts = (os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("mnt", "uts"))
        return Interior(namespace, mount, uts, Wiring(namespace, name))

    return run(Inside(), make)


def _cover(folder: str, source: str | None = None) -> None:
    """Give the calling thread's mount namespace a ``folder`` of its own."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    if source is None:
        libc.mount("tmpfs", folder, "tmpfs", libc.MS_NOSUID | libc.MS_NODEV)
    else:
        Path(source).mkdir(parents=True, exist_ok=True)
        libc.bind(source, folder)
