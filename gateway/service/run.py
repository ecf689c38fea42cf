"""Running the gateway: listeners, workers, watchers and their orderly end on one reactor.

Start: recover what a crash left, start the workers, then open the doors. Stop (SIGTERM, Ctrl-C): close the doors,
let what is being received get its answer, let running work end, commit, let go of the database.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import logging.handlers
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.alerts.runner import Runner
from gateway.backoffice.files import write_whole_file
from gateway.backoffice.outbox import OutboxWatcher, Reason, Submission
from gateway.control import ControlServer
from gateway.messages.ports import Task
from gateway.partners.errors import OperationError
from gateway.pipeline import delivery, inbound, posting, sweeper
from gateway.pipeline.outbound import RefusedError, submit_document
from gateway.pipeline.receipts import Receipts
from gateway.pipeline.receive import Inbox
from gateway.service.alerts import alerting_of
from gateway.service.context import Context, open_context, utc_now
from gateway.service.doors import listening
from gateway.service.operations import OPERATIONS
from gateway.service.web import StaffPages
from gateway.settings import Settings
from gateway.store import ledger
from gateway.store.errors import StoreBusyError, StoreUnreachableError
from gateway.transports.as2.client import ReceiptSender
from gateway.transports.as2.receive import As2Receiver
from gateway.transports.as2.server import As2Server, ServerLimits, TlsFiles

__all__ = ["LISTENERS", "run", "settle"]

logger = logging.getLogger(__name__)

#: Where the running service writes its addresses, relative to the working directory.
LISTENERS = Path("run/listeners.json")
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LOG_BYTES, _LOG_FILES = 20_000_000, 5
#: New objects after which Python looks for rings of them; 700 of its own accord, which one order exceeds many times.
_NEW_OBJECTS = 10_000


def run(directory: Path, role: str = "all") -> None:
    """Run the gateway of a working directory until SIGTERM or Ctrl-C.

    Raises what ``open_context`` raises, and OperationError when a door cannot be opened (a port is taken) or for a
    role that this set-up cannot run by itself.
    """
    if role != "all":
        raise OperationError(
            f"The role {role} cannot run by itself: this release runs every role in one process on SQLite.",
            "Use `gateway up` without --role.",
        )
    reactor = _reactor()
    context = open_context(directory)
    _log_to(context.settings)
    service = _Service(context, reactor)
    failure: Exception | None = None
    try:
        service.start()
    except Exception as error:  # noqa: BLE001 - raised again below, after everything that runs has ended
        failure = error
        reactor.callWhenRunning(reactor.stop)
    reactor.addSystemEventTrigger("before", "shutdown", service.stop)
    settle()
    reactor.run()
    if failure is not None:
        raise failure


def settle() -> None:
    """Let Python's collector pass over what was made while starting: it stays, and all of it is a lot to look through.

    Else every connection waits for that, a tenth of a second again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


def _reactor() -> Any:
    """The one reactor: asyncio's loop, chosen before anything imports it."""
    if "twisted.internet.reactor" not in sys.modules:
        from twisted.internet import asyncioreactor

        asyncioreactor.install()  # type: ignore[no-untyped-call]
    from twisted.internet import reactor

    return reactor


def _log_to(settings: Settings) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    path = settings.paths.log
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers = [logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)]
    for handler in handlers:
        handler.addFilter(_in_a_line_when_away)
    logging.basicConfig(level=settings.log.level.upper(), format=_LOG_FORMAT, handlers=handlers, force=True)
    # It tells every packet at INFO.
    logging.getLogger("asyncssh").setLevel(logging.WARNING)


def _in_a_line_when_away(record: logging.LogRecord) -> bool:
    """While the database is away every part says so again and again: without the place in our code."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, StoreUnreachableError):
        record.msg, record.args = f"{record.getMessage()} (the database cannot be reached)", ()
        record.exc_info = record.exc_text = None
    return True


class _Service:
    """The parts of one running gateway, in the order in which they start."""

    def __init__(self, context: Context, reactor: Any) -> None:
        self._context = context
        self._reactor = reactor
        settings, pipeline = context.settings, context.pipeline
        self._sweeper = sweeper.Sweeper(pipeline)
        self._alerts = Runner(alerting_of(context))
        self._outbox = OutboxWatcher(
            settings.paths.outbox,
            self._hand_in,
            scan_seconds=settings.folders.scan_seconds,
            settle_seconds=settings.folders.settle_seconds,
            max_bytes=settings.folders.max_file_bytes,
        )
        self._control = ControlServer(settings.paths.control_socket, self._operations())
        self._receipts = ReceiptSender(clock=utc_now)
        self._as2 = self._as2_server()
        self._web = StaffPages(context)
        self._started: list[Callable[[], None]] = []

    def _operations(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        def bound(name: str) -> Callable[[dict[str, Any]], Any]:
            return lambda parameters: OPERATIONS[name](self._context, parameters)

        return {name: bound(name) for name in OPERATIONS}

    def _as2_server(self) -> As2Server:
        context, settings = self._context, self._context.settings
        receiver = As2Receiver(
            context.relationships,
            Inbox(context.pipeline),
            clock=utc_now,
            host=context.pipeline.message_host,
            mdns=Receipts(context.pipeline),
            send_receipt=self._receipts,
            on_unknown=self._unknown_as2,
        )
        tls = settings.as2
        files = None
        if tls.tls_certificate is not None and tls.tls_key is not None:
            files = TlsFiles(settings.paths.home / tls.tls_certificate, settings.paths.home / tls.tls_key)
        limits = ServerLimits(
            max_body_bytes=settings.as2.max_body_bytes,
            connections=settings.limits.max_connections,
            connections_per_address=settings.limits.max_connections_per_address,
        )
        endpoint = settings.as2.endpoint
        return As2Server(
            self._reactor,
            receiver,
            host=endpoint.host,
            port=endpoint.port,
            path=settings.as2.path,
            limits=limits,
            tls=files,
            trouble=context.pipeline.trouble,
            spool_dir=settings.paths.blobs,
        )

    # -- start and stop ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Recover, start the workers, open the doors; called in the reactor's thread before it runs."""
        context = self._context
        pipeline = context.pipeline
        context.relationships.refresh()
        repaired = sweeper.recover(pipeline)
        if repaired:
            logger.info("%d deliveries were under way when the process ended last time; they go on", repaired)
        handlers = {
            Task.PROCESS: lambda key: inbound.process(pipeline, key),
            Task.POST: lambda key: posting.post(pipeline, key),
            Task.DRAIN: lambda key: delivery.drain(pipeline, key),
        }
        context.work.run(handlers, context.settings.work.threads)
        self._started.append(context.work.stop)
        self._sweeper.start()
        self._started.append(self._sweeper.stop)
        self._outbox.start()
        self._started.append(self._outbox.stop)
        self._control.start()
        self._started.append(self._control.stop)
        self._started.append(self._receipts.stop)
        with listening("AS2 listener", context.settings.as2.listen, "[as2] listen"):
            self._as2.start()
        self._started.append(context.doors.stop)
        context.doors.start(pipeline, self._reactor, asyncio.get_event_loop())
        self._web.start(self._reactor)
        context.staff_url = self._web.url
        self._alerts.start()
        self._started.append(self._alerts.stop)
        self._announce()

    def _announce(self) -> None:
        settings = self._context.settings
        host, port = self._as2.address
        self._context.relationships.set_public_url(self._as2.url)
        doors = self._context.doors.addresses()
        listeners = {
            "as2": self._as2.url,
            "host": host,
            "port": port,
            "pid": os.getpid(),
            **doors,
            "web": self._web.url,
        }
        path = settings.paths.home / LISTENERS
        write_whole_file(path, json.dumps(listeners).encode())
        click.echo(f"{settings.company.name} ({settings.company.code})")
        click.echo(f"  AS2       {self._as2.url}")
        for name, address in doors.items():
            click.echo(f"  {name.upper():<9} {address}")
        click.echo(f"  inbox     {settings.paths.inbox}")
        click.echo(f"  outbox    {settings.paths.outbox}")
        if self._web.nobody_yet:
            click.echo("Nobody has an account for the staff pages yet: open them and type the set-up code.")
            click.echo("It is good for 30 minutes; a new one: gateway user reset --setup")
        click.echo("ready")
        click.echo(self._web.url)
        sys.stdout.flush()

    def stop(self) -> Any:
        """Close the doors, then end everything else in a thread; a Deferred that fires when all has ended."""
        from twisted.internet.defer import DeferredList
        from twisted.internet.threads import deferToThread

        closing = [self._as2.stop(), *self._context.doors.close_listeners(), *self._web.stop()]
        return DeferredList(closing, consumeErrors=True).addBoth(lambda _result: deferToThread(self._end))

    def _end(self) -> None:
        self.stop_threads()
        (self._context.settings.paths.home / LISTENERS).unlink(missing_ok=True)
        self._context.close()
        logger.info("stopped")

    def stop_threads(self) -> None:
        """Stop what was started, the last first."""
        while self._started:
            self._started.pop()()

    # -- ports -------------------------------------------------------------------------------------------------

    def _hand_in(self, path: Path, body: bytes) -> Submission:
        """One file of the outbox: queued, refused with every reason, or to be tried again."""
        try:
            done = submit_document(self._context.pipeline, body, actor=f"outbox:{path.name}")
        except RefusedError as error:
            return Submission("refused", tuple(Reason(r.path, r.message, r.fix) for r in error.reasons))
        except StoreBusyError as error:
            return Submission("later", (Reason("", str(error)),))
        return Submission("sent", reference=done.document_id)

    def _unknown_as2(self, as2_from: str, as2_to: str, address: str) -> None:
        """Somebody used AS2 names that no profile has: noted for staff, nothing stored of the message."""
        reason = f'A message from "{as2_from[:128]}" to "{as2_to[:128]}" was refused: no profile has these names.'
        self._context.store.writer.run(
            lambda session: ledger.append(
                session,
                at=utc_now(),
                kind="as2-unknown",
                subject_type="address",
                subject_id=address,
                actor="as2",
                reason=reason,
            )
        )
