"""What a service or a network may be called."""

from __future__ import annotations

import re

from meshnet.errors import InputError

LONGEST_NAME = 63
"""One label of a domain name: the embedded resolver answers to it."""

_NAME = re.compile(r"[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*")


def check_name(name: str, what: str, *, where: str | None = None) -> str:
    """``name``, if a service or network (``what``) may be called so; ``InputError`` if not.

    Source: swarmkit manager/controlapi/common.go validateAnnotations.
    """
    if len(name) > LONGEST_NAME:
        raise InputError(
            f"the {what} name {name!r} has {len(name)} characters, and {LONGEST_NAME} is the most", where=where
        )
    if not _NAME.fullmatch(name):
        raise InputError(
            f"the {what} name {name!r} is not valid as a DNS name component: letters, digits, inner - and _",
            where=where,
        )
    return name
