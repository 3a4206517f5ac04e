"""What is left on a terminal's screen by a program that goes back and writes over what it wrote."""

from __future__ import annotations

import re

_PIECES = re.compile(r"\x1b\[(\d*)([ABK])|\x1b\[[\d;?]*[A-Za-z]|(\r|\n)|([^\x1b\r\n]+)")


def as_seen(output: str) -> str:
    """``output`` with cursor movements up and down, erased lines and carriage returns carried out, and colours left
    out. The screen is as long and as wide as it takes."""
    lines, row, column = [""], 0, 0
    for piece in _PIECES.finditer(output):
        count, command, control, text = piece.groups()
        if command == "A":
            row = max(0, row - int(count or 1))
        elif command == "B":
            row += int(count or 1)
        elif command == "K":
            lines[row] = "" if count == "2" else lines[row][:column]
        elif control == "\r":
            column = 0
        elif control == "\n":
            row, column = row + 1, 0
        elif text:
            lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + len(text) :]
            column += len(text)
        lines += [""] * (row + 1 - len(lines))
    return "\n".join(line.rstrip() for line in lines)
