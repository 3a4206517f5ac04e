"""The article's own commands, verbatim, and what it saw."""

from __future__ import annotations

from meshnet.tour.step import Step, alternates, differs, shows

WHOAMI = "I'm (cc9f97cc5056|f47e05019fd9)"
_SBOX = "sudo nsenter --net=//var/run/docker/netns/ingress_sbox"
_ANY = r"0\.0\.0\.0/0"
_ALL = rf"(all|0) -- {_ANY} {_ANY}"  # newer iptables print protocols as numbers

STEPS: tuple[Step, ...] = (
    Step(
        "A swarm with two services: whoami, published on port 8000, and client, to look out from.",
        "swarm-manager",
        ("docker service ls",),
        (
            shows(r"^h5wlczp85sw5 client replicated 1/1 busybox:1\.28\.3", "the service client"),
            shows(r"^9i6wz6cg4koc whoami replicated 3/3 jwilder/whoami:latest \*:8000->8000/tcp", "the service whoami"),
        ),
    ),
    Step(
        "whoami gets by with two tasks.",
        "swarm-manager",
        ("docker service scale whoami=2",),
        (
            shows(r"^whoami scaled to 2$", "the new scale"),
            shows(r"^overall progress: 2 out of 2 tasks", "the progress"),
            shows(r"Service (whoami )?converged", "the end of it"),
        ),
    ),
    Step(
        "One of them runs on swarm-manager, one on swarm-worker2.",
        "swarm-manager",
        ("docker service ps whoami",),
        (
            shows(r"^6hhuf528spdw whoami\.1 jwilder/whoami:latest swarm-manager Running Running", "whoami.1"),
            shows(r"^9idgk9jbrlcm whoami\.3 jwilder/whoami:latest swarm-worker2 Running Running", "whoami.3"),
        ),
    ),
    Step(
        "Asked on swarm-manager, they take turns.",
        "swarm-manager",
        ("curl 127.0.0.1:8000", "curl 127.0.0.1:8000"),
        (shows(WHOAMI, "a container's id"), differs(2, "container ids")),
    ),
    Step(
        "swarm-worker1 has no task of whoami, and answers all the same: that is the routing mesh.",
        "swarm-worker1",
        ("curl 127.0.0.1:8000",) * 4,
        (shows(WHOAMI, "a container's id"), alternates("two container ids")),
    ),
    Step(
        "How? The node's own rules: DOCKER-INGRESS sends port 8000 on to 172.19.0.2.",
        "swarm-worker1",
        ("sudo iptables -nL -t nat",),
        (
            shows(r"^Chain DOCKER-INGRESS \(2 references\)", "the chain DOCKER-INGRESS"),
            shows(rf"^DOCKER-INGRESS {_ALL} ADDRTYPE match dst-type LOCAL", "the jump to it"),
            shows(r"^DNAT (tcp|6) -- .* tcp dpt:8000 to:172\.19\.0\.2:8000", "the DNAT to ingress_sbox"),
            shows(rf"^MASQUERADE {_ALL} ADDRTYPE match src-type LOCAL", "the MASQUERADE of its own requests"),
        ),
    ),
    Step(
        "What is 172.19.0.2? docker_gwbridge has 172.19.0.1 ...",
        "swarm-worker1",
        ("ifconfig",),
        (
            shows(r"^docker_gwbridge:? ", "docker_gwbridge"),
            shows(r"inet (addr:)?172\.19\.0\.1 ", "its address"),
            shows(r"^docker0:? ", "docker0"),
        ),
    ),
    Step(
        "... and the leg of another namespace on it:",
        "swarm-worker1",
        ("brctl show",),
        (shows(r"^docker_gwbridge 8000\.0242[0-9a-f]{8} no veth[0-9a-f]{7}$", "docker_gwbridge with a veth"),),
    ),
    Step(
        "Docker calls it a network, of this node alone.",
        "swarm-worker1",
        ("docker network ls",),
        (
            shows(r"^[0-9a-f]{12} docker_gwbridge bridge local$", "docker_gwbridge"),
            shows(r"^uz1kgf9j6m48 ingress overlay swarm$", "the ingress network"),
            shows(r"^[0-9a-f]{12} host host local$", "the host's own"),
        ),
    ),
    Step(
        "One of its containers is ingress-sbox, which has 172.19.0.2: there the rule sends requests.",
        "swarm-worker1",
        ("docker network inspect docker_gwbridge",),
        (
            shows(r'^"Subnet": "172\.19\.0\.0/16",', "its subnet"),
            shows(r'^"Name": "gateway_ingress-sbox",', "the gateway endpoint of ingress_sbox"),
            shows(r'^"IPv4Address": "172\.19\.0\.2/16",', "its address"),
            shows(r'^"com\.docker\.network\.bridge\.enable_icc": "false",', "that neighbours don't reach each other"),
        ),
    ),
    Step(
        "The namespaces Docker made on this node:",
        "swarm-worker1",
        ("sudo ls /var/run/docker/netns",),
        (shows("ingress_sbox", "ingress_sbox"), shows("1-uz1kgf9j6m", "the ingress network's overlay namespace")),
    ),
    Step(
        "Inside ingress_sbox: its ingress address, the service's VIP, and 172.19.0.2.",
        "swarm-worker1",
        ("ip a",),
        (
            shows(r"inet 10\.255\.0\.3/16 brd 10\.255\.255\.255 scope global eth0", "the node's ingress address"),
            shows(r"inet 10\.255\.0\.168/32 brd 10\.255\.0\.168 scope global eth0", "the VIP"),
            shows(r"inet 172\.19\.0\.2/16 brd 172\.19\.255\.255 scope global eth2", "its address on docker_gwbridge"),
            shows(r"link/ether 02:42:0a:ff:00:03", "a MAC made of the address"),
        ),
        shell=_SBOX,
    ),
    Step(
        "The tool for LVS:",
        "swarm-worker1",
        ("sudo apt-get install ipvsadm",),
        (shows("ipvsadm is already the newest version", "ipvsadm"),),
    ),
    Step(
        "Packets to port 8000 are marked 0x100 ...",
        "swarm-worker1",
        ("iptables -nL -t mangle",),
        (
            shows(rf"^MARK (tcp|6) -- {_ANY} {_ANY} tcp dpt:8000 MARK set 0x100", "the mark by published port"),
            shows(rf"^MARK (all|0) -- {_ANY} 10\.255\.0\.168 MARK set 0x100", "the mark by VIP"),
        ),
        shell=_SBOX,
    ),
    Step(
        "... and IPVS shares what is marked 256 among the tasks, in turn.",
        "swarm-worker1",
        ("ipvsadm -l",),
        (
            shows(r"^FWM 256 rr", "the service of mark 256, round robin"),
            shows(r"^-> 10\.255\.0\.5:0 Masq 1 ", "whoami's task on swarm-manager"),
            shows(r"^-> 10\.255\.0\.7:0 Masq 1 ", "whoami's task on swarm-worker2"),
        ),
        shell=_SBOX,
    ),
    Step(
        "Whose address is 10.255.0.5? On swarm-manager a container of whoami runs ...",
        "swarm-manager",
        ("docker ps",),
        (
            shows(
                r'^cc9f97cc5056 jwilder/whoami:latest "/app/http" .* 8000/tcp whoami\.1\.6hhuf528spdw9j9pla7l3tv3t$',
                "whoami's container",
            ),
        ),
    ),
    Step(
        "... and has it. Its engine is older: the VIPs are on the container's lo.",
        "swarm-manager",
        ("docker exec cc9 ip a",),
        (
            shows(r"inet 10\.255\.0\.168/32 brd 10\.255\.0\.168 scope global lo", "the ingress VIP on lo"),
            shows(r"inet 10\.0\.2\.5/32 brd 10\.0\.2\.5 scope global lo", "the VIP on my-demo on lo"),
            shows(r"inet 10\.255\.0\.5/16 .* eth0", "the ingress address"),
            shows(r"inet 172\.18\.0\.3/16 .* eth2", "the gateway address"),
            shows(r"inet 10\.0\.2\.7/24 .* eth3", "the address on my-demo"),
        ),
    ),
    Step(
        "On swarm-worker2 run another one of whoami, and client.",
        "swarm-worker2",
        ("docker container ls",),
        (
            shows(
                r"^f47e05019fd9 jwilder/whoami:latest .* whoami\.3\.9idgk9jbrlcm3ufvkmbmvv2t8$", "whoami's container"
            ),
            shows(r"^633ddfc082b9 busybox:1\.28\.3 \"sh -c .* client\.1\.3iv3gworpyr5vdo0h9eortlw0$", "client's"),
        ),
    ),
    Step(
        "10.255.0.7 is this whoami's.",
        "swarm-worker2",
        ("docker exec -it f47 ip a",),
        (
            shows(r"inet 10\.255\.0\.168/32 brd 10\.255\.0\.168 scope global lo", "the ingress VIP on lo"),
            shows(r"inet 10\.0\.2\.5/32 brd 10\.0\.2\.5 scope global lo", "the VIP on my-demo on lo"),
            shows(r"inet 10\.255\.0\.7/16 .* eth0", "the ingress address"),
            shows(r"inet 172\.18\.0\.4/16 .* eth2", "the gateway address"),
            shows(r"inet 10\.0\.2\.13/24 .* eth3", "the address on my-demo"),
        ),
    ),
    Step(
        "From outside, every node answers on port 8000, whether it has a task or not.",
        "client",
        (
            "curl {address:swarm-manager}:8000",
            "curl {address:swarm-manager}:8000",
            "curl {address:swarm-worker1}:8000",
            "curl {address:swarm-worker1}:8000",
            "curl {address:swarm-worker2}:8000",
            "curl {address:swarm-worker2}:8000",
        ),
        (shows(WHOAMI, "a container's id"), alternates("two container ids")),
    ),
    Step(
        "Within my-demo, client reaches a task on another node directly, across VXLAN ...",
        "swarm-worker2",
        ("docker exec 633 wget -qO- 10.0.2.7:8000", "docker exec 633 ping -c 1 10.0.2.7"),
        (
            shows("I'm cc9f97cc5056", "whoami on swarm-manager"),
            shows("1 (packets )?received", "an answer to ping"),
        ),
    ),
    Step(
        "... the service by its VIP, in turn ...",
        "swarm-worker2",
        ("docker exec 633 wget -qO- 10.0.2.5:8000",) * 4,
        (shows(WHOAMI, "a container's id"), alternates("two container ids")),
    ),
    Step(
        "... and by its name, which Docker's own resolver knows.",
        "swarm-worker2",
        ("docker exec 633 nslookup whoami", "docker exec 633 wget -qO- whoami:8000"),
        (shows(r"10\.0\.2\.5", "the VIP"), shows(WHOAMI, "a container's id")),
    ),
)
