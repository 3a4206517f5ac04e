"""The connections that a namespace's netfilter remembers."""

from __future__ import annotations

import struct
from contextlib import closing

from meshnet.errors import KernelError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import ACK, REQUEST, NetlinkSocket, Request

NETFILTER = 12

_HEADER = struct.Struct("=IHHII")
_NFGENMSG = struct.Struct("=BBH")
_CTNETLINK = 1
_DELETE = 2
_IPV4 = 2


def forget_connections(namespace: NetNamespace) -> None:
    """What ``conntrack -F`` does: whatever comes next is the first packet of a connection. Raises ``KernelError``."""
    body = _NFGENMSG.pack(_IPV4, 0, 0)
    head = _HEADER.pack(_HEADER.size + len(body), _CTNETLINK << 8 | _DELETE, REQUEST | ACK, 0, 0)
    with closing(NetlinkSocket(namespace, NETFILTER)) as netfilter:
        refusals = netfilter.send([Request(head + body, "forget all connections")])
    if refusals:
        raise KernelError(str(refusals[0]), errno=refusals[0].errno)
