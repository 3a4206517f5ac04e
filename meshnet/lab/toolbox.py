"""What a node's shell finds ready: commands that work as typed, and an environment that fits."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from meshnet.kernel import libc
from meshnet.kernel.boot.needs import ADMIN_FOLDERS, path_with_admin_folders
from meshnet.lab.docker_client import without_users_docker

FOLDER = Path("/run/meshnet/bin")
_LOGIN_FOLDER = Path("/usr/local/sbin")
"""First in the PATH that a login shell of root gets, and ``nsenter`` without a command starts one."""

_LOGIN_FOLDERS_OWN = Path("/run/meshnet/local-sbin")
HOME = Path("/run/meshnet/home")
"""Root's home on every node: whatever somebody's own start-up files do, a node's shell is the same everywhere."""

_SUDO = """#!/bin/sh
# Everybody is root in a lab: sudo has nothing to ask, and only has to understand how it was called.
while [ $# -gt 0 ]; do
    case $1 in
    -u|-g|-h|-p|-C|-T|-r|-t|-U|--user|--group) shift 2 ;;
    -i|-s|--login|--shell) shift; [ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}" ;;
    -l|-v|-k|-K) exit 0 ;;
    --) shift; break ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || { echo "usage: sudo COMMAND [ARG...]" >&2; exit 1; }
exec "$@"
"""

_APT_GET = """#!/bin/sh
# The article installs ipvsadm on a node. A lab has no way out to a package mirror, and the machine's tools are there.
for word; do
    case $word in
    -*|install|update) ;;
    *)
        if ! command -v "$word" >/dev/null; then
            echo "E: Unable to locate package $word (a lab has only this machine's tools)" >&2
            exit 100
        fi
        echo "$word is already the newest version." ;;
    esac
done
"""

_MESHNET = """#!/bin/sh
exec {python} -m meshnet "$@"
"""

_RC = """PS1='\\u@\\h:\\w\\$ '
[ -r /etc/bash_completion ] && . /etc/bash_completion
PATH={folder}:$PATH
"""

_IPTABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")


def install(flavour: str, docker: Path | None = None) -> None:
    """Put the commands where every node made afterwards finds them first. ``flavour`` of iptables (``legacy`` or
    ``nft``) is the one the lab's rules are made with; the machine's own choice of the two is left as it is. ``docker``
    is the client to have."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    ours = _MESHNET.format(python=shlex.quote(sys.executable))
    for name, text in (("sudo", _SUDO), ("apt-get", _APT_GET), ("apt", _APT_GET), ("meshnet", ours)):
        file = FOLDER / name
        file.write_text(text)
        file.chmod(0o755)
    binary = shutil.which(f"xtables-{flavour}-multi", path=os.pathsep.join(ADMIN_FOLDERS))
    if binary is not None:
        for name in _IPTABLES:
            (FOLDER / name).symlink_to(binary)
    if docker is not None and docker != _LOGIN_FOLDER / "docker":  # that folder's own are linked when it is covered
        (FOLDER / "docker").symlink_to(docker)
    HOME.mkdir(exist_ok=True)
    (HOME / ".bashrc").write_text(_RC.format(folder=FOLDER))
    if _LOGIN_FOLDER.is_dir():
        _cover_login_folder()


def _cover_login_folder() -> None:
    """Show the lab's commands there, too, in this mount namespace and those made after it; what was there stays."""
    _LOGIN_FOLDERS_OWN.mkdir()
    libc.bind(str(_LOGIN_FOLDER), str(_LOGIN_FOLDERS_OWN))
    for command in _LOGIN_FOLDERS_OWN.iterdir():
        if not (FOLDER / command.name).exists():
            (FOLDER / command.name).symlink_to(command)
    libc.bind(str(FOLDER), str(_LOGIN_FOLDER))


def node_environment(node: str, client: Mapping[str, str], terminal: str | None) -> dict[str, str]:
    """The environment of a program on ``node``: the client's, with the lab's commands and root's folders in PATH, and
    the node's engine for the user's own."""
    environment = without_users_docker(client)
    path = path_with_admin_folders(environment.get("PATH", os.defpath))
    environment.update(
        PATH=f"{FOLDER}{os.pathsep}{path}",
        HOSTNAME=node,
        HOME=str(HOME),
        USER="root",
        LOGNAME="root",
        SHELL="/bin/bash",
        PS1="\\u@\\h:\\w\\$ ",
    )
    if terminal is not None:
        environment["TERM"] = terminal
    return environment


def shell_argv() -> list[str]:
    """An interactive shell whose prompt says where it is."""
    return ["bash", "-i"]
