"""The docker client's own reading of a Compose file, and the lab's: they come to the same swarm."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from meshnet.compose import load_stack
from meshnet.lab.docker_client import find_docker
from meshnet.model import ClusterState, Network, ServiceSpec
from meshnet.orchestrator import deploy
from tests.engine_api.bench import paper_bench
from tests.orchestrator.swarms import MANAGER, run, swarm

BODY = """
services:
  web:
    image: nginx
    hostname: www
    ports:
      - "8090:80"
      - {target: 53, published: 5353, protocol: udp, mode: host}
    networks: {front: {aliases: [www]}, back: {}}
    configs: [{source: site, target: /etc/x, mode: 0400}]
    environment: {A: "1", B: ""}
    labels: {in: container}
    stop_signal: SIGQUIT
    stop_grace_period: 3s
    deploy:
      replicas: 2
      labels: {tier: front}
      update_config:
        {parallelism: 2, delay: 1s, order: start-first, failure_action: rollback, monitor: 2s, max_failure_ratio: 0.5}
      rollback_config: {parallelism: 0}
      restart_policy: {condition: on-failure, delay: 2s, max_attempts: 3, window: 10s}
      placement:
        constraints: [node.role==manager]
        preferences: [{spread: node.labels.zone}]
        max_replicas_per_node: 2
  db:
    image: mysql:8
    networks: [back]
    secrets: [key]
    entrypoint: /go
    command: ["a", "b"]
    deploy: {mode: global, endpoint_mode: dnsrr}
  alone:
    image: busybox
    command: sh -c "sleep 10"
    deploy: {replicas: 0}
networks:
  default: {driver: overlay, ipam: {config: [{subnet: 10.78.0.0/24}]}}
  front: {driver: overlay, attachable: true, labels: {a: b}, ipam: {config: [{subnet: 10.77.0.0/24}]}}
  back: {driver: overlay, internal: true, ipam: {config: [{subnet: 10.76.0.0/24}]}}
configs:
  site: {file: ./site.conf}
secrets:
  key: {file: ./site.conf, labels: {x: y}}
"""


@pytest.fixture
def docker() -> str:
    """A docker client."""
    found = find_docker(os.environ)
    if found is None:
        pytest.skip("needs a docker client")
    return str(found)


def test_docker_stack_deploy_comes_to_what_the_lab_makes_of_the_same_file(docker: str, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("hello\n")
    file = tmp_path / "stack.yaml"
    file.write_text('version: "3.13"' + BODY)

    [theirs] = asyncio.run(_deployed(docker, file))
    ours = run(swarm(), *deploy(load_stack([file], {}, name="demo")))
    assert _specs(theirs) == _specs(ours)
    assert _networks(theirs) == _networks(ours)
    assert _stored(theirs) == _stored(ours)
    assert _copies(theirs) == _copies(ours)


def test_deploying_the_same_file_again_replaces_nothing(docker: str, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("hello\n")
    file = tmp_path / "client.yaml"
    file.write_text('version: "3.13"' + BODY)
    once, again = asyncio.run(_deployed(docker, file, times=2))
    assert again.version > once.version
    assert set(again.tasks) == set(once.tasks)
    assert _specs(again) == _specs(once)


async def _deployed(docker: str, file: Path, *, times: int = 1) -> list[ClusterState]:
    """The states the client leaves behind, after each time."""
    states = []
    async with paper_bench() as bench:
        command = (docker, "-H", f"unix://{bench[MANAGER].path}", "stack", "deploy", "-d", "--resolve-image=never")
        for _ in range(times):
            process = await asyncio.create_subprocess_exec(
                *command, "-c", str(file), "demo", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await process.communicate()
            assert process.returncode == 0, said.decode()
            states.append(bench.engines.state)
    return states


def _specs(state: ClusterState) -> Mapping[str, ServiceSpec]:
    return {service.spec.name: service.spec for service in state.services.values()}


def _networks(state: ClusterState) -> Mapping[str, Network]:
    """Without ids and VXLAN numbers: the client makes networks in no order."""
    return {
        network.name: replace(network, id=network.name, vni=0)  # type: ignore[arg-type]  # whichever id
        for network in state.networks.values()
    }


def _stored(state: ClusterState) -> set[tuple[object, ...]]:
    return {(each.kind, each.name, each.data, *sorted(each.labels.items())) for each in state.stored.values()}


def _copies(state: ClusterState) -> set[tuple[object, ...]]:
    """Which tasks there are; where they run depends on the order in which services were made."""
    return {(task.spec.name, task.slot or task.node, task.state, task.desired) for task in state.tasks.values()}
