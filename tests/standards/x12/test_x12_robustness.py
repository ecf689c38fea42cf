"""No bytes make the reader, the check, the answer or the inspection fail."""

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.standards.x12.acknowledge import AckControls, acknowledge, read_acknowledgements
from gateway.standards.x12.check import check_transmission
from gateway.standards.x12.inspect import inspect_bytes
from tests.standards.x12.x12_samples import group, interchange, isa, order

NOW = datetime(2026, 3, 2)
WHOLE = interchange(group(order("0001"), order("0002")), group(order(), control="8", version="005010"))
FA = interchange(
    group(
        order(
            body=("AK1*PO*7", "AK2*850*0001", "AK3*PO1*3**8", "AK4*1*350*7*x", "AK5*R*5", "AK9*R*1*1*0"), set_id="997"
        ),
        code="FA",
    )
)
PARTS = [
    b"ISA",
    isa().encode() + b"~",
    b"IEA*1*000000101~",
    b"GS*PO*A*B*20260302*0930*1*X*004010~",
    b"ST*850*0001~",
    b"SE*3*0001~",
    b"GE*1*1~",
    b"TA1*000000001*260302*0930*A*000~",
    b"BIN*5*ab~cd~",
    b"~~",
    b"*",
    b">",
    b"\n",
    b"\xff",
    b"\x00",
]


def run(data):
    """Everything that reads a file, and the laws that hold for any bytes."""
    checked = check_transmission(data)
    for each in checked.interchanges:
        for raw_set in (one.raw_set for one_group in each.groups for one in one_group.sets):
            assert all(data.startswith(text, at) for at, text in zip(raw_set.offsets, raw_set.segments, strict=True))
        for one_group in each.groups:
            for one in one_group.sets:
                assert one.raw in data
                assert len(one.segments()) == len(one.raw_set.segments)
        read_acknowledgements(each)
        for how in ({}, {"ta1": "never", "ak2": "rejected"}, {"ta1": "always", "kind": "999"}):
            answer = acknowledge(each, controls=AckControls(1, 1), now=NOW, **how)
            if answer is not None:
                assert check_transmission(answer).verdict == "accepted", answer
    return checked


def test_a_file_cut_at_any_byte_is_read_and_never_accepted_whole():
    for end in range(len(WHOLE) - 2):
        checked = run(WHOLE[:end])
        assert checked.verdict in ("rejected", "unreadable"), end


def test_a_file_that_begins_at_any_byte_is_read():
    for start in range(1, len(WHOLE), 3):
        assert run(WHOLE[start:]).verdict == "unreadable"


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    run(data)


@given(st.binary(max_size=200))
def test_any_bytes_after_a_header_are_read(data):
    run(isa().encode() + b"~\n" + data)


@settings(deadline=None)
@given(st.data())
def test_a_file_changed_anywhere_is_read(data):
    found = bytearray(data.draw(st.sampled_from([WHOLE, FA])))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(found)))
        cut = data.draw(st.integers(0, 40))
        found[at : at + cut] = data.draw(st.one_of(st.sampled_from(PARTS), st.binary(max_size=4)))
    inspect_bytes("changed", bytes(found), ack=True)
    run(bytes(found))


def test_a_hundred_thousand_false_headers_do_not_slow_the_reader_down():
    body = ("BEG*00*SA*1**20260302", "MSG*" + "ISA*00*" * 100_000)
    checked = check_transmission(interchange(group(order(body=body))))
    assert checked.verdict == "rejected"
