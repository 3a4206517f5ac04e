"""A kernel's namespaces: what is wanted of them, made so with as little as possible."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from meshnet.errors import KernelError
from meshnet.kernel.carry_out import OnCreated, OnDropped, Work
from meshnet.kernel.held import Held
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.ipvs import family as ipvs_family
from meshnet.kernel.link_messages import LO, set_link
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import Request
from meshnet.kernel.observe import observe
from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.change import Plan
from meshnet.netstate.diff import diff
from meshnet.netstate.union import union

States: TypeAlias = Mapping[NamespaceRef, NetState]


def _nobody(*_: object) -> None:
    """Told of what nobody else wants to know."""


class Kernel:
    """The namespaces of one lab, and what has been put into them.

    Some are made elsewhere and handed over (``adopt``); of those only what was put in is ever taken out again. All
    others are made and dropped here, and ``created`` and ``dropped`` are told: of a new one while it is still empty, of
    one that goes while it is still there. May be used from any thread, by one at a time.
    """

    def __init__(
        self, *, iptables: Iptables | None = None, created: OnCreated = _nobody, dropped: OnDropped = _nobody
    ) -> None:
        """``iptables`` is found out if it isn't given. Raises ``MachineError`` if there is none that works."""
        self.iptables = iptables or Iptables.probe()
        self._created, self._dropped = created, dropped
        self._helds: dict[NamespaceRef, Held] = {}
        self._belief: dict[NamespaceRef, NetState] = {}
        self._doubtful = False
        self._known_ipvs: IpvsMessages | None = None
        self._lock = threading.RLock()

    def adopt(self, ref: NamespaceRef, namespace: NetNamespace) -> None:
        """Work in ``namespace`` from now on under the name ``ref``; ``lo`` comes up there. Whoever made it closes it,
        after ``close``."""
        with self._lock:
            held = Held(ref, namespace, ours=False)
            held.route.send([Request(set_link(LO, up=True), f"{ref}: ~ link lo: up")])
            self._helds[ref] = held
            self._belief[ref] = NetState()

    def namespace(self, ref: NamespaceRef) -> NetNamespace:
        """The namespace of that name. Raises ``LookupError``."""
        return self._helds[ref].namespace

    @property
    def refs(self) -> tuple[NamespaceRef, ...]:
        """All namespaces there are."""
        return tuple(self._helds)

    def apply(self, want: States, *, look: bool = False) -> Plan:
        """Make all namespaces as ``want`` says, and return what was changed.

        Without ``look``, that is found out by comparing with what was applied before, which costs next to nothing and
        overlooks what others did since; where they did something that stands in the way, it is looked after all. With
        it, by comparing with what is there. Either way what others added stays, unless it stands in the way.

        Raises ``KernelError`` if the kernel refuses a change though it was looked; all others are made, and the next
        time it is looked in any case.
        """
        with self._lock:
            want = self._and_adopted(want)
            last, looked = self._belief, look or self._doubtful
            self._belief, self._doubtful = union(last, want), True
            plan = diff(want, self._look(want) if looked else last, last=last)
            refused = self._work().carry_out(plan)
            if refused and not looked:
                mend = diff(want, self._look(want), last=last)
                plan = Plan((*plan, *mend))
                refused = self._work().carry_out(mend)
            if refused:
                more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
                raise KernelError(
                    f"expected the kernel to take every change, found it refuse: {refused[0]}{more}",
                    errno=refused[0].errno,
                )
            self._belief, self._doubtful = dict(want), False
            return plan

    def observe(
        self, refs: Iterable[NamespaceRef] | None = None, like: States | None = None
    ) -> dict[NamespaceRef, NetState]:
        """What is there, in all namespaces or in ``refs``; see ``meshnet.kernel.observe.observe``. ``like`` is what was
        applied last if it isn't given. Raises ``LookupError`` for a namespace there isn't."""
        with self._lock:
            helds = [self._helds[ref] for ref in (self._helds if refs is None else refs)]
            return observe(helds, self._belief if like is None else like, self.iptables, self._ipvs())

    def differences(self) -> Plan:
        """What would have to be changed for everything to be as it was applied last, and what others added to go."""
        with self._lock:
            return diff(self._belief, self._look(self._belief))

    def close(self) -> None:
        """Let go of everything. Namespaces made here go, those that were adopted stay as they are."""
        with self._lock:
            for held in self._helds.values():
                held.close()
            self._helds.clear()

    def _and_adopted(self, want: States) -> States:
        """``want``, and nothing of ours in adopted namespaces that it says nothing of."""
        adopted = {ref: NetState() for ref, held in self._helds.items() if not held.ours and ref not in want}
        return {**want, **adopted}

    def _look(self, want: States) -> dict[NamespaceRef, NetState]:
        return observe(self._helds.values(), want, self.iptables, self._ipvs())

    def _work(self) -> Work:
        return Work(self._helds, self.iptables, self._ipvs, self._created, self._dropped)

    def _ipvs(self) -> IpvsMessages | None:
        """None in a kernel without IPVS."""
        if self._known_ipvs is None and self._helds:
            family = ipvs_family(next(iter(self._helds.values())).generic)
            self._known_ipvs = None if family is None else IpvsMessages(family)
        return self._known_ipvs
