"""What is worked out on paper is what the kernel then holds."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from meshnet.kernel.boot.needs import Feature
from meshnet.kernel.iptables import Iptables, flavour
from meshnet.kernel.survey import Surveyor
from meshnet.lab.lab import Lab
from meshnet.lab.net.net import LabNet
from meshnet.lab.on_paper import paper_world
from meshnet.labfolder import Overrides, load_lab
from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.namespace import SWITCHES
from meshnet.netstate.world import World
from tests.kernel.nodes import HAS_IPVS
from tests.lab.labs import running
from tests.lab.walled import walled
from topo import topos
from topo.underlay import underlay

pytestmark = pytest.mark.lab

DRAWN = "06:"
"""How MACs begin that the kernel draws: on paper others are drawn."""


def comparable(state: NetState, other: NetState) -> NetState:
    """``state`` with the sysctls alone that both tell of, without MACs drawn at random, in an order that says
    nothing."""
    random = {name for name, link in (*state.links.items(), *other.links.items()) if (link.mac or DRAWN)[:3] == DRAWN}
    return replace(
        state,
        links={
            name: replace(link, mac=None if name in random else link.mac) for name, link in sorted(state.links.items())
        },
        addresses=tuple(sorted(state.addresses, key=lambda address: address.link)),
        sysctls={name: value for name, value in sorted(state.sysctls.items()) if name in other.sysctls},
        rules=state.rules.normalised(),
    )


def assert_alike(found: Mapping[NamespaceRef, NetState], paper: Mapping[NamespaceRef, NetState]) -> None:
    assert sorted(map(str, found)) == sorted(map(str, paper))
    for ref, state in paper.items():
        assert comparable(found[ref], state) == comparable(state, found[ref]), ref


def built(example: str, topology: str | None = None) -> tuple[World, World]:
    """The lab of ``examples/``: what its namespaces hold, and what they should by paper."""
    spec = load_lab(Path(example), Overrides(topology=topology))
    without = () if HAS_IPVS else (Feature.IPVS,)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    lab = Lab(spec, loop, without=without)
    lab.bring_up(lambda stage: None)
    found = asyncio.run_coroutine_threadsafe(lab.world(), loop).result()
    assert Surveyor(Iptables(lab.flavour)).survey(lab.namespaces).states == found.states  # which lists every rule
    return found, paper_world(spec, without_ipvs=not HAS_IPVS)


@pytest.mark.parametrize(("example", "topology"), [("article", None), ("three-nodes", None), ("article", "leafspine")])
def test_a_lab_just_built_holds_what_it_holds_on_paper(example: str, topology: str | None) -> None:
    @walled
    def body() -> None:
        found, paper = built(example, topology)
        assert_alike(found.states, paper.states)

    body()


@pytest.mark.parametrize("name", topos)
def test_a_topology_just_cabled_is_the_underlay_on_paper(name: str) -> None:
    @walled
    def body() -> None:
        topology = topos[name]()
        net = LabNet(topology, shaping=False)
        net.start()
        namespaces = {NamespaceRef(host.name): host.interior.namespace for host in net.hosts}
        found = Surveyor(Iptables(flavour())).survey({SWITCHES: net.namespace, **namespaces})
        assert_alike(found.states, underlay(topology))

    body()


@pytest.mark.skipif(HAS_IPVS, reason="this kernel has IPVS")
def test_so_it_is_where_there_is_ipvs() -> None:
    here = Path(__file__)
    command = f"cd {here.parents[2]} && unshare -n {sys.executable} -m pytest -q -p no:cacheprovider -k just_ {here}"
    with running(kernel="uml") as lab:
        done = lab.run("client", command)
    assert done.status == 0, done.text
    assert re.search(r"\b6 passed", done.text), done.text
