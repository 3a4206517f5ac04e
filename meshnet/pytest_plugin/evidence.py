"""What is kept of a test that fails: what was sent and seen, and the state of the lab."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from meshnet.pytest_plugin.bench import Bench

if TYPE_CHECKING:
    from meshnet.pytest_plugin.capturing import Recording
    from meshnet.pytest_plugin.traced import Traced

FOLDER = ".meshnet"
_LONGEST = 160
_UNFIT = re.compile(r"[^\w.,=\[\]-]+")
_OWN = "own"
"""The file's name for a node's own namespace, which has none."""


class Evidence:
    """Of one test: its traces and captures in order, and with ``--lab-pcap`` the capture of ``whole`` of it."""

    def __init__(self) -> None:
        self.traces: list[Traced] = []
        self.recordings: list[Recording] = []
        self.whole: Recording | None = None

    def save(self, folder: Path, bench: Bench, report: str) -> None:
        """Write all of it into ``folder``, in place of an earlier run's. Raises ``OSError`` and ``LabError``."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "rules").mkdir(parents=True)
        (folder / "report.txt").write_text(f"{report}\n")
        (folder / "status.json").write_text(json.dumps(bench.call("status"), indent=2))
        for place, rules in bench.call("rules")["rules"].items():
            node, _, file = place.partition("/")
            (folder / "rules" / node).mkdir(exist_ok=True)
            (folder / "rules" / node / (file or _OWN)).write_text(rules)
        for number, traced in enumerate(self.traces, 1):
            (folder / f"trace-{number}.json").write_text(json.dumps(traced.document, indent=2))
            _write(folder / f"trace-{number}.pcapng", traced.pcapng)
        for number, recording in enumerate(self.recordings, 1):
            _write(folder / f"capture-{number}.pcapng", bytes(recording.pcapng))
        if self.whole is not None:
            _write(folder / "test.pcapng", bytes(self.whole.pcapng))


def folder_name(test: str) -> str:
    """A file name for a test's id."""
    return _UNFIT.sub("-", test).strip("-.")[-_LONGEST:]


def _write(file: Path, content: bytes) -> None:
    if content:
        file.write_bytes(content)
