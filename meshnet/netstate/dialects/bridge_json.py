"""``bridge -j fdb``: the permanent entries of VXLAN devices, of all that it lists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Address

from meshnet.netstate.state import FdbEntry


def parse_fdb(text: str) -> frozenset[FdbEntry]:
    """The entries that somebody put there; those that a device or a bridge has learned are left out."""
    return frozenset(
        FdbEntry(item["ifname"], item["mac"], IPv4Address(item["dst"]))
        for item in json.loads(text)
        if "dst" in item and "self" in item["flags"] and item.get("state") == "permanent"
    )


def write_fdb(entries: Iterable[FdbEntry]) -> str:
    """``entries`` as ``bridge -j fdb`` has them."""
    return json.dumps(
        [
            {
                "mac": entry.mac,
                "ifname": entry.link,
                "dst": str(entry.vtep),
                "flags": ["self"],
                "state": "permanent",
            }
            for entry in entries
        ]
    )
