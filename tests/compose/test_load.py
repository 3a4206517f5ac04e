"""What a Compose file comes to."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from meshnet.model import (
    MINUTE,
    SECOND,
    EndpointMode,
    FailureAction,
    NetworkSpec,
    PortConfig,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    Stack,
    StoredFile,
    StoredKind,
    StoredSpec,
    UpdateConfig,
    UpdateOrder,
)
from tests.compose.conftest import Load

INGRESS, HOST = PublishMode.INGRESS, PublishMode.HOST


def ports(stack: Stack) -> list[tuple[int, int, str, str]]:
    return [(port.published, port.target, port.protocol, port.mode) for port in stack.services[0].ports]


def test_articles_stack(load: Load) -> None:
    stack = load(
        """
        version: "3.8"
        services:
          whoami:
            image: jwilder/whoami
            ports: ["8000:8000"]
            networks: [my-demo]
            deploy: {replicas: 2}
          client:
            image: busybox:1.28.3
            command: sh -c "while true; do sleep 3600; done"
            networks: [my-demo]
        networks:
          my-demo:
            driver: overlay
            ipam: {config: [{subnet: 10.0.2.0/24}]}
        """
    )
    assert stack == Stack(
        networks=(NetworkSpec("my-demo", IPv4Network("10.0.2.0/24")),),
        services=(
            ServiceSpec("whoami", "jwilder/whoami", replicas=2, networks=("my-demo",), ports=(PortConfig(8000, 8000),)),
            ServiceSpec(
                "client",
                "busybox:1.28.3",
                args=("sh", "-c", "while true; do sleep 3600; done"),
                networks=("my-demo",),
            ),
        ),
    )


def test_how_a_service_is_run_restarted_and_replaced(load: Load) -> None:
    stack = load(
        """
        services:
          web:
            image: nginx
            hostname: web
            stop_signal: SIGQUIT
            stop_grace_period: 1m30s
            deploy:
              mode: global
              placement:
                preferences: [{spread: node.labels.rack}]
                max_replicas_per_node: 2
              restart_policy: {condition: on-failure, delay: 500ms, max_attempts: 3, window: 1m}
              update_config: {parallelism: 2, delay: 10s, failure_action: rollback, order: start-first}
              rollback_config: {parallelism: 0, monitor: 1.5s, max_failure_ratio: 0.25}
        """
    )
    assert stack.services[0] == ServiceSpec(
        "web",
        "nginx",
        hostname="web",
        mode=ServiceMode.GLOBAL,
        networks=("default",),
        preferences=("node.labels.rack",),
        max_replicas=2,
        stop_signal="SIGQUIT",
        stop_grace=90 * SECOND,
        restart=RestartPolicy(RestartCondition.ON_FAILURE, SECOND // 2, 3, MINUTE),
        update=UpdateConfig(2, 10 * SECOND, FailureAction.ROLLBACK, order=UpdateOrder.START_FIRST),
        rollback=UpdateConfig(0, monitor=3 * SECOND // 2, max_failure_ratio=0.25),
    )


def test_what_is_not_said_stays_unsaid(load: Load) -> None:
    (service,) = load("services: {web: {image: nginx}}").services
    assert (service.restart, service.update, service.rollback, service.stop_grace) == (None, None, None, None)


def test_configs_and_secrets(load: Load, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_bytes(b"listen 80;")
    stack = load(
        """
        name: shop
        services:
          web:
            image: nginx
            configs: [site, {source: there, target: /etc/there, uid: 33, mode: 0440}]
            secrets: [key]
        configs:
          site: {file: site.conf, labels: {for: web}}
          there: {external: true, name: of-old}
        secrets:
          key: {environment: KEY}
        """,
        KEY="hush",
    )
    label = {"com.docker.stack.namespace": "shop"}
    assert stack.files == (
        StoredSpec(StoredKind.CONFIG, "shop_site", b"listen 80;", {"for": "web", **label}),
        StoredSpec(StoredKind.SECRET, "shop_key", b"hush", label),
    )
    assert stack.services[0].files == (
        StoredFile(StoredKind.CONFIG, "shop_site", "site"),
        StoredFile(StoredKind.CONFIG, "of-old", "/etc/there", "33", "0", 0o440),
        StoredFile(StoredKind.SECRET, "shop_key", "key"),
    )


def test_every_key_that_is_taken(load: Load) -> None:
    stack = load(
        """
        x-anything: {is: fine}
        services:
          web:
            x-mine: too
            image: nginx
            entrypoint: [run, "it"]
            command: [as, 5]
            environment: {NUMBER: 1.10, EMPTY: "", OUTSIDE: , UNSET: }
            labels: {of: container}
            networks:
              front: {aliases: [www, site]}
              back:
            ports:
              - {target: 80, published: 8080, protocol: udp, mode: host}
            deploy:
              mode: replicated
              replicas: 3
              endpoint_mode: dnsrr
              placement: {constraints: [node.role == worker]}
              labels: [of=service]
        networks:
          front:
            name: the-front
            driver_opts: {com.docker.network.driver.mtu: 1400}
            attachable: true
            internal: true
            labels: {tier: one}
          back: {external: true}
        """,
        OUTSIDE="in",
    )
    assert stack.warnings == ()
    assert stack.services == (
        ServiceSpec(
            name="web",
            image="nginx",
            command=("run", "it"),
            args=("as", "5"),
            env=("NUMBER=1.10", "EMPTY=", "OUTSIDE=in"),
            replicas=3,
            networks=("the-front", "back"),
            aliases={"the-front": ("www", "site")},
            ports=(PortConfig(80, 8080, Protocol.UDP, HOST),),
            endpoint_mode=EndpointMode.DNSRR,
            constraints=("node.role == worker",),
            labels={"of": "service"},
            container_labels={"of": "container"},
        ),
    )
    assert stack.networks == (
        NetworkSpec(
            name="the-front",
            options={"com.docker.network.driver.mtu": "1400"},
            labels={"tier": "one"},
            attachable=True,
            internal=True,
        ),
        NetworkSpec("back", external=True),
    )


@pytest.mark.parametrize(
    ("written", "come_to"),
    [
        ("'8000:80'", [(8000, 80, "tcp", "ingress")]),
        ("8000:80/TCP", [(8000, 80, "tcp", "ingress")]),
        ("80", [(0, 80, "tcp", "ingress")]),
        ("'53/udp'", [(0, 53, "udp", "ingress")]),
        ("9000-9001:80-81/sctp", [(9000, 80, "sctp", "ingress"), (9001, 81, "sctp", "ingress")]),
        ("90-91", [(0, 90, "tcp", "ingress"), (0, 91, "tcp", "ingress")]),
        ("{target: 80}", [(0, 80, "tcp", "ingress")]),
        ("{target: 80, published: 0}", [(0, 80, "tcp", "ingress")]),
        ("{target: 80, published: '8000', mode: host}", [(8000, 80, "tcp", "host")]),
    ],
)
def test_ports(load: Load, written: str, come_to: list[tuple[int, int, str, str]]) -> None:
    assert ports(load(f"services: {{web: {{image: nginx, ports: [{written}]}}}}")) == come_to


def test_22_to_22_is_a_port_and_no_number_of_base_60(load: Load) -> None:
    assert ports(load("services: {web: {image: nginx, ports: [22:22]}}")) == [(22, 22, "tcp", "ingress")]


def test_default_network_is_made_for_a_service_that_names_none(load: Load) -> None:
    stack = load("services: {web: {image: nginx}}")
    assert stack.networks == (NetworkSpec("default"),)
    assert stack.services[0].networks == ("default",)


def test_default_network_can_be_described(load: Load) -> None:
    stack = load(
        """
        services: {web: {image: nginx}}
        networks: {default: {ipam: {config: [{subnet: 10.5.0.0/24}]}}}
        """
    )
    assert stack.networks == (NetworkSpec("default", IPv4Network("10.5.0.0/24")),)


def test_stack_with_a_name_is_deployed_as_docker_does(load: Load) -> None:
    stack = load(
        """
        name: shop
        services:
          web: {image: nginx, networks: {front: {aliases: [www]}, default: }}
        networks: {front: , there: {external: true}}
        """
    )
    labels = {"com.docker.stack.namespace": "shop"}
    assert [network.name for network in stack.networks] == ["shop_front", "shop_default"]
    web = stack.services[0]
    assert (stack.name, web.name) == ("shop", "shop_web")
    assert web.aliases == {"shop_front": ("www", "web"), "shop_default": ("web",)}
    assert web.container_labels == stack.networks[0].labels == labels
    assert web.labels == {**labels, "com.docker.stack.image": "nginx"}
    assert web.image == "nginx:latest"


def test_external_network_keeps_its_name(load: Load) -> None:
    stack = load(
        """
        name: shop
        services: {web: {image: nginx, networks: [a, b, c]}}
        networks: {a: {external: true}, b: {external: {name: bb}}, c: {external: true, name: cc}}
        """
    )
    assert [(network.name, network.external) for network in stack.networks] == [("a", True), ("bb", True), ("cc", True)]


def test_network_nobody_is_on_is_not_made_and_named(load: Load) -> None:
    stack = load(
        """\
        services: {web: {image: nginx}}
        networks:
          spare:
        """
    )
    assert [network.name for network in stack.networks] == ["default"]
    assert stack.warnings == ("stack.yaml:3: networks.spare is not made: no service is on it",)


def test_keys_without_bearing_are_named_with_the_reason(load: Load) -> None:
    stack = load(
        """\
        services:
          db:
            image: mysql
            volumes: ["data:/var/lib/mysql"]
            healthcheck: {test: [CMD, "true"]}
            deploy:
              resources: {limits: {cpus: "0.5"}}
        volumes: {data: }
        """
    )
    assert stack.warnings == (
        "stack.yaml:4: services.db.volumes is ignored: a lab has no disks",
        "stack.yaml:5: services.db.healthcheck is ignored: a task counts as healthy as soon as it runs",
        "stack.yaml:7: services.db.deploy.resources is ignored: a lab sets a task no limits",
        "stack.yaml:8: volumes is ignored: a lab has no disks",
    )


def test_anchors_and_merge_keys(load: Load) -> None:
    stack = load(
        """
        x-common: &common {image: nginx, deploy: &many {replicas: 3}}
        services:
          a: {<<: *common}
          b: {<<: [{image: httpd}, *common], labels: {x: "y"}}
          c: {image: mysql, deploy: *many}
          d: {<<: *common, image: busybox}
        """
    )
    assert [(service.image, service.replicas) for service in stack.services] == [
        ("nginx", 3),
        ("httpd", 3),
        ("mysql", 3),
        ("busybox", 3),
    ]


def test_variables(load: Load) -> None:
    stack = load(
        """\
        services:
          web:
            image: "${IMAGE}:${TAG:-1.0}"
            command: [echo, $$HOME, "$IMAGE", "${EMPTY-none}", "${EMPTY:-none}"]
            deploy: {replicas: "${COUNT}"}
            labels: {a: "$MISSING", b: "$EMPTY"}
        """,
        IMAGE="nginx",
        COUNT="2",
        EMPTY="",
    )
    web = stack.services[0]
    assert (web.image, web.replicas) == ("nginx:1.0", 2)
    assert web.args == ("echo", "$HOME", "nginx", "", "none")
    assert stack.warnings == ("stack.yaml:6: the variable MISSING is not set; it is taken for an empty text",)


def test_empty_file_is_an_empty_stack(load: Load) -> None:
    assert load("") == load("# nothing\n") == Stack()


def test_later_file_overrides(load: Load) -> None:
    stack = load(
        """
        services:
          web:
            image: nginx
            command: [old]
            environment: {A: 1, B: 2}
            networks: {front: {aliases: [a]}}
            ports: ["80:80", "443:443"]
            deploy: {replicas: 2, labels: {keep: me}, placement: {constraints: [node.role == worker]}}
        networks: {front: {attachable: true}, back: }
        """,
        """
        services:
          web:
            command: [new]
            environment: [B=3]
            networks: [back]
            ports: [{target: 81, published: 80}]
            deploy: {replicas: 5, placement: {constraints: [node.hostname != a, node.role == worker]}}
          more: {image: httpd, networks: [back]}
        networks: {front: {labels: {x: "y"}}}
        """,
    )
    web = stack.services[0]
    assert web == ServiceSpec(
        "web",
        "nginx",
        args=("new",),
        env=("A=1", "B=3"),
        replicas=5,
        networks=("front", "back"),
        aliases={"front": ("a",)},
        ports=(PortConfig(443, 443), PortConfig(81, 80)),
        constraints=("node.role == worker", "node.hostname != a"),
        labels={"keep": "me"},
    )
    assert stack.networks[0] == NetworkSpec("front", attachable=True, labels={"x": "y"})
    assert [service.name for service in stack.services] == ["web", "more"]
