"""Every mistake in a folder or an option is one sentence that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.errors import InputError
from meshnet.labfolder import Overrides, load_lab
from tests.labfolder.conftest import STACK, Load

MISTAKES = {
    "typo": ("topologie: swarm\n", "mine/lab.yaml:1: topologie: unknown key; did you mean 'topology'?"),
    "typo in a node": (
        "nodes:\n  swarm-worker1: {gwbrige: 172.19.0.0/16}\n",
        "mine/lab.yaml:2: nodes.swarm-worker1.gwbrige: unknown key; did you mean 'gwbridge'?",
    ),
    "typo in a task": (
        "story: {services: {web: {tasks: {1: {nod: swarm-manager}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.1.nod: unknown key; did you mean 'node'?",
    ),
    "unknown topology": (
        "name: x\ntopology: ring\n",
        "mine/lab.yaml:2: there is no topology 'ring'; known are leafspine, swarm, twosite; "
        "a package adds one by the entry-point group meshnet.topologies",
    ),
    "topology without a name": (
        "topology: {workers: 2}\n",
        "mine/lab.yaml:1: topology: a topology has a name: swarm, leafspine, twosite or another package's",
    ),
    "topology parameter without a value": (
        "topology: swarm,workers\n",
        "mine/lab.yaml:1: 'workers' is not key=value, as in swarm,workers=3",
    ),
    "no manager": (
        "topology: swarm,managers=0\n",
        "mine/lab.yaml:1: managers must be a whole number, 1 or more, not 0",
    ),
    "unknown engine": (
        "engine: 19.03\n",
        "mine/lab.yaml:1: engine: there is no engine '19.03' here; known are 18.03, 18.06, 20.10",
    ),
    "unknown engine of a node": (
        "nodes: {swarm-worker1: {engine: '17.06'}}\n",
        "mine/lab.yaml:1: nodes.swarm-worker1.engine: there is no engine '17.06' here; known are 18.03, 18.06, 20.10",
    ),
    "unknown node": (
        "nodes:\n  swarm-worker1:\n  swarm-woker2: {engine: 18.06}\n",
        "mine/lab.yaml:3: nodes.swarm-woker2: no node of the swarm is called 'swarm-woker2'; "
        "did you mean 'swarm-worker2'?",
    ),
    "node outside the swarm": (
        "nodes: {client: }\n",
        "mine/lab.yaml:1: nodes.client: no node of the swarm is called 'client'; "
        "it has swarm-manager, swarm-worker1, swarm-worker2",
    ),
    "bridge over the underlay": (
        "nodes: {swarm-worker1: {gwbridge: 192.168.0.0/16}}\n",
        "mine/lab.yaml:1: nodes.swarm-worker1.gwbridge: 192.168.0.0/16 overlaps 192.168.56.0/24, "
        "where the machines stand",
    ),
    "bridge over a network": (
        "nodes:\n  swarm-worker1: {gwbridge: 10.0.0.0/16}\n",
        "mine/lab.yaml:2: nodes.swarm-worker1.gwbridge: 10.0.0.0/16 overlaps 10.0.0.0/24 of the network ingress",
    ),
    "bridge that is too small": (
        "nodes: {swarm-worker1: {gwbridge: 172.19.0.0/30}}\n",
        "mine/lab.yaml:1: nodes.swarm-worker1.gwbridge: "
        "172.19.0.0/30 is too small for a node's tasks; /28 is the least",
    ),
    "bridge that is no subnet": (
        "nodes: {swarm-worker1: {gwbridge: 172.19.0.2}}\n",
        "mine/lab.yaml:1: nodes.swarm-worker1.gwbridge: an IPv4 network such as 10.0.2.0/24 is wanted, "
        "not '172.19.0.2'",
    ),
    "stack's subnet over the underlay": (
        "underlay: 10.0.2.0/24\n",
        "mine/stack.yaml:8: the network demo asks for the subnet 10.0.2.0/24, which overlaps 10.0.2.0/24, "
        "where the machines stand",
    ),
    "early ingress network over the underlay": (
        "engine: 18.03\ntopology: swarm\nunderlay: 10.255.7.0/24\n",
        "mine/lab.yaml:2: engines before 19.03 give the ingress network 10.255.0.0/16, which overlaps 10.255.7.0/24, "
        "where the machines stand; give one of the two another subnet",
    ),
    "story of an unknown service": (
        "story: {services: {wbe: {id: a}}}\n",
        "mine/lab.yaml:1: story.services.wbe: the stack has none of that name; did you mean 'web'?",
    ),
    "story of an unknown network": (
        "story: {networks: {zzz: {id: a}}}\n",
        "mine/lab.yaml:1: story.networks.zzz: the stack has none of that name; it has ingress, demo",
    ),
    "task on an unknown node": (
        "story: {services: {web: {tasks: {1: {node: nowhere}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.1.node: no node of the swarm is called 'nowhere'; "
        "it has swarm-manager, swarm-worker1, swarm-worker2",
    ),
    "slot 0": (
        "story: {services: {web: {tasks: {0: {node: swarm-manager}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.0: a number of at least 1 is wanted, not '0'",
    ),
    "id that is none": (
        "story: {services: {web: {id: ABC}}}\n",
        "mine/lab.yaml:1: story.services.web.id: an id of up to 25 lower-case letters and digits is wanted, not 'ABC'",
    ),
    "container id that is none": (
        "story: {services: {web: {tasks: {1: {container: xyz}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.1.container: "
        "an id of up to 64 lower-case hexadecimal digits is wanted, not 'xyz'",
    ),
    "address outside its network": (
        "story:\n  services:\n    web:\n      vips: {demo: 10.0.3.5}\n",
        "mine/lab.yaml:4: story.services.web.vips.demo: 10.0.3.5 is not an address of the network demo (10.0.2.0/24)",
    ),
    "broadcast address": (
        "story: {services: {web: {vips: {demo: 10.0.2.255}}}}\n",
        "mine/lab.yaml:1: story.services.web.vips.demo: 10.0.2.255 is not an address of the network demo (10.0.2.0/24)",
    ),
    "address of the gateway": (
        "story: {services: {web: {vips: {demo: 10.0.2.1}}}}\n",
        "mine/lab.yaml:1: story.services.web.vips.demo: 10.0.2.1 is already the network's gateway",
    ),
    "address twice": (
        "story:\n  services:\n    web:\n      vips: {demo: 10.0.2.5}\n      tasks:\n"
        "        1: {addresses: {demo: 10.0.2.5}}\n",
        "mine/lab.yaml:6: story.services.web.tasks.1.addresses.demo: 10.0.2.5 is already settled on line 4",
    ),
    "address on a network the service is not on": (
        "story: {services: {web: {vips: {other: 10.0.2.5}}}}\n",
        "mine/lab.yaml:1: story.services.web.vips.other: web is on demo, ingress, not on other",
    ),
    "address that is none": (
        "nodes: {swarm-manager: {ingress: 10.0.0.300}}\n",
        "mine/lab.yaml:1: nodes.swarm-manager.ingress: an IPv4 address such as 10.0.2.5 is wanted, not '10.0.0.300'",
    ),
    "ingress address outside": (
        "nodes: {swarm-manager: {ingress: 10.255.0.2}}\n",
        "mine/lab.yaml:1: nodes.swarm-manager.ingress: "
        "10.255.0.2 is not an address of the network ingress (10.0.0.0/24)",
    ),
    "bridge address without a node": (
        "story: {services: {web: {tasks: {1: {gwbridge: 172.18.0.3}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.1.gwbridge: "
        "an address on a node's bridge wants the task's node, too",
    ),
    "bridge address outside": (
        "story: {services: {web: {tasks: {1: {node: swarm-manager, gwbridge: 172.19.0.3}}}}}\n",
        "mine/lab.yaml:1: story.services.web.tasks.1.gwbridge: "
        "172.19.0.3 is not an address of swarm-manager's bridge (172.18.0.0/16)",
    ),
    "subnet that the stack contradicts": (
        "story: {networks: {demo: {subnet: 10.0.9.0/24}}}\n",
        "mine/lab.yaml:1: story.networks.demo.subnet: the stack gives the network 10.0.2.0/24, not 10.0.9.0/24",
    ),
    "a VXLAN id twice": (
        "story: {networks: {demo: {vni: 4096}}}\n",
        "mine/stack.yaml:8: the network demo asks for the VXLAN id 4096, which another one has",
    ),
    "name that is none": (
        "name: my lab\n",
        "mine/lab.yaml:1: name: a lab's name is made of up to 63 letters, digits and inner - _ . and 'my lab' is not",
    ),
    "no YAML": ("name: [\n", "mine/lab.yaml:2: this is no YAML: expected the node content, but found '<stream end>'"),
}


@pytest.mark.parametrize(("lab", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_in_a_folder(load: Load, lab: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        load(lab)
    assert str(raised.value) == sentence


STACKS = {
    "unknown image": (
        "services:\n  web:\n    image: nginks\n",
        "mine/stack.yaml:3: there is no image 'nginks' here; known are busybox, ",
    ),
    "typo": (
        STACK.replace("replicas", "replica"),
        "mine/stack.yaml:6: services.web.deploy.replica: unknown key; did you mean 'replicas'?",
    ),
    "external network": (
        "services: {web: {image: nginx, networks: [a]}}\nnetworks:\n  a: {external: true}\n",
        "mine/stack.yaml:3: the network a is external, and a new lab has none to find; without that key it is made",
    ),
    "two networks that overlap": (
        "services: {web: {image: nginx, networks: [a, b]}}\nnetworks:\n"
        "  a: {ipam: {config: [{subnet: 10.5.0.0/16}]}}\n  b: {ipam: {config: [{subnet: 10.5.1.0/24}]}}\n",
        "mine/stack.yaml:4: the network b asks for the subnet 10.5.1.0/24, which overlaps 10.5.0.0/16 of the network a",
    ),
    "subnet without room": (
        "services: {web: {image: nginx, networks: [a]}}\nnetworks:\n  a: {ipam: {config: [{subnet: 10.5.0.0/30}]}}\n",
        "mine/stack.yaml:3: the network a asks for the subnet 10.5.0.0/30, and a /29 is the smallest of use here",
    ),
    "option that is no number": (
        "services: {web: {image: nginx, networks: [a]}}\nnetworks:\n"
        "  a: {driver_opts: {com.docker.network.driver.mtu: big}}\n",
        "mine/stack.yaml:3: the network a's option com.docker.network.driver.mtu is a number from 118 to 65535, "
        "not 'big'",
    ),
}


@pytest.mark.parametrize(("stack", "sentence"), STACKS.values(), ids=STACKS)
def test_mistake_in_a_stack(load: Load, stack: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        load(None, stack)
    assert str(raised.value).startswith(sentence)


OPTIONS = {
    "unknown topology": ({"topology": "ring"}, "--topo: there is no topology 'ring'; known are leafspine, "),
    "topology parameter": ({"topology": "swarm,wrkers=2"}, "--topo: SwarmTopo has no parameter 'wrkers'; it takes "),
    "bad topology text": ({"topology": "swarm,workers"}, "--topo: 'workers' is not key=value, as in swarm,workers=3"),
    "unknown engine": (
        {"engines": ("21.0",)},
        "--engine: there is no engine '21.0' here; known are 18.03, 18.06, 20.10",
    ),
    "engine of an unknown node": (
        {"engines": ("swarm-worker9=18.06",)},
        "--engine: no node of the swarm is called 'swarm-worker9'; did you mean 'swarm-worker",
    ),
    "engine of no node": ({"engines": ("=18.06",)}, "--engine: '=18.06' names no node before the ="),
    "stack that is not there": ({"stacks": (Path("none.yaml"),)}, "none.yaml: there is no such file"),
}


@pytest.mark.parametrize(("options", "sentence"), OPTIONS.values(), ids=OPTIONS)
def test_mistake_in_an_option(load: Load, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        load(**options)
    assert str(raised.value).startswith(sentence)


def test_early_ingress_network_over_a_topologys_subnet_blames_the_option(load: Load) -> None:
    with pytest.raises(InputError, match=r"^--topo: engines before 19\.03 give the ingress network"):
        load("engine: 18.03", topology="swarm,subnet=10.255.7.0/24")


def test_folder_without_either_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        load_lab(tmp_path, Overrides())
    assert str(raised.value) == f"{tmp_path}: there is neither a lab.yaml nor a stack.yaml in it"


def test_folder_that_is_not_there() -> None:
    with pytest.raises(
        InputError, match=r"^no/where: there is no such folder; examples that can be named are article, "
    ):
        load_lab(Path("no/where"))
