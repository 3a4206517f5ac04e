"""What has to be set in a namespace for its packets to be traced, and set back."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from meshnet.errors import KernelError, MachineError, MeshnetError
from meshnet.kernel import sysctl
from meshnet.kernel.legacy_tables import LegacyTables, locked, plain_rule, with_rule_first, without_rule
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.path import Hook

TRACED = (Hook.PREROUTING, Hook.OUTPUT)
"""Where packets come in and where they are sent: one that is traced there stays so until it leaves the namespace."""

TABLE = "raw"
_RULE = plain_rule("TRACE", 0x6D657368)
_LOGGER = "net.netfilter.nf_log.2"
_WANTED = "nfnetlink_log"
_LACKING = {errno.ENOENT, errno.ENOPROTOOPT}
_ATTEMPTS = 10


@contextmanager
def logging(ref: NamespaceRef, namespace: NetNamespace) -> Iterator[None]:
    """Have ``namespace`` log to nfnetlink_log. Raises ``MachineError``, ``KernelError``."""
    try:
        with namespace.entered():
            before = sysctl.read([_LOGGER])[_LOGGER]
            sysctl.write(_LOGGER, _WANTED)
    except (KeyError, FileNotFoundError) as error:
        raise MachineError(f"rule hits need the kernel's {_WANTED}, found {ref} to have none") from error
    except OSError as error:
        raise _refused(ref, f"log to {_WANTED}", error) from error
    try:
        yield
    finally:
        with namespace.entered():
            sysctl.write(_LOGGER, before)


@contextmanager
def traced(namespaces: Mapping[NamespaceRef, NetNamespace]) -> Iterator[None]:
    """Have all packets of ``namespaces`` traced. Raises ``MachineError``, ``KernelError``."""
    with ExitStack() as opened, ExitStack() as undone:
        tables = {ref: opened.enter_context(LegacyTables(namespace)) for ref, namespace in namespaces.items()}
        undone.callback(_untrace_all, tables)
        with locked():
            for ref, those in tables.items():
                _trace(ref, those)
        yield


def _trace(ref: NamespaceRef, tables: LegacyTables) -> None:
    try:
        _put(tables, wanted=True)
    except OSError as error:
        if error.errno in _LACKING:
            raise MachineError(
                f"rule hits need the kernel's ip_tables, its table {TABLE} and its target TRACE, "
                f"found {ref} to lack one: {error.strerror}"
            ) from error
        raise _refused(ref, "trace packets", error) from error


def _untrace_all(tables: Mapping[NamespaceRef, LegacyTables]) -> None:
    """In each of them, even where another refuses."""
    with ExitStack() as stack:
        stack.enter_context(locked())
        for ref, those in tables.items():
            stack.callback(_untrace, ref, those)


def _untrace(ref: NamespaceRef, tables: LegacyTables) -> None:
    try:
        if TABLE in tables.loaded():
            _put(tables, wanted=False)
    except OSError as error:
        raise _refused(ref, "trace packets no longer", error) from error


def _put(tables: LegacyTables, *, wanted: bool) -> None:
    """Let the rule be there once, and be the first, or not at all."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        old = tables.make(TABLE)
        new = without_rule(old, TRACED, _RULE)
        new = with_rule_first(new, TRACED, _RULE) if wanted else new
        try:
            if new is not old:
                tables.replace(old, new)
            break
        except OSError as error:
            if error.errno != errno.EAGAIN or not attempts_left:  # somebody changes it and doesn't mind the lock
                raise


def _refused(ref: NamespaceRef, what: str, error: OSError) -> MeshnetError:
    return KernelError(f"expected {ref} to {what}, found the kernel refuse: {error}", errno=error.errno or 0)
