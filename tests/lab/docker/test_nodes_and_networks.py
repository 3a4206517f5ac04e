"""Nodes, networks, stacks, configs and events at the docker command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.lab.docker.terminal import MANAGER, WORKER1, WORKER2, Docker, looks_like

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-nodes")]

STACK = """
version: "3.8"
services:
  web:
    image: nginx
    ports: ["8090:80"]
    networks: [front]
    configs: [site]
    deploy: {replicas: 2, labels: {tier: front}, update_config: {parallelism: 2}}
  db:
    image: mysql
    networks: [front]
    secrets: [key]
networks:
  front: {driver: overlay, attachable: true}
configs:
  site: {file: ./site.conf}
secrets:
  key: {file: ./key}
"""


@pytest.fixture(autouse=True)
def _tidy(docker: Docker) -> Iterator[None]:
    yield
    for name in docker.lines("service ls --format '{{.Name}}'"):
        if name.startswith("t-"):
            docker(f"service rm {name}")
    for name in docker.lines("network ls --format '{{.Name}}'"):
        if name.startswith("t-"):
            docker.until(f"network rm {name} 2>/dev/null || echo busy", lambda said: said != "busy")


def test_nodes_are_listed_with_the_leader_and_oneself(docker: Docker) -> None:
    lines = docker.lines("node ls")
    assert any(looks_like(r"\w{25} \* swarm-manager Ready Active Leader 18\.03\S*", line) for line in lines)
    assert any(looks_like(r"\w{25} swarm-worker1 Ready Active 18\.06\S*", line) for line in lines)


def test_draining_moves_tasks_and_pausing_keeps_them(docker: Docker) -> None:
    docker("service create -d --no-resolve-image --name t-move --replicas 3 nginx")
    docker.until("service ls --filter name=t-move --format '{{.Replicas}}'", lambda said: said == "3/3")
    docker(f"node update --availability drain {WORKER1}")
    nodes = "service ps t-move --filter desired-state=running --format '{{.Node}}'"
    docker.until(nodes, lambda said: WORKER1 not in said and len(said.splitlines()) == 3)
    assert docker(f"node inspect {WORKER1} --format '{{{{.Spec.Availability}}}}'") == "drain"
    docker(f"node update --availability pause {WORKER2}")
    assert WORKER2 in docker(nodes)
    docker(f"node update --availability active {WORKER1}")
    docker(f"node update --availability active {WORKER2}")
    assert docker("node ps self --format '{{.Name}}'") != ""


def test_promoting_and_demoting(docker: Docker) -> None:
    assert "promoted to a manager" in docker(f"node promote {WORKER1}")
    assert docker("node ls --filter role=manager --format '{{.Hostname}}'").split() == [MANAGER, WORKER1]
    docker("service ls", on=WORKER1)
    assert "demoted" in docker(f"node demote {WORKER1}")
    said = docker.refused(f"node demote {MANAGER}")
    assert "attempting to demote the last manager of the swarm" in said


def test_removing_a_node_that_is_up_is_refused(docker: Docker) -> None:
    assert "is not down and can't be removed" in docker.refused(f"node rm {WORKER1}")


def test_networks_as_a_node_sees_them(docker: Docker) -> None:
    lines = docker.lines("network ls", on=WORKER1)
    assert lines[0].split() == ["NETWORK", "ID", "NAME", "DRIVER", "SCOPE"]
    for row in ("bridge bridge local", "docker_gwbridge bridge local", "host host local", "none null local"):
        assert any(looks_like(rf"[0-9a-f]{{12}} {row}", line) for line in lines), lines
    assert any(looks_like(r"\w{12} ingress overlay swarm", line) for line in lines)
    (gwbridge,) = json.loads(docker("network inspect docker_gwbridge", on=WORKER1))
    assert gwbridge["IPAM"]["Config"] == [{"Subnet": "172.19.0.0/16", "Gateway": "172.19.0.1"}]
    assert gwbridge["Containers"]["ingress-sbox"]["Name"] == "gateway_ingress-sbox"
    assert gwbridge["Containers"]["ingress-sbox"]["IPv4Address"] == "172.19.0.2/16"
    assert gwbridge["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_an_overlay_is_made_inspected_and_removed(docker: Docker) -> None:
    docker("network create -d overlay --subnet 10.77.0.0/24 --gateway 10.77.0.1 --label a=b --attachable t-net")
    (network,) = json.loads(docker("network inspect t-net"))
    assert (network["Scope"], network["Attachable"], network["Labels"]) == ("swarm", True, {"a": "b"})
    assert network["IPAM"]["Config"] == [{"Subnet": "10.77.0.0/24", "Gateway": "10.77.0.1"}]
    assert "already exists" in docker.refused("network create -d overlay t-net")
    docker(
        f"service create -d --no-resolve-image --name t-on --network t-net --constraint node.hostname=={MANAGER} nginx"
    )
    assert "is in use by service" in docker.refused("network rm t-net")
    docker.until("network inspect -v t-net --format '{{json .Services}}'", lambda said: '"t-on"' in said)
    docker("service rm t-on")
    docker.until("network rm t-net 2>/dev/null || echo busy", lambda said: said == "t-net")
    assert "bridge is a pre-defined network and cannot be removed" in docker.refused("network rm bridge")
    assert re.search("network nope not found|No such network: nope", docker.refused("network inspect nope"))


def test_a_bridge_network_of_one_node(docker: Docker) -> None:
    docker("network create t-local", on=WORKER2)
    link = docker.lab.run(WORKER2, "ip -br link").check().text
    assert f"br-{docker('network ls -q --filter name=t-local', on=WORKER2)}" in link
    docker("network rm t-local", on=WORKER2)
    assert "t-local" not in docker("network ls", on=WORKER2)


def test_a_container_on_an_attachable_overlay_reaches_a_service(docker: Docker) -> None:
    docker("network create -d overlay --attachable t-att")
    docker("service create -d --no-resolve-image --name t-web --network t-att nginx")
    docker.until("service ls --filter name=t-web --format '{{.Replicas}}'", lambda said: said == "1/1")
    docker("run -d --name t-box --network t-att busybox:1.28.3 sleep 1000", on=WORKER1)
    assert "nginx" in docker("exec t-box wget -qO- t-web", on=WORKER1)
    assert "t-box" in docker("network inspect t-att", on=WORKER1)
    docker("rm -f t-box", on=WORKER1)
    assert "not manually attachable" in docker.refused("run -d --network my-demo busybox:1.28.3 true", status=125)


def test_a_stack_from_its_file_to_its_end(docker: Docker) -> None:
    docker.lab.run(MANAGER, "mkdir -p /tmp/s && cd /tmp/s && echo listen > site.conf && echo hush > key").check()
    docker.lab.run(MANAGER, "cat > /tmp/s/stack.yaml", stdin=STACK.encode()).check()
    said = docker("stack deploy -c /tmp/s/stack.yaml t-shop")
    for made in ("network t-shop_front", "service t-shop_web", "service t-shop_db", "config t-shop_site"):
        assert f"Creating {made}" in said
    assert looks_like(r"NAME SERVICES( ORCHESTRATOR)? t-shop 2.*", docker("stack ls"))
    docker.until("stack services t-shop --format '{{.Name}} {{.Replicas}}'", lambda x: "t-shop_web 2/2" in x)
    docker.until("stack ps t-shop --format '{{.Name}} {{.CurrentState}}'", lambda x: x.count("Running") == 3)
    assert "nginx" in docker.lab.answers(WORKER1, "127.0.0.1:8090", 1)[0]
    assert docker("config inspect t-shop_site --pretty").endswith("listen")
    assert "hush" not in docker("secret inspect t-shop_key")
    assert "is in use by the following service" in docker.refused("config rm t-shop_site")
    docker("stack deploy -c /tmp/s/stack.yaml t-shop")
    said = docker("stack rm t-shop")
    assert "Removing service t-shop_web" in said
    docker.until("network ls --format '{{.Name}}'", lambda said: "t-shop_front" not in said)
    assert docker("config ls -q") == ""


def test_events_tell_what_happened(docker: Docker, eventually: Callable[[Callable[[], bool]], None]) -> None:
    since = docker.lab.run(MANAGER, "date +%s.%N").check().text.strip()
    docker("service create -d --no-resolve-image --name t-seen nginx")
    docker.until("service ls --filter name=t-seen --format '{{.Replicas}}'", lambda said: said == "1/1")
    docker("service rm t-seen")
    events = '{{.Type}} {{.Action}} {{index .Actor.Attributes "name"}}'
    said = docker(f"events --since {since} --until $(date +%s.%N) --filter type=service --format '{events}'")
    assert "service create t-seen" in said
    assert "service remove t-seen" in said


def test_info_and_version(docker: Docker) -> None:
    info = json.loads(docker("info --format '{{json .}}'"))
    assert info["Name"] == MANAGER
    assert (info["Swarm"]["LocalNodeState"], info["Swarm"]["Nodes"], info["Swarm"]["Managers"]) == ("active", 3, 1)
    assert "Is Manager: true" in docker("info 2>/dev/null")
    assert "Is Manager: false" in docker("info 2>/dev/null", on=WORKER1)
    assert docker("version --format '{{.Server.Version}}'").startswith("18.03")
    assert docker("swarm join-token -q worker").startswith("SWMTKN-1-")
    assert "already part of a swarm" in docker.refused("swarm init")
