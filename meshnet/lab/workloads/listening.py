"""The sockets that served workloads listen on, opened in the task's network namespace."""

from __future__ import annotations

import socket

from meshnet.errors import LabError
from meshnet.lab.workloads.task import TaskContext

BACKLOG = 1024


def asked_port(task: TaskContext, port: int, variable: str | None) -> int:
    """``port``, or the one that the task's environment ``variable`` says. Raises ``LabError`` where that is none."""
    text = task.env.get(variable, "") if variable else ""
    if not text:
        return port
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise LabError(f"task {task.task_name}: {variable} must be a port number, not {text!r}")
    return int(text)


def opened(task: TaskContext, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
    """A socket of the task's namespace that doesn't block. Raises ``OSError``, for one thing for a protocol that the
    kernel lacks."""
    with task.namespace.entered():
        made = socket.socket(socket.AF_INET, kind, protocol)
    made.setblocking(False)
    return made


def bound(task: TaskContext, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A TCP or UDP socket on ``port`` of all the task's addresses. Raises ``LabError`` when it can't be had."""
    try:
        made = opened(task, kind)
    except OSError as error:
        raise LabError(f"task {task.task_name}: no socket in its namespace: {error.strerror}") from error
    try:
        bind(made, port)
    except OSError as error:
        made.close()
        raise LabError(f"task {task.task_name} can't listen on port {port}: {error.strerror}") from error
    return made


def bind(made: socket.socket, port: int) -> None:
    """Bind it to ``port`` on every address, old connections to which don't count. Raises ``OSError``."""
    if made.type == socket.SOCK_STREAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("0.0.0.0", port))
