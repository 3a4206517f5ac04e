"""What Linux and Mininet allow a thing to be called."""

from __future__ import annotations

import re

from meshnet.errors import InputError

LONGEST_INTERFACE = 15
"""Linux's IFNAMSIZ less its terminating zero; a bridge is an interface, too."""

LONGEST_HOST = 63
"""One label of a domain name."""

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_INTERFACE = re.compile(r"[^\s/:]+")


def check_host(name: str) -> str:
    """``name``, if a machine can be called so; ``InputError`` if not."""
    if len(name) > LONGEST_HOST:
        raise InputError(f"a host's name has at most {LONGEST_HOST} characters, and {name!r} has {len(name)}")
    if not _HOST.fullmatch(name):
        raise InputError(f"a host's name is made of letters, digits and inner hyphens, which {name!r} is not")
    return name


def check_interface(name: str, what: str = "interface") -> str:
    """``name``, if Linux lets an interface be called so; ``InputError`` if not. ``what`` is what the user calls it."""
    if len(name) > LONGEST_INTERFACE:
        raise InputError(
            f"Linux allows an interface name of {LONGEST_INTERFACE} characters, and the {what} {name!r} has {len(name)}"
        )
    if name in (".", "..") or not _INTERFACE.fullmatch(name):
        raise InputError(
            f"Linux allows no blank, slash or colon in an interface name, and the {what} is called {name!r}"
        )
    return name
