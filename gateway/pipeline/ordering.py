"""What staff and scripts do with orders: list and show them, close one, skip a step, prepare the next document.

Each operation takes the pipeline and plain parameters and gives JSON-able data; the pages, the command line and the
control socket share them. The prepared document is sent by the operation ``send`` like any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from gateway.documents import DocumentError, ShipNotice, parse_document
from gateway.messages import orderclocks
from gateway.messages.ordermatrix import units_of_order
from gateway.messages.ordermodels import PurchaseOrder
from gateway.messages.orderpapers import order_paper, packing_slip
from gateway.messages.orderreview import review
from gateway.messages.orders import BUYERS_KINDS
from gateway.messages.queries_orders import (
    OrderFilters,
    OrderNotFoundError,
    find_order,
    order_detail,
    order_list,
    order_row,
)
from gateway.pipeline.context import Pipeline
from gateway.pipeline.followups import KINDS, document_of, draft_from, suggested, taken_lines
from gateway.pipeline.operations import PipelineOperation
from gateway.pipeline.orderhold import tolerances
from gateway.pipeline.outgoing import RefusedError
from gateway.pipeline.sending import RequestError
from gateway.pipeline.x12outbound import prepare_x12
from gateway.pipeline.xmloutbound import prepare_xml
from gateway.store import ledger, payloads

__all__ = ["OPERATIONS"]

_STEPS = ("order_acknowledgment", "order_change_acknowledgment", "ship_notice", "invoice", "order", "order_change")


# -- looking ---------------------------------------------------------------------------------------------------


def list_orders(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One page of orders: {"orders", "next"}; ``partner``, ``role``, ``which``, ``number``, ``test`` narrow it."""
    filters = OrderFilters(
        partner=str(parameters.get("partner") or ""),
        role=str(parameters.get("role") or ""),
        which=str(parameters.get("which") or ""),
        number=str(parameters.get("number") or ""),
        test=parameters.get("test"),
    )
    limit, after = int(parameters.get("limit") or 50), parameters.get("after")
    with pipeline.store.read() as session:
        return order_list(session, filters, pipeline.clock(), limit=limit, after=after)


def show(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One order, by id or number, with its documents, line matrix and deadlines. Raises RequestError."""
    with pipeline.store.read() as session:
        order = _order(session, parameters)
        return order_detail(session, order, pipeline.clock(), tolerances(pipeline))


def paper(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An order for people to read or print; with ``document`` (id of a ship notice) the packing slip of that one."""
    wanted = str(parameters.get("document") or "")
    with pipeline.store.read() as session:
        order = _order(session, parameters)
        found = review(session, order, tolerances(pipeline))
        facts = {"order": order.id, "partner": order.partner, "role": order.role, "test": order.test}
        if not wanted:
            return {**facts, **order_paper(found.matrix)}
        row = next((row for _, row in found.documents if row.id == wanted and row.canonical_sha256), None)
        document = None if row is None else parse_document(payloads.get(session, row.canonical_sha256 or ""))
    if not isinstance(document, ShipNotice):
        raise RequestError(f'"{wanted}" is no ship notice of this order.')
    units = list(units_of_order(document, order.number))
    return {**facts, **packing_slip(found.matrix, document, units)}


# -- deciding --------------------------------------------------------------------------------------------------


def close(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Close an order with a reason: nothing more is expected of it, and nothing of it is late any more."""
    who, reason = _who(parameters), _reason(parameters)

    def run(session: Session, order: PurchaseOrder, now: datetime) -> str:
        if order.closed_at is not None:
            raise RequestError(f"It was closed by {order.closed_by} already.")
        order.closed_at, order.closed_by, order.closed_reason, order.is_open = now, who, reason, False
        session.flush()
        orderclocks.end(session, order.id, "closed", now)
        _note(session, order, "order-closed", who, reason, now)
        return f"Order {order.number} is closed."

    return _change(pipeline, parameters, run)


def reopen(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Open an order again that a person closed; what was due then stays ended."""
    who, reason = _who(parameters), _reason(parameters)

    def run(session: Session, order: PurchaseOrder, now: datetime) -> str:
        if order.closed_at is None:
            raise RequestError("It is not closed.")
        order.closed_at = order.closed_by = order.closed_reason = None
        order.is_open, order.stale = order.settled_at is None and order.cancelled_at is None, True
        session.flush()
        _note(session, order, "order-reopened", who, reason, now)
        return f"Order {order.number} is open again."

    return _change(pipeline, parameters, run)


def skip(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Expect no document of one ``kind`` for this order, with a reason: the partner never sends it, or we do not."""
    who, reason, kind = _who(parameters), _reason(parameters), str(parameters.get("kind") or "")
    kind = orderclocks.kind_of_set(kind) or kind
    if kind not in _STEPS:
        raise RequestError(f'"{kind}" is not a step of an order.', f"The steps are {', '.join(_STEPS)}.")

    def run(session: Session, order: PurchaseOrder, now: datetime) -> str:
        steps = list(order.skipped or ())
        if any(step["kind"] == kind for step in steps):
            raise RequestError("This step is skipped already.")
        order.skipped = [*steps, {"kind": kind, "reason": reason, "by": who, "at": now.isoformat()}]
        order.stale = True
        session.flush()
        orderclocks.end(session, order.id, "skipped", now, kind)
        _note(session, order, "order-step-skipped", who, f"{kind.replace('_', ' ')}: {reason}", now)
        return f"No {kind.replace('_', ' ')} is expected for order {order.number} any more."

    return _change(pipeline, parameters, run)


def _note(session: Session, order: PurchaseOrder, kind: str, who: str, reason: str, now: datetime) -> None:
    orderclocks.refresh_next(session, order)
    ledger.append(session, at=now, kind=kind, subject_type="order", subject_id=order.id, actor=who, reason=reason)


def _change(
    pipeline: Pipeline,
    parameters: Mapping[str, Any],
    run: Callable[[Session, PurchaseOrder, datetime], str],
) -> dict[str, Any]:
    def work(session: Session) -> dict[str, Any]:
        order, now = _order(session, parameters), pipeline.clock()
        message = run(session, order, now)
        return {**order_row(order, now), "message": message}

    return pipeline.store.writer.run(work)


# -- the next document -----------------------------------------------------------------------------------------


def followup(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The next document of ``kind`` ("ship_notice", "856"), made from the order and what was done so far.

    Gives {"order", "partner", "number", "test", "last_at", "kind", "draft", "document", "places", "errors"}; ``places``
    are the draft's lines that the document has, in its order. ``draft`` of the parameters replaces values of the
    suggestion; ``errors`` are [{"field", "message"}], and the document is empty then. Raises RequestError when the
    order is not known, or the document is not ours to send.
    """
    kind = str(parameters.get("kind") or "")
    kind = orderclocks.kind_of_set(kind) or kind
    if kind not in KINDS:
        raise RequestError(f'"{kind}" cannot be made from an order.', f"Choose one of: {', '.join(KINDS)}.")
    with pipeline.store.read() as session:
        order = _order(session, parameters)
        found = review(session, order, tolerances(pipeline))
    if order.role != "sell" or kind in BUYERS_KINDS:
        raise RequestError(f"{order.partner} sends it to us: we buy in this order.")
    if not found.matrix.known:
        raise RequestError(
            f"Order {order.number} itself never came here, so nothing can be made from it.",
            "Send the document with `gateway send`.",
        )
    zone = pipeline.profile(order.partner)
    today = pipeline.clock().astimezone(ZoneInfo(zone.time_zone if zone is not None else "UTC")).date()
    draft = draft_from(suggested(found, kind, today), parameters.get("draft") or {})
    document, errors = document_of(found.matrix, draft, order.partner)
    return {
        "order": order.id,
        "partner": order.partner,
        "number": order.number,
        "test": order.test,
        "last_at": order.last_at.isoformat(),
        "kind": kind,
        "draft": draft.json(),
        "document": document,
        "places": taken_lines(draft),
        "errors": [{"field": error.field, "message": error.message} for error in errors],
    }


def check(pipeline: Pipeline, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What sending this ``document`` (canonical JSON) to its receiver would say; nothing is stored or numbered.

    Gives {"ok", "reasons", "warnings", "total"}; reasons and warnings are [{"path", "message", "fix"}].
    """
    body = json.dumps(parameters["document"], ensure_ascii=False).encode()
    try:
        document = parse_document(body)
        profile = pipeline.profile(document.receiver or "")
        if profile is None:
            raise RequestError(f'There is no partner "{document.receiver}".')
        prepare = prepare_x12 if profile.xml.standard is None else prepare_xml
        prepared = prepare(pipeline, profile, document, "check", None)
    except DocumentError as error:
        return _said([{"path": e.path, "message": e.message, "fix": ""} for e in error.errors])
    except RefusedError as error:
        return _said([{"path": r.path, "message": r.message, "fix": r.fix} for r in error.reasons])
    warnings = [
        {"path": finding.segment or finding.path or "", "message": finding.message, "fix": finding.fix}
        for finding in prepared.findings
        if finding.severity == "warning"
    ]
    totals = getattr(prepared.document, "totals", None)
    total = getattr(totals, "total", None)
    return {**_said([]), "warnings": warnings, "total": None if total is None else str(total)}


def _said(reasons: list[dict[str, str]]) -> dict[str, Any]:
    return {"ok": not reasons, "reasons": reasons, "warnings": [], "total": None}


# -- parts -----------------------------------------------------------------------------------------------------


def _order(session: Session, parameters: Mapping[str, Any]) -> PurchaseOrder:
    try:
        return find_order(session, str(parameters["id"]), parameters.get("partner"))
    except OrderNotFoundError as error:
        raise RequestError(str(error)) from error


def _reason(parameters: Mapping[str, Any]) -> str:
    text = str(parameters.get("reason") or "").replace("\0", "").strip()
    if not text:
        raise RequestError("A reason is needed: others will ask why.")
    return text[:500]


def _who(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("actor") or "staff")


#: Name → operation, as the control socket and the pages ask for them.
OPERATIONS: dict[str, PipelineOperation] = {
    "order.list": list_orders,
    "order.show": show,
    "order.paper": paper,
    "order.close": close,
    "order.reopen": reopen,
    "order.skip": skip,
    "order.followup": followup,
    "order.check": check,
}
