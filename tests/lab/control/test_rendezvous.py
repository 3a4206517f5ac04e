from __future__ import annotations

import os

import pytest

from meshnet.errors import NoSuchLabError
from meshnet.lab.control import rendezvous


def test_an_announced_lab_is_found_by_name_and_process_until_it_ends() -> None:
    with rendezvous.announce("rendezvous-test"):
        lab = rendezvous.find("rendezvous-test")
        assert (lab.pid, lab.uid) == (os.getpid(), os.getuid())
        assert rendezvous.find(str(lab.pid)) in rendezvous.running()
    with pytest.raises(NoSuchLabError):
        rendezvous.find("rendezvous-test")


def test_one_of_several_must_be_named() -> None:
    with (
        rendezvous.announce("several-a"),
        rendezvous.announce("several-b"),
        pytest.raises(NoSuchLabError, match=r"--lab.*several-a.*several-b"),
    ):
        rendezvous.find(None)


def test_several_of_one_name_in_a_process_are_told_apart() -> None:
    with rendezvous.announce("twin"), rendezvous.announce("twin"), rendezvous.announce("twin"):
        found = [lab.name for lab in rendezvous.running() if lab.name.startswith("twin")]
        assert found == ["twin", "twin.2", "twin.3"]
        rendezvous.connect(rendezvous.find("twin.2")).close()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with rendezvous.announce("known"), pytest.raises(NoSuchLabError, match=r"no lab called other.*known"):
        rendezvous.find("other")
