"""The lab's process in user-mode Linux: ``python -m meshnet.lab.guest FOLDER OUTPUT`` as the guest's one job.

FOLDER is to be the working directory; OUTPUT is written through to the host, or ``-``.
"""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path
from typing import NoReturn

from meshnet.kernel.boot import view

NO_OUTPUT = "-"
_SERIAL_LINE = "/dev/ttyS0"


def main() -> NoReturn:
    folder, output = sys.argv[1:3]  # user-mode Linux appends a word of its own
    link = os.open(_SERIAL_LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(link)
    view.enter_guest(Path(output) if output != NO_OUTPUT else None)
    os.chdir(folder)
    sys.modules["ssl"] = None  # type: ignore[assignment]  # asyncio does without, and OpenSSL takes 0.2 s to load here
    from meshnet.lab.server.main import serve

    serve(link)


if __name__ == "__main__":
    main()
