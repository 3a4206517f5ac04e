"""Mininet's classes in-process: what scripts say to stock Mininet works, and no shell runs until somebody types."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest
from mininet.topo import Topo

from meshnet.errors import InputError, KernelError, MachineError
from meshnet.lab.net.host import LabHost
from meshnet.lab.net.net import LabNet
from tests.lab.walled import walled
from topo import LeafSpineTopo, SwarmTopo, TwoSiteTopo, topos

pytestmark = pytest.mark.lab

PATIENCE = 10.0


@contextmanager
def network(topology: Any = None, **options: Any) -> Iterator[LabNet]:
    net = LabNet(SwarmTopo() if topology is None else topology, **options)
    net.start()
    try:
        yield net
    finally:
        net.stop()


def links(node: Any) -> list[str]:
    """The node's interfaces, as a program on it sees them."""
    return sorted(node.popen("ls /sys/class/net").communicate(timeout=PATIENCE)[0].decode().split())


def reaches(source: Any, address: str, seconds: int = 5) -> bool:
    """Whether one ping of several, one a second, is answered: a neighbour that wasn't there a moment ago is given up
    for a while."""
    return bool(source.popen("ping", "-c1", f"-w{seconds}", address).wait(PATIENCE) == 0)


def cut_off(source: Any, address: str) -> bool:
    return not reaches(source, address, seconds=1)


@walled
def test_a_network_is_built_without_running_any_program() -> None:
    """Each would cost 25 ms in user-mode Linux."""
    started: list[Any] = []
    spawn, popen = os.posix_spawn, subprocess.Popen.__init__
    os.posix_spawn = lambda *args, **kwargs: started.append(args) or spawn(*args, **kwargs)  # type: ignore[func-returns-value]
    subprocess.Popen.__init__ = lambda *args, **kwargs: started.append(args) or popen(*args, **kwargs)  # type: ignore[func-returns-value,method-assign]
    with network() as net:
        assert started == []
        net["client"].cmd("true")
        assert len(started) == 1


@pytest.mark.parametrize("name", [name for name in topos if name != "twosite"])
def test_every_host_reaches_every_other(name: str) -> None:
    @walled
    def body() -> None:
        with network(topos[name]()) as net:
            assert net.pingAll(timeout="2") == 0.0

    body()


@walled
def test_the_first_packet_after_the_build_arrives() -> None:
    with network() as net:
        assert not cut_off(net["client"], net["swarm-worker2"].IP())


@walled
def test_hosts_know_their_role_and_address() -> None:
    with network() as net:
        roles = {host.name: host.role for host in net.hosts}
        assert roles == {
            "client": "client",
            "swarm-manager": "manager",
            "swarm-worker1": "worker",
            "swarm-worker2": "worker",
        }
        assert net["swarm-worker1"].address == IPv4Interface("192.168.56.11/24")


@walled
def test_a_hosts_interface_has_a_short_name_and_a_mac_that_stays() -> None:
    def macs() -> list[str]:
        with network() as net:
            assert links(net["swarm-manager"]) == ["eth0", "lo"]
            ends = [end for link in net.links for end in (link.intf1, link.intf2)]
            assert [end.updateMAC() for end in ends] == [end.MAC() for end in ends]
            return [end.MAC() for end in ends]

    once, again = macs(), macs()
    assert once == again
    assert len(set(once)) == 8


@walled
def test_a_node_is_typed_at_as_in_mininet() -> None:
    with network() as net:
        host = net["swarm-worker1"]
        assert host.cmd("hostname").strip() == "swarm-worker1"
        host.cmd("cd /proc; COLOUR=blue")
        assert host.cmd("pwd; echo $COLOUR").split() == ["/proc", "blue"]
        assert "swarm-manager" in host.cmd("cat /etc/hosts")
        assert host.pexec("sh", "-c", "echo out; echo err >&2; exit 3") == ("out\n", "err\n", 3)
        assert net["lan1"].cmd("brctl show lan1").count("lan1-eth") == 4


def children(pid: int) -> list[str]:
    """The names of the programs that a process has started and that run."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{each}/comm").read_text().strip() for each in pids]


@walled
def test_an_interrupt_ends_the_command_and_not_the_shell(eventually: Callable[[Callable[[], bool]], None]) -> None:
    with network() as net:
        host = net["client"]
        host.sendCmd("sleep 1000")
        eventually(lambda: "sleep" in children(host.pid))  # what is typed ahead goes with an interrupt
        host.sendInt()
        host.waitOutput()
        assert host.cmd("echo still here").strip() == "still here"


@walled
def test_a_background_commands_process_id_is_known(eventually: Callable[[Callable[[], bool]], None]) -> None:
    with network() as net:
        host = net["client"]
        host.cmd("sleep 1000 &")
        eventually(lambda: Path(f"/proc/{host.lastPid}/comm").read_text() == "sleep\n")
        os.kill(host.lastPid, signal.SIGKILL)


@walled
def test_every_node_names_every_host_and_the_machines_own_file_is_untouched() -> None:
    before = Path("/etc/hosts").read_bytes()
    with network() as net:
        said = net["client"].popen("cat /etc/hosts").communicate(timeout=PATIENCE)[0].decode()
        for host in net.hosts:
            assert f"{host.IP()}\t{host.name}\n" in said
        assert Path("/etc/hosts").read_bytes() == before


@walled
def test_private_folders_are_a_hosts_own() -> None:
    class Private(Topo):  # type: ignore[misc]  # Mininet has no types
        def build(self) -> None:
            self.addHost("h1", privateDirs=["/run/own", ("/run/shown", "/run/from/%(name)s")])
            self.addHost("h2")
            self.addLink("h1", "h2")

    with network(Private()) as net:
        net["h1"].cmd("touch /run/own/a /run/shown/b")
        assert net["h2"].cmd("ls -A /run/own /run/from/h1").split() == ["/run/from/h1:", "b", "/run/own:"]


@walled
def test_a_cable_is_pulled_and_plugged_in_again() -> None:
    with network() as net:
        client, manager = net["client"], net["swarm-manager"]
        net.configLinkStatus("client", "lan1", "down")
        assert not client.intfIsUp()
        assert cut_off(client, manager.IP())
        net.configLinkStatus("client", "lan1", "up")
        assert client.intfIsUp()
        assert reaches(client, manager.IP())


@walled
def test_a_switch_is_stopped_and_started_again() -> None:
    with network() as net:
        net["lan1"].stop(deleteIntfs=False)
        assert cut_off(net["client"], net["swarm-manager"].IP())
        net["lan1"].start()
        assert reaches(net["client"], net["swarm-manager"].IP())


@walled
def test_hosts_and_links_come_and_go_while_the_network_runs() -> None:
    with network() as net:
        late = net.addHost("late", ip="192.168.56.200/24")
        net.addLink(late, "lan1")
        late.configDefault()
        assert reaches(net["client"], "192.168.56.200")
        second = net.addLink(late, net["client"])
        assert links(late) == ["eth0", "eth1", "lo"]
        net.delLink(second)
        assert links(late) == ["eth0", "lo"]
        net.delHost(late)
        assert cut_off(net["client"], "192.168.56.200")


@walled
def test_an_interface_is_changed_in_mininets_words() -> None:
    with network() as net:
        client = net["client"]
        client.setIP("192.168.56.150", 24)
        assert client.intf().updateAddr() == ("192.168.56.150", client.MAC())
        client.setMAC("02:00:00:00:00:99")
        assert client.intf().updateMAC() == "02:00:00:00:00:99"
        client.intf().rename("uplink")
        assert links(client) == ["lo", "uplink"]
        assert client.intf("uplink").isUp()
        client.setDefaultRoute("dev uplink via 192.168.56.10")
        client.setHostRoute("10.9.9.9", "uplink")
        client.setARP("192.168.56.201", "02:00:00:00:00:07")
        routes = client.cmd("ip route")
        assert "default via 192.168.56.10 dev uplink" in routes
        assert "10.9.9.9 dev uplink" in routes
        assert "192.168.56.201 dev uplink lladdr 02:00:00:00:00:07 PERMANENT" in client.cmd("ip neigh")


@walled
def test_routers_forward_by_all_their_gateways() -> None:
    with network(LeafSpineTopo(spines=3)) as net:
        assert net["leaf1"].cmd("ip route show default").count("nexthop via") == 3
        assert net["spine1"].cmd("cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert net["client"].cmd("cat /proc/sys/net/ipv4/ip_forward").strip() == "0"


@walled
def test_a_slow_link_is_slow_or_refused_where_the_kernel_has_no_netem() -> None:
    probe = subprocess.run(
        ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"], capture_output=True, check=False
    )
    if probe.returncode != 0:
        with pytest.raises(MachineError, match=r"site1-eth\d has delay, loss or rate, and this kernel has no netem"):
            LabNet(TwoSiteTopo())
        return
    with network(TwoSiteTopo(delay="30ms", loss=0, rate=5)) as net:
        shown = net["site1"].cmd("tc qdisc show dev site1-eth3")
        assert "delay 30ms" in shown
        assert "rate 5Mbit" in shown
        said = net["client"].cmd("ping -c 3 -i 0.2", net["swarm-manager"].IP())
        times = [float(word.partition("=")[2]) for word in said.split() if word.startswith("time=")]
        assert len(times) == 3
        assert min(times) >= 60.0


@walled
def test_links_are_as_fast_as_they_go_where_shaping_is_done_without() -> None:
    with network(TwoSiteTopo(), shaping=False) as net:
        assert reaches(net["client"], net["swarm-manager"].IP())
        assert "netem" not in net["site1"].cmd("tc qdisc show")


def _named(**names: str) -> Callable[[], Topo]:
    class Named(Topo):  # type: ignore[misc]  # Mininet has no types
        def build(self) -> None:
            host, switch = self.addHost(names.get("host", "h1")), self.addSwitch(names.get("switch", "s1"))
            self.addLink(host, switch, **{key: value for key, value in names.items() if key.startswith("intf")})

    return Named


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"switch": "a-switch-too-long1"}, "the switch 'a-switch-too-long1' has 18"),
        ({"switch": "switch-named-1"}, "the interface of switch-named-1 'switch-named-1-eth1' has 19"),
        ({"host": "h_1"}, "'h_1' is not"),
        ({"intfName1": "underlay-interface"}, "the interface of h1 'underlay-interface' has 18"),
    ],
)
def test_a_name_that_linux_does_not_allow_is_refused_in_a_sentence(names: dict[str, str], said: str) -> None:
    @walled
    def body() -> None:
        with pytest.raises(InputError, match=said):
            LabNet(_named(**names)())

    body()


@walled
def test_stock_mininets_classes_in_a_topology_give_way_to_ours() -> None:
    from meshnet.lab.net.stock import Node

    class Custom(Topo):  # type: ignore[misc]  # Mininet has no types
        def build(self) -> None:
            self.addLink(self.addHost("h1", cls=Node), self.addSwitch("s1"))

    with network(Custom(), controller=object, switch=object) as net:
        assert isinstance(net["h1"], LabHost)
        assert net["h1"].IP() == "192.168.56.1"


@walled
def test_a_stopped_network_leaves_nothing_and_can_be_built_again() -> None:
    for _ in range(2):
        with network() as net:
            net["client"].cmd("true")
            shell = net["client"].pid
            descriptors = [net["client"].interior.mount, net["client"].interior.uts]
        assert sorted(path.name for path in Path("/sys/class/net").iterdir()) == ["lo"]
        assert not Path(f"/proc/{shell}").exists()
        for fd in descriptors:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(fd)
        net.stop()


@walled
def test_what_the_kernel_refuses_says_what_and_where() -> None:
    with network() as net, pytest.raises(KernelError, match=r"client.*eth9"):
        net["client"].wiring.set_up("eth9")


@walled
def test_bridged_frames_do_not_meet_the_labs_iptables() -> None:
    switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not switch.exists():
        pytest.skip("br_netfilter is not loaded")
    switch.write_text("1")
    with network():
        assert switch.read_text() == "0\n"
