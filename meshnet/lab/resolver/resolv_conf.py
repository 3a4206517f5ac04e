"""``/etc/resolv.conf``, of containers and of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshnet.kernel import libc
from meshnet.lab.net.inside import Inside, run
from meshnet.lab.resolver.forwarding import Upstream
from meshnet.mesh import resolver
from meshnet.model import Container, Task

EMBEDDED = f"nameserver {resolver.ADDRESS}\noptions ndots:0\n"

_FILE = Path("/etc/resolv.conf")


def of_node(upstreams: Sequence[Upstream]) -> str:
    """What a node's says: the name servers outside the swarm."""
    return "".join(f"nameserver {upstream.address}\n" for upstream in upstreams)


def of_container(container: Task | Container, upstreams: Sequence[Upstream]) -> str:
    """What a container's says: its resolver, or, where it has none, what its node's says."""
    return EMBEDDED if resolver.has_resolver(container) else of_node(upstreams)


def show_on_node(node: Inside, file: Path) -> None:
    """Let everybody on a node find ``file`` as its ``/etc/resolv.conf``. Does nothing where the machine has none, or a
    link that leads nowhere: nothing can be put over it, and programs ask 127.0.0.1 then. Raises ``OSError``."""

    def bind() -> None:
        if _FILE.exists():
            libc.bind(str(file), str(_FILE))

    run(node, bind)
