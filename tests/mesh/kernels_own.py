"""What Linux gives a namespace and its links before anybody sets something, as tests/data/kernel has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

OWN = Path(__file__).parents[1] / "data" / "kernel"

_OF_AN_INTERFACE = re.compile(r"(?<=\.)(conf|neigh)\.(?!all\.|default\.|lo\.)[^.]+\.")
_FLAGS = ("proxy", "l2miss", "l3miss", "nolearning", "udpcsum", "noudp6zerocsumtx", "noudp6zerocsumrx")
_KINDS = ("link/ether", "link/loopback", "bridge", "bridge_slave", "vxlan", "veth")
_HELD = {"header mtu", "header master", *(f"vxlan {word}" for word in ("id", "dstport", *_FLAGS[:4]))}
"""What ``link_line`` says."""
_HEADER = re.compile(r"\d+: (?P<name>[^@:]+)\S* <[^>]*> (?P<words>.*)")


def sysctls(file: Path) -> dict[str, str]:
    """What `sysctl -a` printed."""
    lines = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in lines}


@cache
def _own_sysctls() -> dict[str, str]:
    return sysctls(OWN / "sysctl.txt")


def sysctls_set(values: Mapping[str, str]) -> list[str]:
    """``name = value`` of those that aren't as the kernel has them by itself."""
    own = _own_sysctls()
    return sorted(
        f"{name} = {value}"
        for name, value in values.items()
        if own.get(_OF_AN_INTERFACE.sub(r"\1.*.", name), "").split() != value.split()
    )


def attributes(file: Path) -> dict[str, dict[str, str]]:
    """Everything that `ip -d addr` printed of each interface and its port of a bridge: kind and attribute to value."""
    found: dict[str, dict[str, str]] = {}
    name = ""
    for line in file.read_text().splitlines():
        if header := _HEADER.match(line):
            name = header["name"]
            found[name] = _pairs("header", header["words"].split())
        elif line.startswith("    ") and (kind := line.split()[0]) in _KINDS:
            words = line.split()[1:]
            found[name] |= _pairs(kind.partition("/")[0], words[3:] if kind.startswith("link/") else words)
    return found


def _pairs(kind: str, words: list[str]) -> dict[str, str]:
    """Words are a flag, or a name and its value; ``srcport`` alone has two."""
    pairs = {f"{kind} {flag}": "on" for flag in words if flag in _FLAGS}
    rest = [word for word in words if word not in _FLAGS]
    if "srcport" in rest:
        at = rest.index("srcport") + 1
        rest[at : at + 2] = ["-".join(rest[at : at + 2])]
    return pairs | {f"{kind} {name}": value for name, value in zip(rest[::2], rest[1::2], strict=True)}


@cache
def _own_attributes() -> dict[str, dict[str, str]]:
    """By the kind of interface: those in the file are called as their likes in a swarm."""
    return attributes(OWN / "ip-d-addr.txt")


def attributes_set(name: str, found: Mapping[str, str]) -> list[str]:
    """``interface kind attribute value`` of those that aren't the kernel's own; ``none`` is no value."""
    own = _own_attributes()[_alike(name, found)]
    return sorted(
        f"{name} {attribute} {found.get(attribute, 'none')}"
        for attribute in (own.keys() | found.keys()) - _HELD
        if own.get(attribute) != found.get(attribute)
    )


def _alike(name: str, found: Mapping[str, str]) -> str:
    if name == "lo":
        return "lo"
    if "vxlan id" in found:
        return "vxlan0"
    if "bridge stp_state" in found:
        return "br0"
    return "veth0" if "bridge_slave state" in found else "veth1"
