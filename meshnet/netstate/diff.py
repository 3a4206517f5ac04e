"""What turns one set of namespaces into another: the one comparison that reconciling, healing, "what did the student
break", golden tests and grading have in common."""

from __future__ import annotations

from meshnet.netstate.change import DropNamespace, MakeNamespace, Plan
from meshnet.netstate.link_diff import LinkDiff, States
from meshnet.netstate.namespace_diff import NamespaceDiff
from meshnet.netstate.state import NetState

__all__ = ["States", "diff"]


def diff(want: States, have: States, *, last: States | None = None) -> Plan:
    """What turns ``have`` into ``want``; empty if nothing differs.

    With ``last``, what had been wanted before, anything that is in ``have`` but in neither of the others is somebody
    else's and stays, unless it is in the way of something wanted. Without it, everything that is not wanted goes.
    Sysctls that ``want`` says nothing of are never touched, nor are ``foreign`` interfaces and what is on them.

    A namespace that is not wanted goes whole. Before it does, its VXLAN devices go, and with their other ends the veths
    that lead to namespaces which stay: the kernel clears a namespace away some time later, or, while somebody is still
    in it, not at all, and a new device might want the same name or network number before that.

    Raises ``ValueError`` if ``want`` has a veth without its other end.
    """
    links = LinkDiff(want, have, last)
    nothing = NetState()
    namespaces = [
        NamespaceDiff(ref, netstate, have.get(ref, nothing), None if last is None else last.get(ref, nothing), links)
        for ref, netstate in want.items()
    ]
    return Plan(
        (
            *links.drops(),
            *(DropNamespace(ref) for ref in links.gone),
            *(MakeNamespace(ref) for ref in want if ref not in have),
            *(change for namespace in namespaces for change in namespace.sysctls(of_links=False)),
            *links.additions(),
            *(change for namespace in namespaces for change in namespace.changes()),
        )
    )
