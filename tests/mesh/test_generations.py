"""The article's cluster, engine generation by engine generation, and what the article itself shows."""

from __future__ import annotations

import pytest

from meshnet.mesh import render
from meshnet.model import Generation
from meshnet.netstate import NamespaceRef, NetState
from tests.mesh.article import CLUSTERS, TASKS, article
from tests.mesh.picture import picture


@pytest.fixture(scope="module")
def rendered() -> dict[NamespaceRef, NetState]:
    return render(article(*CLUSTERS["article"]))


def test_worker1_sandbox_is_what_the_article_prints(rendered: dict[NamespaceRef, NetState]) -> None:
    sandbox = picture(rendered[NamespaceRef("swarm-worker1", "ingress_sbox")])
    assert sandbox["addresses"] == [
        "eth0 10.255.0.3/16 brd 10.255.255.255",
        "eth2 172.19.0.2/16 brd 172.19.255.255",
        "eth0 10.255.0.168/32 brd 10.255.0.168",
    ]
    assert [line for line in sandbox["rules"] if line.startswith("mangle")] == [
        "mangle PREROUTING: -p tcp -m tcp --dport 8000 -j MARK --set-xmark 0x100/0xffffffff",
        "mangle INPUT: -d 10.255.0.168/32 -j MARK --set-xmark 0x100/0xffffffff",
    ]
    assert sandbox["ipvs"] == [
        "-A -f 256 -s rr",
        "-a -f 256 -r 10.255.0.5:0 -m -w 1",
        "-a -f 256 -r 10.255.0.7:0 -m -w 1",
    ]


def test_worker1_nat_chain_is_what_the_article_prints(rendered: dict[NamespaceRef, NetState]) -> None:
    nat = picture(rendered[NamespaceRef("swarm-worker1")])["rules"]
    assert "nat DOCKER-INGRESS: -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.19.0.2:8000" in nat


@pytest.mark.parametrize(
    ("slot", "node", "addresses"),
    [
        (
            0,
            "swarm-manager",
            [
                "eth0 10.255.0.5/16 brd 10.255.255.255",
                "eth2 172.18.0.3/16 brd 172.18.255.255",
                "eth3 10.0.2.7/24 brd 10.0.2.255",
                "lo 10.255.0.168/32 brd 10.255.0.168",
                "lo 10.0.2.5/32 brd 10.0.2.5",
            ],
        ),
        (
            1,
            "swarm-worker2",
            [
                "eth0 10.255.0.7/16 brd 10.255.255.255",
                "eth2 172.18.0.4/16 brd 172.18.255.255",
                "eth3 10.0.2.13/24 brd 10.0.2.255",
                "lo 10.255.0.168/32 brd 10.255.0.168",
                "lo 10.0.2.5/32 brd 10.0.2.5",
            ],
        ),
    ],
)
def test_tasks_hold_the_vips_as_the_article_prints(
    rendered: dict[NamespaceRef, NetState], slot: int, node: str, addresses: list[str]
) -> None:
    assert picture(rendered[NamespaceRef(node, TASKS[slot].sandbox_file)])["addresses"] == addresses


@pytest.mark.parametrize("generation", Generation)
def test_ipvs_lives_where_the_generation_has_it(generation: Generation) -> None:
    states = render(article(*(generation,) * 3))
    sandboxes = {task.sandbox_file for task in TASKS}
    directors = {ref.file for ref, state in states.items() if state.ipvs and ref.node == "swarm-worker2"}
    others = directors - {"ingress_sbox"}
    assert "ingress_sbox" in directors
    match generation:
        case Generation.G18_03:
            assert others == {task.sandbox_file for task in TASKS[1:]}
        case Generation.G18_06:
            assert len(others - sandboxes) == len(others) == 1
            assert all(len(bytes.fromhex(file)) == 6 for file in others)
        case Generation.G20_10:
            assert others == {"lb_cojus8blv"}
