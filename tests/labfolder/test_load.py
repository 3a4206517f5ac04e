"""What a folder and options come to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from meshnet.labfolder import Overrides, load_lab
from meshnet.model import NetworkStory, NodeStory, ServiceStory, TaskStory
from tests.labfolder.conftest import STACK, Load

STORY = """\
nodes:
  swarm-manager: {id: abc, ingress: 10.0.0.9}
  swarm-worker2: {engine: 18.06, gwbridge: 172.30.0.0/16, labels: {rack: 2}}
story:
  networks:
    ingress: {id: in}
    demo: {id: de, vni: 4200}
  services:
    web:
      id: we
      vips: {demo: 10.0.2.50, ingress: 10.0.0.50}
      tasks:
        4: {node: swarm-worker2, id: t4, container: c4, sandbox: b4, addresses: {demo: 10.0.2.60}, gwbridge: 172.30.0.9}
        1: {node: swarm-manager}
        2: {container: c2}
"""


def generations(load: Load, lab: str, **overrides: object) -> list[str]:
    return [str(machine.generation) for machine in load(lab, **overrides).machines]


def test_defaults(load: Load) -> None:
    lab = load()
    assert (lab.name, lab.topology, lab.parameters, lab.seed) == ("mine", "swarm", {}, "mine")
    assert lab.underlay == (IPv4Network("192.168.56.0/24"),)
    assert {str(machine.generation) for machine in lab.machines} == {"20.10"}
    assert lab.hosts == ("swarm-manager", "swarm-worker1", "swarm-worker2", "client")
    assert not lab.needs_netem
    assert lab.ingress is None


def test_folder_may_have_either_file_alone(load: Load) -> None:
    assert load("name: bare", None).stack.services == ()
    assert load(None, STACK).stack.services[0].name == "web"


def test_topology_as_text_or_mapping(load: Load) -> None:
    text = load("topology: swarm,managers=3,workers=1,clients=0")
    assert text.parameters == {"managers": 3, "workers": 1, "clients": 0}
    assert load("topology: {name: swarm, managers: 3, workers: 1, clients: 0}").parameters == text.parameters
    assert [machine.name for machine in text.machines] == [
        "swarm-manager1",
        "swarm-manager2",
        "swarm-manager3",
        "swarm-worker1",
    ]


def test_machines_join_by_number_whatever_the_topologys_order(load: Load) -> None:
    names = [machine.name for machine in load("topology: twosite,workers=11").machines]
    assert names == ["swarm-manager", *(f"swarm-worker{number}" for number in range(1, 12))]


def test_slow_links_need_netem(load: Load) -> None:
    assert load("topology: twosite").needs_netem


def test_underlay_moves_the_machines(load: Load) -> None:
    lab = load("underlay: 10.20.0.0/24")
    assert str(lab.machines[0].address) == "10.20.0.10/24"
    assert lab.underlay == (IPv4Network("10.20.0.0/24"),)
    assert load("{underlay: 10.20.0.0/24, topology: 'swarm,subnet=10.30.0.0/24'}").underlay == (
        IPv4Network("10.30.0.0/24"),
    )


def test_every_rack_of_a_fabric_is_underlay(load: Load) -> None:
    underlay = load("topology: leafspine").underlay
    assert {IPv4Network("192.168.56.0/24"), IPv4Network("192.168.57.0/24")} < set(underlay)
    cables = [subnet for subnet in underlay if subnet.subnet_of(IPv4Network("100.64.0.0/16"))]
    assert len(cables) == 4, "two leaves with two spines"


def test_nodes_and_story(load: Load) -> None:
    lab = load(STORY)
    worker = lab.machines[2]
    assert (str(worker.generation), worker.gwbridge, worker.labels) == (
        "18.06",
        IPv4Network("172.30.0.0/16"),
        {"rack": "2"},
    )
    assert lab.story.nodes["swarm-manager"] == NodeStory("abc", IPv4Address("10.0.0.9"))
    assert lab.story.networks == {"ingress": NetworkStory("in"), "demo": NetworkStory("de", 4200)}
    assert lab.story.services == {
        "web": ServiceStory(
            "we",
            {"demo": IPv4Address("10.0.2.50"), "ingress": IPv4Address("10.0.0.50")},
            {
                4: TaskStory("t4", "c4", "b4", {"demo": IPv4Address("10.0.2.60")}, IPv4Address("172.30.0.9")),
                1: TaskStory(),
                2: TaskStory(container="c2"),
            },
        )
    }
    assert list(lab.stack.services[0].pins.items()) == [(4, "swarm-worker2"), (1, "swarm-manager")]


def test_story_can_settle_subnets(load: Load) -> None:
    stack = "services: {web: {image: nginx, networks: [demo]}}\nnetworks: {demo: }\n"
    lab = load("story: {networks: {ingress: {subnet: 10.11.0.0/16}, demo: {subnet: 10.12.0.0/16}}}", stack)
    assert lab.ingress == IPv4Network("10.11.0.0/16")
    assert lab.stack.networks[0].subnet == IPv4Network("10.12.0.0/16")


def test_engine_20_10_need_not_be_quoted(load: Load) -> None:
    assert set(generations(load, "engine: 20.10")) == {"20.10"}
    assert set(generations(load, "engine: 20.10.24")) == {"20.10"}


def test_engine_options_go_over_the_folder(load: Load) -> None:
    folder = "{engine: 18.03, nodes: {swarm-worker1: {engine: 18.06}}}"
    assert generations(load, folder) == ["18.03", "18.06", "18.03"]
    assert generations(load, folder, engines=("20.10",)) == ["20.10", "20.10", "20.10"]
    assert generations(load, folder, engines=("swarm-worker2=20.10",)) == ["18.03", "18.06", "20.10"]
    assert generations(load, folder, engines=("swarm-worker1=18.03", "20.10")) == ["20.10", "18.03", "20.10"]


def test_seed_option_goes_over_the_folder(load: Load) -> None:
    assert load("seed: 7").seed == "7"
    assert load("seed: 7", seed="8").seed == "8"


def test_stack_option_replaces_the_folders_stack_and_its_story(load: Load, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("services: {web: {image: httpd}}\n")
    more = tmp_path / "more.yaml"
    more.write_text("services: {web: {deploy: {replicas: 4}}}\n")
    lab = load(STORY, stacks=(other, more))
    assert [(service.image, service.replicas) for service in lab.stack.services] == [("httpd", 4)]
    assert not lab.story.services
    assert lab.story.nodes["swarm-manager"].id == "abc"
    assert list(lab.story.networks) == ["ingress"]
    assert not lab.stack.services[0].pins


def test_another_topology_leaves_out_what_it_has_no_nodes_for(load: Load) -> None:
    lab = load(STORY, topology="swarm,workers=1")
    assert lab.warnings == (
        "mine/lab.yaml:3: the topology asked for has no swarm-worker2; its settings are left out",
        "mine/lab.yaml:13: the topology asked for has no swarm-worker2; web.4 runs where there is room",
    )
    assert list(lab.stack.services[0].pins.items()) == [(1, "swarm-manager")]
    assert lab.story.services["web"].tasks[4].gateway is None
    assert list(lab.story.nodes) == ["swarm-manager"]


def test_other_engines_leave_out_addresses_of_another_ingress_network(load: Load) -> None:
    lab = load(STORY, engines=("18.03",))
    assert lab.warnings == (
        "mine/lab.yaml: the story's 10.0.0.9, 10.0.0.50 lie outside the network ingress (10.255.0.0/16) now; "
        "others are given",
    )
    assert list(lab.story.services["web"].vips) == ["demo"]


def test_task_that_will_wait_is_named(load: Load) -> None:
    stack = "services:\n  web:\n    image: nginx\n    deploy: {placement: {constraints: [node.labels.disk == ssd]}}\n"
    assert load(None, stack).warnings == (
        "mine/stack.yaml:2: web.1 waits: no suitable node (scheduling constraints not satisfied on 3 nodes)",
    )


def test_what_the_stack_passes_over_is_named(load: Load) -> None:
    warnings = load(None, "services:\n  web:\n    image: nginx\n    volumes: [a]\n").warnings
    assert warnings == ("mine/stack.yaml:4: services.web.volumes is ignored: a lab has no disks",)


def test_loading_leaves_the_folder_as_it_is(load: Load) -> None:
    load(STORY)
    assert sorted(path.name for path in Path("mine").iterdir()) == ["lab.yaml", "stack.yaml"]


@pytest.mark.parametrize("folder", [None, Path("wordpress")])
def test_examples_are_found_from_anywhere(folder: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_lab(folder, Overrides()).stack.services


def test_installed_package_carries_its_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyproject's force-include puts them into the package."""
    package = tmp_path / "site-packages" / "meshnet"
    (package / "examples" / "article").mkdir(parents=True)
    (package / "examples" / "article" / "lab.yaml").write_text("name: carried\n")
    monkeypatch.setattr("meshnet.__file__", str(package / "__init__.py"))
    assert load_lab().name == "carried"
