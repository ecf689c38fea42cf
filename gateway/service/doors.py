"""Every door but AS2: our SFTP server, partners' SFTP servers, folders and the HTTP door, wired to the pipeline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from twisted.internet.error import CannotListenError

from gateway.messages.ports import Delivery, DeliveryOutcome, DeliveryPort, InboundPort, PreparedWire
from gateway.partners.directory import Directory
from gateway.partners.errors import OperationError
from gateway.pipeline.context import Pipeline
from gateway.pipeline.problems import open_partner_problem
from gateway.pipeline.receipts import Collections
from gateway.pipeline.receive import Inbox
from gateway.pipeline.xmlresponse import CxmlDesk
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.errors import StoreError
from gateway.store.secrets import Kek
from gateway.transports.as2.server import TlsFiles
from gateway.transports.folder import FolderDelivery, FolderPoller, StoredFolders
from gateway.transports.http import HttpReceiver, HttpServer, StoredAccess
from gateway.transports.http.delivery import HttpDelivery, HttpTarget
from gateway.transports.sftp.client import Gates, SftpDelivery, SftpPoller, StoredTargets
from gateway.transports.sftp.server import Alert, HostedMailboxDelivery, Mailbox, ProfileAccounts, SftpListener
from gateway.workdir import ssh_host_keys

__all__ = ["Doors"]

logger = logging.getLogger(__name__)
_ANOTHER_PORT = "End the program that has this port, or choose another under {} in gateway.toml."
#: Folder of unfinished uploads, below the folder of large payloads: same disk, so that nothing is copied.
_STAGING = "uploads"


@contextmanager
def listening(what: str, where: str, setting: str) -> Iterator[None]:
    """Open one listener. What keeps it from listening becomes an OperationError that names it and its setting."""
    try:
        yield
    except CannotListenError as error:
        why = getattr(error.socketError, "strerror", None) or str(error.socketError)
        raise OperationError(f"The {what} cannot listen on {where}: {why}.", _ANOTHER_PORT.format(setting)) from error
    except OSError as error:
        raise OperationError(
            f"The {what} cannot listen on {where}: {error.strerror}.", _ANOTHER_PORT.format(setting)
        ) from error
    except ValueError as error:
        raise OperationError(str(error), f"Change the settings beside {setting} in gateway.toml.") from error


class _SftpRoutes:
    """``DeliveryPort`` for SFTP: to the partner's server when its profile names one, else to its mailbox here."""

    def __init__(self, directory: Directory, client: SftpDelivery, hosted: HostedMailboxDelivery) -> None:
        self._directory = directory
        self._client = client
        self._hosted = hosted

    def _route(self, partner: str) -> DeliveryPort:
        found = self._directory.find(partner)
        return self._client if found is not None and found[1].sftp.host is not None else self._hosted

    def prepare(self, delivery: Delivery) -> PreparedWire:
        """See ``DeliveryPort.prepare``."""
        return self._route(delivery.partner).prepare(delivery)

    def deliver(self, delivery: Delivery, wire: PreparedWire) -> DeliveryOutcome:
        """See ``DeliveryPort.deliver``."""
        return self._route(delivery.partner).deliver(delivery, wire)


class Doors:
    """What partners reach besides AS2, and what reaches them. Made with the context, started by the service."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        kek: Kek,
        directory: Directory,
        secrets: Callable[[str], bytes],
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._store = store
        self._kek = kek
        self._directory = directory
        self._clock = clock
        self._accounts = ProfileAccounts(store.read, directory, secrets)
        self._mailbox = Mailbox(
            store, settings.paths.blobs / _STAGING, clock, collected=Collections(), alert=self._alert
        )
        gates = Gates(clock=clock, on_host_key_mismatch=self._wrong_host_key, on_problem=self._problem)
        self._targets = StoredTargets(store, kek, directory)
        self._sftp_delivery = SftpDelivery(self._targets, clock=clock, gates=gates)
        self._gates = gates
        self._folders = StoredFolders(store, directory, settings.paths.home)
        hosted = HostedMailboxDelivery(self._mailbox, self._accounts)
        #: Transport name → how it sends.
        self.delivery: dict[str, DeliveryPort] = {
            "sftp": _SftpRoutes(directory, self._sftp_delivery, hosted),
            "folder": FolderDelivery(self._folders),
            "http": HttpDelivery(self._http_target),
        }
        self._secrets = secrets
        self._listener: SftpListener | None = None
        self._http: HttpServer | None = None
        self._sftp_poller: SftpPoller | None = None
        self._folder_poller: FolderPoller | None = None

    # -- start and stop ----------------------------------------------------------------------------------------

    def start(self, pipeline: Pipeline, reactor: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Open every door that the settings and profiles name; called in the reactor's thread.

        Raises OperationError when a port is taken or the HTTP door would stand open without protection.
        """
        inbox = Inbox(pipeline)
        self._start_pollers(inbox)
        endpoint = self._settings.sftp.endpoint
        if endpoint is not None:
            with self._store.read() as session:
                keys = ssh_host_keys(session, self._kek)
            self._listener = SftpListener(
                loop, self._mailbox, self._accounts, inbox, keys, staged=inbox, host=endpoint.host, port=endpoint.port
            )
            with listening("SFTP server", str(self._settings.sftp.listen), "[sftp] listen"):
                self._listener.start()
        self._start_http(inbox, reactor, pipeline)

    def _start_pollers(self, inbox: InboundPort) -> None:
        self._sftp_poller = SftpPoller(
            self._targets, inbox, self._store, clock=self._clock, gates=self._gates, on_problem=self._problem
        )
        self._sftp_poller.start()
        self._folder_poller = FolderPoller(self._folders, inbox, on_problem=self._problem)
        self._folder_poller.start()

    def _start_http(self, inbox: InboundPort, reactor: Any, pipeline: Pipeline) -> None:
        http, home = self._settings.http, self._settings.paths.home
        if http.endpoint is None:
            return
        files = None
        if http.tls_certificate is not None and http.tls_key is not None:
            files = TlsFiles(home / http.tls_certificate, home / http.tls_key)
        access = StoredAccess(self._store, self._kek, self._directory)
        desk = CxmlDesk(pipeline)
        with listening("HTTP door", str(http.listen), "[http] listen"):
            self._http = HttpServer(
                reactor,
                HttpReceiver(access, inbox, answers=desk),
                host=http.endpoint.host,
                port=http.endpoint.port,
                tls=files,
                behind_proxy=http.behind_proxy,
                trouble=pipeline.trouble,
                spool_dir=self._settings.paths.blobs,
            )
            self._http.start()
        desk.url = http.public_url or self._http.cxml_url

    def _http_target(self, partner: str) -> HttpTarget:
        """Where a partner takes documents over HTTP. Raises LookupError with a sentence."""
        _, profile = self._directory.current(partner)
        if profile.xml.url is None:
            raise LookupError(f"The profile of {partner} has no xml.url: add it, then send again.")
        token = profile.xml.token
        opened = self._secrets(token.secret).decode("ascii", "replace") if token is not None else ""
        return HttpTarget(profile.xml.url, opened)

    def addresses(self) -> dict[str, str]:
        """Where the doors that are open listen, by name."""
        found = {}
        if self._listener is not None:
            host, port = self._listener.address
            found["sftp"] = f"sftp://{host}:{port}"
        if self._http is not None:
            found["http"] = self._http.url
            found["cxml"] = self._http.cxml_url
        return found

    def wake(self, partner: str) -> None:
        """Look at the partner's server and at the folders now; nothing happens while the service does not run."""
        if self._sftp_poller is not None:
            self._sftp_poller.wake(partner)
        if self._folder_poller is not None:
            self._folder_poller.wake()

    def close_listeners(self) -> list[Any]:
        """Take no new connections and let what is open end; Deferreds that fire when it has."""
        from twisted.internet.defer import Deferred

        waiting: list[Any] = []
        if self._listener is not None:
            waiting.append(Deferred.fromFuture(asyncio.ensure_future(self._listener.stop())))
        if self._http is not None:
            waiting.append(self._http.stop())
        return waiting

    def stop(self) -> None:
        """End the threads that look at servers and folders."""
        if self._sftp_poller is not None:
            self._sftp_poller.stop()
        if self._folder_poller is not None:
            self._folder_poller.stop()
        self._sftp_delivery.close()

    # -- what staff hear of ------------------------------------------------------------------------------------

    def _alert(self, alert: Alert) -> None:
        """An alert of the mailbox: in the log, and a case when it is about a partner."""
        logger.warning("SFTP mailbox: %s", alert.sentence)
        if alert.partner is not None:
            self._open(alert.partner, alert.kind, alert.sentence)

    def _wrong_host_key(self, partner: str, host: str, seen: str) -> None:
        sentence = (
            f"The SFTP server {host} of {partner} showed the host key {seen}, which its profile does not name; it is "
            "not contacted any more until the profile changes."
        )
        logger.error("%s", sentence)
        self._open(partner, "host-key", sentence)

    def _problem(self, partner: str, subject: str, sentence: str) -> None:
        logger.warning("%s: %s: %s", partner, subject, sentence)
        self._open(partner, subject, sentence)

    def _open(self, partner: str, subject: str, sentence: str) -> None:
        """Queue a case; never waits and never raises: these come from threads that must go on."""
        try:
            self._store.writer.submit(
                lambda session: open_partner_problem(session, partner, subject, sentence, self._clock())
            )
        except StoreError as error:
            logger.warning("No case could be opened for %s (%s): %s", partner, subject, error)
