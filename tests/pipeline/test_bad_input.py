"""Every row of the table of bad input, with the answer it gets. Nothing is lost and nothing raises."""

from __future__ import annotations

import pytest

from gateway.messages.ports import ReceiveFailure
from tests.pipeline.pipelinekit import FIXTURES, Kit


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad/empty-file.edi", "empty"),
        ("bad/binary-file.edi", "cannot be read"),
        ("bad/isa-cut-off.edi", "ISA"),
    ],
)
def test_what_cannot_be_read_is_held_with_a_case_and_no_acknowledgement(kit: Kit, name: str, words: str) -> None:
    identity = kit.receive_file(name)
    row = kit.transmission(identity)
    assert row.processing == "held"
    assert kit.payload(row.payload_sha256) == (FIXTURES / name).read_bytes()
    assert words in kit.case().title
    assert kit.case().title.endswith(".")
    assert kit.partner.sent == []


def test_an_unknown_sender_is_held_with_a_case_that_names_it(kit: Kit) -> None:
    identity = kit.receive((FIXTURES / "bad/unknown-sender.edi").read_bytes(), partner=None)
    kit.work()
    assert kit.transmission(identity).processing == "held"
    assert "ZZ:NOBODYWEKNOW" in kit.case().title
    assert kit.case().whose_fault == "us"
    assert kit.partner.sent == []
    assert kit.inbox_files() == []


def test_a_sender_that_another_partner_delivers_is_held(kit: Kit) -> None:
    other = {"code": "other", "name": "Other", "ids": {"isa": [{"id": "NOBODYWEKNOW"}], "as2": "OTHER"}}
    kit.befriend(**other)
    identity = kit.receive((FIXTURES / "bad/unknown-sender.edi").read_bytes(), partner="harbor")
    kit.work()
    assert kit.transmission(identity).processing == "held"
    assert kit.case().fault == "sender_mismatch"


def test_an_unknown_receiver_gets_a_ta1_r_009_and_a_case(kit: Kit) -> None:
    identity = kit.receive_file("bad/unknown-receiver.edi")
    (answer,) = kit.answers()
    assert answer["TA1"][0][0] == "000000503"
    assert answer["TA1"][0][3:] == ["R", "009"]
    assert "GS" not in answer
    assert kit.transmission(identity).processing == "rejected"
    assert kit.case().fault == "unknown_receiver"
    assert kit.inbox_files() == []


@pytest.mark.parametrize("name", ["bad/no-iea.edi", "bad/cut-inside-a-segment.edi"])
def test_a_missing_end_gets_a_ta1_r_023(kit: Kit, name: str) -> None:
    identity = kit.receive_file(name)
    (answer,) = kit.answers()
    assert answer["TA1"][0][3:] == ["R", "023"]
    assert kit.transmission(identity).processing == "rejected"
    assert kit.inbox_files() == []
    assert kit.case().fault == "envelope"


def test_a_wrong_iea_count_gets_a_ta1_e_021_and_is_processed(kit: Kit) -> None:
    identity = kit.receive_file("bad/wrong-iea-count.edi")
    (answer,) = kit.answers()
    assert answer["TA1"][0][3:] == ["E", "021"]
    assert answer["AK9"][0][0] == "A"
    assert kit.transmission(identity).processing == "posted"
    assert len(kit.posted()) == 1


def test_the_same_interchange_again_gets_the_stored_acknowledgement_and_posts_nothing(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-isa13-first.edi")
    again = kit.receive_file("bad/duplicate-isa13-same-bytes.edi")
    first, second = kit.partner.payloads
    assert first == second
    assert kit.partner.sent[0][0].transport_id != kit.partner.sent[1][0].transport_id
    assert len(kit.posted()) == 1
    assert kit.transmission(again).processing == "ignored"
    assert "received before" in (kit.transmission(again).reason or "")
    assert kit.cases() == []


def test_a_control_number_with_other_bytes_gets_a_ta1_r_025_and_a_case(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-isa13-first.edi")
    other = kit.receive_file("bad/duplicate-isa13-other-bytes.edi")
    assert kit.answers()[1]["TA1"][0][3:] == ["R", "025"]
    assert kit.transmission(other).processing == "rejected"
    assert kit.case().fault == "duplicate_control_number"
    assert len(kit.posted()) == 1


def test_a_refused_interchange_may_come_again_repaired_under_its_number(kit: Kit) -> None:
    kit.receive_file("bad/no-iea.edi")
    broken = (FIXTURES / "bad/no-iea.edi").read_bytes()
    repaired = broken.rstrip() + b"\nIEA*1*000000504~\n"
    identity = kit.receive(repaired)
    kit.work()
    assert kit.transmission(identity).processing == "posted"
    assert kit.answers()[1]["AK9"][0][0] == "A"
    assert len(kit.posted()) == 1


def test_an_unknown_version_gets_ak9_r_2_and_a_case(kit: Kit) -> None:
    identity = kit.receive_file("bad/unknown-version.edi")
    (answer,) = kit.answers()
    assert answer["AK9"][0][0] == "R"
    assert answer["AK9"][0][4] == "2"
    assert "AK2" not in answer
    assert kit.transmission(identity).processing == "rejected"
    assert kit.case().fault == "unknown_version"
    assert {row.processing for row in kit.documents(direction="in")} == {"rejected"}


def test_an_unknown_set_gets_ak5_r_1_and_a_case(kit: Kit) -> None:
    kit.receive_file("bad/unknown-set.edi")
    (answer,) = kit.answers()
    assert answer["AK5"][0] == ["R", "1"]
    assert kit.case().fault == "unknown_set"


def test_a_set_that_is_not_agreed_gets_ak5_r_1(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "accepted": [{"set": "810"}]})
    kit.receive_file("bad/duplicate-order-number-first.edi")
    (answer,) = kit.answers()
    assert answer["AK5"][0] == ["R", "1"]
    assert "not agreed with Harbor Retail" in kit.case().title


def test_one_bad_set_among_good_ones_gets_a_997_p_and_the_good_ones_are_posted(kit: Kit) -> None:
    kit.receive_file("bad/one-bad-set-among-good-ones.edi")
    (answer,) = kit.answers()
    assert answer["AK9"][0] == ["P", "3", "3", "2"]
    assert [elements[0] for elements in answer["AK5"]] == ["A", "R", "A"]
    assert [row.processing for row in kit.documents(direction="in")] == ["posted", "rejected", "posted"]
    assert len(kit.posted()) == 2
    assert '"XX"' in kit.case().title


def test_a_partner_may_want_nothing_of_a_group_with_a_bad_set(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "bad_set": "preserve"})
    kit.receive_file("bad/one-bad-set-among-good-ones.edi")
    assert [row.processing for row in kit.documents(direction="in")] == ["held", "rejected", "held"]
    assert kit.inbox_files() == []


def test_a_second_order_with_a_known_number_is_accepted_held_and_has_a_case(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-order-number-first.edi")
    kit.receive_file("bad/duplicate-order-number-second.edi")
    assert [answer["AK9"][0][0] for answer in kit.answers()] == ["A", "A"]
    first, second = kit.documents(direction="in")
    assert (first.processing, second.processing) == ("posted", "held")
    assert second.related == [{"id": first.id, "relation": "repeats"}]
    assert kit.case().fault == "duplicate_number"
    assert len(kit.posted()) == 1


def test_a_resend_of_an_order_by_beg01_07_is_linked_and_not_posted(kit: Kit) -> None:
    kit.receive_file("bad/duplicate-order-number-first.edi")
    kit.receive_file("bad/duplicate-order-number-resend.edi")
    first, resend = kit.documents(direction="in")
    assert resend.processing == "ignored"
    assert resend.related == [{"id": first.id, "relation": "repeats"}]
    assert kit.cases() == []
    assert len(kit.posted()) == 1


def test_a_partner_may_send_order_numbers_twice_when_its_profile_says_so(kit: Kit) -> None:
    kit.befriend(inbound={"test_in_live": "process", "duplicates": {"purchase_order": "accept"}})
    kit.receive_file("bad/duplicate-order-number-first.edi")
    kit.receive_file("bad/duplicate-order-number-second.edi")
    assert len(kit.posted()) == 2


@pytest.mark.parametrize(
    ("name", "set_error"),
    [
        ("bad/wrong-se-count.edi", "4"),
        ("bad/missing-mandatory-segment.edi", "5"),
        ("bad/unit-and-date-wrong.edi", "5"),
        ("bad/wrong-line-count.edi", "5"),
    ],
)
def test_a_fault_inside_a_set_rejects_it_with_its_code(kit: Kit, name: str, set_error: str) -> None:
    kit.receive_file(name)
    (answer,) = kit.answers()
    assert answer["AK5"][0][0] == "R"
    assert set_error in answer["AK5"][0][1:]
    assert kit.inbox_files() == []
    assert kit.case().fault == "invalid"


def test_a_failure_of_the_transport_is_held_with_the_true_reason(kit: Kit) -> None:
    failure = ReceiveFailure("verify", "The signature was made by a certificate that Harbor Retail has not given us.")
    identity = kit.receive(b"", message_id="<one@harbor>", failure=failure)
    kit.work()
    row = kit.transmission(identity)
    assert row.processing == "held"
    assert row.reason == failure.reason
    assert kit.payload(row.wire_payload_sha256) == b"wire:"
    assert kit.case().title == failure.reason


@pytest.mark.parametrize(("policy", "state"), [("hold", "held"), ("reject", "rejected"), ("process", "posted")])
def test_test_data_on_a_live_relationship_follows_the_profile(kit: Kit, policy: str, state: str) -> None:
    kit.befriend(inbound={"test_in_live": policy})
    identity = kit.receive_file("bad/duplicate-order-number-first.edi")
    assert kit.transmission(identity).processing == state


@pytest.mark.parametrize("status", ["paused", "retired"])
def test_a_partner_that_is_not_trading_is_held(kit: Kit, status: str) -> None:
    kit.befriend(status=status)
    payload = (FIXTURES / "bad/duplicate-order-number-first.edi").read_bytes()
    identity = kit.receive(payload)
    kit.work()
    assert kit.transmission(identity).processing == "held"
    assert kit.case().fault in ("partner_status", "unknown_sender")
