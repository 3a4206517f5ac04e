"""Networks as each machine's engine shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine_api.conftest import Play
from tests.engine_api.local import Lab
from tests.orchestrator.machines import alone
from tests.orchestrator.swarms import MANAGER, WORKER1, balancer, mark, network, publish, service, vip

_SLEEP = ("sleep", "1000")


async def _runs(lab: Lab, count: int) -> None:
    while sum(task.state == 512 for task in lab.engines.state.tasks.values()) < count:
        await lab.engines.changed()


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["Name"] for row in rows]


def test_every_engine_has_its_own_and_a_worker_only_overlays_it_takes_part_in(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        await _runs(lab, 1)
        own = ["bridge", "docker_gwbridge", "host", "ingress"]
        [task] = lab.engines.state.tasks.values()
        assert task.node is not None
        there = lab.engines.state.nodes[task.node].name
        for machine in (MANAGER, WORKER1):
            overlays = ["net"] if machine in (there, MANAGER) else []
            assert _names(await lab[machine].get("/networks")) == [*own, *overlays, "none"]
        bridges = [(await lab[machine].get("/networks/bridge"))["Id"] for machine in (MANAGER, WORKER1)]
        assert bridges[0] != bridges[1]
        assert bridges[0] == (await lab[MANAGER].get(f"/networks/{bridges[0][:12]}"))["Id"]

    in_lab(scene, commands=[network("net"), service("web", networks=["net"], args=_SLEEP)])


def test_machine_outside_a_swarm_has_no_gwbridge(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        assert _names(await lab[MANAGER].get("/networks")) == ["bridge", "host", "none"]
        status, text = await lab[MANAGER].refused("POST", "/networks/create", {"Name": "n", "Driver": "overlay"})
        assert status == 503 and "docker swarm init" in text

    in_lab(scene, state=alone())


def test_inspected_networks_show_containers_balancers_peers_and_services(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        await _runs(lab, 3)
        state, client = lab.engines.state, lab[MANAGER]
        node = state.node_named(MANAGER)
        assert node is not None
        [task] = [task for task in state.tasks.values() if task.node == node.id]
        shown = await client.get("/networks/net", verbose="true")
        net = state.network_named("net")
        assert net is not None
        assert shown["Containers"][task.container]["IPv4Address"] == str(task.address_on(net.id))
        balanced = shown["Containers"]["lb-net"]
        assert (balanced["Name"], balanced["IPv4Address"]) == ("net-endpoint", str(node.attachments[net.id]))
        assert {peer["IP"] for peer in shown["Peers"]} == {"192.168.56.10", "192.168.56.11", "192.168.56.12"}
        told = shown["Services"]["web"]
        assert f"{told['VIP']}/24" == vip(state, "web", "net")
        assert told["LocalLBIndex"] == mark(state, MANAGER, "web", "net")
        assert len(told["Tasks"]) == 3 and told["Ports"] == []
        ingress = await client.get("/networks/ingress", verbose="1")
        assert ingress["Containers"]["ingress-sbox"]["Name"] == "ingress-endpoint"
        assert ingress["Containers"]["ingress-sbox"]["IPv4Address"] == balancer(state, MANAGER, "ingress")
        assert ingress["Services"]["web"]["Ports"] == ["Target: 80, Publish: 8000"]
        assert len(ingress["Services"][""]["Tasks"]) == 3
        gateways = (await client.get("/networks/docker_gwbridge"))["Containers"]
        assert gateways["ingress-sbox"]["Name"] == "gateway_ingress-sbox"
        assert gateways[task.container]["Name"] == f"gateway_{task.sandbox[:12]}"

    in_lab(
        scene, commands=[network("net"), service("web", 3, networks=["net"], ports=(publish(80, 8000),), args=_SLEEP)]
    )


def test_networks_are_made_joined_left_and_removed(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        client = lab[MANAGER]
        pools = {"Config": [{"Subnet": "10.99.0.0/24", "Gateway": "10.99.0.7"}]}
        await client.post("/networks/create", {"Name": "mine", "Driver": "bridge", "IPAM": pools, "Labels": {"a": "b"}})
        await client.post("/networks/create", {"Name": "over", "Driver": "overlay", "Attachable": True})
        endpoints = {"EndpointsConfig": {"mine": {"IPAMConfig": {"IPv4Address": "10.99.0.9"}, "Aliases": ["al"]}}}
        id = await client.run(
            "sleep", "1000", name="box", HostConfig={"NetworkMode": "mine"}, NetworkingConfig=endpoints
        )
        place = (await client.get("/containers/box/json"))["NetworkSettings"]["Networks"]["mine"]
        assert (place["IPAddress"], place["Gateway"], place["Aliases"]) == ("10.99.0.9", "10.99.0.7", ["al"])
        await client.post("/networks/over/connect", {"Container": "box"})
        assert id in (await client.get("/networks/over"))["Containers"]
        status, text = await client.refused("DELETE", "/networks/over")
        assert status == 400 and text.startswith("rpc error: code = FailedPrecondition desc = network ")
        assert (await client.refused("DELETE", "/networks/mine"))[0] == 403
        await client.post("/networks/mine/disconnect", {"Container": "box"})
        assert (await client.ask("DELETE", "/networks/mine"))[0] == 204
        assert (await client.ask("DELETE", "/containers/box", force="1"))[0] == 204
        assert (await client.post("/networks/prune"))["NetworksDeleted"] == ["over"]

    in_lab(scene)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"driver": ["overlay"]}, ["ingress", "net"]),
        ({"scope": ["swarm"]}, ["ingress", "net"]),
        ({"type": ["custom"]}, ["ingress", "net"]),
        ({"name": ["bridge"]}, ["bridge", "docker_gwbridge"]),
        ({"label": ["a=b"]}, ["net"]),
        ({"dangling": ["true"]}, ["net"]),
    ],
)
def test_filters_choose_networks(in_lab: Play, filters: dict[str, list[str]], names: list[str]) -> None:
    async def scene(lab: Lab) -> None:
        assert _names(await lab[MANAGER].get("/networks", filters=filters)) == names

    in_lab(scene, commands=[network("net", labels={"a": "b"})])


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("GET", "/networks/nope", None, (404, "network nope not found")),
        ("DELETE", "/networks/nope", None, (404, "network nope not found")),
        ("DELETE", "/networks/bridge", None, (403, "bridge is a pre-defined network and cannot be removed")),
        (
            "POST",
            "/networks/create",
            {"Name": "host2", "Driver": "host"},
            (403, 'only one instance of "host" network is allowed'),
        ),
        ("POST", "/networks/create", {"Name": "net"}, (409, "network with name net already exists")),
        (
            "POST",
            "/networks/create",
            {"Name": "n", "IPAM": {"Config": [{"Subnet": "10.0.0.1/24"}]}},
            (400, "invalid network config: invalid subnet 10.0.0.1/24: it should be 10.0.0.0/24"),
        ),
    ],
)
def test_refusals_are_dockers(in_lab: Play, method: str, path: str, body: object, refusal: tuple[int, str]) -> None:
    async def scene(lab: Lab) -> None:
        assert await lab[MANAGER].refused(method, path, body) == refusal

    in_lab(scene, commands=[network("net")])


def test_worker_makes_no_overlay(in_lab: Play) -> None:
    async def scene(lab: Lab) -> None:
        assert await lab[WORKER1].refused("POST", "/networks/create", {"Name": "n", "Driver": "overlay"}) == (
            403,
            "Cannot create a multi-host network from a worker node. Please create the network from a manager node.",
        )

    in_lab(scene)
