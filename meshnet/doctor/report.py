"""The doctor's findings as people read them, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshnet.doctor.machine import Machine
from meshnet.doctor.requirements import Finding, Requirement, requirements
from meshnet.doctor.tools import Purpose
from meshnet.errors import EXIT_DONE, EXIT_USER
from meshnet.kernel.boot.choose import KernelChoice, KernelKind

JSON_VERSION = 1

_GREEN, _RED, _PLAIN = "\033[32m", "\033[31m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Every requirement with what was found, and whether a lab starts: ``kernel`` is the one it gets, None if none."""

    findings: tuple[tuple[Requirement, Finding], ...]
    kernel: KernelKind | None
    reason: str

    @property
    def exit_status(self) -> int:
        return EXIT_DONE if self.kernel else EXIT_USER


def diagnose(machine: Machine, wanted: Sequence[Requirement] | None = None) -> Diagnosis:
    """Check ``machine`` against what is ``wanted``: by default, everything a lab needs."""
    findings = tuple((each, each.check(machine)) for each in (requirements() if wanted is None else wanted))
    missing = [each.name for each, finding in findings if each.purpose is Purpose.LAB and not finding.have]
    if missing:
        return Diagnosis(findings, None, f"it lacks {', '.join(missing)}")
    if isinstance(machine.auto, str):
        return Diagnosis(findings, None, machine.auto)
    if not _has_memory(machine.auto, machine):
        return Diagnosis(findings, None, f"{machine.auto.reason}, and {machine.memory_folder}")
    return Diagnosis(findings, machine.auto.kind, machine.auto.reason)


def _has_memory(choice: KernelChoice, machine: Machine) -> bool:
    return choice.kind is KernelKind.HOST or isinstance(machine.memory_folder, Path)


def as_text(diagnosis: Diagnosis, *, colour: bool = False) -> str:
    """A line a requirement, and a last one that says whether a lab starts."""
    width = max((len(each.name) for each, _ in diagnosis.findings), default=0)
    lines = [_line(each, finding, width, colour) for each, finding in diagnosis.findings]
    verdict = "A lab starts here" if diagnosis.kernel else "No lab starts here"
    return "\n".join([*lines, "", f"{verdict}: {diagnosis.reason}.", ""])


def _line(requirement: Requirement, finding: Finding, width: int, colour: bool) -> str:
    word = "have" if finding.have else "lack"
    if colour:
        word = f"{_GREEN if finding.have else _RED}{word}{_PLAIN}"
    mend = "" if finding.have else f"; mend: {finding.mend}"
    return f"{word}  {requirement.name:<{width}}  {finding.found}{mend}"


def as_json(diagnosis: Diagnosis) -> str:
    """One object: ``version``, ``kernel`` (null if no lab starts), ``reason``, and ``requirements``, a list of objects
    with ``name``, ``for``, ``have``, ``found`` and ``mend`` (null where there is nothing to mend)."""
    rows = [
        {
            "name": requirement.name,
            "for": requirement.purpose,
            "have": finding.have,
            "found": finding.found,
            "mend": None if finding.have else finding.mend,
        }
        for requirement, finding in diagnosis.findings
    ]
    answer = {
        "version": JSON_VERSION,
        "kernel": diagnosis.kernel,
        "reason": diagnosis.reason,
        "requirements": rows,
    }
    return json.dumps(answer, indent=2) + "\n"
