"""Where to capture, in a user's words."""

from __future__ import annotations

import pytest

from meshnet.errors import InputError
from meshnet.netstate import NamespaceRef
from meshnet.trace.capture.places import Selection
from meshnet.trace.pcapng import Place

THERE = {
    NamespaceRef("lab"): ("lan1", "lan1-eth1"),
    NamespaceRef("client"): ("lo", "eth0"),
    NamespaceRef("swarm-worker1"): ("lo", "eth0", "docker_gwbridge"),
    NamespaceRef("swarm-worker1", "ingress_sbox"): ("lo", "eth0", "eth1"),
    NamespaceRef("swarm-worker1", "1-abc"): ("lo", "br0", "vxlan0"),
    NamespaceRef("swarm-worker2", "1-abc"): ("lo", "br0", "vxlan0"),
}

CHOSEN = {
    "client": ["client//lo", "client//eth0"],
    "client/": ["client//lo", "client//eth0"],
    "swarm-worker1//eth0": ["swarm-worker1//eth0"],
    "swarm-worker1/ingress_sbox": [f"swarm-worker1/ingress_sbox/{name}" for name in ("lo", "eth0", "eth1")],
    "swarm-worker1/ingress_sbox/": [f"swarm-worker1/ingress_sbox/{name}" for name in ("lo", "eth0", "eth1")],
    "swarm-*/1-*/vxlan0": ["swarm-worker1/1-abc/vxlan0", "swarm-worker2/1-abc/vxlan0"],
    "*//eth?": ["client//eth0", "swarm-worker1//eth0"],
    "*/*/eth1": ["swarm-worker1/ingress_sbox/eth1"],
    "lab//lan1-*": ["lab//lan1-eth1"],
}

WRONG = {
    "": "expected a place as NODE, NODE/NS or NODE/NS/IF, found ''",
    "/ingress_sbox": "expected a place as NODE, NODE/NS or NODE/NS/IF, found '/ingress_sbox'",
    "a/b/c/d": "expected a place as NODE, NODE/NS or NODE/NS/IF, found 'a/b/c/d'",
    "worker9": "expected a node, found 'worker9'; there are lab, client, swarm-worker1, swarm-worker2",
    "client/eth0": "expected a namespace, found 'client/eth0'; there are client/"
    " (a node's own has no name: client//eth0)",
    "client//eth9": "expected an interface, found 'client//eth9'; there are client//lo, client//eth0",
}


def chosen(selection: Selection) -> list[str]:
    places = [Place(ref, name) for ref, names in THERE.items() for name in names]
    return [str(place) for place in places if selection.fits(place)]


def checked(*texts: str) -> Selection:
    selection = Selection.parse(texts)
    selection.check_namespaces(THERE)
    selection.check_interfaces({ref: names for ref, names in THERE.items() if selection.may_be_in(ref)})
    return selection


@pytest.mark.parametrize(("text", "places"), CHOSEN.items())
def test_a_pattern_chooses(text: str, places: list[str]) -> None:
    assert chosen(checked(text)) == places


def test_several_patterns_choose_what_any_of_them_does_and_none_everything() -> None:
    assert chosen(checked("client//lo", "lab//lan1")) == ["lab//lan1", "client//lo"]
    assert len(chosen(checked())) == sum(map(len, THERE.values()))


@pytest.mark.parametrize(("text", "sentence"), WRONG.items())
def test_what_fits_nothing_is_refused_with_what_there_is(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        checked("client", text)
    assert str(refused.value) == sentence
