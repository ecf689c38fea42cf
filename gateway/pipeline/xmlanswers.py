"""Answering XML documents: the ApplicationResponse or cXML status update, queued with the result that it tells.

A cXML request that came over HTTP got its Response on the same connection (``gateway.pipeline.xmlresponse``);
nothing more is sent for it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from gateway.messages.ids import derived_id
from gateway.messages.models import Interchange, Transmission
from gateway.partners.profile import PartnerProfile
from gateway.pipeline.context import SOFTWARE, Pipeline
from gateway.pipeline.planned import PlannedInterchange
from gateway.pipeline.problems import Problem, ProblemKind, open_problem
from gateway.pipeline.queueing import NoTransportError, local_time, queue
from gateway.standards.xml.acknowledge import acknowledge_xml
from gateway.standards.xml.checked import CheckedXmlDocument
from gateway.store import payloads

__all__ = ["queue_xml_answer", "shared_secret", "wants_answer"]


def wants_answer(partner: PartnerProfile, document: CheckedXmlDocument) -> bool:
    """Whether the profile asks for an answer to a document with this verdict."""
    if not partner.acknowledgements.send.enabled or partner.xml.answer == "never":
        return False
    return partner.xml.answer == "always" or document.verdict != "accepted"


def shared_secret(pipeline: Pipeline, partner: PartnerProfile) -> str | None:
    """Our cXML SharedSecret towards the partner, None when the profile names none or secrets cannot be opened."""
    reference = partner.xml.shared_secret
    if reference is None or pipeline.secrets is None:
        return None
    return pipeline.secrets(reference.secret).decode("utf-8", "replace")


def queue_xml_answer(
    session: Session,
    pipeline: Pipeline,
    partner: PartnerProfile,
    planned: PlannedInterchange,
    document: CheckedXmlDocument,
    row: Interchange,
    now: datetime,
) -> bool:
    """Build and queue the answer to one document; False when none is due or it was given on the connection."""
    received = session.get_one(Transmission, row.transmission_id)
    is_cxml = document.identity.format == "cxml"
    if not wants_answer(partner, document) or (is_cxml and received.transport == "http"):
        return False
    identity = derived_id("answer", row.id)
    try:
        body = acknowledge_xml(
            document,
            now=local_time(partner, now),
            message_id=f"{identity}@{pipeline.message_host}" if is_cxml else identity,
            form="status_update",
            secret=shared_secret(pipeline, partner),
            user_agent=SOFTWARE,
        )
        if body is None:
            return False
        transmission = queue(
            session,
            pipeline,
            partner,
            payloads.stage(pipeline.store.blobs, body),
            size=len(body),
            name=f"{'StatusUpdateRequest' if is_cxml else 'ApplicationResponse'}-{document.number or identity}.xml",
            standard=planned.envelope.version,
            test=row.test,
            now=now,
            acknowledges_id=row.id,
        )
    except (NoTransportError, ValueError, LookupError) as error:
        reason = str(error.args[0] if error.args else error)
        problem = Problem(ProblemKind.DELIVERY, f"The answer to {planned.envelope.name} was not sent: {reason}")
        open_problem(session, received, problem, now)
        return False
    row.acknowledgement_transmission_id = transmission.id
    return True
