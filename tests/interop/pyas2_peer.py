"""A pyas2lib peer in its own process: receives AS2 messages, sends them on command, and tells what it saw.

Started as ``pyas2_peer.py CONFIG``; prints its port. ``POST /as2`` is AS2, ``POST /send`` builds and sends a message
by a JSON order, ``GET /received`` lists what came in.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


def import_shim() -> None:
    """oscrypto reads only one-digit parts of the OpenSSL version; let it read "3.0.19" as well."""
    search, old = re.search, r"\b(\d\.\d\.\d[a-z]*)\b"
    new = old.replace(r"\d", r"\d+")
    re.search = lambda pattern, *rest, **more: search(new if pattern == old else pattern, *rest, **more)
    try:
        import oscrypto._openssl._libcrypto
        import oscrypto.asymmetric
        import oscrypto.symmetric  # noqa: F401
    finally:
        re.search = search


import_shim()

from pyas2lib import as2  # noqa: E402


class Peer:
    """The peer's names, keys and what it received."""

    def __init__(self, config: dict[str, str]) -> None:
        self.config = config
        self.received: list[dict[str, object]] = []
        self.sent: dict[str, as2.Message] = {}
        self.mdns: list[dict[str, object]] = []
        self.arrived = threading.Condition()

    def organization(self) -> as2.Organization:
        pair = (self.config["key"] + self.config["certificate"]).encode()
        return as2.Organization(
            as2_name=self.config["name"],
            sign_key=pair,
            sign_key_pass="",
            decrypt_key=pair,
            decrypt_key_pass="",
            mdn_url=self.config.get("mdn_url"),
            domain="peer.example",
        )

    def partner(self, **options: object) -> as2.Partner:
        certificate = self.config["their_certificate"].encode()
        return as2.Partner(
            as2_name=self.config["their_name"],
            verify_cert=certificate,
            encrypt_cert=certificate,
            validate_certs=False,
            **options,
        )

    def receive(self, raw: bytes) -> tuple[dict[str, str], bytes]:
        message = as2.Message()
        status, (exception, detail), mdn = message.parse(
            raw, lambda _: self.organization(), lambda _: self.partner(), lambda _id, _partner: False
        )
        with self.arrived:
            self.received.append(
                {
                    "status": status,
                    "exception": str(exception or ""),
                    "detail": str(detail or "")[-500:],
                    "payload": base64.b64encode(message.content or b"").decode() if message.payload else "",
                    "signed": message.signed,
                    "encrypted": message.encrypted,
                    "compressed": message.compressed,
                    "mic": (message.mic or b"").decode() if message.mic else "",
                }
            )
            self.arrived.notify_all()
        return (dict(mdn.headers), mdn.content) if mdn else ({}, b"")

    def receive_mdn(self, raw: bytes) -> None:
        mdn = as2.Mdn()
        status, detail = mdn.parse(raw, lambda message_id, _: self.sent.get(message_id))
        with self.arrived:
            self.mdns.append({"status": status, "detail": str(detail or "")})
            self.arrived.notify_all()

    def send(self, order: dict[str, object]) -> dict[str, object]:
        self.config["mdn_url"] = order.get("mdn_url", "")
        message = as2.Message(self.organization(), self.partner(**order["options"]))
        message.build(
            base64.b64decode(order["payload"]),
            filename="order.edi",
            subject="Order",
            content_type=order.get("content_type", "application/edi-x12"),
        )
        self.sent[message.message_id] = message
        target = urlsplit(order["url"])
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=20)
        connection.request("POST", target.path, message.content, message.headers)
        answer = connection.getresponse()
        body = answer.read()
        result: dict[str, object] = {"http": answer.status, "mic": (message.mic or b"").decode() if message.mic else ""}
        if body:
            head = "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
            mdn = as2.Mdn()
            result["status"], detail = mdn.parse(head.encode() + b"\n" + body, lambda _id, _name: message)
            result["detail"] = str(detail or "")
        return result


class Handler(BaseHTTPRequestHandler):
    peer: Peer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        with self.peer.arrived:
            wanted = "mdns" if "mdns" in self.path else "received"
            self.peer.arrived.wait_for(lambda: getattr(self.peer, wanted), 20)
            seen = json.dumps(getattr(self.peer, wanted)).encode()
        self._answer(200, {}, seen)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/send":
            self._answer(200, {}, json.dumps(self.peer.send(json.loads(body))).encode())
            return
        head = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        raw = head.encode() + b"\n" + body
        if "multipart/report" in head or b"multipart/report" in body[:400]:
            self.peer.receive_mdn(raw)
            self._answer(200, {}, b"")
            return
        headers, content = self.peer.receive(raw)
        self._answer(200, headers, content)


def main() -> None:
    Handler.peer = Peer(json.loads(Path(sys.argv[1]).read_text()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
