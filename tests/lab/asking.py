"""Asks echo servers from where it's run: ``python asking.py PROTOCOL:ADDRESS:PORT:BYTES...``.

A line for each is said, ``ADDRESS PORT BYTES``: where the answer came from, and how much it was. ``other`` stands for
the bytes if they aren't those that were sent, ``nothing`` for the line if there was no answer in time.
"""

from __future__ import annotations

import socket
import sys

PATIENCE = 5.0
LONGEST = 65535

KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


def ask(protocol: str, address: str, port: int, size: int) -> str:
    sent = bytes(number % 251 for number in range(size))
    with socket.socket(socket.AF_INET, *KINDS[protocol]) as asking:
        asking.settimeout(PATIENCE)
        try:
            if protocol == "udp":  # not connected: an answer from elsewhere is to be seen
                asking.sendto(sent, (address, port))
                got, (answerer, its_port) = asking.recvfrom(LONGEST)
            else:
                asking.connect((address, port))
                answerer, its_port = asking.getpeername()[:2]
                asking.sendall(sent)
                if protocol == "tcp":
                    asking.shutdown(socket.SHUT_WR)
                got = _all(asking, size)
        except OSError:
            return "nothing"
    return f"{answerer} {its_port} {size if got == sent else 'other'}"


def _all(asking: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (more := asking.recv(LONGEST)):
        got += more
    return got


if __name__ == "__main__":
    for question in sys.argv[1:]:
        protocol, address, port, size = question.split(":")
        sys.stdout.write(f"{ask(protocol, address, int(port), int(size))}\n")
