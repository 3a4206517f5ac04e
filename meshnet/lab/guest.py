"""The lab's process in user-mode Linux: ``python -m meshnet.lab.guest FOLDER [OUTPUT]`` as the guest's one job."""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path

from meshnet.kernel.boot import view

_SERIAL_LINE = "/dev/ttyS0"


def main() -> int:
    folder, *output = sys.argv[1:]
    link = os.open(_SERIAL_LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(link)
    view.enter_guest(Path(output[0]) if output else None)
    os.chdir(folder)
    sys.modules["ssl"] = None  # type: ignore[assignment]  # asyncio does without, and OpenSSL takes 0.2 s to load here
    from meshnet.lab.server.main import serve

    return serve(link)


if __name__ == "__main__":
    sys.exit(main())
