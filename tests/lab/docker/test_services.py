"""Services at the docker command line: made, scaled, updated, rolled back and removed as people do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.lab.docker.terminal import MANAGER, WORKER1, WORKER2, Docker, looks_like

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-services")]

QUICK = "-d --no-resolve-image"
STATES = "--no-trunc --format '{{.CurrentState}}|{{.Error}}'"


@pytest.fixture(autouse=True)
def _tidy(docker: Docker) -> Iterator[None]:
    """Services a test makes are called t-something, and go with it."""
    yield
    made = [name for name in docker.lines("service ls --format '{{.Name}}'") if name.startswith("t-")]
    if made:
        docker(f"service rm {' '.join(made)}")


def running(docker: Docker, service: str, count: int) -> list[str]:
    """The nodes of its running tasks, once there are so many."""
    arguments = f"service ps {service} --filter desired-state=running --format '{{{{.Node}}}} {{{{.CurrentState}}}}'"
    said = docker.until(
        arguments, lambda said: sum("Running" in line for line in said.splitlines()) == count == len(said.splitlines())
    )
    return [line.split()[0] for line in said.splitlines()]


def test_the_articles_services_are_listed(docker: Docker) -> None:
    header, *lines = docker.lines("service ls")
    assert header.split() == ["ID", "NAME", "MODE", "REPLICAS", "IMAGE", "PORTS"]
    assert any(looks_like(r"\w{12} whoami replicated \d/\d jwilder/whoami:latest \*:8000->8000/tcp", x) for x in lines)
    assert any(looks_like(r"\w{12} client replicated 1/1 busybox:1.28.3", line) for line in lines)


def test_scaling_waits_until_the_service_has_converged(docker: Docker) -> None:
    said = docker("service create --name t-web --replicas 1 --update-monitor 1s --no-resolve-image nginx")
    assert "1 out of 1 tasks" in said
    assert "onverged" in said
    said = docker("service scale t-web=3")
    assert said.startswith("t-web scaled to 3")
    assert "3 out of 3 tasks" in said
    assert sorted(running(docker, "t-web", 3)) == sorted((MANAGER, WORKER1, WORKER2))
    assert docker("service scale -d t-web=1") == "t-web scaled to 1"
    running(docker, "t-web", 1)


def test_published_ports_in_both_syntaxes_answer(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-short -p 8081:80 nginx")
    docker(f"service create {QUICK} --name t-long --publish published=8082,target=80,protocol=tcp,mode=ingress nginx")
    docker(f"service create {QUICK} --name t-auto --publish 80 nginx")
    docker(f"service create {QUICK} --name t-both -p 8083:80 -p 8083:80/udp nginx")
    for name in ("t-short", "t-long", "t-auto", "t-both"):
        running(docker, name, 1)
    assert "nginx" in docker.lab.answers(WORKER1, "127.0.0.1:8081", 1)[0]
    assert "nginx" in docker.lab.answers("client", f"{docker.lab.address(WORKER2)}:8082", 1)[0]
    port = int(docker("service inspect t-auto --format '{{(index .Endpoint.Ports 0).PublishedPort}}'"))
    assert 30000 <= port <= 32767
    assert "nginx" in docker.lab.answers(WORKER2, f"127.0.0.1:{port}", 1)[0]
    ports = docker("service ls --filter name=t-both --format '{{.Ports}}'")
    assert ports in ("*:8083->80/tcp, *:8083->80/udp", "*:8083->80/tcp,*:8083->80/udp")


def test_a_port_in_use_is_refused_in_dockers_words(docker: Docker) -> None:
    said = docker.refused(f"service create {QUICK} --name t-again -p 8000:80 nginx")
    assert "rpc error: code = InvalidArgument desc = port '8000' is already in use by service 'whoami' (" in said
    assert said.endswith("as an ingress port")


def test_a_name_in_use_is_refused_in_dockers_words(docker: Docker) -> None:
    said = docker.refused(f"service create {QUICK} --name whoami nginx")
    assert "name conflicts with an existing object: service whoami already exists" in said


def test_dnsrr_and_an_ingress_port_exclude_each_other(docker: Docker) -> None:
    said = docker.refused(f"service create {QUICK} --name t-rr --endpoint-mode dnsrr -p 8300:80 nginx")
    assert "EndpointSpec: port published with ingress mode can't be used with dnsrr mode" in said


def test_dnsrr_has_no_vip(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-rr --endpoint-mode dnsrr --network my-demo --replicas 2 nginx")
    running(docker, "t-rr", 2)
    endpoint = json.loads(docker("service inspect t-rr --format '{{json .Endpoint}}'"))
    assert endpoint.get("VirtualIPs") in (None, [])
    assert endpoint["Spec"]["Mode"] == "dnsrr"


def test_host_mode_publishes_on_the_tasks_node_alone(docker: Docker) -> None:
    docker(
        f"service create {QUICK} --name t-host --constraint node.hostname=={WORKER2} "
        "--publish mode=host,published=8200,target=80 nginx"
    )
    assert running(docker, "t-host", 1) == [WORKER2]
    assert "nginx" in docker.lab.answers("client", f"{docker.lab.address(WORKER2)}:8200", 1)[0]
    assert "nginx" in docker.lab.answers(WORKER2, "127.0.0.1:8200", 1)[0]
    assert docker.lab.run("client", f"curl -s -m 3 {docker.lab.address(WORKER1)}:8200").status == 7
    assert "*:8200->80/tcp" in docker("service ps t-host --format '{{.Ports}}'")


def test_constraints_and_labels_place_tasks(docker: Docker) -> None:
    docker(f"node update --label-add disk=ssd {WORKER1}")
    docker(
        f"service create {QUICK} --name t-ssd --constraint node.labels.disk==ssd --replicas 2 --label for=test nginx"
    )
    assert running(docker, "t-ssd", 2) == [WORKER1, WORKER1]
    docker(f"service create {QUICK} --name t-nowhere --constraint node.labels.disk==tape nginx")
    said = docker.until(
        "service ps t-nowhere --no-trunc --format '{{.CurrentState}}|{{.Error}}'", lambda x: "no s" in x
    )
    assert said.startswith("Pending")
    assert "no suitable node (scheduling constraints not satisfied on 3 nodes)" in said
    assert docker("service ls --filter label=for=test --format '{{.Name}}'") == "t-ssd"
    docker(f"node update --label-rm disk {WORKER1}")


def test_a_global_service_is_everywhere(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-all --mode global nginx")
    assert sorted(running(docker, "t-all", 3)) == sorted((MANAGER, WORKER1, WORKER2))
    assert docker("service ls --filter name=t-all --format '{{.Mode}} {{.Replicas}}'") == "global 3/3"
    assert "scale can only be used with replicated" in docker.refused("service scale t-all=2")


def test_at_most_so_many_on_a_node(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-few --replicas 4 --replicas-max-per-node 1 nginx")
    states = docker.until(
        "service ps t-few --no-trunc --format '{{.CurrentState}} {{.Error}}'", lambda x: "max re" in x
    )
    assert sum("Running" in line for line in states.splitlines()) <= 3
    assert "max replicas per node limit exceed" in states


def test_an_update_replaces_tasks_and_a_rollback_brings_the_old_spec_back(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-up --replicas 2 --update-monitor 1s --update-parallelism 2 nginx:1.24")
    running(docker, "t-up", 2)
    said = docker("service update --no-resolve-image --image nginx:1.25 --env-add A=1 --update-order start-first t-up")
    assert "onverged" in said
    running(docker, "t-up", 2)
    images = docker.lines("service ps t-up --format '{{.Image}} {{.DesiredState}}'")
    assert images.count("nginx:1.25 Running") == 2
    assert images.count("nginx:1.24 Shutdown") == 2
    assert docker("service inspect t-up --format '{{.UpdateStatus.State}}'") == "completed"
    assert docker("service inspect t-up --format '{{.PreviousSpec.TaskTemplate.ContainerSpec.Image}}'") == "nginx:1.24"
    docker("service rollback -d t-up")
    docker.until("service inspect t-up --format '{{.UpdateStatus.State}}'", lambda x: x == "rollback_completed")
    assert docker("service inspect t-up --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}'") == "nginx:1.24"


def test_update_flags_are_kept_and_shown(docker: Docker) -> None:
    docker(
        f"service create {QUICK} --name t-flags --update-parallelism 2 --update-delay 3s "
        "--update-failure-action rollback --rollback-parallelism 3 --restart-condition on-failure "
        "--restart-delay 2s --restart-max-attempts 4 "
        "--stop-grace-period 3s --env A=1 --env B=2 --hostname web --container-label c=d --limit-memory 64M "
        "--reserve-cpu 0.1 --user nobody --workdir /srv nginx"
    )
    running(docker, "t-flags", 1)
    pretty = docker("service inspect --pretty t-flags")
    for part in ("Parallelism:\t2", "Delay:\t\t3s", "On failure:\trollback", "Env:\t\tA=1 B=2", "Image:\t\tnginx"):
        assert part.replace("\t", "") in pretty.replace("\t", ""), pretty
    spec = json.loads(docker("service inspect t-flags --format '{{json .Spec.TaskTemplate}}'"))
    assert spec["RestartPolicy"]["MaxAttempts"] == 4
    assert spec["ContainerSpec"]["StopGracePeriod"] == 3_000_000_000
    assert spec["ContainerSpec"]["Dir"] == "/srv"
    assert spec["Resources"]["Limits"]["MemoryBytes"] == 64 * 1024 * 1024
    docker("service update -d --env-rm A --force t-flags")
    assert docker("service inspect t-flags --format '{{.Spec.TaskTemplate.ContainerSpec.Env}}'") == "[B=2]"
    docker("service update -d --publish-add 8085:80 --label-add x=y --replicas 2 t-flags")
    running(docker, "t-flags", 2)
    docker("service update -d --publish-rm 80 t-flags")
    docker.until("service inspect t-flags --format '{{.Endpoint.Ports}}'", lambda said: said == "[]")


def test_mounts_are_refused_clearly(docker: Docker) -> None:
    said = docker.refused(f"service create {QUICK} --name t-disk --mount type=bind,source=/etc,target=/x nginx")
    assert "mount" in said
    assert "disk" in said


def test_an_unknown_image_is_rejected_and_tried_again(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-none no/such:1")
    said = docker.until(f"service ps t-none {STATES}", lambda said: "Rejected" in said)
    assert "No such image: no/such:1" in said


def test_a_task_that_fails_is_restarted(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-fail --restart-delay 100ms busybox:1.28.3 sh -c 'sleep 1; exit 3'")
    said = docker.until(f"service ps t-fail {STATES}", lambda said: "Failed" in said)
    assert '"task: non-zero exit (3)"' in said
    docker.until("service ps t-fail --format '{{.ID}}'", lambda said: len(said.splitlines()) >= 2)


def test_what_is_not_there_is_not_found(docker: Docker) -> None:
    assert "no such service: nope" in docker.refused("service ps nope").lower()
    assert re.search("service nope not found|No such service: nope", docker.refused("service scale nope=2"))
    assert "no such service: nope" in docker.refused("service inspect nope").lower()
    assert re.search("service nope not found|No such service: nope", docker.refused("service rm nope"))


def test_a_workers_engine_sends_one_to_a_manager(docker: Docker) -> None:
    said = docker.refused("service ls", on=WORKER1)
    assert "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state." in said
    assert "This node is not a swarm manager" in docker.refused("node ls", on=WORKER2)


def test_logs_of_a_service(docker: Docker) -> None:
    docker(f"service create {QUICK} --name t-say busybox:1.28.3 sh -c 'echo hello; echo oops >&2; sleep 1000'")
    running(docker, "t-say", 1)
    docker.until("service logs t-say", lambda said: "hello" in said)
    done = docker.typed("docker service logs t-say")
    assert looks_like(r"t-say.1.\w{12}@swarm-\w+ \| hello", done.text)
    assert b"oops" in done.stderr
    assert docker("service logs --raw --tail 1 t-say 2>/dev/null || true") in ("hello", "")
