from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from meshnet.errors import InputError
from meshnet.netstate import NamespaceRef
from meshnet.path import trace_json
from meshnet.path.trace import Trace
from tests.path.journeys import TO_NOBODY, TO_WORKER1, parted, predicted, traced

pytestmark = pytest.mark.thorough

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/trace.schema.json").read_text())
TRACES = {
    "seen as predicted": traced(TO_WORKER1),
    "parted": parted(),
    "predicted only": Trace("article", TO_WORKER1, predicted(TO_WORKER1)),
    "stopped": traced(TO_NOBODY),
    "lossy and untaught": Trace("article", TO_WORKER1, lost={NamespaceRef("client"): 3}, notes=("not taught",)),
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_what_is_written_is_read_again(trace: Trace) -> None:
    assert trace_json.load(json.loads(json.dumps(trace_json.dump(trace)))) == trace


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_what_is_written_is_as_the_schema_says(trace: Trace) -> None:
    jsonschema.validate(trace_json.dump(trace), SCHEMA)


def test_the_schema_knows_every_field() -> None:
    document = trace_json.dump(traced(TO_WORKER1))
    hop = document["observed"]["request"]["hops"][3]
    for name, value in (("hop", hop), ("packet", hop["after"]), ("probe", document["probe"])):
        assert SCHEMA["$defs"][name]["additionalProperties"] is False
        assert set(value) == set(SCHEMA["$defs"][name]["properties"]), name


def test_a_hop_has_the_packet_before_and_after() -> None:
    hops = trace_json.dump(traced(TO_WORKER1))["observed"]["request"]["hops"]
    assert hops[0]["before"] is None
    assert all(hop["before"] == before["after"] for before, hop in pairwise(hops))


@pytest.mark.parametrize("schema", ["meshnet-trace/2", None])
def test_another_schema_is_refused_in_a_sentence(schema: str | None) -> None:
    with pytest.raises(InputError, match=r"expected a trace of schema meshnet-trace/1, found"):
        trace_json.load({"schema": schema})
