"""What partners say about what we sent, and what the clock says when they say nothing."""

from __future__ import annotations

import pytest

from gateway.pipeline import sweeper
from gateway.pipeline.outbound import submit_document
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_outbound import body

ISA = "ISA*00*          *00*          *ZZ*HARBORRETAIL   *ZZ*ALPINESUPPLY   *261121*1300*U*00401*{0:09d}*0*P*>~"


def acknowledgement(control: int, group: str, *segments: str) -> bytes:
    lines = [
        ISA.format(control),
        f"GS*FA*HARBORRETAIL*ALPINESUPPLY*20261121*1300*{control}*X*004010~",
        "ST*997*0001~",
        f"AK1*IN*{group}~",
        *segments,
        f"SE*{len(segments) + 3}*0001~",
        f"GE*1*{control}~",
        f"IEA*1*{control:09d}~",
    ]
    return "".join(lines).encode()


def answered(kit: Kit, *segments: str, control: int = 900, group: str = "1") -> str:
    identity = kit.receive(acknowledgement(control, group, *segments))
    kit.work()
    return identity


@pytest.fixture
def sent(kit: Kit) -> Kit:
    submit_document(kit.pipeline, body())
    kit.work()
    return kit


def state(kit: Kit) -> str:
    return kit.documents(direction="out")[0].acknowledgement


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (("AK2*810*0001~", "AK5*A~", "AK9*A*1*1*1~"), "accepted"),
        (("AK2*810*0001~", "AK5*E*5~", "AK9*E*1*1*1~"), "accepted_with_errors"),
        (("AK2*810*0001~", "AK3*IT1*4**8~", "AK4*3*355*7*EA~", "AK5*R*5~", "AK9*R*1*1*0~"), "rejected"),
        (("AK9*A*1*1*1~",), "accepted"),
        (("AK9*R*1*1*0*2~",), "rejected"),
    ],
)
def test_a_997_moves_the_acknowledgement_of_what_it_names(sent: Kit, segments: tuple[str, ...], expected: str) -> None:
    identity = answered(sent, *segments)
    assert state(sent) == expected
    assert sent.transmission(identity).processing == "posted"
    assert len(sent.partner.sent) == 1, "a 997 is never acknowledged"


def test_a_rejection_opens_a_case_with_the_partners_reason_in_words(sent: Kit) -> None:
    answered(sent, "AK2*810*0001~", "AK3*IT1*4**8~", "AK4*3*355*7*EA~", "AK5*R*5~", "AK9*R*1*1*0~")
    assert sent.case().fault == "rejected_by_partner"
    assert "Harbor Retail rejected our 810 INV-1" in sent.case().title
    assert '"EA"' in sent.case().title


def test_the_first_answer_stands(sent: Kit) -> None:
    answered(sent, "AK9*A*1*1*1~")
    answered(sent, "AK9*R*1*1*0~", control=901)
    assert state(sent) == "accepted"


def test_an_acknowledgement_of_nothing_we_sent_opens_a_case(sent: Kit) -> None:
    answered(sent, "AK9*A*1*1*1~", group="77")
    assert state(sent) == "awaited"
    assert sent.case().fault == "acknowledgement_unmatched"


def test_leading_zeros_in_the_partners_copy_of_our_number_do_not_matter(sent: Kit) -> None:
    answered(sent, "AK9*A*1*1*1~", group="000000001")
    assert state(sent) == "accepted"


def ta1(control: int, about: str, letter: str, code: str) -> bytes:
    return f"{ISA.format(control)}TA1*{about}*261121*1200*{letter}*{code}~IEA*0*{control:09d}~".encode()


def test_a_ta1_that_rejects_an_interchange_rejects_its_documents(sent: Kit) -> None:
    sent.receive(ta1(900, "000000001", "R", "009"))
    sent.work()
    assert state(sent) == "rejected"
    assert "009" in sent.case().title


def test_a_ta1_that_accepts_says_nothing_about_the_documents(sent: Kit) -> None:
    sent.receive(ta1(900, "000000001", "A", "000"))
    sent.work()
    assert state(sent) == "awaited"
    assert sent.cases() == []


def test_a_ta1_for_nothing_we_sent_opens_a_case(sent: Kit) -> None:
    sent.receive(ta1(900, "000000777", "R", "018"))
    sent.work()
    assert sent.case().fault == "acknowledgement_unmatched"


def test_a_ta1_for_one_of_our_own_acknowledgements_is_nothing_to_look_at(kit: Kit) -> None:
    kit.receive_file("demo/004010/850-01-plain.edi")
    kit.receive(ta1(900, "000000001", "A", "000"))
    kit.work()
    assert kit.cases() == []


def test_an_acknowledgement_that_does_not_come_is_overdue_and_a_late_one_clears_it(sent: Kit) -> None:
    sent.pass_time(hours=23)
    assert sweeper.sweep_overdue(sent.pipeline).submitted == 0
    sent.pass_time(hours=2)
    assert sweeper.sweep_overdue(sent.pipeline).submitted == 1
    assert state(sent) == "overdue"
    assert sent.case().fault == "acknowledgement_overdue"
    answered(sent, "AK9*A*1*1*1~")
    assert state(sent) == "accepted"
    assert sent.case().review == "resolved"


def test_a_partner_may_send_no_acknowledgements(kit: Kit) -> None:
    kit.befriend(acknowledgements={"expect": {"expected": False}})
    submit_document(kit.pipeline, body())
    assert state(kit) == "not_expected"


@pytest.mark.parametrize(
    ("settings", "tags"),
    [
        ({"kind": "999"}, {"AK1", "IK5"}),
        ({"ta1": "always"}, {"TA1", "AK9"}),
        ({"enabled": False, "ta1": "always"}, {"TA1"}),
    ],
)
def test_the_profile_says_how_we_acknowledge(kit: Kit, settings: dict[str, object], tags: set[str]) -> None:
    kit.befriend(acknowledgements={"send": settings})
    name = "005010" if settings.get("kind") == "999" else "004010"
    demo = sorted((kit_fixtures() / "demo" / name).glob("850-01*"))[0].read_bytes()
    if name == "005010":
        demo = demo.replace(b"ALPINESUPPLY   *ZZ*HARBORRETAIL   ", b"HARBORRETAIL   *ZZ*ALPINESUPPLY   ")
    kit.receive(demo)
    kit.work()
    (answer,) = kit.answers()
    assert tags <= set(answer)
    if not settings.get("enabled", True):
        assert "GS" not in answer


def test_a_partner_that_wants_no_acknowledgement_gets_none(kit: Kit) -> None:
    kit.befriend(acknowledgements={"send": {"enabled": False}})
    kit.receive_file("demo/004010/850-01-plain.edi")
    assert kit.partner.sent == []
    assert len(kit.posted()) == 1


def test_without_a_way_to_send_the_acknowledgement_becomes_a_case(kit: Kit) -> None:
    kit.befriend(delivery={})
    kit.receive_file("demo/004010/850-01-plain.edi")
    assert len(kit.posted()) == 1
    assert kit.case().fault == "delivery"


def kit_fixtures():
    from tests.pipeline.pipelinekit import FIXTURES

    return FIXTURES
