"""Every operation that a command or the control socket can ask for, by name.

An operation takes an open context and a dictionary of parameters and gives JSON-able data. Parts of the gateway
define theirs next to what they do; here they get their session, their clock and what follows from a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gateway.alerts import operations as alert_operations
from gateway.messages import queries
from gateway.partners import operations as partner_operations
from gateway.partners.errors import OperationError
from gateway.partners.rules import delivery_url
from gateway.pipeline import caseactions, corrections, messageactions, ordering, queueactions, retention
from gateway.pipeline import operations as pipeline_operations
from gateway.service import secrets
from gateway.service.alerts import alerting_of
from gateway.service.context import Context, utc_now
from gateway.staff import operations as staff_operations
from gateway.staff.operations import Staff
from gateway.store import ledger
from gateway.transports.as2.post import Reached, reach
from gateway.transports.sftp.client import partner_test
from gateway.workdir import ssh_host_keys

__all__ = ["OPERATIONS", "Operation"]

Operation = Callable[[Context, dict[str, Any]], Any]
_PIPELINE = {
    **pipeline_operations.OPERATIONS,
    **caseactions.OPERATIONS,
    **ordering.OPERATIONS,
    **corrections.OPERATIONS,
    **queueactions.OPERATIONS,
    **messageactions.OPERATIONS,
    **retention.OPERATIONS,
}


def _partner(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    operation = partner_operations.OPERATIONS[name]
    if name not in partner_operations.WRITES:
        with context.store.read() as session:
            return operation(session, utc_now(), **parameters)
    result = context.store.writer.run(lambda session: operation(session, utc_now(), **parameters))
    context.relationships.refresh()
    return result


def _pipeline(name: str, context: Context, parameters: Mapping[str, Any]) -> Any:
    result = _PIPELINE[name](context.pipeline, parameters)
    context.wake()
    return result


def _list(context: Context, parameters: dict[str, Any]) -> Any:
    with context.store.read() as session:
        return queries.list_messages(session, **parameters)


def _show(context: Context, parameters: dict[str, Any]) -> Any:
    with context.store.read() as session:
        return queries.message_detail(session, str(parameters["id"]))


def _cases(context: Context, parameters: dict[str, Any]) -> Any:
    with context.store.read() as session:
        return {"cases": queries.open_cases(session, **parameters)}


def _status(context: Context, _parameters: dict[str, Any]) -> Any:
    with context.store.read() as session:
        counts = queries.counts(session)
        host_keys = [key.fingerprint for key in ssh_host_keys(session, context.kek)]
    stats = context.work.stats()
    jobs = {"waiting": stats.waiting, "running": stats.running, "failed": stats.failed}
    return {
        "counts": counts,
        "jobs": {**jobs, "oldest_seconds": stats.oldest_seconds},
        "ssh_host_keys": host_keys,
    }


def _poll(context: Context, parameters: dict[str, Any]) -> Any:
    """Look at a partner's SFTP server and folders now rather than at the next beat."""
    name = str(parameters["name"])
    context.directory.current(name)
    context.doors.wake(name)
    return {"partner": name, "message": "Its server and folders are looked at now."}


def _test(context: Context, parameters: dict[str, Any]) -> Any:
    """Try a partner's servers step by step: {"ok", "steps": [{"step", "ok", "sentence"}]}.

    Its web address is reached and its certificate checked, nothing is posted; on its SFTP server a file of ours is
    written and removed.
    """
    code = str(parameters["name"])
    _, profile = context.directory.current(code)
    if context.pipeline.secrets is None:
        raise OperationError("Secrets cannot be opened here.")
    steps: list[Any] = []
    url = delivery_url(profile)
    if url is not None:
        steps += _reached(context, code, url, profile.as2.connect_timeout)
    if profile.xml.url is not None and profile.xml.standard is not None:
        steps += reach(profile.xml.url, connect_timeout=30.0)
    if profile.sftp.host is not None or not steps:
        steps += partner_test(profile, context.pipeline.secrets)
    return {
        "ok": all(step.ok for step in steps),
        "steps": [{"step": step.step, "ok": step.ok, "sentence": step.sentence} for step in steps],
    }


def _reached(context: Context, code: str, url: str, seconds: float) -> list[Reached]:
    """The way to a partner's AS2 address, with the trust that its messages are sent with."""
    try:
        relationship = context.relationships.for_partner(code)
    except LookupError as error:
        return [Reached("settings", False, str(error.args[0] if error.args else error))]
    pinned = relationship.active("tls", utc_now())
    return reach(url, connect_timeout=seconds, tls=relationship.tls, pinned=pinned)


def _ledger(context: Context, _parameters: dict[str, Any]) -> Any:
    with context.store.read() as session:
        report = ledger.verify(session)
    return {
        "ok": report.ok,
        "checked": report.checked,
        "first_bad": report.first_bad,
        "message": report.message,
    }


def _staff(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    """An operation on staff accounts."""
    staff = Staff(context.store.read, context.store.writer.run, context.kek, utc_now)
    return staff_operations.OPERATIONS[name](staff, parameters)


def _alert(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    """An operation on alerts and their channels."""
    return alert_operations.OPERATIONS[name](alerting_of(context), parameters)


OPERATIONS: dict[str, Operation] = {
    **{name: partial(_alert, name) for name in alert_operations.OPERATIONS},
    **{name: partial(_staff, name) for name in staff_operations.OPERATIONS},
    **{name: partial(_partner, name) for name in partner_operations.OPERATIONS},
    **{name: partial(_pipeline, name) for name in _PIPELINE},
    "message.list": _list,
    "message.show": _show,
    "case.list": _cases,
    "partner.poll": _poll,
    "partner.test": _test,
    "secret.put": secrets.put,
    "secret.list": secrets.list_all,
    "secret.delete": secrets.delete,
    "status": _status,
    "ledger.check": _ledger,
}
