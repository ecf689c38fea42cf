"""The envelope of a received X12 set in the form in which a document keeps it."""

from __future__ import annotations

from gateway.documents.envelope import EnvelopeSource, GroupSource, InterchangeSource, SeparatorsSource
from gateway.standards.x12.check import CheckedGroup, CheckedInterchange, CheckedSet

__all__ = ["envelope_source"]


def envelope_source(
    interchange: CheckedInterchange, group: CheckedGroup, one: CheckedSet, map_identity: str = ""
) -> EnvelopeSource:
    """ISA, GS and ST as received, with the separators in force and the map that reads the set."""
    received, header, separators = interchange.interchange, group.group, one.separators
    isa = received.isa
    return EnvelopeSource(
        version=one.release,
        set_id=one.set_id,
        set_control=one.control,
        map=map_identity or None,
        separators=SeparatorsSource(
            element=separators.element,
            component=separators.component,
            segment=separators.segment,
            repetition=separators.repetition,
            suffix=separators.suffix,
        ),
        interchange=InterchangeSource(
            authorization_qualifier=isa[0],
            authorization=isa[1].rstrip() or None,
            # ISA04 may hold a password: it is not copied into documents.
            security_qualifier=isa[2],
            sender_qualifier=received.sender_qualifier,
            sender=received.sender_id,
            receiver_qualifier=received.receiver_qualifier,
            receiver=received.receiver_id,
            date=received.date,
            time=received.time,
            standards_id=isa[10],
            version=received.version,
            control=received.control,
            ack_requested=isa[13],
            usage=received.usage,
        ),
        group=GroupSource(
            code=header.code,
            sender=header.sender,
            receiver=header.receiver,
            date=header.date,
            time=header.time,
            control=header.control,
            agency=header.agency,
            version=header.version,
        ),
    )
