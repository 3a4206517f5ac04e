"""Running a test's body in namespaces of its own, so that nothing it makes is the machine's."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable
from typing import ParamSpec

from meshnet.kernel.boot import view, walls

Parameters = ParamSpec("Parameters")

_REPORT = 60_000  # bytes; a pipe holds 64 KiB unread


def walled(body: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """A test that runs in a child process behind walls, as a lab on the host's kernel does; it fails where its body
    does."""

    @functools.wraps(body)
    def test(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        told, tell = os.pipe2(os.O_CLOEXEC)

        def main() -> int:
            try:
                view.enter_host()
                body(*args, **kwargs)
            except BaseException:
                os.write(tell, traceback.format_exc().encode()[-_REPORT:])
                return 1
            return 0

        status = walls.wait(walls.start_within(main))
        os.close(tell)
        with os.fdopen(told) as report:
            assert status == 0, f"behind the walls (status {status}):\n{report.read()}"

    return test
