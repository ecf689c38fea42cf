"""Every operation that a command or the control socket can ask for, by name.

An operation takes an open context and a dictionary of parameters and gives JSON-able data. Parts of the gateway
define theirs next to what they do; here they get their session, their clock and what follows from a change. A part is
loaded when one of its operations is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.messages import queries
from gateway.partners.errors import OperationError
from gateway.service.context import Context, utc_now
from gateway.store import ledger

if TYPE_CHECKING:
    from gateway.transports.as2.post import Reached

__all__ = ["OPERATIONS", "Operation"]

Operation = Callable[[Context, dict[str, Any]], Any]


def _partner(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    from gateway.partners import operations as partner_operations

    operation = partner_operations.OPERATIONS[name]
    if name not in partner_operations.WRITES:
        with context.store.read() as session:
            return operation(session, utc_now(), **parameters)
    result = context.store.writer.run(lambda session: operation(session, utc_now(), **parameters))
    context.relationships.refresh()
    return result


def _pipeline(module: str, name: str, context: Context, parameters: Mapping[str, Any]) -> Any:
    result = importlib.import_module(module).OPERATIONS[name](context.pipeline, parameters)
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
    from gateway.workdir import ssh_host_keys

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
    from gateway.partners.rules import delivery_url
    from gateway.transports.as2.post import reach
    from gateway.transports.sftp.client import partner_test

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
    from gateway.transports.as2.post import Reached, reach

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
    from gateway.staff import operations as staff_operations

    staff = staff_operations.Staff(context.store.read, context.store.writer.run, context.kek, utc_now)
    return staff_operations.OPERATIONS[name](staff, parameters)


def _alert(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    """An operation on alerts and their channels."""
    from gateway.alerts import operations as alert_operations
    from gateway.service.alerts import alerting_of

    return alert_operations.OPERATIONS[name](alerting_of(context), parameters)


def _secret(name: str, context: Context, parameters: dict[str, Any]) -> Any:
    from gateway.service import secrets

    return secrets.OPERATIONS[name](context, parameters)


class _Part(NamedTuple):
    """A part of the gateway that has operations in ``OPERATIONS`` of its module."""

    module: str
    #: What their names begin with, up to the point.
    words: tuple[str, ...]
    #: Runs one, given its name, the context and the parameters.
    run: Callable[[str, Context, dict[str, Any]], Any]


def _of_pipeline(name: str, *words: str) -> _Part:
    module = f"gateway.pipeline.{name}"
    return _Part(module, words, partial(_pipeline, module))


_PARTS = (
    _Part("gateway.alerts.operations", ("alert",), _alert),
    _Part("gateway.staff.operations", ("user",), _staff),
    _Part("gateway.partners.operations", ("partner",), _partner),
    _Part("gateway.service.secrets", ("secret",), _secret),
    _of_pipeline("operations", "message", "send"),
    _of_pipeline("messageactions", "message"),
    _of_pipeline("caseactions", "acknowledgement", "case"),
    _of_pipeline("ordering", "order"),
    _of_pipeline("corrections", "case", "correction", "edit", "partner"),
    _of_pipeline("queueactions", "queue"),
    _of_pipeline("retention", "retention"),
)
_OWN: dict[str, Operation] = {
    "message.list": _list,
    "message.show": _show,
    "case.list": _cases,
    "partner.poll": _poll,
    "partner.test": _test,
    "status": _status,
    "ledger.check": _ledger,
}


class _Operations(Mapping[str, Operation]):
    """Name → operation. Asking for one loads its part, asking for the names loads every part."""

    def __getitem__(self, name: str) -> Operation:
        if name in _OWN:
            return _OWN[name]
        word = name.partition(".")[0]
        for part in _PARTS:
            if word in part.words and name in importlib.import_module(part.module).OPERATIONS:
                return partial(part.run, name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        for part in _PARTS:
            yield from importlib.import_module(part.module).OPERATIONS
        yield from _OWN

    def __len__(self) -> int:
        return sum(1 for _ in self)


OPERATIONS: Mapping[str, Operation] = _Operations()
