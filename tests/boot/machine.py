"""What a test compares of the machine before and after, and a process's descendants."""

from __future__ import annotations

import subprocess
from pathlib import Path


def tree(pid: int) -> list[int]:
    """A process and its descendants, oldest first."""
    found = [pid]
    for parent in found:
        for thread in Path(f"/proc/{parent}/task").glob("*"):
            found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def machine_state() -> tuple[str, ...]:
    """What a leak would change: links, namespaces by name, mounts and rules of the machine."""
    commands = (["ip", "-br", "link"], ["ip", "netns"], ["findmnt", "-rn"], ["iptables-save"])
    return tuple(subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in commands)


def alive(pids: list[int]) -> list[int]:
    """Those of the processes that have not ended."""
    return [pid for pid in pids if _state(pid) != "Z"]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
