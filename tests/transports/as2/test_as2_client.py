"""Delivery believes only a proof, tries again only what may help, and goes only where it may."""

import base64
import ssl
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from as2kit import (
    NOW,
    ORDER,
    Directory,
    Inbox,
    delivery,
    ec_key,
    identity,
    key,
    live,
    ours,
    pinned,
    receiver,
    theirs,
)

from gateway.messages.ports import Answer, Outcome, PreparedWire
from gateway.transports.as2 import post as post_module
from gateway.transports.as2.building import Protection, ReceiptWish
from gateway.transports.as2.client import As2Delivery, ReceiptSender
from gateway.transports.as2.mdn import MdnFacts, build_mdn
from gateway.transports.as2.post import PostError, post, reach, target_of
from gateway.transports.as2.relationship import BasicAuth, TlsTrust


class Script(BaseHTTPRequestHandler):
    """Answers as the test says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers, body))
        self.server.answer(self)


def reply(status=200, headers=(), body=b"", close=False):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def peer(answer, context=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    server.seen, server.answer = [], answer
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        server.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}/as2"
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def client(relationship):
    return As2Delivery(Directory(relationship), clock=lambda: NOW)


def outcome_of(answer, **changes):
    with peer(answer) as server:
        return attempt(ours(url=server.url, **changes))


def attempt(relationship):
    job, the_client = delivery(), client(relationship)
    return the_client.deliver(job, the_client.prepare(job))


def receipt_for(mics, signer="buyer", **changes):
    facts = MdnFacts(
        "buyer", "seller", "<m@b>", NOW, "<out-1@seller.example>", "processed", "thanks", mics["sha-256"], "sha-256"
    )
    headers, body = build_mdn(replace(facts, **changes), key(signer) if signer else None)
    return reply(200, headers, body)


def judged(signer="buyer", **changes):
    with peer(None) as server:
        relationship = ours(url=server.url)
        job, the_client = delivery(), client(relationship)
        wire = the_client.prepare(job)
        server.answer = receipt_for(wire.mics, signer, **changes)
        return the_client.deliver(job, wire)


def test_two_gateways_exchange_an_order_and_the_sender_has_its_proof(reactor):
    inbox = Inbox()
    with live(reactor, receiver(inbox, theirs())) as server:
        outcome = attempt(ours(url=server.url, protection=Protection(compress="before_sign")))
    assert (outcome.outcome, outcome.mic_matched, outcome.mdn_signed, outcome.status) == (
        Outcome.CONFIRMED,
        True,
        True,
        200,
    )
    assert outcome.answer.disposition == "processed"
    assert inbox.received[0].payload == ORDER
    assert inbox.received[0].transport_id == "<out-1@seller.example>"


def test_every_attempt_sends_the_same_bytes():
    with peer(reply(503)) as server:
        job, the_client = delivery(), client(ours(url=server.url))
        wire = the_client.prepare(job)
        for _ in range(2):
            assert the_client.deliver(job, wire).outcome is Outcome.RETRY
    first, second = server.seen
    assert first[2] == second[2] == wire.body
    assert list(first[1].items()) == list(second[1].items())
    assert first[1]["Message-ID"] == "<out-1@seller.example>"
    assert first[1]["AS2-From"] == "seller"


@pytest.mark.parametrize(
    ("signer", "changes", "outcome", "words"),
    [
        ("buyer", {}, Outcome.CONFIRMED, "digest is equal"),
        (None, {}, Outcome.RETRY, "not signed"),
        ("stranger", {}, Outcome.RETRY, "not on file"),
        ("buyer", {"mic": "AAAA"}, Outcome.FAILED, "other bytes"),
        ("buyer", {"mic": ""}, Outcome.FAILED, "no message integrity check"),
        ("buyer", {"original_message_id": "<x@y>"}, Outcome.RETRY, "another message"),
        (
            "buyer",
            {"disposition": "processed/error: decryption-failed", "mic": ""},
            Outcome.FAILED,
            "They say: “thanks”",
        ),
    ],
)
def test_the_receipt_decides(signer, changes, outcome, words):
    result = judged(signer, **changes)
    assert result.outcome is outcome
    assert words in result.reason


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_server_in_trouble_is_tried_again(status):
    result = outcome_of(reply(status, body=b"try later"))
    assert (result.outcome, result.status) == (Outcome.RETRY, status)
    assert "try later" in result.reason


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "understand"), (401, "http_auth"), (403, "AS2 names"), (404, "url"), (302, "redirect"), (418, "refuses")],
)
def test_a_refusal_is_final_and_said_in_words(status, words):
    result = outcome_of(reply(status, [("Location", "http://127.0.0.1:1/")], b"<html>"))
    assert result.outcome is Outcome.FAILED
    assert words in result.reason
    assert "html" not in result.reason


def test_an_answer_without_the_receipt_is_tried_again():
    assert "without the receipt" in outcome_of(reply()).reason
    assert "no receipt" in outcome_of(reply(body=b"<html>hello</html>")).reason


def test_without_a_wish_for_a_receipt_the_message_is_sent():
    assert outcome_of(reply(), receipt=ReceiptWish("none")).outcome is Outcome.SENT


def test_an_asynchronous_receipt_is_waited_for():
    wish = ReceiptWish("async", url="https://seller.example/as2")
    assert outcome_of(reply(204), receipt=wish).outcome is Outcome.SENT
    assert outcome_of(reply(200, body=b"accepted"), receipt=wish).outcome is Outcome.SENT


def test_interim_answers_are_skipped():
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n")
        reply(503)(handler)

    assert outcome_of(answer).status == 503


def test_endless_interim_answers_are_given_up():
    assert "interim" in outcome_of(lambda handler: handler.wfile.write(b"HTTP/1.1 102 P\r\n\r\n" * 30)).reason


def test_a_broken_answer_is_tried_again():
    result = outcome_of(lambda handler: handler.wfile.write(b"rubbish\r\n\r\n"))
    assert (result.outcome, result.status) == (Outcome.RETRY, 0)


def test_an_answer_that_never_ends_is_cut_off(monkeypatch):
    monkeypatch.setattr(post_module, "MAX_ANSWER_BYTES", 1000)
    result = outcome_of(reply(200, body=b"x" * 2000))
    assert "more than 1000 bytes" in result.reason
    release = threading.Event()

    def trickle(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"x")
        release.wait(10)

    try:
        assert outcome_of(trickle, response_timeout=0.2).outcome is Outcome.RETRY
    finally:
        release.set()


def test_a_peer_that_is_silent_is_given_up_in_time():
    release = threading.Event()
    try:
        result = outcome_of(lambda _: release.wait(10), response_timeout=0.2)
    finally:
        release.set()
    assert result.outcome is Outcome.RETRY


def test_a_peer_that_refuses_early_is_heard(reactor):
    with live(reactor, receiver(Inbox(), theirs(max_body_bytes=1024))) as server:
        job = delivery(b"x" * 3_000_000)
        the_client = client(ours(url=server.url))
        result = the_client.deliver(job, the_client.prepare(job))
    assert (result.outcome, result.status) == (Outcome.FAILED, 413)


def test_a_peer_that_is_not_there_is_tried_again():
    result = attempt(ours(url="http://127.0.0.1:1/as2", connect_timeout=1))
    assert (result.outcome, result.status) == (Outcome.RETRY, 0)
    assert "127.0.0.1" in result.reason


def test_a_partner_without_an_address_fails_with_a_sentence():
    assert "has no AS2 url" in attempt(ours()).reason
    job = delivery(partner="nobody")
    wire = PreparedWire((), b"", "<x@y>")
    assert client(ours()).deliver(job, wire).outcome is Outcome.FAILED
    with pytest.raises(LookupError):
        client(ours()).prepare(job)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"our_keys": ()}, "signing key"),
        ({"their_certificates": ()}, "encryption certificate"),
        ({"their_certificates": (pinned(ec_key("x")),)}, "RSA key"),
        ({"protection": Protection(sign="sha1"), "legacy_until": NOW.date() - timedelta(days=1)}, "was allowed"),
    ],
)
def test_a_message_that_cannot_be_built_says_why(changes, words):
    with pytest.raises(ValueError, match=words):
        client(ours(**changes)).prepare(delivery())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://b.example/",
        "http://user:pw@b.example/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://0.0.0.0/",
        "http://[::ffff:169.254.169.254]/",
        "http://224.0.0.1/",
        "http://100.100.100.200/",
        "http://b.example/a b",
    ],
)
def test_addresses_that_no_partner_has_are_never_connected(url):
    with pytest.raises(PostError) as caught:
        target_of(url)
    assert caught.value.final


def test_a_name_that_does_not_resolve_may_resolve_later():
    with pytest.raises(PostError) as caught:
        target_of("http://no-such-host.invalid/")
    assert not caught.value.final


def test_credentials_and_extra_headers_go_to_the_partners_own_server_only():
    relationship = ours(auth=BasicAuth("me", "pässword"), extra_headers=(("X-Route", "edi"),))
    sender_done = threading.Event()
    with peer(reply()) as own, peer(reply()) as other:
        attempt(replace(relationship, url=own.url))
        sender = ReceiptSender(clock=lambda: NOW, on_done=lambda *_: sender_done.set())
        sender(replace(relationship, url=own.url), other.url, Answer(200, (("X", "y"),), b"mdn"))
        assert sender_done.wait(10)
        sender.stop()
    token = base64.b64encode("me:pässword".encode()).decode()
    assert own.seen[0][1]["Authorization"] == f"Basic {token}"
    assert own.seen[0][1]["X-Route"] == "edi"
    assert other.seen[0][1]["Authorization"] is None
    assert other.seen[0][1]["X-Route"] is None


def test_a_receipt_of_its_own_connection_is_tried_again_and_then_given_up():
    done, finished = [], threading.Event()

    def on_done(*item):
        done.append(item)
        finished.set()

    with peer(reply(503)) as server:
        sender = ReceiptSender(clock=lambda: NOW, on_done=on_done, retry_seconds=(0.01,))
        sender(ours(url=server.url), server.url, Answer(200, (), b"mdn"))
        assert finished.wait(10)
        finished.clear()
        sender(ours(), "http://169.254.1.1/", Answer(200, (), b"mdn"))
        assert finished.wait(10)
        sender.stop()
    assert len(server.seen) == 2
    assert "503" in done[0][2]
    assert "partners never have" in done[1][2]


def test_a_failing_record_of_a_receipt_does_not_stop_the_next_one(caplog):
    done = threading.Event()

    def on_done(partner, url, problem):
        if url.endswith("first"):
            raise RuntimeError("no disk")
        done.set()

    with peer(reply()) as server:
        sender = ReceiptSender(clock=lambda: NOW, on_done=on_done)
        for path in ("first", "second"):
            sender(ours(), f"{server.url}/{path}", Answer(200, (), b"mdn"))
        assert done.wait(10)
        sender.stop()
    assert "no disk" in caplog.text


def tls_context(tmp_path, name):
    made = identity(name)
    path = tmp_path / f"{name}.pem"
    path.write_bytes(made.private_key_pem + made.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_pinned_server_certificate_is_the_only_one_that_counts(tmp_path):
    with peer(reply(503), tls_context(tmp_path, "web")) as server:
        trusting = ours(
            url=server.url,
            tls=TlsTrust(pinned=True),
            their_certificates=(pinned(key("buyer")), pinned(key("web"), "tls")),
        )
        assert attempt(trusting).status == 503
        wrong = replace(trusting, their_certificates=(pinned(key("buyer")), pinned(key("other"), "tls")))
        assert "not pinned" in attempt(wrong).reason
        expired = replace(trusting, their_certificates=(pinned(key("buyer")), pinned(key("web", -3), "tls")))
        assert attempt(expired).outcome is Outcome.FAILED
    assert len(server.seen) == 1


def test_a_server_certificate_of_no_known_authority_is_refused(tmp_path):
    with peer(reply(503), tls_context(tmp_path, "web")) as server:
        result = attempt(ours(url=server.url))
    assert result.outcome is Outcome.RETRY
    assert "TLS with 127.0.0.1 failed" in result.reason
    assert server.seen == []


def test_our_client_certificate_is_shown(tmp_path):
    context = tls_context(tmp_path, "web")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=identity("client").certificate_pem.decode())
    pem = identity("client").private_key_pem + identity("client").certificate_pem
    with peer(reply(), context) as server:
        pins = [pinned(key("web"), "tls")]
        got = post(server.url, [], b"x", connect_timeout=5, response_timeout=5, tls=TlsTrust(True, pem), pinned=pins)
    assert got.status == 200


def steps(url, **trust):
    return [(each.step, each.ok) for each in reach(url, connect_timeout=5, **trust)]


def test_a_server_is_reached_step_by_step_and_nothing_is_posted(tmp_path):
    with peer(reply(200)) as server:
        assert steps(server.url) == [("address", True), ("tcp", True), ("tls", True)]
    assert server.seen == []
    with peer(reply(200), tls_context(tmp_path, "web")) as server:
        assert steps(server.url)[-1] == ("tls", False)
        pins = {"tls": TlsTrust(pinned=True), "pinned": [pinned(key("web"), "tls")]}
        assert steps(server.url, **pins)[-1] == ("tls", True)
        other = {"tls": TlsTrust(pinned=True), "pinned": [pinned(key("other"), "tls")]}
        assert steps(server.url, **other)[-1] == ("tls", False)
        assert steps(server.url, tls=TlsTrust(pinned=True)) == [("address", True), ("tls", False)]
    assert server.seen == []


def test_a_server_that_cannot_be_reached_says_at_which_step():
    with peer(reply(200)) as server:
        gone = server.url
    (_, tcp) = reach(gone, connect_timeout=5)
    assert not tcp.ok
    assert "Check the port and the firewalls." in tcp.sentence
    for url in ("http://169.254.169.254/latest", "http://no-such-host.invalid/", "ftp://127.0.0.1/"):
        (address,) = reach(url, connect_timeout=5)
        assert (address.step, address.ok) == ("address", False)
