"""Namespaces to capture in: a ring, each joined to the next by a cable."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef

LEFT, RIGHT = "left", "right"


@contextmanager
def ring(count: int) -> Iterator[dict[NamespaceRef, NetNamespace]]:
    """So many nodes; the ``right`` of each is cabled to the ``left`` of the next. Nobody but a test's sender sends."""
    with ExitStack() as stack:
        namespaces = {}
        for number in range(count):
            namespace = namespaces[NamespaceRef(f"node{number}")] = NetNamespace.create()
            stack.callback(namespace.close)
        spaces = list(namespaces.values())
        for here, there in zip(spaces, [*spaces[1:], spaces[0]], strict=True):
            with here.entered():
                _ip(
                    "link",
                    "add",
                    RIGHT,
                    "type",
                    "veth",
                    "peer",
                    LEFT,
                    "netns",
                    f"/proc/self/fd/{there.fd}",
                    fd=there.fd,
                )
        for space in spaces:
            with space.entered():
                _ip("-batch", "-", text="\n".join(_SET_UP))
        yield namespaces


_SET_UP = [
    *(f"link set {name} addrgenmode none arp off up" for name in (LEFT, RIGHT)),
    "link set lo up",
]


def _ip(*words: str, fd: int = -1, text: str = "") -> None:
    subprocess.run(["ip", *words], check=True, input=text, text=True, pass_fds=[fd] if fd >= 0 else [])
