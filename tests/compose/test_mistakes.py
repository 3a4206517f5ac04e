"""Every mistake is one sentence with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.compose import load_stack
from meshnet.errors import InputError
from tests.compose.conftest import Load

WEB = "services:\n  web:\n    image: nginx\n"
ON_A = "services: {web: {image: nginx, networks: [a]}}\n"

MISTAKES = {
    "typo in deploy": (
        WEB + "    deploy:\n      replica: 2\n",
        "stack.yaml:5: services.web.deploy.replica: unknown key; did you mean 'replicas'?",
    ),
    "typo in a service": (
        WEB + "    port: [80]\n",
        "stack.yaml:4: services.web.port: unknown key; did you mean 'ports'?",
    ),
    "typo at the top": ("service: {}\n", "stack.yaml:1: service: unknown key; did you mean 'services'?"),
    "unknown key that resembles none": (
        WEB + "    deploy: {zzz: 1}\n",
        "stack.yaml:4: services.web.deploy.zzz: unknown key; "
        "the keys here are mode, replicas, endpoint_mode, placement, labels, "
        "restart_policy, update_config, rollback_config",
    ),
    "typo in a long port": (
        WEB + "    ports:\n      - target: 80\n        publish: 80\n",
        "stack.yaml:6: services.web.ports[0].publish: unknown key; did you mean 'published'?",
    ),
    "typo in a network": (
        ON_A + "networks: {a: {intern: true}}\n",
        "stack.yaml:2: networks.a.intern: unknown key; did you mean 'internal'?",
    ),
    "a key twice": (
        WEB + "    image: httpd\n",
        "stack.yaml:4: services.web.image: given twice, first on line 3",
    ),
    "a service twice": (WEB + "  web: {image: httpd}\n", "stack.yaml:4: services.web: given twice, first on line 2"),
    "replicas in words": (
        WEB + "    deploy: {replicas: two}\n",
        "stack.yaml:4: services.web.deploy.replicas: a whole number is wanted, not 'two'",
    ),
    "half a replica": (
        WEB + "    deploy: {replicas: 1.5}\n",
        "stack.yaml:4: services.web.deploy.replicas: a whole number is wanted, not 1.5",
    ),
    "fewer than no replicas": (
        WEB + "    deploy: {replicas: -1}\n",
        "stack.yaml:4: services.web.deploy.replicas: a number of at least 0 is wanted, not -1",
    ),
    "a list for a mapping": (
        "services:\n  web: [nginx]\n",
        "stack.yaml:2: services.web: a mapping of keys to values is wanted, not a list",
    ),
    "a number for an image": (
        "services: {web: {image: 5}}\n",
        "stack.yaml:1: services.web.image: text is wanted, not 5",
    ),
    "services as text": ("services: web\n", "stack.yaml:1: services: a mapping of keys to values is wanted, not 'web'"),
    "ports as text": (WEB + "    ports: '80'\n", "stack.yaml:4: services.web.ports: a list is wanted, not '80'"),
    "attachable in words": (
        ON_A + "networks: {a: {attachable: often}}\n",
        "stack.yaml:2: networks.a.attachable: true or false is wanted, not 'often'",
    ),
    "no image": ("services:\n  web: {ports: [80]}\n", "stack.yaml:2: services.web: an image is wanted"),
    "build": (
        "services:\n  web:\n    build: .\n",
        "stack.yaml:3: services.web.build: not supported: "
        "images are not built here; name one of the catalogue with image",
    ),
    "network_mode": (
        WEB + "    network_mode: host\n",
        "stack.yaml:4: services.web.network_mode: not supported: a swarm's service joins the networks it lists",
    ),
    "global with replicas": (
        WEB + "    deploy: {mode: global, replicas: 2}\n",
        "stack.yaml:4: services.web.deploy: "
        "replicas go with mode replicated; a global service has a task on every node",
    ),
    "a mode that is none": (
        WEB + "    deploy: {mode: often}\n",
        "stack.yaml:4: services.web.deploy.mode: replicated or global is wanted, not often",
    ),
    "a delay that is none": (
        WEB + "    deploy: {update_config: {delay: soon}}\n",
        "stack.yaml:4: services.web.deploy.update_config.delay: "
        "a length of time such as 10s, 500ms or 1m30s is wanted, not 'soon'",
    ),
    "a ratio above one": (
        WEB + "    deploy: {update_config: {max_failure_ratio: 2}}\n",
        "stack.yaml:4: services.web.deploy.update_config.max_failure_ratio: a number of at most 1.0 is wanted, not 2",
    ),
    "a rollback that is rolled back": (
        WEB + "    deploy: {rollback_config: {failure_action: rollback}}\n",
        "stack.yaml:4: services.web.deploy.rollback_config.failure_action: pause or continue is wanted, not rollback",
    ),
    "a preference for nothing there is": (
        WEB + "    deploy: {placement: {preferences: [{spread: rack}]}}\n",
        "stack.yaml:4: services.web.deploy.placement.preferences[0].spread: "
        "tasks are spread over node.labels.<label> or engine.labels.<label>",
    ),
    "a config that is not defined": (
        WEB + "    configs: [site]\n",
        "stack.yaml:4: services.web.configs: 'site' is not defined under configs",
    ),
    "a secret from nowhere": (
        WEB + "secrets: {key: {}}\n",
        "stack.yaml:4: secrets.key: one of file, content, environment and external: true says where it comes from",
    ),
    "a secret's file that is missing": (
        WEB + "secrets: {key: {file: none.txt}}\n",
        "stack.yaml:4: secrets.key: none.txt: No such file or directory",
    ),
    "another driver": (
        ON_A + "networks: {a: {driver: bridge}}\n",
        "stack.yaml:2: networks.a.driver: 'bridge' is not supported: a swarm's services are on overlay networks",
    ),
    "encrypted": (
        ON_A + "networks: {a: {driver_opts: {encrypted: ''}}}\n",
        "stack.yaml:2: networks.a.driver_opts: the option 'encrypted' is not supported: "
        "the overlays here carry no ESP yet",
    ),
    "IPv6": (
        ON_A + "networks: {a: {enable_ipv6: true}}\n",
        "stack.yaml:2: networks.a.enable_ipv6: not supported: the mesh balances IPv4 only",
    ),
    "a fixed address": (
        "services: {web: {image: nginx, networks: {a: {ipv4_address: 10.0.0.5}}}}\nnetworks: {a: }\n",
        "stack.yaml:1: services.web.networks.a.ipv4_address: not supported: "
        "a swarm gives the addresses; a lab's story can settle them in lab.yaml",
    ),
    "host bits in a subnet": (
        ON_A + "networks:\n  a:\n    ipam:\n      config:\n        - subnet: 10.0.2.5/24\n",
        "stack.yaml:6: networks.a.ipam.config[0].subnet: an IPv4 network such as 10.0.2.0/24 is wanted, "
        "not '10.0.2.5/24': 10.0.2.5/24 has host bits set",
    ),
    "two subnets": (
        ON_A + "networks: {a: {ipam: {config: [{subnet: 10.0.2.0/24}, {subnet: 10.0.3.0/24}]}}}\n",
        "stack.yaml:2: networks.a.ipam.config: a network here has one subnet",
    ),
    "a gateway": (
        ON_A + "networks: {a: {ipam: {config: [{subnet: 10.0.2.0/24, gateway: 10.0.2.9}]}}}\n",
        "stack.yaml:2: networks.a.ipam.config[0].gateway: not supported: it is the subnet's first address",
    ),
    "a network that is not defined": (
        ON_A,
        "stack.yaml:1: services.web.networks: 'a' is not defined under networks",
    ),
    "a network called ingress": (
        ON_A.replace("[a]", "[ingress]") + "networks: {ingress: {external: true}}\n",
        "stack.yaml:2: networks.ingress: the swarm itself makes the network 'ingress'; "
        "a service joins it by publishing a port",
    ),
    "one network twice": (
        "services: {web: {image: nginx, networks: [a, a]}}\nnetworks: {a: }\n",
        "stack.yaml:1: services.web.networks: 'a' is given twice",
    ),
    "a port that is none": (
        WEB + "    ports: [http]\n",
        "stack.yaml:4: services.web.ports[0].target: a port, or a range such as 8000-8010, is wanted, not 'http'",
    ),
    "a port out of range": (
        WEB + "    ports: ['80:70000']\n",
        "stack.yaml:4: services.web.ports[0].target: ports go from 1 to 65535, and 70000 does not",
    ),
    "ranges of different lengths": (
        WEB + "    ports: ['8000-8002:80-81']\n",
        "stack.yaml:4: services.web.ports[0]: 3 published ports do not go with 2 of the service",
    ),
    "an address to publish on": (
        WEB + "    ports: ['127.0.0.1:80:80']\n",
        "stack.yaml:4: services.web.ports[0]: '127.0.0.1:80:80' names an address, "
        "and a swarm's port is published on every address of a node",
    ),
    "an unknown protocol": (
        WEB + "    ports: ['80/icmp']\n",
        "stack.yaml:4: services.web.ports[0].protocol: tcp, udp or sctp is wanted, not icmp",
    ),
    "an unknown mode": (
        WEB + "    ports: [{target: 80, mode: local}]\n",
        "stack.yaml:4: services.web.ports[0].mode: ingress or host is wanted, not local",
    ),
    "a long port without target": (
        WEB + "    ports: [{published: 80}]\n",
        "stack.yaml:4: services.web.ports[0].target: this key is missing",
    ),
    "a port twice in a service": (
        WEB + "    ports:\n      - 80:80\n      - 80:81\n",
        "stack.yaml:6: services.web.ports: port 80/tcp is published by web twice",
    ),
    "a port of two services": (
        WEB + "    ports:\n      - 80:80\n  api:\n    image: httpd\n    ports:\n      - 79-80:1-2\n",
        "stack.yaml:9: services.api.ports: port 80/tcp is published by web (stack.yaml:5) and by api",
    ),
    "dnsrr with an ingress port": (
        WEB + "    ports: ['80:80']\n    deploy: {endpoint_mode: dnsrr}\n",
        "stack.yaml:4: services.web.ports: endpoint_mode dnsrr gives no VIP to publish a port by; say mode: host",
    ),
    "an unknown endpoint mode": (
        WEB + "    deploy: {endpoint_mode: rr}\n",
        "stack.yaml:4: services.web.deploy.endpoint_mode: vip or dnsrr is wanted, not rr",
    ),
    "a constraint without an operator": (
        WEB + "    deploy: {placement: {constraints: [node.role]}}\n",
        "stack.yaml:4: services.web.deploy.placement.constraints: "
        "the constraint 'node.role' has neither of the operators == and !=",
    ),
    "a name that is no label": (
        "services: {my.web: {image: nginx}}\n",
        "stack.yaml:1: the service name 'my.web' is not valid as a DNS name component: letters, digits, inner - and _",
    ),
    "a name that is too long": (
        f"services: {{{'w' * 64}: {{image: nginx}}}}\n",
        f"stack.yaml:1: the service name '{'w' * 64}' has 64 characters, and 63 is the most",
    ),
    "an unfinished quotation": (
        WEB + "    command: sh -c 'x\n",
        'stack.yaml:4: services.web.command: this command has an unfinished quotation: "sh -c \'x"',
    ),
    "a label twice": (WEB + "    labels: [a=1, a=2]\n", "stack.yaml:4: services.web.labels: 'a' is given twice"),
    "a lone dollar": (
        WEB + "    command: echo $\n",
        "stack.yaml:4: 'echo $' has a $ that begins no variable; write $$ for a $ itself",
    ),
    "a variable that is wanted": (
        "services: {web: {image: '${IMAGE:?say which}'}}\n",
        "stack.yaml:1: the variable IMAGE is wanted: say which",
    ),
    "no YAML": (WEB + "    ports: [80\n  x: 1\n", "stack.yaml:5: this is no YAML: expected ',' or ']', but got ':'"),
    "a tab": (
        "services:\n\tweb: 1\n",
        "stack.yaml:2: this is no YAML: found character '\\t' that cannot start any token",
    ),
    "a list": ("- web\n", "stack.yaml:1: a mapping of keys to values is wanted at the outermost level"),
    "two documents": ("a: 1\n---\nb: 2\n", "stack.yaml:2: this is no YAML: but found another document"),
    "a tag": (WEB + "    ports: !reset []\n", "stack.yaml:4: the tag !reset is not known here"),
    "an anchor in itself": ("services: &all {web: *all}\n", "stack.yaml:1: an anchor cannot hold itself"),
    "include": (
        "include: [other.yaml]\n",
        "stack.yaml:1: include: not supported: name the files one after another with --stack",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_mistake(load: Load, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as raised:
        load(text)
    assert str(raised.value) == sentence


def test_first_mistake_of_the_file_is_told(load: Load) -> None:
    with pytest.raises(InputError, match=r"^stack\.yaml:2: services\.b\.deploy\.replicas"):
        load("services:\n  b: {image: x, deploy: {replicas: z}}\n  a: {image: x, deploy: {replicas: y}}\n")


def test_port_of_services_in_two_files(load: Load) -> None:
    with pytest.raises(InputError) as raised:
        load(WEB + "    ports: ['80:80']\n", "services:\n  api:\n    image: httpd\n    ports: ['80:81']\n")
    assert str(raised.value) == (
        "stack2.yaml:4: services.api.ports: port 80/tcp is published by web (stack.yaml:4) and by api"
    )


def test_host_mode_port_of_two_services_is_no_mistake(load: Load) -> None:
    port = "ports: [{target: 80, published: 80, mode: host}]"
    assert len(load(f"services: {{a: {{image: x, {port}}}, b: {{image: x, {port}}}}}").services) == 2


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        load_stack([tmp_path / "none.yaml"])
    assert str(raised.value) == f"{tmp_path}/none.yaml: there is no such file"


def test_folder_and_binary_file_are_no_stack(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this cannot be read"):
        load_stack([tmp_path])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="this cannot be read"):
        load_stack([tmp_path / "binary"])
