"""Nodes to try the kernel layer on: bare namespaces on one bridge, as the topology would hand them over."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from meshnet.kernel.apply import Kernel
from meshnet.kernel.iptables import flavour
from meshnet.kernel.namespaces import NetNamespace
from meshnet.mesh.render import render
from meshnet.model import ClusterState
from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.diff import diff

HAS_IPVS = Path("/proc/net/ip_vs").exists()


def run(namespace: NetNamespace, command: str) -> str:
    """What a shell command writes in a namespace; ``iptables`` is of the flavour that works in this kernel. Raises
    ``CalledProcessError`` if it fails."""
    with namespace.entered():
        done = subprocess.run(
            ["/bin/sh", "-ec", _PROLOGUE + command],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "FLAVOUR": _flavour()},
        )
    return done.stdout


_flavour = cache(flavour)
_PROLOGUE = """
iptables() { iptables-$FLAVOUR "$@"; }
iptables_save() { iptables-$FLAVOUR-save "$@"; }
"""


def bare_nodes(names: Mapping[str, str]) -> dict[NamespaceRef, NetNamespace]:
    """One namespace a name, with an ``eth0`` that has that name's address, all on one bridge."""
    middle = NetNamespace.create()
    run(middle, "ip link add lan type bridge; ip link set lan up")
    nodes = {}
    for number, (name, address) in enumerate(names.items()):
        node = nodes[NamespaceRef(name)] = NetNamespace.create()
        run(node, "ip link add eth0 type veth peer name port")
        with node.entered():
            subprocess.run(["ip", "link", "set", "port", "name", f"p{number}"], check=True)
            subprocess.run(
                ["ip", "link", "set", f"p{number}", "netns", f"/proc/self/fd/{middle.fd}"],
                check=True,
                pass_fds=[middle.fd],
            )
        run(middle, f"ip link set p{number} master lan up")
        run(node, f"ip link set eth0 up; ip addr add {address} dev eth0")
    return nodes


def nodes_of(state: ClusterState) -> dict[NamespaceRef, NetNamespace]:
    return bare_nodes({node.name: str(node.address) for node in state.nodes.values()})


def rendered(state: ClusterState) -> dict[NamespaceRef, NetState]:
    """What is wanted of this kernel: a machine's own may have no IPVS."""
    return render(state, without_ipvs=not HAS_IPVS)


def kernel_with(nodes: Mapping[NamespaceRef, NetNamespace]) -> Kernel:
    kernel = Kernel()
    for ref, namespace in nodes.items():
        kernel.adopt(ref, namespace)
    return kernel


def remaining(kernel: Kernel, want: Mapping[NamespaceRef, NetState]) -> str:
    """How what is there differs from what is wanted; empty if it doesn't."""
    return str(diff(want, kernel.observe(like=want)))
