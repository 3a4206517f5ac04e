"""Namespaces to try a capture in: a ring, each cabled to the next, and frames that are known by their numbers."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef

LEFT, RIGHT = "left", "right"
_KIND = b"\x88\xb5"  # the EtherType that is free for local experiments
_SIOCGIFFLAGS = 0x8913
_IFF_RUNNING = 0x40
_IFREQ = struct.Struct("=16sH22x")
_PATIENCE = 10.0
_PAUSE = 0.005
_BROADCAST = b"\xff" * 6


def numbered(number: int, size: int = 60) -> bytes:
    """A frame that is known by its number."""
    head = _BROADCAST + bytes(6) + _KIND + number.to_bytes(4, "big")
    return head.ljust(size, b"\0")


def is_numbered(data: bytes) -> bool:
    return data[12:14] == _KIND


def number_of(data: bytes) -> int:
    return int.from_bytes(data[14:18], "big")


@contextmanager
def ring(count: int) -> Iterator[dict[NamespaceRef, NetNamespace]]:
    """So many nodes, ``node0`` and so on; the ``right`` of each is cabled to the ``left`` of the next. Nobody sends
    anything there."""
    with ExitStack() as stack:
        namespaces = {}
        for number in range(count):
            namespace = namespaces[NamespaceRef(f"node{number}")] = NetNamespace.create()
            stack.callback(namespace.close)
        spaces = list(namespaces.values())
        for here, there in zip(spaces, [*spaces[1:], spaces[0]], strict=True):
            cable(here, RIGHT, there, LEFT)
        for space in spaces:
            bring_up(space, LEFT, RIGHT)
        for space in spaces:
            await_carrier(space, LEFT, RIGHT)
        yield namespaces


def cable(here: NetNamespace, name: str, there: NetNamespace, name_there: str) -> None:
    peer = ["peer", "name", name_there, "netns", f"/proc/self/fd/{there.fd}"]
    with here.entered():
        subprocess.run(["ip", "link", "add", name, "type", "veth", *peer], check=True, pass_fds=[there.fd])


def bring_up(space: NetNamespace, *names: str) -> None:
    """Without IPv6 addresses, for which the kernel would send: what keeps it from having any has to come first."""
    silent = [f"link set {name} addrgenmode none" for name in names]
    lines = ["link set lo up", *silent, *(f"link set {name} arp off up" for name in names)]
    with space.entered():
        subprocess.run(["ip", "-batch", "-"], check=True, input="\n".join(lines), text=True)


def await_carrier(space: NetNamespace, *names: str) -> None:
    """Until the kernel has noticed that the cables' other ends are up, it throws away what is sent."""
    deadline = time.monotonic() + _PATIENCE
    with space.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for name in names:
            while not _is_running(asking, name):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} has had no carrier for {_PATIENCE:.0f} s")
                time.sleep(_PAUSE)


def _is_running(asking: socket.socket, name: str) -> bool:
    answer = fcntl.ioctl(asking, _SIOCGIFFLAGS, _IFREQ.pack(name.encode(), 0))
    return bool(_IFREQ.unpack(answer)[1] & _IFF_RUNNING)


@contextmanager
def sender(space: NetNamespace, interface: str = RIGHT) -> Iterator[socket.socket]:
    """Whose frames leave by that interface."""
    with space.entered():
        sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with sending:
        sending.bind((interface, 0))
        yield sending
