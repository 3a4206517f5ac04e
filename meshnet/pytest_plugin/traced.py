"""The way of one packet and of its answer: predicted, sent, seen, and judged by the test."""

from __future__ import annotations

from dataclasses import replace

from meshnet.lab.control.wire import Json
from meshnet.path import Journey, trace_json
from meshnet.path.picture import picture, plain
from meshnet.path.trace import Trace
from meshnet.pytest_plugin.claim import Claim
from meshnet.pytest_plugin.lab import Lab, Node, Task
from meshnet.pytest_plugin.way import End, Place, Way


class Traced:
    """``request`` and ``reply`` are each a ``Way``; what a ``Way`` says is said of the request here, too.
    ``document`` is the trace as trace.json has it, ``pcapng`` all that was seen in the lab meanwhile."""

    def __init__(self, title: str, document: Json, pcapng: bytes = b"") -> None:
        self.title = title
        self.document = document
        self.pcapng = pcapng
        self.trace: Trace = trace_json.load(document)
        shown = self.trace.shown
        self.request = Way(shown.request if shown else None, self.trace.names)
        self.reply = Way(shown.reply if shown else None, self.trace.names)

    def __repr__(self) -> str:
        return f"<trace {self.title}: {self.request!r}>"

    def passes(
        self,
        place: Place,
        *,
        dnat: End | None = None,
        snat: End | None = None,
        mark: int | None = None,
        ipvs: End | None = None,
        vxlan: int | None = None,
        rule: str | None = None,
    ) -> Claim:
        """See ``Way.passes``."""
        return self.request.passes(place, dnat=dnat, snat=snat, mark=mark, ipvs=ipvs, vxlan=vxlan, rule=rule)

    @property
    def delivered(self) -> Claim:
        """Whether a socket got the request."""
        return self.request.delivered

    @property
    def answered(self) -> Claim:
        """Whether a reply came back to who asked."""
        return self.reply.delivered

    def reaches(self, task: str | Node | Task) -> Claim:
        """See ``Way.reaches``."""
        return self.request.reaches(task)

    def dropped_at(self, place: Place, *, rule: str | None = None, why: str | None = None) -> Claim:
        """See ``Way.dropped_at``."""
        return self.request.dropped_at(place, rule=rule, why=why)

    @property
    def predicted(self) -> tuple[Journey, ...]:
        """The one that comes closest to what was seen; if nothing was sent, one for each real server that IPVS may
        pick."""
        return self.trace.predicted

    @property
    def predicted_as_observed(self) -> Claim:
        """Whether request and reply went hop by hop as one of the predictions has it, and all of them was seen."""
        trace = self.trace
        if trace.lost:
            return Claim(False, f"frames or rule hits were lost in {', '.join(map(str, trace.lost))}")
        if trace.observed is None or not trace.predicted:
            return Claim(False, "; ".join(trace.notes) or "there is only one of the two")
        if trace.parting is None:
            return Claim(True, "it went as predicted")
        parting = trace.parting
        return Claim(False, f"the {parting.direction} parts from the prediction at hop {parting.difference.number + 1}")

    @property
    def report(self) -> str:
        """What was seen, for people; where it isn't what was predicted, that as well, and where the two part first."""
        trace = self.trace
        seen = plain(picture(trace))
        if trace.parting is None:
            return seen
        return "\n\n".join((plain(picture(replace(trace, observed=None, parting=None))), seen))


class TraceIt:
    """The fixture ``trace``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __repr__(self) -> str:
        return "<trace>"

    def __call__(
        self,
        source: Place,
        destination: Place,
        port: int | None = None,
        *,
        proto: str | None = None,
        size: int | None = None,
        ttl: int | None = None,
        source_port: int | None = None,
        predict_only: bool = False,
    ) -> Traced:
        """Send one packet from a place to an address or to whatever has one (a node, a service, a task, ``localhost``)
        and see where it goes: TCP's first with a ``port``, an echo request without one, or of ``proto`` ``udp``,
        ``sctp``. Raises ``InputError`` for what can't be sent. With ``predict_only`` nothing is."""
        __tracebackhide__ = True
        from meshnet.pytest_plugin.capturing import Recording

        start, end = _named(source), _named(destination)
        recording = None if predict_only else Recording(self._lab.bench)
        try:
            document = self._lab.bench.call(
                "trace",
                source=start,
                destination=end,
                port=port,
                protocol=proto,
                size=size,
                ttl=ttl,
                source_port=source_port,
                predict_only=predict_only,
            )
        finally:
            if recording is not None:
                recording.stop()
        title = f"{start} > {end}" + (f":{port}" if port is not None else "") + (f"/{proto}" if proto else "")
        traced = Traced(title, document, bytes(recording.pcapng) if recording else b"")
        self._lab.evidence.traces.append(traced)
        return traced


def _named(place: Place) -> str:
    return place if isinstance(place, str) else place.name
