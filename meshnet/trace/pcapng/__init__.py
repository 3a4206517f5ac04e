"""Captures as files that Wireshark and tcpdump open, with the place of every frame."""

from meshnet.trace.pcapng.place import Place
from meshnet.trace.pcapng.reader import Reader
from meshnet.trace.pcapng.writer import Writer

__all__ = ["Place", "Reader", "Writer"]
