from __future__ import annotations

import pytest

from meshnet.errors import InputError, MachineError
from meshnet.kernel.boot import uml
from meshnet.kernel.boot.choose import KernelKind, choose_kernel, parse_without
from meshnet.kernel.boot.needs import ALWAYS_NEEDED, Feature, HostFeatures

COMPLETE = HostFeatures({})
NO_IPVS = HostFeatures({Feature.IPVS: "not built in", Feature.NETEM: "unknown qdisc"})


@pytest.fixture(autouse=True)
def uml_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uml, "find_binary", lambda: "/usr/bin/linux.uml")


def test_auto_takes_the_hosts_kernel_when_it_has_all_that_is_needed() -> None:
    choice = choose_kernel("auto", features=COMPLETE)
    assert (choice.kind, choice.reason) == (KernelKind.HOST, "this machine's: it has all that is needed")


def test_auto_takes_user_mode_linux_otherwise_and_says_why() -> None:
    choice = choose_kernel("auto", features=NO_IPVS)
    assert choice.kind is KernelKind.UML
    assert choice.reason == "user-mode Linux: this machine's kernel lacks ipvs"


def test_a_topology_with_slow_links_needs_netem() -> None:
    only_netem = HostFeatures({Feature.NETEM: "unknown qdisc"})
    assert choose_kernel("auto", features=only_netem).kind is KernelKind.HOST
    assert choose_kernel("auto", features=only_netem, needed=ALWAYS_NEEDED | {Feature.NETEM}).kind is KernelKind.UML


def test_the_hosts_kernel_asked_for_is_refused_by_the_name_of_what_it_lacks() -> None:
    with pytest.raises(MachineError, match=r"lacks ipvs \(not built in\).*--kernel uml.*--without ipvs"):
        choose_kernel("host", features=NO_IPVS)


def test_a_lab_without_ipvs_says_what_services_lack() -> None:
    choice = choose_kernel("host", features=NO_IPVS, without=parse_without(("ipvs",)))
    assert choice.kind is KernelKind.HOST
    assert "without ipvs, published ports and service VIPs lead nowhere" in choice.reason


def test_namespaces_cannot_be_done_without() -> None:
    with pytest.raises(InputError, match="ipvs, netem, esp"):
        parse_without(("namespaces",))
    none = HostFeatures({Feature.NAMESPACES: "refused"})
    with pytest.raises(MachineError, match=r"lacks namespaces \(refused\); use --kernel uml$"):
        choose_kernel("host", features=none)


def test_no_kernel_at_all_names_both_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise MachineError("user-mode Linux is not installed")

    monkeypatch.setattr(uml, "find_binary", missing)
    with pytest.raises(MachineError, match=r"lacks ipvs .* and user-mode Linux is not installed"):
        choose_kernel("auto", features=NO_IPVS)


def test_an_unknown_kernel_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="--kernel: no kernel called xen; there are auto, host, uml"):
        choose_kernel("xen")
