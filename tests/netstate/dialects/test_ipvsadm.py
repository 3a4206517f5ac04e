"""``ipvsadm -Sn`` there and back."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from meshnet.netstate import Destination, VirtualService
from meshnet.netstate.dialects import ipvsadm

DUMPS = sorted((Path(__file__).parents[2] / "data" / "docker-reference").rglob("ipvsadm-Sn.txt"))


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: "/".join(path.parts[-4:-1]))
def test_a_dump_comes_back_as_it_was(path: Path) -> None:
    assert ipvsadm.write(ipvsadm.parse(path.read_text())) == path.read_text()


def test_some_dump_has_a_service() -> None:
    assert any(ipvsadm.parse(path.read_text()) for path in DUMPS)


def test_what_docker_never_makes_is_told_from_what_it_makes() -> None:
    text = "-A -f 256 -s wlc -p 300\n-a -f 256 -r 10.0.0.6:80 -g -w 0\n"
    server = Destination(IPv4Address("10.0.0.6"), 0, 80, "route")
    assert ipvsadm.parse(text) == {256: VirtualService(256, "wlc", (server,), 300)}
    assert ipvsadm.write(ipvsadm.parse(text)) == text


def test_services_by_address_are_passed_over() -> None:
    assert ipvsadm.parse("-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.6:80 -m -w 1\n") == {}


def test_a_line_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: expected a line of ipvsadm -Sn, found: hello"):
        ipvsadm.parse("-A -f 256 -s rr\nhello\n")
