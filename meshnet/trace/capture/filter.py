"""Filters as tcpdump has them, compiled by libpcap and run by the kernel.

An expression sees a frame from its Ethernet header on. Of a frame that carries another over VXLAN those are the outer
headers: the inner one is seen where it is alone, on ``vxlan0`` and on the bridges.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from functools import cache
from typing import TypeAlias

from meshnet.errors import InputError, MachineError

Program: TypeAlias = bytes
"""Instructions of the kernel's packet filter, each a ``struct sock_filter``."""

NOTHING: Program = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""``ret #0``: no frame passes."""

_LIBRARIES = ("libpcap.so.0.8", "libpcap.so.1")
_ETHERNET = 1
_WHOLE = 262144
"""What passes does so whole: the socket cuts it, and knows how long it was."""

_UNKNOWN_NETMASK = 0xFFFFFFFF
_INSTRUCTION_BYTES = 8
_SO_ATTACH_FILTER = 26
_REFUSED = {errno.EINVAL, errno.ENOMEM}


class _Compiled(ctypes.Structure):
    """``struct bpf_program``, which is ``struct sock_fprog`` but for the width of its first field."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


class _Attached(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def compile_filter(expression: str) -> Program:
    """The program for an expression such as ``tcp port 8000``. Raises ``InputError`` with libpcap's words for one that
    is wrong, and ``MachineError`` where there is no libpcap."""
    library = _library()
    if "\0" in expression:
        raise InputError(f"expected a filter as tcpdump has them, found {expression!r}")
    handle = library.pcap_open_dead(_ETHERNET, _WHOLE)
    compiled = _Compiled()
    try:
        if library.pcap_compile(handle, ctypes.byref(compiled), expression.encode(), 1, _UNKNOWN_NETMASK) != 0:
            words = library.pcap_geterr(handle).decode(errors="replace")
            raise InputError(f"expected a filter as tcpdump has them, found {expression!r}: {words}")
        try:
            return ctypes.string_at(compiled.instructions or 0, compiled.length * _INSTRUCTION_BYTES)
        finally:
            library.pcap_freecode(ctypes.byref(compiled))
    finally:
        library.pcap_close(handle)


def attach(tap: socket.socket, program: Program) -> None:
    """Let only what passes ``program`` reach the socket. Raises ``InputError`` for one that is too long."""
    count = len(program) // _INSTRUCTION_BYTES
    try:
        tap.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(_Attached(count, program)))
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise InputError(f"expected a filter that the kernel takes, found one of {count} instructions") from error


@cache
def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = (ctypes.c_void_p,)
        library.pcap_compile.argtypes = (
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p),
            *(ctypes.c_int, ctypes.c_uint32),
        )
        library.pcap_freecode.argtypes = library.pcap_close.argtypes = (ctypes.c_void_p,)
        return library
    raise MachineError(
        "filters need libpcap, found none on this machine; it comes with tcpdump: "
        "apt-get install --no-install-recommends tcpdump"
    )
