"""Which iptables rules matched, packet by packet, as the kernel's own TRACE tells it through nfnetlink_log."""

from meshnet.trace.rule_hits.rule_hits import RuleHits

__all__ = ["RuleHits"]
