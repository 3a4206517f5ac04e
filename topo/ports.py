"""The ends of a topology's cables: what the interfaces are called, and their MACs."""

from __future__ import annotations

from meshnet.model.ids import derived_id


def interface_name(node: str, port: int, *, of_switch: bool) -> str:
    """A host's interfaces are ``eth<n>``: they are alone in their namespace. A switch's carry its name."""
    return f"{node}-eth{port}" if of_switch else f"eth{port}"


def mac_of_port(node: str, port: int) -> str:
    """A locally administered MAC that follows from the node's name and the port's number."""
    digits = derived_id("mac", node, str(port))
    return ":".join(("02", *(digits[at : at + 2] for at in range(0, 10, 2))))
