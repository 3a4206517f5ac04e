"""A story's ids and addresses come true, once."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from meshnet.errors import AllocationError
from meshnet.model import (
    ClusterState,
    NetworkStory,
    ServiceStory,
    Story,
    TaskStory,
)
from meshnet.orchestrator import RemoveService, ScaleService
from tests.orchestrator.swarms import (
    MANAGER,
    WORKER2,
    address,
    gateway,
    network,
    publish,
    run,
    service,
    swarm,
    task,
    vip,
)

PINS = {1: MANAGER, 3: WORKER2}


def on(**addresses: str) -> dict[str, IPv4Address]:
    return {name: IPv4Address(address) for name, address in addresses.items()}


STORY = Story(
    networks={"demo": NetworkStory("cojus8blvkdo", 4242)},
    services={
        "whoami": ServiceStory(
            id="9i6wz6cg4koc",
            vips=on(demo="10.0.2.5", ingress="10.0.0.168"),
            tasks={
                1: TaskStory("6hhuf528spdw", "cc9f97cc5056", "ab12", on(demo="10.0.2.7", ingress="10.0.0.5")),
                3: TaskStory(
                    "9idgk9jbrlcm",
                    "f47e05019fd9",
                    addresses=on(demo="10.0.2.13", ingress="10.0.0.7"),
                    gateway=IPv4Address("172.18.0.4"),
                ),
            },
        )
    },
)


@pytest.fixture(scope="module")
def told() -> ClusterState:
    return run(
        swarm(story=STORY),
        network("demo", "10.0.2.0/24"),
        service("whoami", 2, networks=["demo"], ports=(publish(8000, 8000),), pins=PINS),
        service("client", networks=["demo"], pins={1: WORKER2}),
    )


def test_ids_begin_as_told_and_are_whole(told: ClusterState) -> None:
    made = task(told, "whoami", 3)
    assert made.id.startswith("9idgk9jbrlcm")
    assert made.container.startswith("f47e05019fd9")
    assert (len(made.id), len(made.container)) == (25, 64)
    assert task(told, "whoami", 1).sandbox_file.startswith("ab12")
    assert made.service.startswith("9i6wz6cg4koc")
    demo = told.network_named("demo")
    assert demo is not None
    assert demo.id.startswith("cojus8blvkdo")
    assert demo.vni == 4242


def test_addresses_are_as_told(told: ClusterState) -> None:
    assert (vip(told, "whoami", "ingress"), vip(told, "whoami", "demo")) == ("10.0.0.168/24", "10.0.2.5/24")
    assert (address(told, "whoami", 1, "ingress"), address(told, "whoami", 1, "demo")) == ("10.0.0.5/24", "10.0.2.7/24")
    assert (address(told, "whoami", 3, "ingress"), address(told, "whoami", 3, "demo")) == (
        "10.0.0.7/24",
        "10.0.2.13/24",
    )
    assert gateway(told, WORKER2, "whoami", 3) == "172.18.0.4"


def test_the_rest_is_given_serially_round_the_story(told: ClusterState) -> None:
    assert gateway(told, WORKER2, "client", 1) == "172.18.0.3"
    assert vip(told, "client", "demo") == "10.0.2.4/24", "two balancers had .2 and .3"
    assert address(told, "client", 1, "demo") == "10.0.2.6/24"


def test_addresses_of_the_story_are_given_to_nobody_else() -> None:
    state = run(swarm(story=STORY), network("demo", "10.0.2.0/24"), service("first", 12, networks=["demo"]))
    given = {str(leg.address.ip) for made in state.tasks.values() for leg in made.attachments}
    assert not given & {"10.0.2.5", "10.0.2.7", "10.0.2.13"}
    made = service("whoami", 2, networks=["demo"], ports=(publish(8000, 8000),), pins=PINS)
    assert vip(run(state, made), "whoami", "demo") == "10.0.2.5/24"


def test_story_comes_true_once(told: ClusterState) -> None:
    again = run(told, ScaleService("whoami", 0), ScaleService("whoami", 2))
    for slot in PINS:
        assert task(again, "whoami", slot).container != task(told, "whoami", slot).container
    assert address(again, "whoami", 3, "demo") == "10.0.2.8/24", "the next one after the last"
    remade = run(told, RemoveService("whoami"), service("whoami", 1, networks=["demo"]))
    assert task(remade, "whoami").service != task(told, "whoami").service
    assert vip(remade, "whoami", "demo") != vip(told, "whoami", "demo")


@pytest.mark.parametrize(
    "entry", [TaskStory(container="cc9f97cc5056"), TaskStory(container="cc9f97cc5056", addresses=on(demo="10.0.2.100"))]
)
def test_task_that_comes_again_is_like_any_other(entry: TaskStory) -> None:
    story = Story(services={"web": ServiceStory(tasks={1: entry})})
    state = run(swarm(story=story), network("demo", "10.0.2.0/24"), service("web", networks=["demo"]))
    assert task(state, "web").hostname == "cc9f97cc5056"
    state = run(state, ScaleService("web", 0), ScaleService("web", 1))
    assert task(state, "web").hostname != "cc9f97cc5056"
    assert address(state, "web", 1, "demo") != "10.0.2.100/24"


def test_bridge_address_of_the_story_is_given_to_nobody_else() -> None:
    state = run(
        swarm(story=STORY),
        network("demo", "10.0.2.0/24"),
        service("early", 3, networks=["demo"], pins=dict.fromkeys((1, 2, 3), WORKER2)),
        service("whoami", 2, networks=["demo"], ports=(publish(8000, 8000),), pins=PINS),
    )
    assert gateway(state, WORKER2, "early", 2) == "172.18.0.5"
    assert gateway(state, WORKER2, "whoami", 3) == "172.18.0.4"


def test_address_outside_the_network_is_refused() -> None:
    story = Story(services={"web": ServiceStory(vips=on(demo="10.99.0.5"))})
    with pytest.raises(AllocationError, match=r"10\.99\.0\.5 is not an address of the network demo"):
        run(swarm(story=story), network("demo", "10.0.2.0/24"), service("web", networks=["demo"]))


def test_address_told_of_twice_is_refused() -> None:
    story = Story(services={"a": ServiceStory(vips=on(demo="10.0.2.5")), "b": ServiceStory(vips=on(demo="10.0.2.5"))})
    state = run(swarm(story=story), network("demo", "10.0.2.0/24"), service("a", networks=["demo"]))
    with pytest.raises(AllocationError, match=r"10\.0\.2\.5 of the network demo is already taken"):
        run(state, service("b", networks=["demo"]))


def test_gateway_told_of_on_another_subnet_gives_way() -> None:
    story = Story(services={"web": ServiceStory(tasks={1: TaskStory(gateway=IPv4Address("172.30.0.9"))})})
    state = run(swarm(story=story), service("web", ports=(publish(80, 80),), pins={1: MANAGER}))
    assert gateway(state, MANAGER, "web", 1) == "172.18.0.3"
