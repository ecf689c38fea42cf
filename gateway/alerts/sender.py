"""Sending alerts: one thread for each channel that has something to send, so that a slow one delays no other."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

from gateway.alerts import batches, mail, webhook
from gateway.alerts.batches import Message
from gateway.alerts.context import Alerting
from gateway.alerts.errors import SendError
from gateway.alerts.kinds import ChannelKind
from gateway.alerts.mail import one_line
from gateway.alerts.notices import content_of, subject_of, text_of
from gateway.settings.alerts import is_mail_address
from gateway.store.errors import SecretError
from gateway.store.secrets import get_secret

__all__ = ["MOST_THREADS", "STOP_SECONDS", "Sender", "deliver"]

logger = logging.getLogger(__name__)

#: Channels that are sent through at one time; further ones wait for the next round.
MOST_THREADS = 16
#: Seconds that an end waits for what is being sent; what is cut off is sent again with the same id.
STOP_SECONDS = 15.0


class Sender:
    """Sends what is due, one message after the other for each channel."""

    def __init__(self, alerting: Alerting) -> None:
        self._alerting = alerting
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Thread] = {}
        self._stopping = threading.Event()

    def dispatch(self) -> int:
        """Start a thread for each channel that has something due and no thread yet; how many were started."""
        if self._stopping.is_set():
            return 0
        now = self._alerting.clock()
        with self._alerting.read() as session:
            due = batches.due_channels(session, now)
        started = 0
        for channel_id in due:
            with self._lock:
                if channel_id in self._busy or len(self._busy) >= MOST_THREADS:
                    continue
                thread = threading.Thread(
                    target=self._run, args=(channel_id,), name=f"alerts-{channel_id[:8]}", daemon=True
                )
                self._busy[channel_id] = thread
                thread.start()
            started += 1
        return started

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until nothing is being sent; False when it takes longer."""
        give_up = time.monotonic() + seconds
        while True:
            with self._lock:
                threads = list(self._busy.values())
            if not threads:
                return True
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            threads[0].join(min(left, 1.0))

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Begin no further message, and wait for those that are being sent."""
        self._stopping.set()
        if not self.wait(seconds):
            logger.warning("Alerts that were being sent are cut off; they are sent again with the same id")

    def _run(self, channel_id: str) -> None:
        try:
            while not self._stopping.is_set() and self._send_next(channel_id):
                pass
        except Exception:
            # The database is away, or a fault of ours: the rows are as they were, and the next round tries again.
            logger.exception("Sending alerts stopped; the next round tries again")
        finally:
            with self._lock:
                del self._busy[channel_id]

    def _send_next(self, channel_id: str) -> bool:
        alerting = self._alerting
        begun = partial(batches.next_message, alerting=alerting, channel_id=channel_id, now=alerting.clock())
        message: Message | None = alerting.write(begun)
        if message is None:
            return False
        try:
            note = deliver(alerting, message)
        except Exception as error:
            # A fault of ours in one message must not stop those after it.
            if not isinstance(error, SendError):
                logger.exception("An alert could not be made into a message")
            reason = str(error) if isinstance(error, SendError) else f"A fault of the gateway: {type(error).__name__}."
            now = alerting.clock()
            alerting.write(lambda session: batches.failed(session, message, reason, now))
            logger.warning("An alert could not be sent: %s", reason)
            return False
        now = alerting.clock()
        alerting.write(lambda session: batches.sent(session, message, note, now))
        return True


def deliver(alerting: Alerting, message: Message, told: mail.Told = lambda _step, _words: None) -> str:
    """Send one message; what was not quite right, "" for nothing. Raises SendError with a sentence."""
    now, base = alerting.clock(), alerting.base_url()
    if message.kind == ChannelKind.WEBHOOK:
        content = content_of(message.notices, message.more, company=alerting.company, base=base, now=now)
        return webhook.send_webhook(
            message.target,
            _secret(alerting, message.secret or ""),
            content,
            message_id=message.id,
            now=now,
            private=alerting.settings.allow_private_webhooks,
            told=told,
        )
    settings = alerting.settings
    if not settings.mail_ready:
        raise SendError("No mail server is set: name one under [alerts] in gateway.toml, then restart.")
    given = message.target.split()
    to = [address for address in given if is_mail_address(address)]
    if not to:
        raise SendError(f"There is no mail address among {one_line(', '.join(given), 200)}: correct it in the profile.")
    text = text_of(message.notices, message.more, company=alerting.company, base=base, zone=message.time_zone, now=now)
    letter = mail.make_mail(
        sender=settings.sender,
        to=to,
        subject=subject_of(message.notices, alerting.company, message.more),
        text=text,
        message_id=message.id,
        company=alerting.company,
        now=now,
    )
    password = _secret(alerting, settings.smtp_password_secret).decode() if settings.smtp_password_secret else ""
    note = mail.send_mail(settings, password, letter, to, told)
    wrong = one_line(", ".join(address for address in given if address not in to), 200)
    return f"{note} No mail address: {wrong}; correct it in the profile.".strip() if wrong else note


def _secret(alerting: Alerting, name: str) -> bytes:
    try:
        with alerting.read() as session:
            return get_secret(session, alerting.kek, name)
    except SecretError as error:
        raise SendError(str(error)) from error
