"""Single faults that somebody may put into the lab examples/three-nodes, and what there is to be found of each.

whoami.1 is on swarm-manager, whoami.2 on swarm-worker1, client.1 on swarm-worker2.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.path import Why
from tests.lab.labs import RunningLab

MANAGER, WORKER1, WORKER2 = "swarm-manager", "swarm-worker1", "swarm-worker2"
NODE, SANDBOX, BALANCER = "", "ingress_sbox", "lb"
INGRESS, DEMO = "ingress overlay", "my-demo overlay"


@dataclass(frozen=True, slots=True)
class Fault:
    """``command`` is typed on ``node`` inside one of its namespaces: its own, a task's, or one of the words above. It
    should be found ``at`` a place, where that isn't the same one, as ``why``, in a text with ``says`` in it.
    ``{ADDRESS}``-like words in both are filled in by ``filled``. ``undo`` is typed where ``repair`` doesn't see it."""

    name: str
    node: str
    inside: str
    command: str
    why: Why
    says: str
    at: tuple[str, str] | None = None
    undo: str = ""

    @property
    def expected(self) -> tuple[str, str]:
        return self.at or (self.node, self.inside)


FAULTS = (
    Fault(
        "route_localnet off",
        MANAGER,
        NODE,
        "sysctl -qw net.ipv4.conf.docker_gwbridge.route_localnet=0",
        Why.MARTIAN,
        "route_localnet",
    ),
    Fault(
        "no masquerade of local sources",
        WORKER1,
        NODE,
        "iptables -t nat -D POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE",
        Why.RULE,
        "-o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE",
    ),
    Fault("IPVS without conntrack", WORKER2, SANDBOX, "sysctl -qw net.ipv4.vs.conntrack=0", Why.SETTING, "conntrack"),
    Fault(
        "no SNAT of what IPVS sends",
        MANAGER,
        SANDBOX,
        "iptables -t nat -D POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source {ingress_sbox}",
        Why.RULE,
        "--ipvs -j SNAT",
    ),
    Fault(
        "the sandbox doesn't forward",
        WORKER1,
        SANDBOX,
        "sysctl -qw net.ipv4.ip_forward=0",
        Why.FORWARDING_OFF,
        "forward",
    ),
    Fault("a node doesn't forward", WORKER2, NODE, "sysctl -qw net.ipv4.ip_forward=0", Why.FORWARDING_OFF, "forward"),
    Fault(
        "FDB entry missing",
        WORKER2,
        INGRESS,
        "bridge fdb del {mac of whoami.2} dev vxlan0 dst {swarm-worker1} self",
        Why.NO_FDB_ENTRY,
        "{mac of whoami.2}",
    ),
    Fault(
        "FDB entry with another node's address",
        WORKER2,
        INGRESS,
        "bridge fdb replace {mac of whoami.2} dev vxlan0 dst {swarm-manager} self permanent",
        Why.WRONG_VTEP,
        "{mac of whoami.2}",
    ),
    Fault(
        "FDB entry with nobody's address",
        WORKER2,
        INGRESS,
        "bridge fdb replace {mac of whoami.2} dev vxlan0 dst 192.168.56.77 self permanent",
        Why.WRONG_VTEP,
        "192.168.56.77",
    ),
    Fault(
        "neighbour missing",
        MANAGER,
        INGRESS,
        "ip neigh del {whoami.2} dev vxlan0",
        Why.NO_NEIGHBOUR,
        "{whoami.2}",
    ),
    Fault(
        "neighbour with another MAC",
        MANAGER,
        INGRESS,
        "ip neigh replace {whoami.2} lladdr 02:42:0a:00:00:99 dev vxlan0",
        Why.NO_NEIGHBOUR,
        "02:42:0a:00:00:99",
    ),
    Fault(
        "vxlan0 with another VNI",
        WORKER1,
        NODE,
        "o=/var/run/docker/netns/{my-demo overlay}; nsenter --net=$o ip link del vxlan0;"
        " ip link add vxlan0 type vxlan id 999 dstport 4789 proxy l2miss l3miss;"
        " ip link set vxlan0 netns $o; nsenter --net=$o ip link set vxlan0 mtu 1450 master br0 up",
        Why.WRONG_VTEP,
        "999",
        at=(WORKER1, DEMO),
    ),
    Fault(
        "VXLAN's port blocked on a node",
        WORKER1,
        NODE,
        "iptables -I INPUT -p udp --dport 4789 -j DROP",
        Why.RULE,
        "-p udp -m udp --dport 4789 -j DROP",
        undo="iptables -D INPUT -p udp --dport 4789 -j DROP",
    ),
    Fault(
        "VXLAN's port blocked between two nodes",
        WORKER1,
        NODE,
        "iptables -I INPUT -s {swarm-worker2} -p udp --dport 4789 -j DROP",
        Why.RULE,
        "-s {swarm-worker2}/32 -p udp -m udp --dport 4789 -j DROP",
        undo="iptables -D INPUT -s {swarm-worker2} -p udp --dport 4789 -j DROP",
    ),
    Fault(
        "VXLAN blocked on its way out",
        WORKER2,
        NODE,
        "iptables -A OUTPUT -p udp --dport 4789 -j DROP",
        Why.RULE,
        "-p udp -m udp --dport 4789 -j DROP",
        undo="iptables -D OUTPUT -p udp --dport 4789 -j DROP",
    ),
    Fault(
        "published port without DNAT",
        WORKER2,
        NODE,
        "iptables -t nat -D DOCKER-INGRESS -p tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8000",
        Why.RULE,
        "-j DNAT --to-destination 172.18.0.2:8000",
    ),
    Fault(
        "FORWARD doesn't ask DOCKER-INGRESS",
        WORKER1,
        NODE,
        "iptables -D FORWARD -j DOCKER-INGRESS",
        Why.RULE,
        "-j DOCKER-INGRESS",
    ),
    Fault(
        "published port not accepted in FORWARD",
        WORKER1,
        NODE,
        "iptables -D DOCKER-INGRESS -p tcp --dport 8000 -j ACCEPT",
        Why.RULE,
        "-p tcp -m tcp --dport 8000 -j ACCEPT",
    ),
    Fault(
        "answers not accepted in FORWARD",
        MANAGER,
        NODE,
        "iptables -D FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
        Why.RULE,
        "-i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
    ),
    Fault(
        "a firewall's rule in DOCKER-USER",
        WORKER2,
        NODE,
        "iptables -I DOCKER-USER -i eth0 -j DROP",
        Why.RULE,
        "-i eth0 -j DROP",
        undo="iptables -D DOCKER-USER -i eth0 -j DROP",
    ),
    Fault(
        "published port not marked",
        MANAGER,
        SANDBOX,
        "iptables -t mangle -D PREROUTING -p tcp --dport 8000 -j MARK --set-mark 0x100",
        Why.RULE,
        "-j MARK",
    ),
    Fault(
        "virtual address not marked",
        WORKER2,
        BALANCER,
        "iptables -t mangle -D INPUT -d {vip of whoami} -j MARK --set-mark 0x101",
        Why.RULE,
        "-d {vip of whoami}/32",
    ),
    Fault("IPVS service gone", WORKER1, SANDBOX, "ipvsadm -D -f 256", Why.NO_SERVER, "256"),
    Fault(
        "IPVS without real servers",
        WORKER1,
        SANDBOX,
        "ipvsadm -d -f 256 -r {whoami.1}:0; ipvsadm -d -f 256 -r {whoami.2}:0",
        Why.NO_SERVER,
        "{whoami.1}",
    ),
    Fault(
        "every real server has weight 0",
        WORKER1,
        SANDBOX,
        "for s in {whoami.1} {whoami.2}; do ipvsadm -e -f 256 -r $s:0 -m -w 0; done",
        Why.NO_SERVER,
        "weight 0",
    ),
    Fault(
        "a real server that is nobody",
        WORKER2,
        SANDBOX,
        "ipvsadm -a -f 256 -r 10.0.0.88:0 -m",
        Why.NO_SERVER,
        "10.0.0.88",
    ),
    Fault(
        "a task's port not accepted",
        WORKER1,
        "whoami.2",
        "iptables -D INPUT -d {whoami.2} -p tcp --dport 8000 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        Why.RULE,
        "--ctstate NEW,ESTABLISHED -j ACCEPT",
    ),
    Fault(
        "a task's answers not accepted",
        WORKER1,
        "whoami.2",
        "iptables -D OUTPUT -s {whoami.2} -p tcp --sport 8000 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        Why.RULE,
        "--ctstate ESTABLISHED -j ACCEPT",
    ),
    Fault(
        "a balancer's virtual address gone",
        WORKER2,
        BALANCER,
        "ip addr del {vip of whoami}/32 dev eth0",
        Why.NO_ADDRESS,
        "{vip of whoami}",
    ),
    Fault("the sandbox's default route gone", WORKER1, SANDBOX, "ip route del default", Why.NO_ROUTE, "default"),
    Fault("a task's default route gone", WORKER2, "client.1", "ip route del default", Why.NO_ROUTE, "default"),
    Fault(
        "a node's interface down",
        WORKER1,
        NODE,
        "ip link set eth0 down",
        Why.LINK_DOWN,
        "eth0",
        undo="ip link set eth0 up",
    ),
    Fault("the sandbox's leg down", WORKER2, SANDBOX, "ip link set eth1 down", Why.LINK_DOWN, "eth1"),
    Fault("vxlan0 down", MANAGER, INGRESS, "ip link set vxlan0 down", Why.LINK_DOWN, "vxlan0"),
    Fault("br0 down", MANAGER, DEMO, "ip link set br0 down", Why.LINK_DOWN, "br0"),
    Fault("docker_gwbridge down", MANAGER, NODE, "ip link set docker_gwbridge down", Why.LINK_DOWN, "docker_gwbridge"),
    Fault(
        "a port of br0 taken out",
        MANAGER,
        INGRESS,
        "ip link set vxlan0 nomaster",
        Why.LINK_DOWN,
        "br0",
    ),
    Fault(
        "a task's cable gone",
        WORKER1,
        "whoami.2",
        "ip link del eth0",
        Why.LINK_DOWN,
        "eth0",
    ),
    Fault(
        "a wire that loses all",
        WORKER2,
        NODE,
        "tc qdisc replace dev eth0 root netem loss 100%",
        Why.UNKNOWN,
        "eth0",
        undo="tc qdisc del dev eth0 root",
    ),
    Fault(
        "a wire that loses what is long",
        WORKER2,
        NODE,
        "ip link set eth0 mtu 1400",
        Why.MTU,
        "1400",
        undo="ip link set eth0 mtu 1500",
    ),
    Fault(
        "a route of the node's own that is wrong",
        WORKER1,
        NODE,
        "ip route add blackhole {swarm-worker2}",
        Why.NO_ROUTE,
        "blackhole",
        undo="ip route del blackhole {swarm-worker2}",
    ),
    Fault(
        "answers take another way than questions",
        MANAGER,
        NODE,
        "sysctl -qw net.ipv4.conf.eth0.rp_filter=1; ip route add {client} dev docker_gwbridge",
        Why.NO_ROUTE,
        "{client}",
        undo="sysctl -qw net.ipv4.conf.eth0.rp_filter=0; ip route del {client} dev docker_gwbridge",
    ),
)


def file(lab: RunningLab, node: str, inside: str) -> str:
    """The file of a namespace of a node, empty for its own."""
    for task in lab.status["tasks"]:
        if task["name"].startswith(f"{inside}.") and inside:
            return str(task["sandbox"])
    if inside not in (BALANCER, DEMO, INGRESS):
        return inside
    files: list[str] = next(each["namespaces"] for each in lab.status["nodes"] if each["name"] == node)
    balancer = next(each for each in files if each.startswith("lb_"))
    demo = next(each for each in files if each.startswith(f"1-{balancer.removeprefix('lb_')}"))
    ingress = next(each for each in files if each.startswith("1-") and each != demo)
    return {BALANCER: balancer, DEMO: demo, INGRESS: ingress}[inside]


def filled(lab: RunningLab, fault: Fault, text: str) -> str:
    """``{words}`` for what they mean: a task its ingress address, a node its own, an overlay its namespace's file."""
    status = lab.status
    words = {node["name"]: str(node["address"]).split("/")[0] for node in status["nodes"]}
    for task in status["tasks"]:
        address = str(task["addresses"].get("ingress", "")).split("/")[0]
        name = ".".join(task["name"].split(".")[:2])
        words[name] = address
        words[f"mac of {name}"] = ":".join(["02", "42", *(f"{int(byte):02x}" for byte in address.split(".") if byte)])
    for service in status["services"]:
        words[f"vip of {service['name']}"] = str(service["vips"].get("my-demo", "")).split("/")[0]
    for overlay in (INGRESS, DEMO):
        words[overlay] = file(lab, fault.node, overlay)
    if fault.inside == SANDBOX:
        words[SANDBOX] = typed(lab, fault.node, SANDBOX, "ip -br -4 addr show eth0").split()[2].split("/")[0]
    for word, meaning in words.items():
        text = text.replace(f"{{{word}}}", meaning)
    return text


def typed(lab: RunningLab, node: str, inside: str, command: str) -> str:
    """What a command prints that is typed inside one of a node's namespaces."""
    path = file(lab, node, inside)
    if not path:
        return lab.run(node, command).check().text
    return lab.run(node, f"nsenter --net=/var/run/docker/netns/{path} sh -c '{command}'").check().text
