"""``python3 -m meshnet.doctor [--json]``: exit status 0 when a lab can start here, 2 when not."""

from __future__ import annotations

import argparse
import os
import sys

from meshnet.doctor import machine, report


def main() -> int:
    parser = argparse.ArgumentParser(prog="make doctor", description="What a lab needs, what there is, and the mend.")
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args()
    diagnosis = report.diagnose(machine.look())
    if arguments.json:
        sys.stdout.write(report.as_json(diagnosis))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        sys.stdout.write(report.as_text(diagnosis, colour=colour))
    return diagnosis.exit_status


if __name__ == "__main__":
    raise SystemExit(main())
