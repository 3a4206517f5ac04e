"""What Linux lets things be called."""

from __future__ import annotations

import pytest

from meshnet.errors import InputError
from topo.names import check_host, check_interface


def test_an_interface_name_may_have_15_characters_and_no_more() -> None:
    assert check_interface("a" * 15)
    with pytest.raises(InputError, match=r"15 characters, and the switch 'a{16}' has 16"):
        check_interface("a" * 16, "switch")


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "a:1"])
def test_an_interface_name_linux_refuses_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_interface(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a.b", "ä", "a" * 64])
def test_a_host_name_that_is_no_domain_label_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_host(name)


def test_a_host_name_may_be_longer_than_an_interfaces() -> None:
    assert check_host("swarm-manager-in-the-second-rack")
