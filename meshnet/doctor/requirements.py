"""What a lab needs, one requirement a line, and the check of each: a pure function of what the machine has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshnet.doctor.machine import Machine
from meshnet.doctor.tools import Purpose, Tool, tools
from meshnet.kernel.boot.needs import ALWAYS_NEEDED, Feature

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """``found`` says what is there, or how it was found out that it isn't; ``mend`` what to do about that."""

    have: bool
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    name: str
    purpose: Purpose
    check: Callable[[Machine], Finding]


def requirements() -> tuple[Requirement, ...]:
    """Everything a lab needs, in the order it is best mended in."""
    return (
        Requirement("Python 3.11 or later", Purpose.LAB, _python),
        *(Requirement(tool.command, tool.purpose, _tool_check(tool)) for tool in tools()),
        Requirement("docker", Purpose.PROMPT, _docker),
        Requirement("Python packages", Purpose.LAB, _packages),
        Requirement("modules for linux.uml", Purpose.UML, _modules),
        Requirement("memory for linux.uml", Purpose.UML, _memory),
        *(Requirement(f"kernel: {feature}", _feature_purpose(feature), _feature_check(feature)) for feature in Feature),
        Requirement("pseudo-terminals", Purpose.PROMPT, _terminal),
    )


def _python(machine: Machine) -> Finding:
    version = ".".join(map(str, machine.python))
    return Finding(
        machine.python >= OLDEST_PYTHON,
        f"{version}, {machine.python_path}",
        "Debian 12 and Ubuntu 24.04 have it; PYTHON=/path/to/python3.12 in the environment names one",
    )


def _packages(machine: Machine) -> Finding:
    mend = "make setup"
    if machine.packages is None:
        return Finding(False, f"not installed for {machine.python_path}", mend)
    missing = [name for name, version in machine.packages.items() if not version]
    if missing:
        return Finding(False, f"missing: {', '.join(missing)}", mend)
    return Finding(True, ", ".join(f"{name} {version}" for name, version in machine.packages.items()))


def _tool_check(tool: Tool) -> Callable[[Machine], Finding]:
    def check(machine: Machine) -> Finding:
        where = machine.commands.get(tool.command)
        if where:
            return Finding(True, where)
        if tool.command == "linux.uml" and machine.architecture != "x86_64":
            return Finding(False, f"exists for x86_64, and this is {machine.architecture}", "use this machine's kernel")
        return Finding(False, "not in PATH", f"apt-get install --no-install-recommends {tool.package}")

    return check


def _docker(machine: Machine) -> Finding:
    if isinstance(machine.docker, Path):
        return Finding(True, f"{machine.docker}, the client alone")
    return Finding(
        False, machine.docker, "scripts/docker-client unpacks one, MESHNET_DOCKER=/path/to/docker names another"
    )


def _modules(machine: Machine) -> Finding:
    if machine.modules:
        return Finding(True, f"for Linux {machine.modules}")
    return Finding(False, "none below /usr/lib/uml/modules", "apt-get install --reinstall user-mode-linux")


def _memory(machine: Machine) -> Finding:
    if isinstance(machine.memory_folder, Path):
        return Finding(True, f"in {machine.memory_folder}")
    return Finding(False, machine.memory_folder, "TMPDIR=/a/folder/on/disk, or a container with a larger --shm-size")


_MODULES = {
    Feature.LINKS: "veth bridge vxlan",
    Feature.IPTABLES: "iptable_nat iptable_mangle iptable_filter",
    Feature.IPVS: "ip_vs ip_vs_rr xt_ipvs",
    Feature.NETEM: "sch_netem",
    Feature.ESP: "esp4 ctr gcm ghash_generic",
}

_UNTRIED = "is not installed"
"""What the probe says where it lacked the command to try a feature with."""


def _feature_purpose(feature: Feature) -> Purpose:
    return Purpose.HOST if feature in ALWAYS_NEEDED else Purpose.PROMPT


def _feature_check(feature: Feature) -> Callable[[Machine], Finding]:
    def check(machine: Machine) -> Finding:
        if machine.host.has(feature):
            return Finding(True, _allowed(machine) if feature is Feature.NAMESPACES else "works")
        if Feature.NAMESPACES in machine.host.lacking and feature is not Feature.NAMESPACES:
            return Finding(False, "can't be tried without namespaces", "as for namespaces")
        return Finding(False, machine.host.lacking[feature], _feature_mend(feature, machine))

    return check


def _allowed(machine: Machine) -> str:
    return "as root" if machine.root else "as an ordinary user, in a user namespace"


def _feature_mend(feature: Feature, machine: Machine) -> str:
    if _UNTRIED in machine.host.lacking[feature]:
        mend = "install that, see above"
    elif feature is not Feature.NAMESPACES:
        mend = f"as root: modprobe -a {_MODULES[feature]}"
    elif machine.root:
        mend = "start the container with --privileged"
    else:
        mend = "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0 kernel.unprivileged_userns_clone=1"
    uml_is_there = "linux.uml" in machine.commands and machine.modules
    return f"{mend}; or leave it, labs run in user-mode Linux" if uml_is_there else mend


def _terminal(machine: Machine) -> Finding:
    if machine.terminal:
        return Finding(False, machine.terminal, "mount -t devpts devpts /dev/pts")
    return Finding(True, "can be opened")
