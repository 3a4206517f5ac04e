"""Service specs from the Engine API's form and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.engine_api.service_spec import service_spec
from meshnet.engine_api.services_json import spec_json
from meshnet.model import (
    EndpointMode,
    FailureAction,
    PortConfig,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    StoredFile,
    StoredKind,
    StoredSpec,
    UpdateConfig,
    UpdateOrder,
)
from meshnet.orchestrator.commands import CreateStored
from tests.engine_api.checked import port, replicated, service
from tests.orchestrator.swarms import network, run, swarm

SECOND = 1_000_000_000
POPULATED = run(
    swarm(),
    network("front"),
    network("back"),
    CreateStored(StoredSpec(StoredKind.CONFIG, "site", b"a")),
    CreateStored(StoredSpec(StoredKind.SECRET, "key", b"b")),
)

words = st.lists(st.text("abc=/ ", min_size=1, max_size=5), max_size=2).map(tuple)
labels = st.dictionaries(st.text("ab.", min_size=1, max_size=4), st.text("xy", max_size=2), max_size=2)
lengths = st.sampled_from([0, 1, SECOND, 90 * SECOND])
updates = st.builds(
    UpdateConfig,
    parallelism=st.integers(0, 3),
    delay=lengths,
    failure_action=st.sampled_from(FailureAction),
    monitor=st.sampled_from([1, SECOND]),
    max_failure_ratio=st.sampled_from([0.0, 0.25, 1.0]),
    order=st.sampled_from(UpdateOrder),
)
policies = st.builds(
    RestartPolicy,
    condition=st.sampled_from(RestartCondition),
    delay=lengths,
    max_attempts=st.integers(0, 3),
    window=lengths,
)
ports = st.builds(
    PortConfig, st.integers(1, 65535), st.integers(0, 65535), st.sampled_from(Protocol), st.sampled_from(PublishMode)
)
files = st.lists(
    st.sampled_from(
        [
            StoredFile(StoredKind.CONFIG, "site", "/etc/site", "1", "2", 0o400),
            StoredFile(StoredKind.SECRET, "key", "key"),
        ]
    ),
    unique=True,
).map(lambda found: tuple(sorted(found, key=lambda file: file.kind)))
specs = st.builds(
    ServiceSpec,
    name=st.just("web"),
    image=st.sampled_from(["busybox", "nginx:1.27", "jwilder/whoami:latest"]),
    command=words,
    args=words,
    env=words,
    hostname=st.sampled_from(["", "www"]),
    replicas=st.integers(0, 5),
    networks=st.sampled_from([(), ("front",), ("back", "front")]),
    ports=st.lists(ports, max_size=2).map(tuple),
    endpoint_mode=st.sampled_from(EndpointMode),
    constraints=st.sampled_from([(), ("node.role==worker", "node.labels.a!=b")]),
    preferences=st.sampled_from([(), ("node.labels.rack",)]),
    max_replicas=st.integers(0, 2),
    labels=labels,
    container_labels=labels,
    files=files,
    stop_signal=st.sampled_from(["", "SIGQUIT"]),
    stop_grace=st.none() | lengths,
    restart=st.none() | policies,
    update=st.none() | updates,
    rollback=st.none() | updates,
    force_update=st.integers(0, 2),
    container_extras=st.sampled_from([{}, {"User": "me", "Healthcheck": {"Test": ["NONE"]}}]),
    task_extras=st.sampled_from([{}, {"Resources": {"Limits": {"MemoryBytes": 1000}}}]),
)


@settings(deadline=None)
@given(specs)
def test_spec_that_a_client_sends_back_as_it_came_is_the_same(spec: ServiceSpec) -> None:
    assert service_spec(POPULATED, spec_json(POPULATED, spec)) == spec


def test_everything_a_client_says_arrives() -> None:
    body = service(
        "web",
        task={
            "Networks": [{"Target": "front", "Aliases": ["www"]}],
            "Placement": {
                "Constraints": ["node.role==worker"],
                "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}],
                "MaxReplicas": 2,
                "Platforms": [{"OS": "linux"}],
            },
            "RestartPolicy": {"Condition": "on-failure", "Delay": 1, "MaxAttempts": 2, "Window": 3},
            "Resources": {"Limits": {"MemoryBytes": 7}, "Reservations": {}},
            "ForceUpdate": 4,
            "LogDriver": {},
        },
        container={
            "Image": "nginx:1.27@sha256:00",
            "Command": ["/go"],
            "Args": ["-v"],
            "Env": ["A=b"],
            "Hostname": "www",
            "Labels": {"c": "d"},
            "StopSignal": "SIGQUIT",
            "StopGracePeriod": SECOND,
            "Mounts": [{"Type": "tmpfs", "Target": "/tmp"}],
            "Isolation": "default",
            "User": "me",
            "DNSConfig": {},
        },
        Labels={"a": "b"},
        Mode=replicated(3),
        UpdateConfig={"Parallelism": 2, "Order": "start-first"},
        EndpointSpec={"Mode": "vip", "Ports": [port(80, 8080, Protocol="udp", PublishMode="host")]},
    )
    assert service_spec(POPULATED, body) == ServiceSpec(
        "web",
        "nginx:1.27",
        command=("/go",),
        args=("-v",),
        env=("A=b",),
        hostname="www",
        replicas=3,
        networks=("front",),
        aliases={"front": ("www",)},
        ports=(PortConfig(80, 8080, Protocol.UDP, PublishMode.HOST),),
        constraints=("node.role==worker",),
        preferences=("node.labels.rack",),
        max_replicas=2,
        labels={"a": "b"},
        container_labels={"c": "d"},
        stop_signal="SIGQUIT",
        stop_grace=SECOND,
        restart=RestartPolicy(RestartCondition.ON_FAILURE, 1, 2, 3),
        update=UpdateConfig(2, order=UpdateOrder.START_FIRST),
        force_update=4,
        container_extras={"User": "me"},
        task_extras={"Resources": {"Limits": {"MemoryBytes": 7}, "Reservations": {}}},
    )


@pytest.mark.parametrize(
    ("said", "spec"),
    [
        ({}, ServiceSpec("web", "busybox")),
        ({"Mode": {}}, ServiceSpec("web", "busybox")),
        ({"Mode": {"Replicated": {}}, "EndpointSpec": {}}, ServiceSpec("web", "busybox")),
        ({"mode": {"replicated": {"replicas": 2}}}, ServiceSpec("web", "busybox", replicas=2)),
        ({"MODE": {"GLOBAL": {}}}, ServiceSpec("web", "busybox", mode=ServiceMode.GLOBAL)),
        ({"EndpointSpec": {"Ports": [{"TargetPort": 80}]}}, ServiceSpec("web", "busybox", ports=(PortConfig(80, 0),))),
        (
            {"EndpointSpec": {"Ports": [{"TargetPort": 80, "Protocol": "nonsense"}]}},
            ServiceSpec("web", "busybox", ports=(PortConfig(80, 0),)),
        ),
        ({"EndpointSpec": {"Mode": "dnsrr"}}, ServiceSpec("web", "busybox", endpoint_mode=EndpointMode.DNSRR)),
        ({"Networks": [{"Target": "front"}]}, ServiceSpec("web", "busybox", networks=("front",))),
        ({"Labels": None, "UpdateConfig": None}, ServiceSpec("web", "busybox")),
    ],
)
def test_what_is_not_said_is_dockers_default_and_keys_come_in_any_case(said: dict[str, Any], spec: ServiceSpec) -> None:
    assert service_spec(POPULATED, service("web", **said)) == spec
