"""What a program that uses docker-py does on a manager; run there, it prints one line for each thing that held."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import EndpointSpec, Mount, Resources, RestartPolicy, ServiceMode, UpdateConfig

PATIENCE = 20.0


def main() -> None:
    client = docker.from_env()
    for part in (system, nodes, networks, services, containers, images, stored, mistakes):
        part(client)


def held(what: str, holds: object = True) -> None:
    """One call whose answer was as it should be."""
    if not holds:
        sys.exit(f"did not hold: {what}")
    sys.stdout.write(f"{what}\n")


def eventually(what: str, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"did not come to hold: {what}")
        time.sleep(0.05)
    held(what)


def system(client: Any) -> None:
    held("ping", client.ping())
    held("version", client.version()["ApiVersion"] == "1.50")
    held("info", client.info()["Swarm"]["LocalNodeState"] == "active")
    held("df", "Images" in client.df())
    held("swarm.attrs", client.swarm.attrs["JoinTokens"]["Worker"].startswith("SWMTKN-1-"))
    held("events", list(client.events(since=0, until=int(time.time()), decode=True)) is not None)


def nodes(client: Any) -> None:
    every = client.nodes.list()
    held("nodes.list", len(every) == 3)
    held("nodes.list role", len(client.nodes.list(filters={"role": "worker"})) == 2)
    worker = next(node for node in every if node.attrs["Description"]["Hostname"] == "swarm-worker1")
    held("nodes.get", client.nodes.get(worker.id).attrs["Status"]["State"] == "ready")
    held("node.update", worker.update({**worker.attrs["Spec"], "Labels": {"sdk": "yes"}}))
    held("node.reload", client.nodes.get(worker.id).attrs["Spec"]["Labels"] == {"sdk": "yes"})


def networks(client: Any) -> None:
    overlay = client.networks.create("t-sdk", driver="overlay", attachable=True, labels={"a": "b"})
    held("networks.create")
    held("networks.list", [network.name for network in client.networks.list(names=["t-sdk"])] == ["t-sdk"])
    held("networks.list filters", client.networks.list(filters={"label": "a=b"})[0].id == overlay.id)
    held("networks.get", client.networks.get(overlay.id, verbose=True).attrs["Scope"] == "swarm")


def services(client: Any) -> None:
    service = client.services.create(
        "nginx",
        name="t-sdk-web",
        mode=ServiceMode("replicated", replicas=2),
        networks=["t-sdk"],
        endpoint_spec=EndpointSpec(ports={8500: 80}),
        update_config=UpdateConfig(parallelism=2, monitor=1_000_000_000),
        restart_policy=RestartPolicy("any", delay=1_000_000_000),
        resources=Resources(mem_limit=64 * 1024 * 1024),
        env=["A=1"],
        labels={"from": "sdk"},
    )
    held("services.create")
    held("services.list", len(client.services.list(filters={"name": "t-sdk-web"}, status=True)) == 1)
    held("services.get", client.services.get(service.id, insert_defaults=True).attrs["Spec"]["RollbackConfig"])
    eventually("service.tasks", lambda: _running(service) == 2)
    held("service.scale", service.scale(3))
    eventually("service.tasks scaled", lambda: _running(service) == 3)
    service.reload()
    held("service.update", service.update(image="nginx:1.25", env=["A=2"]) is not None)
    eventually("service.update done", lambda: _images(service) == {"nginx:1.25"})
    service.reload()
    held("service.force_update", service.force_update() is not None)
    held("service.logs", list(service.logs(stdout=True, stderr=True)) is not None)
    held("services.create global", client.services.create("nginx", name="t-sdk-all", mode="global").remove())
    held("service.remove", service.remove())
    eventually("services gone", lambda: not client.services.list(filters={"label": "from=sdk"}))


def _running(service: Any) -> int:
    wanted = service.tasks(filters={"desired-state": "running"})
    return sum(task["Status"]["State"] == "running" for task in wanted)


def _images(service: Any) -> set[str]:
    wanted = service.tasks(filters={"desired-state": "running"})
    return {task["Spec"]["ContainerSpec"]["Image"] for task in wanted if task["Status"]["State"] == "running"}


def containers(client: Any) -> None:
    held("containers.list", any("whoami" in container.name for container in client.containers.list()))
    held("containers.run", client.containers.run("busybox:1.28.3", "echo hello", remove=True) == b"hello\n")
    box = client.containers.run("busybox:1.28.3", "cat", detach=True, stdin_open=True, name="t-sdk-box")
    held("containers.run detach", client.containers.get("t-sdk-box").status == "running")
    held("exec_run", box.exec_run("hostname").output.decode().strip() == box.short_id)
    held("exec_run demux", box.exec_run("sh -c 'echo a; echo b >&2; exit 3'", demux=True) == (3, (b"a\n", b"b\n")))
    held("exec_run environment", box.exec_run("sh -c 'echo $X'", environment={"X": "y"}).output == b"y\n")
    held("top", any("cat" in row[-1] for row in box.top()["Processes"]))
    held("stats", box.stats(stream=False)["id"] == box.id)
    held("network.connect", client.networks.get("t-sdk").connect(box, aliases=["boxed"]) is None)
    box.reload()
    held("container.attrs", "t-sdk" in box.attrs["NetworkSettings"]["Networks"])
    held("network.disconnect", client.networks.get("t-sdk").disconnect(box) is None)
    held("kill", box.kill() is None)
    held("wait", box.wait()["StatusCode"] == 137)
    held("logs", box.logs() == b"")
    held("start", box.start() is None)
    held("restart", box.restart(timeout=0) is None)
    held("remove", box.remove(force=True) is None)
    held("network.remove", _removed(client))


def _removed(client: Any) -> bool:
    """The network is in use until the last task on it has gone."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            client.networks.get("t-sdk").remove()
        except APIError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return True


def images(client: Any) -> None:
    held("images.list", any("busybox" in tag for image in client.images.list() for tag in image.tags))
    held("images.get", client.images.get("nginx").id.startswith("sha256:"))
    held("images.pull", client.images.pull("nginx", tag="latest").id)


def stored(client: Any) -> None:
    config = client.configs.create(name="t-sdk-config", data=b"text", labels={})
    held("configs.create", client.configs.get(config.id).name == "t-sdk-config")
    held("config.remove", config.remove())
    secret = client.secrets.create(name="t-sdk-secret", data=b"hush", labels={})
    held("secrets.list", [one.id for one in client.secrets.list()] == [secret.id])
    held("secret.remove", secret.remove())


def mistakes(client: Any) -> None:
    for what in ("containers", "services", "networks", "images"):
        try:
            getattr(client, what).get("no-such-thing")
        except NotFound as error:
            held(f"{what}.get of nothing", error.explanation)
        else:
            held(f"{what}.get of nothing", False)
    try:
        client.services.create("nginx", name="t-disk", mounts=[Mount("/x", "/etc", type="bind")])
    except APIError as error:
        held("mounts refused", error.response.status_code == 400)
    else:
        held("mounts refused", False)


if __name__ == "__main__":
    main()
