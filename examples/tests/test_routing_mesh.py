"""The routing mesh of the article's swarm: every node answers on a published port, wherever the tasks are."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN


def test_a_node_without_a_task_still_answers(lab):
    lab.scale("whoami", 1)
    task = lab.task("whoami.1")
    empty = next(node for node in lab.nodes if node.engine and not node.tasks)
    assert lab.client.says(f"curl -s -m 5 {empty.address}:8000") == f"I'm {task.hostname}"


def test_the_way_in_names_every_rule(lab, trace):
    port = lab.service("whoami").port
    traced = trace(lab.client, lab.worker1, port)
    assert traced.passes("swarm-worker1/ingress_sbox", mark=0x100, ipvs=True, rule="--set-xmark 0x100")
    assert traced.reaches("whoami")
    assert traced.answered
    assert traced.predicted_as_observed


def test_what_goes_to_another_node_goes_over_vxlan(lab, trace):
    lab.scale("whoami", 1)
    traced = trace(lab.client, lab.worker1, 8000)
    (sandbox,) = (namespace for namespace in lab.worker1.namespaces if namespace.endswith("ingress_sbox"))
    assert traced.passes(sandbox, dnat="172.19.0.2:8000", mark=0x100, vxlan=4096)
    assert traced.reaches("whoami.1")


def test_outer_and_inner_headers_on_the_underlay(lab, expect_packet):
    lab.scale("whoami", 1)
    inner = IP(dst=str(lab.task("whoami.1").addresses["ingress"].ip)) / TCP(dport=8000, flags="S")
    outer = IP(src=str(lab.worker1.address), dst=str(lab.manager.address)) / UDP(dport=4789)
    with expect_packet(at="swarm-manager//eth0", match=outer / VXLAN(vni=4096) / Ether() / inner):
        lab.client.says(f"curl -s -m 5 {lab.worker1.address}:8000")


def test_a_port_that_nobody_published_leads_nowhere(lab, expect_no_packet):
    with expect_no_packet(at="*/ingress_sbox", match=TCP(dport=8001)):
        assert lab.client.run(f"curl -s -m 1 {lab.worker1.address}:8001").status != 0


def test_a_packet_of_ones_own(lab, send, capture):
    syn = IP(dst=str(lab.worker1.address)) / TCP(sport=4321, dport=8000, flags="S")
    with capture(at="client//eth0", filter="tcp port 4321") as frames:
        send(syn, at=lab.client)
        assert frames.wait(2)
    request, answer = frames[:2]
    assert (request.direction, answer.direction) == ("out", "in")
    assert answer[TCP].flags == "SA"


def test_a_rule_that_somebody_added_is_named(lab, trace):
    lab.worker1.run("sudo iptables -I FORWARD -p tcp --dport 8000 -j DROP").check()
    assert trace(lab.client, lab.worker1, 8000).dropped_at("swarm-worker1", rule="filter FORWARD")


def test_and_the_next_test_finds_nothing_of_it(lab):
    assert "--dport 8000 -j DROP" not in lab.rules("swarm-worker1")
    assert len(lab.tasks("whoami")) == 3


@pytest.mark.lab(topo="swarm,workers=1", engine="20.10")
class TestOnAnotherLab:
    def test_there_are_two_machines_of_20_10(self, lab):
        assert [node.engine for node in lab.nodes] == ["20.10", "20.10", None]
