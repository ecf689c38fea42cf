"""One request becomes one answer: stored before it is acknowledged, once, and the same answer again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from as2kit import NOW, ORDER, Inbox, Receipts, key, message, ours, pinned, receiver, request, sha256, theirs
from sqlalchemy import func, select

from gateway.messages.models import Transmission
from gateway.messages.ports import Outcome
from gateway.messages.retention import Days
from gateway.pipeline.retention import RetentionSweep
from gateway.store.engine import open_store
from gateway.store.errors import StoreBusyError
from gateway.store.migrations import upgrade
from gateway.transports.as2.building import Protection, ReceiptWish
from gateway.transports.as2.cms import AlgorithmPolicy
from gateway.transports.as2.headers import http_fields
from gateway.transports.as2.mdn import Expected, MdnFacts, build_mdn, judge_mdn, open_mdn
from gateway.transports.as2.opening import OpenPolicy
from gateway.transports.as2.receive import HttpRequest, reopen
from gateway.transports.as2.refusal import UNIFORM, As2Refusal
from tests.pipeline.pipelinekit import Kit


def mdn_of(answer, relationship=None):
    relationship = relationship or theirs()
    return open_mdn(http_fields(answer.headers), answer.body, relationship.their_certificates, AlgorithmPolicy(), NOW)


def with_headers(built, **values):
    headers = {name.replace("_", "-").lower(): value for name, value in values.items()}
    kept = [(name, headers.pop(name.lower(), value)) for name, value in built.headers]
    return HttpRequest(tuple(item for item in (*kept, *headers.items()) if item[1] is not None), "192.0.2.1")


def test_a_message_is_stored_with_its_proof_and_its_answer():
    inbox, built = Inbox(), message()
    answer = receiver(inbox).handle(request(built), built.body)
    received = inbox.received[0]
    assert received.payload == ORDER
    assert received.wire == built.body
    assert received.wire_sha256 == sha256(built.body)
    assert received.transport_id == "<1@buyer.example>"
    assert (received.transport, received.partner, received.filename) == ("as2", "buyer", "order.edi")
    assert received.answer == answer
    assert received.failure is None
    assert received.facts["layers"] == ["encrypted", "signed"]
    assert ["Message-ID", "<1@buyer.example>"] in received.facts["headers"]
    expected = Expected("<1@buyer.example>", "buyer", "seller", built.mics)
    assert judge_mdn(mdn_of(answer), expected).mic_matched is True


def test_the_answer_is_made_only_after_the_store_has_committed():
    inbox, built = Inbox(), message()
    inbox.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(receiver(inbox).handle, request(built), built.body)
        assert not running.done()
        assert inbox.received == []
        inbox.gate.set()
        assert running.result(10).disposition == "processed"


def test_a_clear_payload_is_kept_once():
    inbox, built = Inbox(), message(protection=Protection(None, encrypt=None))
    policy = OpenPolicy(require_signed=False, require_encrypted=False)
    receiver(inbox, ours(policy=policy)).handle(request(built), built.body)
    assert inbox.received[0].wire is None


def test_a_repeated_message_gets_the_first_receipt_byte_for_byte():
    inbox, built = Inbox(), message()
    the_receiver = receiver(inbox)
    first = the_receiver.handle(request(built), built.body)
    assert the_receiver.handle(request(built), built.body) == first
    assert len(inbox.received) == 1


def test_a_repeated_message_whose_receipt_is_not_kept_is_opened_anew_for_the_same_mic(tmp_path):
    with open_store(tmp_path / "gateway.db") as store:
        upgrade(store)
        kit = Kit(store, tmp_path)
        kit.pipeline.keep = Days(raw=30, evidence=30)
        built, other = message(), message(b"other")
        the_receiver = receiver(kit.inbox)
        first = the_receiver.handle(request(built), built.body)

        def finish(session):
            session.scalars(select(Transmission)).one().processing = "ignored"

        store.writer.run(finish)
        kit.pass_time(days=31)
        assert RetentionSweep(kit.pipeline).beat() == 3
        again = the_receiver.handle(request(built), built.body)
        assert again != first
        assert mdn_of(again).mic == mdn_of(first).mic
        assert again.disposition == first.disposition == "processed"
        with store.read() as session:
            assert session.scalar(select(func.count()).select_from(Transmission)) == 1
        assert "error" in the_receiver.handle(request(other), other.body).disposition


def test_two_equal_messages_at_once_are_stored_once_and_get_one_answer():
    inbox, built = Inbox(), message()
    the_receiver = receiver(inbox)
    inbox.gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(the_receiver.handle, request(built), built.body) for _ in range(2)]
        inbox.gate.set()
        first, second = (one.result(10) for one in running)
    assert first == second
    assert len(inbox.received) == 1


def test_a_message_id_used_again_for_other_bytes_is_an_error_and_a_conflict():
    inbox, first, second = Inbox(), message(), message(b"other")
    the_receiver = receiver(inbox)
    the_receiver.handle(request(first), first.body)
    answer = the_receiver.handle(request(second), second.body)
    assert answer.disposition == "processed/error: unexpected-processing-error"
    assert "used before" in mdn_of(answer).text
    assert [one.payload for one in inbox.conflicts] == [b"other"]
    assert inbox.conflicts[0].answer.disposition == "processed/error: unexpected-processing-error"
    assert inbox.received[0].payload == ORDER


def test_a_conflict_that_only_the_store_sees_is_an_error_too():
    inbox, first, second = Inbox(), message(), message(b"other")
    the_receiver = receiver(inbox)
    the_receiver.handle(request(first), first.body)
    inbox.earlier = lambda *_: None
    assert "error" in the_receiver.handle(request(second), second.body).disposition


def test_a_refused_message_does_not_take_the_message_id_from_the_real_one():
    inbox, rubbish, real = Inbox(), message(b"forged", signer=key("stranger")), message()
    the_receiver = receiver(inbox)
    assert the_receiver.handle(request(rubbish), rubbish.body).disposition == UNIFORM
    assert the_receiver.handle(request(real), real.body).disposition == "processed"
    assert [one.transport_id for one in inbox.received] == [
        f"<1@buyer.example> refused {sha256(rubbish.body)[:16]}",
        "<1@buyer.example>",
    ]


def test_a_repeated_refused_message_gets_the_same_refusal():
    inbox, built = Inbox(), message(signer=key("stranger"))
    the_receiver = receiver(inbox)
    assert the_receiver.handle(request(built), built.body) == the_receiver.handle(request(built), built.body)
    assert len(inbox.received) == 1


def test_a_refused_message_is_accepted_when_the_new_certificate_is_on_file():
    inbox, built = Inbox(), message(signer=key("renewed"))
    receiver(inbox).handle(request(built), built.body)
    relationship = ours(their_certificates=(pinned(key("buyer")), pinned(key("renewed"))))
    assert receiver(inbox, relationship).handle(request(built), built.body).disposition == "processed"


def test_staff_replay_a_refused_message_from_what_was_kept():
    inbox, built = Inbox(), message(signer=key("renewed"))
    receiver(inbox).handle(request(built), built.body)
    kept = inbox.received[0]
    with pytest.raises(As2Refusal, match="not on file"):
        reopen(ours(), kept.facts["headers"], kept.wire, NOW)
    relationship = ours(their_certificates=(pinned(key("renewed")),))
    assert reopen(relationship, kept.facts["headers"], kept.wire, NOW).payload == ORDER


REFUSED = {
    "unsigned": (message(protection=Protection(None)), "security", "not signed"),
    "unsigned and clear": (message(protection=Protection(None, encrypt=None)), "security", "not signed"),
    "stranger": (message(signer=key("stranger")), "verify", "not on file"),
    "expired": (message(signer=key("buyer", -3)), "verify", "expired on"),
    "for somebody else": (message(recipient=key("other")), "decrypt", "none of our keys"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_security_failure_gets_one_uniform_signed_receipt_and_staff_get_the_true_reason(case):
    inbox, (built, fault, words) = Inbox(), REFUSED[case]
    relationship = ours(their_certificates=(pinned(key("buyer")), pinned(key("buyer", -3))))
    answer = receiver(inbox, relationship).handle(request(built), built.body)
    received = inbox.received[0]
    mdn = mdn_of(answer)
    assert (answer.status, answer.disposition) == (200, UNIFORM)
    assert mdn.signer
    assert mdn.mic == b""
    assert "could not be authenticated" in mdn.text
    assert (received.failure.fault, received.payload, received.wire) == (fault, b"", built.body)
    assert words in received.failure.reason
    assert received.failure.fix


def test_a_malformed_message_id_is_answered_and_kept():
    inbox, built = Inbox(), message()
    the_receiver = receiver(inbox)
    answer = the_receiver.handle(with_headers(built, message_id="<a b@c>"), built.body)
    assert answer.disposition == "processed/error: invalid-message-id"
    assert "spaces" in mdn_of(answer).text
    answer = the_receiver.handle(with_headers(built, message_id=None), built.body)
    assert answer.disposition == "processed/error: invalid-message-id"
    assert len(inbox.received) == 2


def test_an_illegal_file_name_is_answered_with_its_own_disposition():
    built = message(filename="a" * 300, protection=Protection(encrypt=None))
    inbox = Inbox()
    relationship = ours(policy=OpenPolicy(require_encrypted=False))
    answer = receiver(inbox, relationship).handle(request(built), built.body)
    assert answer.disposition == "processed/error: illegal-filename"


def test_without_a_wish_for_a_receipt_the_answer_is_empty():
    inbox, built = Inbox(), message(receipt=ReceiptWish("none"))
    answer = receiver(inbox).handle(request(built), built.body)
    assert (answer.status, answer.headers, answer.body, answer.disposition) == (200, (), b"", "processed")
    assert receiver(inbox).handle(request(built), built.body) == answer


def test_a_receipt_is_signed_only_when_a_signature_is_asked_for():
    built = message(receipt=ReceiptWish(signed=False))
    mdn = mdn_of(receiver(Inbox()).handle(request(built), built.body))
    assert (mdn.signer, mdn.signature_problem) == (None, "")
    assert mdn.mic


def test_a_receipt_is_signed_even_when_our_own_certificate_has_run_out():
    old = key("seller", -3)
    built = message(recipient=old)
    answer = receiver(Inbox(), ours(our_keys=(old,))).handle(request(built), built.body)
    assert mdn_of(answer).signature_problem
    assert answer.disposition == "processed"


def test_a_full_store_says_come_back_later():
    inbox, built = Inbox(), message()
    inbox.problem = StoreBusyError("full")
    answer = receiver(inbox).handle(request(built), built.body)
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "60")


@pytest.mark.parametrize(
    "headers",
    [
        {"as2_from": "nobody"},
        {"as2_to": "nobody"},
        {"as2_from": "BUYER"},
        {"as2_from": None},
        {"as2_to": '"'},
    ],
)
def test_every_unknown_pair_gets_the_same_answer(headers):
    built = message()
    told = []
    the_receiver = receiver(Inbox(), on_unknown=lambda *who: told.append(who))
    answer = the_receiver.handle(with_headers(built, **headers), built.body)
    assert answer.status == 403
    assert answer == receiver(Inbox()).handle(HttpRequest(()), b"")
    assert len(told) == 1


def test_names_given_twice_are_no_names():
    built = message()
    doubled = HttpRequest((*built.headers, ("AS2-From", "buyer")))
    assert receiver(Inbox()).handle(doubled, built.body).status == 403


def test_staff_hear_of_an_unknown_pair_once_a_minute():
    told = []
    the_receiver = receiver(Inbox(), on_unknown=lambda *who: told.append(who))
    for _ in range(5):
        the_receiver.handle(HttpRequest((("AS2-From", "x"), ("AS2-To", "y")), "192.0.2.9"), b"")
    assert told == [("x", "y", "192.0.2.9")]
    for number in range(1100):
        the_receiver.handle(HttpRequest((("AS2-From", f"x{number}"),), "192.0.2.9"), b"")
    assert len(told) == 1101


def test_a_partners_own_size_limit_holds():
    built = message()
    answer = receiver(Inbox(), ours(max_body_bytes=10)).handle(request(built), built.body)
    assert answer.status == 413


def test_a_header_that_comes_twice_is_refused_with_a_receipt():
    inbox, built = Inbox(), message()
    doubled = HttpRequest((*built.headers, ("Content-Type", "text/plain")))
    answer = receiver(inbox).handle(doubled, built.body)
    assert answer.disposition == "processed/error: unexpected-processing-error"
    assert "content-type comes more than once" in inbox.received[0].failure.reason


# Asynchronous receipts


def test_an_asynchronous_receipt_leaves_after_the_message_is_stored():
    inbox, sent = Inbox(), []

    def send(relationship, url, answer):
        sent.append((relationship.partner_code, url, answer, len(inbox.received)))

    built = message(receipt=ReceiptWish("async", url="https://buyer.example/mdn"))
    the_receiver = receiver(inbox, ours(receipt_urls=("https://buyer.example",)), send_receipt=send)
    answer = the_receiver.handle(request(built), built.body)
    assert (answer.status, answer.body) == (204, b"")
    assert sent == [("buyer", "https://buyer.example/mdn", inbox.received[0].answer, 1)]
    assert the_receiver.handle(request(built), built.body).status == 204
    assert sent[1][2] == sent[0][2]


def test_an_asynchronous_receipt_to_an_address_that_is_not_listed_is_given_at_once():
    inbox, sent = Inbox(), []
    built = message(receipt=ReceiptWish("async", url="http://169.254.169.254/latest"))
    answer = receiver(inbox, send_receipt=lambda *item: sent.append(item)).handle(request(built), built.body)
    assert sent == []
    assert mdn_of(answer).disposition == "processed"
    assert "not on the partner's list" in inbox.received[0].facts["receipt_problem"]


MICS = {"<out-1@seller.example>": {"sha-256": "3q2+7w=="}}


def receipt(signer=None, **changes):
    facts = MdnFacts(
        "buyer", "seller", "<m@buyer>", NOW, "<out-1@seller.example>", "processed", "ok", "3q2+7w==", "sha-256"
    )
    return build_mdn(replace(facts, **changes), signer)


def test_a_signed_asynchronous_receipt_confirms_the_message_it_names():
    receipts = Receipts(MICS)
    headers, body = receipt(key("buyer"))
    answer = receiver(Inbox(), mdns=receipts).handle(HttpRequest(headers), body)
    partner, message_id, outcome = receipts.outcomes[0]
    assert answer.status == 200
    assert (partner, message_id, outcome.outcome) == ("buyer", "<out-1@seller.example>", Outcome.CONFIRMED)
    assert outcome.answer.body == body
    assert outcome.answer.disposition == "processed"


@pytest.mark.parametrize(
    ("signer", "changes", "outcome"),
    [
        (None, {}, Outcome.SENT),
        (key("stranger"), {}, Outcome.SENT),
        (key("buyer"), {"mic": "AAAA"}, Outcome.FAILED),
        (key("buyer"), {"disposition": "processed/error: decryption-failed"}, Outcome.FAILED),
    ],
)
def test_an_asynchronous_receipt_is_judged(signer, changes, outcome):
    receipts = Receipts(MICS)
    headers, body = receipt(signer, **changes)
    receiver(Inbox(), mdns=receipts).handle(HttpRequest(headers), body)
    assert receipts.outcomes[0][2].outcome is outcome


def test_a_receipt_for_nothing_we_sent_is_told_so():
    headers, body = receipt(key("buyer"), original_message_id="<x@y>")
    assert receiver(Inbox(), mdns=Receipts(MICS)).handle(HttpRequest(headers), body).status == 404
    assert receiver(Inbox()).handle(HttpRequest(headers), body).status == 404


def test_a_receipt_that_cannot_be_read_is_told_so():
    headers, body = receipt()
    assert receiver(Inbox(), mdns=Receipts(MICS)).handle(HttpRequest(headers), body[:80]).status == 400


def test_a_receipt_is_not_lost_when_the_store_is_busy():
    receipts = Receipts(MICS)
    receipts.problem = StoreBusyError("full")
    headers, body = receipt(key("buyer"))
    assert receiver(Inbox(), mdns=receipts).handle(HttpRequest(headers), body).status == 503
