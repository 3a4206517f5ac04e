"""Rule sets at random, of what the prediction was taught, for the router of ``router``."""

from __future__ import annotations

from random import Random

from meshnet.netstate.ruleset import BUILTIN_CHAINS
from tests.predict.netfilter.router import CLIENT, ROUTER_ADDRESSES, SERVER

PORTS = (53, 80, 8000)
_NETS = ("10.1.0.0/24", "10.2.0.0/24", str(CLIENT), str(SERVER), "10.1.0.2", "10.0.0.0/255.0.255.0")
_BY_TCP = ("-m tcp --tcp-flags FIN,SYN,RST,ACK SYN", "-m tcp ! --tcp-flags SYN,ACK SYN", "-m tcp --tcp-flags RST RST")
_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "RELATED,ESTABLISHED", "NEW,ESTABLISHED")
_INCOMING = ("PREROUTING", "INPUT", "FORWARD")
_OUTGOING = ("FORWARD", "OUTPUT", "POSTROUTING")
_DROPPING = 0.08


def draw_rules(draw: Random, port: int) -> str:
    """What ``iptables-restore`` takes; ``port`` is one that nobody has used yet."""
    return "".join(_table(draw, table, port) for table in BUILTIN_CHAINS)


def _table(draw: Random, table: str, port: int) -> str:
    builtin = BUILTIN_CHAINS[table]
    own = [f"{hook}-{number}" for hook in builtin for number in (1, 2)] if draw.random() < 0.7 else []
    lines = [f"*{table}"]
    for chain in builtin:
        drops = table == "filter" and draw.random() < _DROPPING
        lines.append(f":{chain} {'DROP' if drops else 'ACCEPT'} [0:0]")
    lines += [f":{chain} - [0:0]" for chain in own]
    for chain in (*builtin, *own):
        hook = chain.partition("-")[0]
        below = [other for other in own if other.startswith(f"{hook}-") and other > chain]
        for _ in range(draw.randrange(4)):
            lines.append(f"-A {chain} {_rule(draw, table, hook, below, port, user=chain in own)}")
    return "\n".join([*lines, "COMMIT\n"])


def _rule(draw: Random, table: str, hook: str, below: list[str], port: int, user: bool) -> str:
    protocol = draw.choice((None, None, "tcp", "udp", "icmp"))
    words = [f"-p {protocol}"] if protocol else [draw.choice(("", "! -p icmp"))]
    for part in (_addresses, _interfaces, _surroundings):
        if draw.random() < 0.35:
            words.append(part(draw, hook))
    if protocol and draw.random() < 0.6:
        words.append(_of_protocol(draw, protocol))
    words.append(_target(draw, table, hook, below, port, protocol, user))
    return " ".join(filter(None, words))


def _addresses(draw: Random, hook: str) -> str:
    return f"{draw.choice(('', '! '))}{draw.choice(('-s', '-d'))} {draw.choice(_NETS)}"


def _interfaces(draw: Random, hook: str) -> str:
    options = [option for option, hooks in (("-i", _INCOMING), ("-o", _OUTGOING)) if hook in hooks]
    return f"{draw.choice(('', '! '))}{draw.choice(options)} {draw.choice(('c0', 's0', 'lo', 'c+'))}"


def _surroundings(draw: Random, hook: str) -> str:
    negated = draw.choice(("", "", "! "))
    kind = draw.choice(("LOCAL", "UNICAST", "LOCAL,BROADCAST"))
    return draw.choice(
        (
            f"-m addrtype {negated}--{draw.choice(('src', 'dst'))}-type {kind}",
            f"-m conntrack {negated}--ctstate {draw.choice((*_STATES, 'DNAT', 'SNAT', 'SNAT,NEW'))}",
            f"-m state {negated}--state {draw.choice(_STATES)}",
            f"-m mark {negated}--mark {draw.choice(('0x1', '0x0', '0x2/0x2', '0x1/0x3'))}",
            f"-m connmark {negated}--mark {draw.choice(('0x1', '0x0', '0x2/0x2'))}",
            '-m comment --comment "a word and -j DROP"',
        )
    )


def _of_protocol(draw: Random, protocol: str) -> str:
    if protocol == "icmp":
        return f"-m icmp {draw.choice(('', '! '))}--icmp-type {draw.choice(('8', '0', '3', '3/3', 'any'))}"
    if protocol == "tcp" and draw.random() < 0.3:
        return draw.choice(_BY_TCP)
    port, other, negated = draw.choice(PORTS), draw.choice(PORTS), draw.choice(("", "! "))
    return draw.choice(
        (
            f"-m {protocol} {negated}--dport {port}",
            f"-m {protocol} {negated}--sport {port}",
            f"-m {protocol} --dport 50:100 {negated}--sport 1024:65535",
            f"-m multiport {negated}--dports {port},{other}",
            f"-m multiport {negated}--ports {port},7000:9000",
        )
    )


def _target(draw: Random, table: str, hook: str, below: list[str], port: int, protocol: str | None, user: bool) -> str:
    if below and draw.random() < 0.4:
        return f"-{draw.choice('jjg')} {draw.choice(below)}"
    if draw.random() < 0.15:
        return draw.choice(("", "-j RETURN", "-j ACCEPT"))
    return draw.choice(_targets(draw, table, hook, port, protocol))


def _targets(draw: Random, table: str, hook: str, port: int, protocol: str | None) -> list[str]:
    if table == "raw":
        return ["-j NOTRACK", "-j CT --notrack", "-j ACCEPT", *(["-j DROP"] if draw.random() < _DROPPING else [])]
    if table == "mangle":
        value = draw.choice(("0x1", "0x2", "0x3/0x2"))
        copies = ("--save-mark", "--restore-mark", "--save-mark --nfmask 0x1 --ctmask 0x3", "--set-xmark 0x2/0x2")
        return [
            *(f"-j MARK --{how} {value}" for how in ("set-mark", "set-xmark")),
            *("-j MARK --or-mark 0x2", "-j MARK --and-mark 0x2", "-j MARK --xor-mark 0x1"),
            *(f"-j CONNMARK {copy}" for copy in copies),
        ]
    if table == "filter":
        reset = ["-j REJECT --reject-with tcp-reset"] if protocol == "tcp" else []
        refusing = ["-j REJECT --reject-with icmp-port-unreachable", "-j DROP", *reset]
        return ["-j ACCEPT", "-j RETURN", *(refusing if draw.random() < 3 * _DROPPING else [])]
    return _translations(draw, hook, port, protocol in ("tcp", "udp"))


def _translations(draw: Random, hook: str, port: int, ports: bool) -> list[str]:
    address = draw.choice((CLIENT, SERVER, *ROUTER_ADDRESSES))
    if hook in ("PREROUTING", "OUTPUT"):
        to = f":{draw.choice(PORTS)}" if ports and draw.random() < 0.5 else ""
        return [
            f"-j DNAT --to-destination {address}{to}",
            f"-j DNAT --to-destination {SERVER}{to}",
            "-j REDIRECT" + (f" --to-ports {to[1:]}" if to else ""),
        ]
    own = draw.choice(ROUTER_ADDRESSES)
    to = f":{port}-{port + draw.choice((0, 9))}" if ports and draw.random() < 0.3 else ""
    masquerade = ["-j MASQUERADE"] if hook == "POSTROUTING" else []
    kept = [f"-j SNAT --to-source {to}"] if to else []
    return [f"-j SNAT --to-source {own}{to}", *kept, *masquerade]
