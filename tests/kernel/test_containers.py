"""Bridge networks and containers outside services, rendered and then made in a real kernel."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.proxy import Proxies
from meshnet.mesh import proxies
from meshnet.model import Container, Generation, PortConfig, PublishMode
from meshnet.netstate import NamespaceRef
from tests.kernel.nodes import kernel_with, nodes_of, remaining, rendered, run
from tests.lab.walled import walled
from tests.mesh.swarms import Swarm

pytestmark = pytest.mark.lab


class World:
    """Two nodes, an overlay, three bridge networks on the first, and containers on them."""

    def __init__(self) -> None:
        swarm = Swarm()
        swarm.network("ingress", "10.0.0.0/24")
        net = swarm.network("net", "10.0.1.0/24")
        one, other = swarm.node(Generation.G20_10), swarm.node(Generation.G20_10)
        options = {"com.docker.network.driver.mtu": "1400"}
        shop = swarm.bridge(one, "shop", "192.168.96.0/20", options=options)
        inner = swarm.bridge(one, "inner", "192.168.112.0/20", internal=True)
        apart = swarm.bridge(
            one, "apart", "192.168.128.0/20", options={"com.docker.network.bridge.enable_icc": "false"}
        )
        port = PortConfig(8000, 8080, mode=PublishMode.HOST)
        self.seller = swarm.container(one, shop, net, ports=(port,))
        self.buyer = swarm.container(one, shop)
        self.shut_in, self.with_it = swarm.container(one, inner), swarm.container(one, inner)
        self.hermit = swarm.container(one, apart)
        self.far = swarm.container(other, net)
        self.state = swarm.state
        self.nodes = nodes_of(swarm.state)
        self.kernel = kernel_with(self.nodes)
        self.kernel.apply(rendered(swarm.state))

    def inside(self, container: Container) -> NetNamespace:
        node = self.state.nodes[container.node]
        return self.kernel.namespaces[NamespaceRef(node.name, container.sandbox_file)]

    def reaches(self, container: Container, address: object) -> bool:
        try:
            run(self.inside(container), f"ping -c 1 -W 1 {address}")
        except subprocess.CalledProcessError:
            return False
        return True

    def address(self, container: Container) -> object:
        """The first it has."""
        (bridge, *_) = (*container.bridges.values(), *(leg.address for leg in container.attachments))
        return bridge.ip


@walled
def test_containers_and_bridges_come_to_be_there() -> None:
    world = World()
    assert remaining(world.kernel, rendered(world.state)) == ""


@walled
def test_networks_join_and_part_containers_as_they_should() -> None:
    world = World()
    (far,) = world.far.attachments
    outside = next(iter(world.state.nodes.values())).address.ip + 1
    assert world.reaches(world.buyer, world.address(world.seller))
    assert world.reaches(world.seller, far.address.ip)
    assert world.reaches(world.buyer, outside)
    assert world.reaches(world.shut_in, world.address(world.with_it))
    assert world.reaches(world.hermit, outside)
    assert not world.reaches(world.shut_in, outside)
    assert not world.reaches(world.buyer, world.address(world.shut_in))
    assert not world.reaches(world.buyer, world.address(world.hermit))
    assert not world.reaches(world.buyer, far.address.ip)


@walled
def test_published_port_answers_on_the_node_itself_and_from_elsewhere() -> None:
    world = World()
    here, there = (world.nodes[NamespaceRef(name)] for name in ("node1", "node2"))
    node = next(iter(world.state.nodes.values())).address.ip

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(writer.get_extra_info("peername")[0].encode())
        writer.close()
        await writer.wait_closed()

    async def ask(where: NetNamespace, address: object) -> str:
        with where.entered():
            connecting = asyncio.open_connection(str(address), 8080)
            reader, writer = await connecting
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said.decode()

    async def scene() -> None:
        with world.inside(world.seller).entered():
            server = await asyncio.start_server(answer, "0.0.0.0", 8000)
        published = Proxies(here.entered)
        async with server:
            assert await published.follow(proxies(world.state, "node1")) == {}
            gateway = world.state.bridges[next(iter(world.seller.bridges))].gateway
            assert await ask(here, "127.0.0.1") == str(gateway)
            assert await ask(here, node) == str(node)
            assert await ask(there, node) == str(node + 1)
            await published.follow(())

    asyncio.run(asyncio.wait_for(scene(), 10))
