"""``meshnet trace`` and ``meshnet explain``: where one packet goes, and what stands in the way of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Optional

import typer
from rich.text import Text

from meshnet.cli import options, show
from meshnet.errors import EXIT_CHECK_FAILED, EXIT_DONE
from meshnet.lab.control import rendezvous
from meshnet.lab.control.client import Client
from meshnet.lab.control.trace_request import PROTOCOLS, trace_request
from meshnet.lab.control.wire import Json
from meshnet.path import Verdict, trace_json
from meshnet.path.explanation import explanation
from meshnet.path.picture import Line, picture
from meshnet.path.trace import Trace

_TRACE_HELP = """Send one packet, or open one connection, in a running lab, and show its way hop by hop.

Each hop has what changed and what decided it: the iptables rule, the route, IPVS's choice. Beside it the same way is
predicted from what the namespaces hold; where the two part is shown. SRC is a machine, NODE/NAMESPACE, a task or a
container; DST an address, a machine, a service (its VIP) or a task. Without a port it is a ping.

Ends with 0 if it was delivered, as predicted; with 1 if not.

Examples: [bold]meshnet trace client swarm-worker1:8000[/] · [bold]meshnet trace whoami.1 whoami:8000 --verbose[/] ·
[bold]meshnet trace swarm-worker1/ingress_sbox 10.255.0.5 --predict-only[/]"""

_EXPLAIN_HELP = """Find out what is failing now in a running lab, where, and what would mend it.

Every flow that the swarm owes is judged by what the namespaces hold: published ports through each node, virtual
addresses from each container, nodes among each other. What should work is then tried.

Ends with 0 if nothing is found, with 1 otherwise. Example: [bold]meshnet explain[/]"""

_SOURCE = typer.Argument(metavar="SRC", help="Where it is sent: client, swarm-worker1/ingress_sbox, whoami.1, ...")
_DESTINATION = typer.Argument(metavar="DST[:PORT]", help="Where to: swarm-worker1:8000, whoami:8000, 10.0.0.5, ...")
_Protocol = Annotated[
    Optional[str],  # noqa: UP045 - typer reads this at run time
    typer.Option("--proto", metavar="|".join(PROTOCOLS), help="tcp if a port is given, else icmp."),
]
_Number = Optional[int]  # noqa: UP045


def register(app: typer.Typer) -> None:
    @app.command("trace", help=_TRACE_HELP)
    def trace(
        source: str = _SOURCE,
        destination: str = _DESTINATION,
        proto: _Protocol = None,
        reply: Annotated[bool, typer.Option("--reply/--no-reply", help="Show the way of the answer, too.")] = True,
        predict_only: Annotated[bool, typer.Option("--predict-only", help="Send nothing.")] = False,
        step: Annotated[bool, typer.Option("--step", help="Wait for Enter after each line.")] = False,
        verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every hop, jumps and all.")] = False,
        size: Annotated[_Number, typer.Option("--size", metavar="BYTES", help="The IP packet's (udp, icmp).")] = None,
        ttl: Annotated[_Number, typer.Option("--ttl", metavar="N", help="64 by itself.")] = None,
        source_port: Annotated[_Number, typer.Option("--source-port", metavar="N", help="Drawn by itself.")] = None,
        lab: options.LabName = None,
        json: options.AsJson = False,
    ) -> int:
        asked = trace_request(
            source,
            destination,
            protocol=proto,
            size=size,
            ttl=ttl,
            source_port=source_port,
            predict_only=predict_only,
        )
        document = _call(lab, "trace", **asked)
        made = trace_json.load(document)
        if json:
            show.as_json(document)
        else:
            _print(picture(made, everything=verbose, answers=reply), step=step)
        return EXIT_DONE if _is_fine(made) else EXIT_CHECK_FAILED

    @app.command("explain", help=_EXPLAIN_HELP)
    def explain(
        verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show a way that fails, too.")] = False,
        lab: options.LabName = None,
        json: options.AsJson = False,
    ) -> int:
        document = _call(lab, "explain")
        if json:
            show.as_json(document)
        else:
            _print(explanation(document, everything=verbose))
        return EXIT_DONE if document["healthy"] else EXIT_CHECK_FAILED


def _call(lab: str | None, op: str, **request: Any) -> Json:
    with Client(rendezvous.connect(rendezvous.find(lab))) as client:
        return client.call(op, **request)


def _is_fine(trace: Trace) -> bool:
    shown = trace.shown
    return shown is not None and shown.request.verdict is Verdict.DELIVERED and trace.parting is None


def _print(lines: Iterable[Line], *, step: bool = False) -> None:
    for line in lines:
        show.out.print(Text.assemble(*line), end="" if step and show.out.is_terminal else "\n")
        if step and show.out.is_terminal:
            show.out.input()
