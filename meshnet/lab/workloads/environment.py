"""What a container's programs find: their environment, and the tools of its image."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from meshnet.lab.net.inside import Inside, find_program, start
from meshnet.lab.workloads.catalogue import image_name
from meshnet.lab.workloads.task import TaskContext

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_APPLETS = Path("/run/meshnet/applets")
_making = threading.Lock()


def container_environment(task: TaskContext, *, terminal: bool = False) -> dict[str, str]:
    """The image's variables, and the service's over them. The node's and the lab's own are none of a container's."""
    environment = {"PATH": image_path(task.image), "HOSTNAME": task.hostname, "HOME": "/root"}
    if terminal:
        environment["TERM"] = "xterm"
    return {**environment, **task.env}


def image_path(image: str) -> str:
    """Where programs are looked for in a container of ``image``. One of ``busybox`` finds the machine's busybox under
    the names of its applets first, and the machine's own tools after that, or where there is no busybox."""
    if image_name(image) != "busybox":
        return PATH
    applets = _applets()
    return f"{applets}{os.pathsep}{PATH}" if applets else PATH


def _applets() -> Path | None:
    """The folder of links to busybox, made when the first container wants it."""
    with _making:
        if _APPLETS.is_dir():
            return _APPLETS
        busybox = find_program("busybox", PATH)
        if busybox is None:
            return None
        unfinished = _APPLETS.with_suffix(".new")
        unfinished.mkdir(parents=True, exist_ok=True)
        if start(Inside(), [busybox, "--install", "-s", str(unfinished)]).wait() != 0:
            return None
        return unfinished.rename(_APPLETS)
