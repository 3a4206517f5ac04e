"""Namespaces in the making: what several renderers may do to one, and what they may not."""

from __future__ import annotations

from ipaddress import IPv4Interface

import pytest

from meshnet.mesh import Draft, Drafts, RulesetDraft
from meshnet.netstate import Bridge, Chain, Link, NamespaceRef, Rule, Ruleset, Table, VirtualService

REF = NamespaceRef("node", "sandbox")


def rules(draft: RulesetDraft, table: str, chain: str) -> list[str]:
    return [str(rule) for rule in draft.freeze().chain(table, chain).rules]


def test_rules_come_out_in_the_order_docker_would_get() -> None:
    draft = RulesetDraft("node")
    draft.append("filter", "FORWARD", "-j LAST")
    draft.insert("filter", "FORWARD", "-j FIRST")
    draft.insert("filter", "FORWARD", "-j NEWER")
    draft.move_to_top("filter", "FORWARD", "-j LAST")
    draft.move_to_top("filter", "FORWARD", "-j NEWEST")
    draft.append_once("filter", "FORWARD", "-j FIRST")
    draft.append_once("filter", "FORWARD", "-j ONCE")
    assert rules(draft, "filter", "FORWARD") == ["-j NEWEST", "-j LAST", "-j NEWER", "-j FIRST", "-j ONCE"]


def test_a_chain_made_twice_keeps_its_rules() -> None:
    draft = RulesetDraft("node")
    draft.new_chain("nat", "DOCKER")
    draft.append("nat", "DOCKER", "-j RETURN")
    draft.new_chain("nat", "DOCKER")
    assert rules(draft, "nat", "DOCKER") == ["-j RETURN"]


def test_frozen_rules_say_only_what_was_said() -> None:
    draft = RulesetDraft("node")
    draft.policy("filter", "FORWARD", "DROP")
    draft.new_chain("filter", "B")
    draft.new_chain("filter", "A")
    draft.append("filter", "INPUT", "-j A")
    frozen = draft.freeze()
    chains = {"INPUT": Chain("ACCEPT", (Rule(("-j", "A")),)), "FORWARD": Chain("DROP"), "A": Chain(), "B": Chain()}
    assert frozen == Ruleset({"filter": Table(chains)})
    assert list(frozen.tables["filter"].chains) == ["INPUT", "FORWARD", "A", "B"]


@pytest.mark.parametrize(("table", "chain"), [("nat", "DOCKER"), ("nat", "FORWARD"), ("tcp", "INPUT")])
def test_a_rule_for_a_chain_nobody_made_is_refused(table: str, chain: str) -> None:
    draft = RulesetDraft("node/sandbox")
    for operation in (draft.append, draft.insert, draft.append_once, draft.move_to_top, draft.policy):
        with pytest.raises(LookupError, match=r"^node/sandbox: .*"):
            operation(table, chain, "-j RETURN")


@pytest.mark.parametrize("name", ["eth0", "lo", "", "a" * 16])
def test_a_link_linux_would_refuse_is_refused(name: str) -> None:
    draft = Draft(REF)
    draft.add_link(Link("eth0", Bridge()))
    with pytest.raises(ValueError, match="node/sandbox"):
        draft.add_link(Link(name, Bridge()))


def test_two_services_cannot_share_a_mark() -> None:
    draft = Draft(REF)
    draft.add_virtual_service(VirtualService(256))
    with pytest.raises(ValueError, match="0x100"):
        draft.add_virtual_service(VirtualService(256))


def test_an_address_brings_its_broadcast_and_an_alias_the_one_it_is_given() -> None:
    draft = Draft(REF)
    draft.add_address("eth0", IPv4Interface("10.0.0.2/24"))
    draft.add_alias("eth0", IPv4Interface("10.0.0.9").ip, broadcast=None)
    own, alias = draft.freeze().addresses
    assert str(own.broadcast) == "10.0.0.255"
    assert (str(alias.interface), alias.broadcast) == ("10.0.0.9/32", None)


def test_a_namespace_is_made_once_and_before_it_is_added_to() -> None:
    drafts = Drafts()
    with pytest.raises(LookupError, match="node/sandbox"):
        drafts[REF]
    assert REF not in drafts
    assert drafts.make(REF) is drafts[REF]
    with pytest.raises(ValueError, match="node/sandbox"):
        drafts.make(REF)
