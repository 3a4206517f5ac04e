"""Making a plan's changes with few system calls.

Links are made in one batch a node; all else in a namespace is one batch; its rules are one ``iptables-restore``, which
is at work while the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from errno import ENODEV
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from meshnet.errors import KernelError, MachineError
from meshnet.kernel import sysctl
from meshnet.kernel.held import Held, Numbering
from meshnet.kernel.iptables import Iptables, Restore
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.link_messages import LO, Place, new_link, set_link
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import Refusal, Request
from meshnet.kernel.requests import (
    IpvsChange,
    RouteChange,
    drop_link_requests,
    ipvs_request,
    raise_request,
    route_request,
)
from meshnet.netstate import Link, NamespaceRef, Veth, Vxlan
from meshnet.netstate import change as c
from meshnet.netstate.dialects import iptables_restore
from meshnet.netstate.namespace_diff import link_of_sysctl

OnCreated: TypeAlias = Callable[[NamespaceRef, NetNamespace], None]
OnDropped: TypeAlias = Callable[[NamespaceRef], None]
Batches: TypeAlias = dict[NamespaceRef, list[Request]]


class _InNamespace(Protocol):
    @property
    def namespace(self) -> NamespaceRef: ...


Kind = TypeVar("Kind", bound=_InNamespace)


@dataclass
class Work:
    """Carries plans out in ``helds``, which it adds to and takes from, and tells ``created`` and ``dropped`` of that.

    ``dropped`` is called before a namespace is let go of, so that whatever else holds it can let go first.
    """

    helds: MutableMapping[NamespaceRef, Held]
    iptables: Iptables
    ipvs: Callable[[], IpvsMessages | None]
    numberings: Mapping[str, Numbering]
    created: OnCreated
    dropped: OnDropped
    _refused: list[KernelError] = field(default_factory=list)

    def carry_out(self, plan: c.Plan) -> list[KernelError]:
        """Make all changes, going on after one that the kernel refuses; those that it did.

        Raises ``OSError`` if no namespace can be made, and ``MachineError`` for IPVS in a kernel without it.
        """
        self._refused = []
        self._drop_links(_those(c.DropLink, plan))
        for drop in _those(c.DropNamespace, plan):
            self.dropped(drop.namespace)
            self.helds.pop(drop.namespace).close()
        made = [change.namespace for change in _those(c.MakeNamespace, plan)]
        for ref in made:
            self.helds[ref] = Held(ref, NetNamespace.create(), self.numberings[ref.node], ours=True)
            self.created(ref, self.helds[ref].namespace)
        restores: list[tuple[NamespaceRef, Restore]] = []
        try:
            restores.extend(self._restore(change) for change in _those(c.ChangeRules, plan))
            settings = _those(c.SetSysctl, plan)
            self._set_sysctls([change for change in settings if link_of_sysctl(change.name) is None])
            self._add_links(_those(c.AddLink, plan))
            self._set_sysctls([change for change in settings if link_of_sysctl(change.name) is not None])
            self._settle(made, plan)
            self._balance([change for change in plan if isinstance(change, IpvsChange)])
        finally:
            for ref, restore in restores:
                self._finish(ref, restore)
        return self._refused

    def _refuse(self, refusals: Iterable[Refusal]) -> None:
        self._refused += [KernelError(str(refusal), errno=refusal.errno) for refusal in refusals]

    def _drop_links(self, changes: list[c.DropLink]) -> None:
        for ref, here in _by_namespace(changes).items():
            self._refuse(self.helds[ref].route.send(drop_link_requests(here)))

    def _restore(self, change: c.ChangeRules) -> tuple[NamespaceRef, Restore]:
        text = iptables_restore.write(change.tables)
        return change.namespace, self.iptables.restore(self.helds[change.namespace].namespace, text)

    def _finish(self, ref: NamespaceRef, restore: Restore) -> None:
        try:
            restore.finish()
        except KernelError as error:
            self._refused.append(KernelError(f"{ref}: {error}"))

    def _set_sysctls(self, changes: list[c.SetSysctl]) -> None:
        for ref, here in _by_namespace(changes).items():
            with self.helds[ref].namespace.entered():
                for change in here:
                    self._set_sysctl(change)

    def _set_sysctl(self, change: c.SetSysctl) -> None:
        try:
            sysctl.write(change.name, change.value)
        except OSError as error:
            if not sysctl.is_moot(change.name):
                self._refused.append(KernelError(f"{change}: {error.strerror}", errno=error.errno or 0))

    def _add_links(self, changes: list[c.AddLink]) -> None:
        """It only matters to a VXLAN device whose socket makes it; what else of a node is made goes with the others."""
        maker: Held | None = None
        batch: list[Request] = []
        for change in changes:
            kind = change.link.kind
            if isinstance(kind, Vxlan) and kind.underlay is not None:
                next_maker = self.helds[kind.underlay]
            elif maker is not None and maker.ref.node == change.namespace.node:
                next_maker = maker
            else:
                next_maker = self.helds[change.namespace]
            if maker is not None and next_maker is not maker:
                self._refuse(maker.route.send(batch))
                batch = []
            maker = next_maker
            batch.append(Request(self._new_link(change), change))
        if maker is not None:
            self._refuse(maker.route.send(batch))

    def _new_link(self, change: c.AddLink) -> bytes:
        place = self._place(change.namespace, change.link)
        peer = _peer(change)
        if peer is None:
            return new_link(change.link, place)
        return new_link(change.link, place, peer[1], self._place(*peer))

    def _place(self, ref: NamespaceRef, link: Link) -> Place:
        held = self.helds[ref]
        return Place(held.namespace.fd, held.new_index(link.name))

    def _settle(self, made: list[NamespaceRef], plan: c.Plan) -> None:
        """All that is done in a namespace once its links are there."""
        batches: Batches = {ref: [Request(set_link(LO, up=True), f"{ref}: ~ link lo: up")] for ref in made}
        for change in _those(c.AddLink, plan):
            self._queue(batches, change.namespace, change, partial(raise_request, change))
            if peer := _peer(change):
                self._queue(batches, peer[0], change, partial(raise_request, change, peer=True))
        for other in plan:
            if isinstance(other, RouteChange):
                self._queue(batches, other.namespace, other, partial(route_request, other))
        for ref, batch in batches.items():
            self._refuse(self.helds[ref].route.send(batch))

    def _queue(self, batches: Batches, ref: NamespaceRef, change: c.Change, request: Callable[[Held], Request]) -> None:
        try:
            batches.setdefault(ref, []).append(request(self.helds[ref]))
        except LookupError as error:
            self._refused.append(KernelError(f"{change}: {error}", errno=ENODEV))

    def _balance(self, changes: list[IpvsChange]) -> None:
        messages = self.ipvs() if changes else None
        for ref, here in _by_namespace(changes).items():
            if messages is None:
                raise MachineError(f"expected a kernel with IPVS, found one without it: {here[0]}")
            self._refuse(self.helds[ref].generic.send([ipvs_request(change, messages) for change in here]))


def _peer(change: c.AddLink) -> tuple[NamespaceRef, Link] | None:
    kind = change.link.kind
    if change.peer is None or not isinstance(kind, Veth) or kind.peer_namespace is None:
        return None
    return kind.peer_namespace, change.peer


def _those(kind: type[Kind], plan: c.Plan) -> list[Kind]:
    return [change for change in plan if isinstance(change, kind)]


def _by_namespace(changes: Iterable[Kind]) -> dict[NamespaceRef, list[Kind]]:
    found: dict[NamespaceRef, list[Kind]] = {}
    for change in changes:
        found.setdefault(change.namespace, []).append(change)
    return found
