"""``meshnet bench``'s part about capturing: nothing lost, and how soon it starts, beside scapy."""

from __future__ import annotations

import json
import sys

from meshnet.cli import show
from meshnet.lab.control import capture
from meshnet.lab.control.client import Client
from meshnet.lab.control.wire import Json
from meshnet.trace.capture.measure import NAMESPACES, PACKETS, RATE

_MODULE = "meshnet.trace.capture.measure"


def measured(client: Client) -> Json:
    """What ``measure`` says in the kernel of a lab, on its manager."""
    done = capture.run(client, "swarm-manager", [sys.executable, "-m", _MODULE]).check()
    figures: Json = json.loads(done.text)
    return figures


def show_captures(results: dict[str, Json]) -> None:
    """By kernel."""
    show.out.print(
        f"\n{PACKETS} packets across {NAMESPACES} namespaces, {RATE} a second or as many as the kernel can send:"
    )
    table = show.table("KERNEL", "BY", "STARTED IN", "SENT A SECOND", "CAPTURED", "MISSED")
    for label, result in results.items():
        for by, name in (("ours", "meshnet"), ("scapy", "scapy's AsyncSniffer")):
            figures = result[by]
            missed = PACKETS - figures["captured"]
            cells = (
                f"{figures['start'] * 1000:.1f} ms",
                f"{figures['rate']:.0f}",
                f"{figures['captured']}",
                f"{missed}",
            )
            table.add_row(label, name, *cells)
    show.out.print(table)
