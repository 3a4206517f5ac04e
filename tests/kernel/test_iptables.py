"""iptables by its own programs, in whichever flavours the kernel has."""

from __future__ import annotations

import shutil

import pytest

from meshnet.errors import KernelError, MachineError
from meshnet.kernel import iptables
from meshnet.kernel.iptables import FLAVOURS, Flavour, Iptables
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate.dialects import iptables_restore, iptables_save
from meshnet.netstate.ruleset_change import diff_rulesets
from tests.lab.walled import walled

pytestmark = pytest.mark.lab

FIRST = """*nat
:PREROUTING ACCEPT [0:0]
:DOCKER-INGRESS - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
-A DOCKER-INGRESS -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.18.0.2:8000
-A DOCKER-INGRESS -j RETURN
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
-A INPUT -d 10.0.0.7/32 -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT
COMMIT
"""
SECOND = """*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 8000 -j MARK --set-xmark 0x100/0xffffffff
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.0.0.7/32 -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 80
-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE
COMMIT
"""


def saved(programs: Iptables, namespace: NetNamespace) -> str:
    save = programs.save(namespace)
    return save.finish() if save is not None else ""


def working() -> list[Flavour]:
    """The flavours in which this kernel takes a rule."""
    found: list[Flavour] = []
    for flavour in FLAVOURS:
        try:
            Iptables(flavour).restore(NetNamespace.create(), "*filter\n-A INPUT -j ACCEPT\nCOMMIT\n").finish()
            found.append(flavour)
        except KernelError:
            continue
    return found


@walled
def test_the_flavour_chosen_is_the_first_that_works() -> None:
    assert iptables.flavour() == working()[0]


@walled
def test_what_is_restored_is_what_is_saved_in_every_flavour_that_works() -> None:
    for flavour in working():
        programs, namespace = Iptables(flavour), NetNamespace.create()
        for text in (FIRST, SECOND, "", FIRST):
            want = iptables_save.parse(text)
            changes = diff_rulesets(want, iptables_save.parse(saved(programs, namespace)))
            programs.restore(namespace, iptables_restore.write(changes)).finish()
            assert iptables_save.parse(saved(programs, namespace)) == want, flavour


@walled
def test_what_is_refused_is_named_with_the_line() -> None:
    for flavour in working():
        text = "*filter\n-A INPUT -j ACCEPT\n-D INPUT -s 10.9.9.9/32 -j DROP\nCOMMIT\n"
        with pytest.raises(KernelError, match=r"found it refuse: -D INPUT -s 10.9.9.9/32 -j DROP: "):
            Iptables(flavour).restore(NetNamespace.create(), text).finish()


@walled
def test_several_are_at_work_at_once() -> None:
    programs = Iptables(iptables.flavour())
    namespaces = [NetNamespace.create() for _ in range(8)]
    for restore in [
        programs.restore(namespace, FIRST.replace(":FORWARD", "-N X\n:FORWARD")) for namespace in namespaces
    ]:
        restore.finish()
    assert all("-j DNAT" in saved(programs, namespace) for namespace in namespaces)


@walled
def test_nothing_is_started_to_list_rules_where_there_never_were_any() -> None:
    if "legacy" in working():
        assert Iptables("legacy").save(NetNamespace.create()) is None


def test_programs_that_are_not_there_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    with pytest.raises(MachineError, match="expected iptables to be installed, found no program xtables-nft-multi"):
        Iptables("nft")
