"""What ``meshnet explain`` found, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshnet.path import trace_json
from meshnet.path.picture import Line, picture


def explanation(document: Mapping[str, Any], *, everything: bool = False) -> Iterator[Line]:
    """Each finding: where, what, what would mend it, whom it affects; with ``everything``, a way that fails."""
    if document["healthy"]:
        yield ((f"nothing found: {len(document['checked'])} flows tried, all of them work", "bold green"),)
    for finding in document["findings"]:
        yield ((_place(finding), "bold cyan"), (f"  {finding['why']}", "bold red"))
        yield (("  why     ", "dim"), (finding["text"], "bold"))
        ends = finding["ends"]
        if ends["text"] and any(ends[key] != finding[key] for key in ends):
            yield (("  ends    ", "dim"), (f"at {_place(ends)}: {ends['text']}", ""))
        if finding["mend"]:
            yield (("  mend    ", "dim"), (finding["mend"], ""))
        yield (("  affects ", "dim"), (", ".join(finding["affects"]), ""))
        if everything and finding["trace"]:
            yield from picture(trace_json.load(finding["trace"]))
    for note in document["notes"]:
        yield ((note, "yellow"),)


def _place(part: Mapping[str, Any]) -> str:
    return "/".join(filter(None, (part["node"], part["namespace"])))
