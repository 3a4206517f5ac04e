"""Placement constraints: ``node.role == worker``, ``node.labels.rack != 2``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

from meshnet.errors import InputError
from meshnet.model.node import Node

OPERATORS = ("==", "!=")
KEYS = ("node.id", "node.hostname", "node.role", "node.ip", "node.platform.os", "node.platform.arch")
LABELS = ("node.labels.", "engine.labels.")
PLATFORM = {"node.platform.os": "linux", "node.platform.arch": "x86_64"}

_KEY = re.compile(r"(?i)[a-z_][a-z0-9\-_.]+")
_VALUE = re.compile(r"(?i)[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on a node. Keys and values compare without case, a label's own name with it.

    Engines here have no labels of their own, so ``engine.labels.x`` is always empty. Source: swarmkit
    manager/constraint/constraint.go.
    """

    key: str
    equal: bool
    value: str

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> Constraint:
        """From ``key==value`` or ``key!=value``. Raises ``InputError`` that says what is wrong with it."""
        operator = next((operator for operator in OPERATORS if operator in text), None)
        if operator is None:
            raise InputError(
                f"the constraint {text!r} has neither of the operators {' and '.join(OPERATORS)}", where=where
            )
        key, _, value = (part.strip() for part in text.partition(operator))
        if not _KEY.fullmatch(key) or not _known(key):
            known = ", ".join((*KEYS, *(f"{prefix}<label>" for prefix in LABELS)))
            raise InputError(f"the constraint {text!r} asks for {key!r}; the keys are {known}", where=where)
        if not _VALUE.fullmatch(value):
            raise InputError(f"the constraint {text!r} has the value {value!r}, which is invalid", where=where)
        if key.lower() == "node.ip" and _network(value) is None:
            raise InputError(f"the constraint {text!r} wants an IPv4 address or network", where=where)
        return cls(key, operator == "==", value)

    def holds(self, node: Node) -> bool:
        """Whether ``node`` meets it."""
        key = self.key.lower()
        if key == "node.ip":
            network = _network(self.value)
            return (network is not None and node.address.ip in network) is self.equal
        return (self.value.lower() == self._of(node, key).lower()) is self.equal

    def _of(self, node: Node, key: str) -> str:
        if key.startswith(LABELS[0]):
            return node.labels.get(self.key[len(LABELS[0]) :], "")
        if key.startswith(LABELS[1]):
            return ""
        return {"node.id": node.id, "node.hostname": node.name, "node.role": str(node.role), **PLATFORM}[key]


def _known(key: str) -> bool:
    key = key.lower()
    return key in KEYS or any(key.startswith(prefix) and len(key) > len(prefix) for prefix in LABELS)


def _network(value: str) -> IPv4Network | None:
    try:
        return IPv4Network(value, strict=False)
    except ValueError:
        return None
