"""What a lab needs of a kernel, and whether the host's has it: asked of the kernel itself, in namespaces of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from meshnet.errors import MachineError
from meshnet.kernel.boot import walls


class Feature(StrEnum):
    """Something a kernel may lack."""

    NAMESPACES = "namespaces"
    LINKS = "veth, bridge and VXLAN devices"
    IPTABLES = "iptables"
    IPVS = "ipvs"
    NETEM = "netem"
    ESP = "esp"


ALWAYS_NEEDED = frozenset({Feature.NAMESPACES, Feature.LINKS, Feature.IPTABLES, Feature.IPVS})
"""What every lab needs; a topology with slow links needs ``NETEM``, an encrypted overlay ``ESP``."""

OPTIONAL: dict[str, Feature] = {feature.value: feature for feature in (Feature.IPVS, Feature.NETEM, Feature.ESP)}
"""What ``--without`` may name, and so bring a lab up where it is lacking."""

WITHOUT: dict[Feature, str] = {
    Feature.IPVS: "published ports and service VIPs lead nowhere: everything else of the mesh is there",
    Feature.NETEM: "links have no delay, loss or rate",
    Feature.ESP: "encrypted overlays are refused",
}
"""What a lab lacks where a feature was gone without."""


ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where ``ip``, ``iptables`` and the like are; an ordinary user's PATH may not have them."""


def path_with_admin_folders(path: str) -> str:
    """``path`` with the folders of the administrator's tools behind what it has."""
    found = path.split(os.pathsep)
    return os.pathsep.join([*found, *(folder for folder in ADMIN_FOLDERS if folder not in found)])


@dataclass(frozen=True, slots=True)
class HostFeatures:
    """``lacking`` says of each missing feature how that was found out."""

    lacking: dict[Feature, str]

    def has(self, feature: Feature) -> bool:
        return feature not in self.lacking


_RULES = """*mangle
-A PREROUTING -p tcp --dport 1 -j MARK --set-mark 1
COMMIT
*nat
-A PREROUTING -m addrtype --dst-type LOCAL -j ACCEPT
-A PREROUTING -p tcp --dport 1 -j REDIRECT --to-ports 2
-A OUTPUT -p tcp --dport 1 -j DNAT --to-destination 127.0.0.1:2
-A POSTROUTING -j MASQUERADE
COMMIT
*filter
-A INPUT -m conntrack --ctstate NEW -j ACCEPT
-A INPUT -m state --state NEW -j ACCEPT
COMMIT
"""

_LINK_BATCHES = {
    Feature.LINKS: (
        "link add probe0 type veth peer name probe1",
        "link add probe2 type bridge",
        "link add probe3 type vxlan id 1 dstport 4789",
    ),
    Feature.ESP: (
        "xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 1 mode transport "
        "aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 64",
    ),
}


def host_features() -> HostFeatures:
    """Find out, in a child process behind walls of its own; the host is not changed."""
    read, write = os.pipe()
    try:
        child = walls.start_within(lambda: _report(write))
    except MachineError as error:
        os.close(write)
        os.close(read)
        return HostFeatures({Feature.NAMESPACES: str(error)})
    os.close(write)
    with os.fdopen(read) as report:
        lines = report.read().splitlines()
    walls.wait(child)
    return HostFeatures({Feature[name]: why for name, _, why in (line.partition(" ") for line in lines)})


def _report(write: int) -> int:
    with os.fdopen(write, "w") as report:
        for feature, probe in _PROBES.items():
            why = probe()
            if why:
                report.write(f"{feature.name} {why}\n")
    return 0


def _links(feature: Feature) -> str:
    for command in _LINK_BATCHES[feature]:
        refused = _refused(["ip", *command.split()])
        if refused:
            return f"`ip {command[:40].rstrip()}`: {refused}"
    return ""


def _iptables() -> str:
    reasons = []
    for flavour in ("legacy", "nft"):
        refused = _refused([f"iptables-{flavour}-restore"], _RULES)
        if not refused:
            return ""
        reasons.append(f"iptables-{flavour}: {refused}")
    return "; ".join(reasons)


def _ipvs() -> str:
    refused = _refused(["ipvsadm", "-A", "-f", "256", "-s", "rr"])
    if refused:
        return refused
    for flavour in ("legacy", "nft"):
        rule = ["-t", "nat", "-A", "POSTROUTING", "-m", "ipvs", "--ipvs", "-j", "ACCEPT"]
        refused = _refused([f"iptables-{flavour}", *rule])
        if not refused:
            return ""
    return f"no -m ipvs match: {refused}"


def _netem() -> str:
    return _refused(["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"])


_PROBES: dict[Feature, Callable[[], str]] = {
    Feature.LINKS: lambda: _links(Feature.LINKS),
    Feature.IPTABLES: _iptables,
    Feature.IPVS: _ipvs,
    Feature.NETEM: _netem,
    Feature.ESP: lambda: _links(Feature.ESP),
}


def _refused(command: list[str], text: str = "") -> str:
    """Why the command failed, or nothing when it didn't."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    words = done.stderr.strip().splitlines()
    return words[-1] if words else f"{command[0]} ended with {done.returncode}"
