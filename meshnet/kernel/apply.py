"""A kernel's namespaces: what is wanted of them, made so with as little as possible."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from meshnet.errors import KernelError
from meshnet.kernel.carry_out import OnCreated, OnDropped, Work
from meshnet.kernel.held import Held, Numbering
from meshnet.kernel.iptables import Flavour, Iptables, flavour
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
    others are made and dropped here, and ``on_created`` and ``on_dropped`` are told: of a new one while it is still
    empty, of one that goes while it is still there. May be used from any thread, by one at a time.
    """

    def __init__(
        self, iptables: Flavour | None = None, *, on_created: OnCreated = _nobody, on_dropped: OnDropped = _nobody
    ) -> None:
        """Which flavour of ``iptables`` is found out if it isn't given. Raises ``MachineError`` if there is none."""
        self._iptables = Iptables(iptables or flavour())
        self._created, self._dropped = on_created, on_dropped
        self._helds: dict[NamespaceRef, Held] = {}
        self._belief: dict[NamespaceRef, NetState] = {}
        self._doubtful = False
        self._numberings: defaultdict[str, Numbering] = defaultdict(Numbering)
        self._known_ipvs: IpvsMessages | None = None
        self._lock = threading.RLock()

    def adopt(self, ref: NamespaceRef, namespace: NetNamespace) -> None:
        """Work in ``namespace`` from now on under the name ``ref``; ``lo`` comes up there. Whoever made it closes it,
        after ``close``."""
        with self._lock:
            held = Held(ref, namespace, self._numberings[ref.node], ours=False)
            held.route.send([Request(set_link(LO, up=True), f"{ref}: ~ link lo: up")])
            self._helds[ref] = held

    @property
    def namespaces(self) -> dict[NamespaceRef, NetNamespace]:
        """All there are at this moment, whoever is at work."""
        return {ref: held.namespace for ref, held in dict(self._helds).items()}

    def apply(self, want: States, *, look: bool = False, strict: bool = False) -> Plan:
        """Make all namespaces as ``want`` says, and return what was changed.

        Without ``look``, that is found out by comparing with what was applied before, which costs next to nothing and
        overlooks what others did since; where they did something that stands in the way, it is looked after all. With
        it, by comparing with what is there. Either way what others added stays, unless it stands in the way; ``strict``
        looks, and has that go as well.

        Raises ``KernelError`` if the kernel refuses a change though it was looked; all others are made, and the next
        time it is looked in any case.
        """
        with self._lock:
            whole, last = self._whole(want), self._belief
            looked = look or strict or self._doubtful
            have = self._look(whole) if looked else {**self._empty(whole), **last}
            plan = diff(whole, have, last=None if strict else last)
            self._belief, self._doubtful = union(last, whole), True
            refused = self._work().carry_out(plan)
            if refused and not looked:
                mend = diff(whole, self._look(whole), last=last)
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

    def plan(self, want: States | None = None, *, strict: bool = True) -> Plan:
        """What ``apply`` would change if it looked; ``want`` is what was applied last if it isn't given."""
        with self._lock:
            whole = self._whole(self._belief if want is None else want)
            return diff(whole, self._look(whole), last=None if strict else self._belief)

    def observe(
        self, refs: Iterable[NamespaceRef] | None = None, like: States | None = None
    ) -> dict[NamespaceRef, NetState]:
        """What is there, in all namespaces or in ``refs``; see ``meshnet.kernel.observe.observe``. ``like`` is what was
        applied last if it isn't given. Raises ``LookupError`` for a namespace there isn't."""
        with self._lock:
            helds = [self._helds[ref] for ref in (self._helds if refs is None else refs)]
            return observe(helds, self._belief if like is None else like, self._iptables, self._ipvs())

    def close(self) -> None:
        """Let go of everything. Namespaces made here go, those that were adopted stay as they are."""
        with self._lock:
            for held in self._helds.values():
                held.close()
            self._helds.clear()

    def _whole(self, want: States) -> States:
        """``want``, and nothing of ours any more in adopted namespaces that it has ceased to speak of."""
        left = {
            ref: NetState(foreign=self._belief[ref].foreign)
            for ref, held in self._helds.items()
            if not held.ours and ref in self._belief and ref not in want
        }
        return {**want, **left}

    def _empty(self, whole: States) -> dict[NamespaceRef, NetState]:
        """What is known of adopted namespaces before anything was put in: that they are there."""
        return {ref: NetState() for ref, held in self._helds.items() if not held.ours and ref in whole}

    def _look(self, whole: States) -> dict[NamespaceRef, NetState]:
        """What there is, except in adopted namespaces that nobody wants anything of: there may be much in them."""
        concerned = [held for ref, held in self._helds.items() if held.ours or ref in whole]
        return observe(concerned, whole, self._iptables, self._ipvs())

    def _work(self) -> Work:
        return Work(self._helds, self._iptables, self._ipvs, self._numberings, self._created, self._dropped)

    def _ipvs(self) -> IpvsMessages | None:
        """None in a kernel without IPVS."""
        if self._known_ipvs is None and self._helds:
            family = ipvs_family(next(iter(self._helds.values())).generic)
            self._known_ipvs = None if family is None else IpvsMessages(family)
        return self._known_ipvs
