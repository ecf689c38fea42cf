"""One HTTP POST from a worker thread: checked address, verified TLS, no redirects, hard limits on time and
size.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.transports.as2.cms import TheirCertificate
from gateway.transports.as2.relationship import TlsTrust, origin

__all__ = ["HttpAnswer", "PostError", "Reached", "Target", "post", "reach", "target_of"]

#: Answers are receipts of a few kilobytes.
MAX_ANSWER_BYTES = 1 << 20
#: Slowest upload that is waited for, in bytes a second.
_SLOWEST = 4096
_INTERIM = frozenset({102, 103})
#: Addresses at which cloud machines hand out credentials, beyond the link-local ones.
_METADATA = frozenset({"fd00:ec2::254", "100.100.100.200"})
#: IPv6 ranges that lead to an IPv4 address written inside (RFC 6052, RFC 8215, RFC 3056, RFC 4380).
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))


class PostError(Exception):
    """The request could not be made or got no answer; ``str()`` is a sentence for staff."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        #: True when another try cannot help.
        self.final = final


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address, resolved once: what was checked is what is connected to."""

    url: str
    secure: bool
    host: str
    port: int
    #: Path and query for the request line.
    resource: str
    addresses: tuple[str, ...]


def target_of(url: str, *, private: bool = True) -> Target:
    """Check and resolve an address. Raises PostError for anything but http(s), for credentials inside, for
    hosts that do not resolve, for link-local, metadata, multicast and unspecified addresses, and without ``private``
    for every address that is not of the public network.
    """
    found = origin(url)
    if found is None or any(not "!" <= character <= "~" for character in url):
        raise PostError(
            f"“{url[:200]}” is not an http or https address without user and password: correct it in the profile.",
            final=True,
        )
    scheme, host, port = found
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PostError(f"The name {host} cannot be resolved ({error}): check the address and the network.") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in resolved))
    for address in addresses:
        if _forbidden(address, private=private):
            raise PostError(
                f"{host} resolves to {address}, an address that partners never have; nothing was sent.",
                final=True,
            )
    parts = urlsplit(url)
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, scheme == "https", host, port, resource, addresses)


def _forbidden(address: str, *, private: bool) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif not private and (parsed.is_site_local or any(parsed in network for network in _TRANSLATED)):
            return True
    if not private and not parsed.is_global:
        return True
    return parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified or str(parsed) in _METADATA


@dataclass(frozen=True, slots=True)
class Reached:
    """How one step on the way to a server went."""

    #: "address", "tcp" or "tls".
    step: str
    ok: bool
    #: What was seen, or what failed and what to do.
    sentence: str


class _Response(http.client.HTTPResponse):
    """Skips interim answers (102, 103), which say nothing about the outcome (RFC 9110 §15.2)."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(20):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status not in _INTERIM:
                return version, status, reason
            for _ in range(100):
                if self.fp.readline(65_537) in (b"\r\n", b"\n", b""):
                    break
        raise http.client.HTTPException("too many interim answers")


class _Connection(http.client.HTTPConnection):
    """Connects to the addresses that were checked, with TLS on top when the target is secure."""

    response_class = _Response

    def __init__(self, target: Target, context: ssl.SSLContext | None, pins: frozenset[bytes], timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target
        self._context = context
        self._pins = pins

    def connect(self) -> None:
        raw = self._reach()
        if self._context is None:
            self.sock = raw
            return
        try:
            secure = self._context.wrap_socket(raw, server_hostname=self._target.host)
        except (OSError, ValueError):
            raw.close()
            raise
        if self._pins and secure.getpeercert(binary_form=True) not in self._pins:
            secure.close()
            raise PostError(
                f"The server {self._target.host} shows a certificate that is not pinned in the profile; nothing "
                "was sent. Ask the partner whether they changed it."
            )
        self.sock = secure

    def _reach(self) -> socket.socket:
        problem: OSError | None = None
        for address in self._target.addresses:
            try:
                sock = socket.create_connection((address, self._target.port), self.timeout)
            except OSError as error:
                problem = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        raise problem or OSError("no address")


def post(
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    *,
    connect_timeout: float,
    response_timeout: float,
    tls: TlsTrust | None = None,
    pinned: Sequence[TheirCertificate] = (),
    private: bool = True,
) -> HttpAnswer:
    """POST ``body`` and return the answer. Timeouts in seconds; the answer is at most MAX_ANSWER_BYTES.

    ``private`` allows addresses of private networks and of this machine.

    Raises PostError, and nothing else, for whatever the network or the peer does.
    """
    target = target_of(url, private=private)
    trust = tls or TlsTrust()
    pins = frozenset(one.certificate.public_bytes(Encoding.DER) for one in pinned) if trust.pinned else frozenset()
    if target.secure and trust.pinned and not pins:
        raise PostError("No pinned TLS certificate of the partner is valid today: add the current one.", final=True)
    context = _context(trust.pinned, trust.client_pem) if target.secure else None
    connection = _Connection(target, context, pins, connect_timeout)
    try:
        return _exchange(connection, target, headers, body, response_timeout)
    except PostError:
        raise
    except ssl.SSLError as error:
        raise PostError(_tls_failure(target, error)) from error
    except TimeoutError as error:
        raise PostError(f"{target.host} did not answer in time.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = str(error) or type(error).__name__
        raise PostError(f"The exchange with {target.host}:{target.port} broke: {words}.") from error
    finally:
        connection.close()


def reach(
    url: str, *, connect_timeout: float, tls: TlsTrust | None = None, pinned: Sequence[TheirCertificate] = ()
) -> list[Reached]:
    """Go to the server of an address as `post` does, send nothing, and tell every step; the last one may have failed.

    Takes at most ``connect_timeout`` seconds for each of its addresses, and as much for TLS.
    """
    try:
        target = target_of(url)
    except PostError as error:
        return [Reached("address", False, str(error))]
    steps = [Reached("address", True, f"{target.host} has the address {', '.join(target.addresses)}.")]
    trust = tls or TlsTrust()
    pins = frozenset(one.certificate.public_bytes(Encoding.DER) for one in pinned) if trust.pinned else frozenset()
    if target.secure and trust.pinned and not pins:
        return [*steps, Reached("tls", False, "No pinned TLS certificate of the partner is valid today.")]
    context = _context(trust.pinned, trust.client_pem) if target.secure else None
    place, connection = f"{target.host}:{target.port}", _Connection(target, None, pins, connect_timeout)
    try:
        connection.connect()
    except OSError as error:
        words = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return [
            *steps,
            Reached("tcp", False, f"{place} cannot be reached ({words}). Check the port and the firewalls."),
        ]
    finally:
        connection.close()
    steps.append(Reached("tcp", True, f"{place} takes connections."))
    if context is None:
        return [*steps, Reached("tls", True, "The address has no TLS: what is sent relies on AS2's own encryption.")]
    secured = _Connection(target, context, pins, connect_timeout)
    try:
        secured.connect()
    except ssl.SSLError as error:
        return [*steps, Reached("tls", False, _tls_failure(target, error))]
    except (PostError, OSError) as error:
        return [*steps, Reached("tls", False, str(error) or "The server ended the connection.")]
    else:
        shown = "the pinned certificate" if trust.pinned else "a certificate that this machine trusts for that name"
        return [*steps, Reached("tls", True, f"TLS works, and the server shows {shown}.")]
    finally:
        secured.close()


def _tls_failure(target: Target, error: ssl.SSLError) -> str:
    return f"TLS with {target.host} failed: {error.reason or error}. Check both certificates."


def _exchange(
    connection: _Connection, target: Target, headers: Sequence[tuple[str, str]], body: bytes, timeout: float
) -> HttpAnswer:
    connection.connect()
    sock = connection.sock
    sock.settimeout(timeout)
    watchdog = threading.Timer(timeout + len(body) / _SLOWEST, _cut, (sock,))
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.putrequest("POST", target.resource, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Connection", "close")
        connection.endheaders()
        early = _send(connection, body)
        response = connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES + 1)
    finally:
        watchdog.cancel()
    if len(content) > MAX_ANSWER_BYTES:
        raise PostError(f"{target.host} answered with more than {MAX_ANSWER_BYTES} bytes; that is no receipt.")
    if early is not None and response.status < 300:
        raise early
    return HttpAnswer(response.status, tuple(response.getheaders()), content)


def _send(connection: _Connection, body: bytes) -> OSError | None:
    """Send the body. A peer that refuses early closes its side: its answer may still be there to read."""
    try:
        connection.send(body)
    except (BrokenPipeError, ConnectionResetError) as error:
        return error
    return None


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@lru_cache(maxsize=32)
def _context(pinned: bool, client_pem: bytes) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if pinned:
        # The peer's certificate is compared byte for byte with the pinned ones before anything is sent.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_pem:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(client_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context
