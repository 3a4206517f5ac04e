"""DNS messages: what is understood, what is refused, and how long answers are."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from dnslib import EDNS0, QTYPE, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.lab.resolver import wire
from meshnet.lab.resolver.wire import BadQuery, Rcode
from tests.lab.resolver.asking import parsed, question


def refusal(message: bytes) -> bytes | None:
    with pytest.raises(BadQuery) as caught:
        wire.read(message)
    return caught.value.reply


def test_a_question_is_read_as_it_was_asked() -> None:
    query = wire.read(question("WhoAmI.My-Demo", "AAAA"))
    assert (query.name, query.kind, query.size, query.recursion) == ("WhoAmI.My-Demo", "AAAA", 512, True)


def test_an_answer_is_as_long_as_dockers_and_repeats_the_question() -> None:
    """46 bytes for ``whoami`` and 86 for the two of ``tasks.whoami``, by the reference dump."""
    for name, count, size in (("whoami", 1, 46), ("tasks.whoami", 2, 86)):
        query = wire.read(question(name))
        reply = wire.reply(query, addresses=[IPv4Address("10.0.2.2")] * count)
        message = parsed(reply)
        assert len(reply) == size
        assert message.header.id == query.id and str(message.q.qname) == f"{name}."
        assert (message.header.qr, message.header.rd, message.header.ra, message.header.aa) == (1, 1, 1, 0)
        assert {record.ttl for record in message.rr} == {600}


@pytest.mark.parametrize(("edns", "size"), [(None, 512), (100, 512), (1232, 1232), (4096, 4096)])
def test_answers_are_cut_to_what_the_asker_takes(edns: int | None, size: int) -> None:
    asked = DNSRecord.question("tasks.whoami")
    if edns is not None:
        asked.add_ar(EDNS0(udp_len=edns))
    query = wire.read(bytes(asked.pack()))
    assert query.size == size
    every = [IPv4Address("10.0.0.1") + number for number in range(400)]
    reply = wire.reply(query, addresses=every, size=query.size)
    message = parsed(reply)
    assert message.header.tc == 1
    assert size - 28 < len(reply) <= size, "as many as there is room for"
    assert [str(record.rdata) for record in message.rr] == [str(each) for each in every[: len(message.rr)]]
    whole = parsed(wire.reply(query, addresses=every))
    assert whole.header.tc == 0 and len(whole.rr) == 400


def test_a_name_of_an_address_may_hold_dots() -> None:
    query = wire.read(question("3.2.0.10.in-addr.arpa", "PTR"))
    (record,) = parsed(wire.reply(query, pointer="whoami.2.abc.my-demo")).rr
    assert (QTYPE.get(record.rtype), str(record.rdata)) == ("PTR", "whoami.2.abc.my-demo.")


def test_what_is_no_question_has_no_answer() -> None:
    assert refusal(b"") is None
    assert refusal(b"short") is None
    assert refusal(wire.reply(wire.read(question("whoami")))) is None, "two servers would never end"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:-3], Rcode.FORMERR),
        (lambda data: data[:4] + b"\0\0" + data[6:], Rcode.FORMERR),
        (lambda data: data[:4] + b"\0\2" + data[6:] + data[12:], Rcode.FORMERR),
        (lambda data: data[:12] + b"\xc0\x0c" + data[-4:], Rcode.FORMERR),
        (lambda data: data[:2] + b"\x28\0" + data[4:], Rcode.NOTIMP),
    ],
    ids=["cut off", "no question", "two questions", "a name that is itself", "an update"],
)
def test_bad_questions_are_refused_by_number(damage: object, code: Rcode) -> None:
    assert callable(damage)
    data = question("whoami")
    reply = refusal(damage(data))
    assert reply is not None and reply[:2] == data[:2]
    assert wire.rcode(reply) == code and parsed(reply).header.qr == 1


@settings(deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_a_question_or_refused(data: bytes, likely: bool) -> None:
    if likely and len(data) > 12:
        data = data[:2] + b"\1\0\0\1\0\0\0\0\0\0" + data[12:]
    try:
        query = wire.read(data)
    except BadQuery:
        return
    reply = wire.reply(query, addresses=[IPv4Address("10.0.0.1")], pointer="")
    assert wire.replies_to(reply, data)


def test_a_long_chain_of_pointers_is_refused() -> None:
    """Each points to the one before, in a record that nobody reads, and the next record's name to the last."""
    asked = question("whoami")
    start = len(asked) + 11  # behind the first record's name, type, class, time and length
    links = 4000
    chain = b"\0\0" + b"".join((0xC000 | start + 2 * at).to_bytes(2, "big") for at in range(links))
    record = b"\0" + (65280).to_bytes(2, "big") + b"\0\1\0\0\0\0" + len(chain).to_bytes(2, "big") + chain
    last = (0xC000 | start + 2 * links).to_bytes(2, "big") + b"\0\1\0\1\0\0\0\0\0\4abcd"
    reply = refusal(asked[:10] + b"\0\2" + asked[12:] + record + last)
    assert reply is not None and wire.rcode(reply) == Rcode.FORMERR
