"""Alerts by mail: one plain-text message, handed to the mail server of the settings over a verified connection.

Headers are made by ``email.message``, which folds and encodes them; texts from outside lose their control characters
before they come near one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

from gateway.alerts.errors import SendError
from gateway.settings import AlertSettings

__all__ = ["MAIL_SECONDS", "Told", "make_mail", "one_line", "send_mail"]

#: Seconds that the server may take for one answer, and for everything.
ANSWER_SECONDS, MAIL_SECONDS = 10.0, 60.0
#: Characters of a subject, and of what a server said.
_SUBJECT, _SAID = 150, 200

#: Hears of each step that worked: (step, sentence).
Told = Callable[[str, str], None]


def one_line(text: str, most: int) -> str:
    """``text`` on one line, without control characters, cut to ``most`` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def make_mail(
    *, sender: str, to: Sequence[str], subject: str, text: str, message_id: str, company: str, now: datetime
) -> EmailMessage:
    """A message to every address of a channel; ``message_id`` is the same at every try of the same message."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = one_line(subject, _SUBJECT)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message_id}@{domain}>"
    # RFC 3834: nobody's holiday answer comes back. RFC 2919: filters can tell alerts from other mail.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"<alerts.{domain}>"
    mail["X-Gateway"] = one_line(company, 100)
    mail.set_content(text, cte="quoted-printable")
    return mail


def send_mail(
    settings: AlertSettings, password: str, mail: EmailMessage, to: Sequence[str], told: Told = lambda _s, _w: None
) -> str:
    """Hand a message over; what the server took it for, "" for every address.

    Raises SendError with a sentence. Never waits longer than MAIL_SECONDS.
    """
    place = f"{settings.smtp_host}:{settings.smtp_port}"
    with _sentences(place, settings):
        addresses = _resolve(settings)
        told("name", f"{settings.smtp_host} is {addresses[0]}.")
        server = _connect(settings)
        watchdog = threading.Timer(MAIL_SECONDS, _cut, (server,))
        watchdog.daemon = True
        watchdog.start()
        try:
            return _hand_over(server, settings, password, mail, to, told)
        finally:
            watchdog.cancel()
            server.close()


def _hand_over(
    server: smtplib.SMTP,
    settings: AlertSettings,
    password: str,
    mail: EmailMessage,
    to: Sequence[str],
    told: Told,
) -> str:
    place = f"{settings.smtp_host}:{settings.smtp_port}"
    told("connection", f"{place} answers.")
    if settings.smtp_security == "none":
        _must_be_here(server)
    elif settings.smtp_security == "starttls":
        server.starttls(context=ssl.create_default_context())
    server.ehlo()
    if settings.smtp_security != "none":
        told("encryption", f"The connection is encrypted ({_tls(server)}) and the server's certificate is good.")
    if settings.smtp_user:
        server.login(settings.smtp_user, password)
        told("login", f"The server accepts the login of {settings.smtp_user}.")
    refused = server.send_message(mail, settings.sender, list(to))
    with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the message
        server.quit()
    taken = [address for address in to if address not in refused]
    told("hand-over", f"The server took the message for {', '.join(taken)}.")
    if not refused:
        return ""
    said = "; ".join(f"{address}: {_said(answer[1])}" for address, answer in refused.items())
    return f"The mail server did not take it for every address: {said}."


def _resolve(settings: AlertSettings) -> list[str]:
    found = socket.getaddrinfo(settings.smtp_host, settings.smtp_port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(settings: AlertSettings) -> smtplib.SMTP:
    name = settings.sender.rpartition("@")[2]
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(
            settings.smtp_host,
            settings.smtp_port,
            local_hostname=name,
            timeout=ANSWER_SECONDS,
            context=ssl.create_default_context(),
        )
    return smtplib.SMTP(settings.smtp_host, settings.smtp_port, local_hostname=name, timeout=ANSWER_SECONDS)


def _must_be_here(server: smtplib.SMTP) -> None:
    """Without encryption nothing leaves this machine, whatever the name resolves to."""
    assert server.sock is not None
    address = str(server.sock.getpeername()[0]).partition("%")[0]
    if not ipaddress.ip_address(address).is_loopback:
        raise SendError(
            f'The mail server is at {address}, not on this machine: set smtp_security to "starttls" or "tls".'
        )


def _tls(server: smtplib.SMTP) -> str:
    version = getattr(server.sock, "version", lambda: None)()
    return version or "TLS"


@contextmanager
def _sentences(place: str, settings: AlertSettings) -> Iterator[None]:
    """Turn what smtplib and the network raise into sentences."""
    try:
        yield
    except SendError:
        raise
    except smtplib.SMTPAuthenticationError as error:
        raise SendError(
            f"The mail server {place} refuses the login of {settings.smtp_user} ({error.smtp_code}): check smtp_user "
            f"and the secret {settings.smtp_password_secret}."
        ) from error
    except smtplib.SMTPRecipientsRefused as error:
        said = "; ".join(f"{address}: {_said(answer[1])}" for address, answer in error.recipients.items())
        raise SendError(f"The mail server {place} takes mail for none of the addresses: {said}.") from error
    except smtplib.SMTPSenderRefused as error:
        raise SendError(
            f"The mail server {place} refuses the sender {settings.sender} ({error.smtp_code} "
            f"{_said(error.smtp_error)}): check from and the login."
        ) from error
    except smtplib.SMTPResponseException as error:
        raise SendError(
            f"The mail server {place} refuses the message ({error.smtp_code} {_said(error.smtp_error)})."
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise SendError(f"The mail server {place} cannot do what the settings ask for: {error}") from error
    except smtplib.SMTPException as error:
        words = "did not answer in time" if "timed out" in str(error) else f"broke off: {_said(error)}"
        raise SendError(f"The mail server {place} {words}.") from error
    except ssl.SSLError as error:
        raise SendError(
            f"TLS with the mail server {place} failed: {error.reason or error}. Its certificate must be good for "
            f"{settings.smtp_host}."
        ) from error
    except TimeoutError as error:
        raise SendError(f"The mail server {place} did not answer in time.") from error
    except socket.gaierror as error:
        raise SendError(
            f"The name {settings.smtp_host} cannot be resolved: check smtp_host and the network."
        ) from error
    except (OSError, ValueError) as error:
        raise SendError(f"The mail server {place} cannot be reached: {_said(error)}.") from error


def _said(text: object) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return one_line(words, _SAID).rstrip(".")


def _cut(server: smtplib.SMTP) -> None:
    with contextlib.suppress(OSError, AttributeError):
        server.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
