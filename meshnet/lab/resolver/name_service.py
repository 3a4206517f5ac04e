"""All of a lab's name resolution, put together: resolvers in sandboxes, the server outside, everybody's resolv.conf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Protocol

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.net.inside import Inside
from meshnet.lab.resolver import resolv_conf
from meshnet.lab.resolver.forwarding import Upstream
from meshnet.lab.resolver.serving import Namespace, Resolvers
from meshnet.lab.resolver.upstream import NameServer
from meshnet.model import ClusterState, Container, Task
from meshnet.netstate import NamespaceRef

CLIENT = "client"
"""The role of the hosts outside the swarm: the name server stands on the first of them."""


class HostInterior(Protocol):
    @property
    def namespace(self) -> NetNamespace: ...

    @property
    def inside(self) -> Inside: ...


class Host(Protocol):
    """A host of the topology (``LabHost``)."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def address(self) -> IPv4Interface: ...

    @property
    def interior(self) -> HostInterior: ...


class NameService:
    """Belongs to the event loop's thread. Where no host is a client nobody outside is asked, and other names fail."""

    def __init__(self, state: Callable[[], ClusterState], hosts: Iterable[Host], file: Path) -> None:
        """Start the server outside, and show all ``hosts`` the ``file``, which is made, as their ``/etc/resolv.conf``.

        Raises ``OSError``.
        """
        hosts = tuple(hosts)
        outside = next((host for host in hosts if host.role == CLIENT), None)
        self._server: NameServer | None = None
        self._upstreams: tuple[Upstream, ...] = ()
        if outside is not None:
            known = {host.name: host.address.ip for host in hosts}
            self._server = NameServer(outside.interior.namespace.entered, outside.address.ip, known)
            self._upstreams = (Upstream(outside.address.ip),)
        self._resolvers = Resolvers(state, self._upstreams)
        file.write_text(resolv_conf.of_node(self._upstreams))
        for host in hosts:
            resolv_conf.show_on_node(host.interior.inside, file)

    def resolution(self, state: ClusterState, container: Task | Container) -> str:
        """A container's ``/etc/resolv.conf``."""
        del state
        return resolv_conf.of_container(container, self._upstreams)

    def let_go(self, state: ClusterState) -> None:
        """Before the kernel follows ``state``: close the resolvers of sandboxes that go."""
        self._resolvers.let_go(state)

    def follow(self, state: ClusterState, namespaces: Mapping[NamespaceRef, Namespace]) -> dict[NamespaceRef, str]:
        """Once the kernel has followed, before workloads start: open those of new ones. Returns what was refused."""
        return self._resolvers.follow(state, namespaces)

    def close(self) -> None:
        self._resolvers.close()
        if self._server is not None:
            self._server.close()
