"""Published ports."""

from __future__ import annotations

import pytest

from meshnet.errors import AllocationError, InputError
from meshnet.model import ClusterState, EndpointMode
from meshnet.orchestrator import RemoveService
from tests.orchestrator.swarms import publish, run, service, swarm


def published(state: ClusterState, name: str) -> list[str]:
    made = state.service_named(name)
    assert made is not None
    return [str(port) for port in made.ports]


def test_ports_are_given_serially_for_each_protocol() -> None:
    state = run(
        swarm(),
        service("a", ports=(publish(80), publish(81), publish(53, protocol="udp"))),
        service("b", ports=(publish(80),)),
    )
    assert published(state, "a") == ["*:30000->80/tcp", "*:30001->81/tcp", "*:30000->53/udp"]
    assert published(state, "b") == ["*:30002->80/tcp"]


def test_freed_port_is_not_soon_given_again() -> None:
    state = run(swarm(), service("a", ports=(publish(80),)), RemoveService("a"), service("b", ports=(publish(80),)))
    assert published(state, "b") == ["*:30001->80/tcp"]


def test_named_port_in_the_range_is_skipped() -> None:
    state = run(
        swarm(), service("a", ports=(publish(80, 30000),)), service("b", ports=(publish(80), publish(81, 30001)))
    )
    assert published(state, "b") == ["*:30002->80/tcp", "*:30001->81/tcp"]


def test_host_mode_port_without_a_number_is_the_nodes_affair() -> None:
    assert published(run(swarm(), service("a", ports=(publish(80, mode="host"),))), "a") == ["*:0->80/tcp"]


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ("ingress", "ingress", "an ingress port"),
        ("ingress", "host", "an ingress port"),
        ("host", "ingress", "a host-published port"),
    ],
)
def test_port_of_another_service_is_refused_in_dockers_words(first: str, second: str, what: str) -> None:
    state = run(swarm(), service("web", ports=(publish(80, 80, mode=first),)))
    with pytest.raises(AllocationError) as refused:
        run(state, service("other", ports=(publish(81, 80, mode=second),)))
    made = state.service_named("web")
    assert made is not None
    assert str(refused.value) == f"port '80' is already in use by service 'web' ({made.id}) as {what}"


def test_port_the_swarm_gave_is_taken_too() -> None:
    with pytest.raises(AllocationError, match="port '30000' is already in use by service 'web'"):
        run(swarm(), service("web", ports=(publish(80),)), service("other", ports=(publish(80, 30000),)))


def test_same_number_of_another_protocol_is_free() -> None:
    state = run(swarm(), service("a", ports=(publish(53, 53),)), service("b", ports=(publish(53, 53, "udp"),)))
    assert published(state, "b") == ["*:53->53/udp"]


def test_two_services_share_a_host_mode_port() -> None:
    port = publish(80, 80, mode="host")
    state = run(swarm(), service("a", ports=(port,)), service("b", ports=(port,)))
    assert all(task.node for task in state.tasks.values())


def test_ingress_port_without_a_vip_is_refused() -> None:
    with pytest.raises(InputError, match="port published with ingress mode can't be used with dnsrr mode"):
        run(swarm(), service("rr", ports=(publish(80, 80),), endpoint_mode=EndpointMode.DNSRR))


def test_one_port_twice_is_refused() -> None:
    with pytest.raises(InputError, match="EndpointSpec: duplicate published ports provided"):
        run(swarm(), service("web", ports=(publish(80, 80), publish(81, 80))))
