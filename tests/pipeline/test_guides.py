"""A partner's guide judges what it sends and what we send; one that cannot be used holds what it should have judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.partners.guides import FOLDER
from gateway.pipeline.operations import replay
from gateway.pipeline.outbound import RefusedError, submit_document
from tests.pipeline.pipelinekit import Kit
from tests.pipeline.test_outbound import body


@pytest.fixture
def guided(kit: Kit) -> Kit:
    kit.pipeline.workdir = kit.home
    kit.befriend(
        inbound={"test_in_live": "process", "guide": "harbor.yaml"},
        documents={"sent": {"810": {"guide": "harbor.yaml"}}},
    )
    return kit


def write(home: Path, rule: str) -> None:
    path = home / FOLDER / "harbor.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"name: Harbor\nrules:\n- {rule}\n")


def test_an_order_that_breaks_the_guide_is_rejected_with_the_partners_own_words(guided: Kit) -> None:
    write(guided.home, "{name: season, segment: REF01=ZZZ, least: 1, text: Every order names its season.}")
    guided.receive_file("demo/004010/850-01-plain.edi")
    (row,) = guided.documents(direction="in")
    assert row.processing == "rejected"
    assert [(each["code"], each["fix"]) for each in row.findings if each["severity"] == "error"] == [
        ("RULE-season", "Every order names its season.")
    ]


def test_a_guide_that_is_missing_holds_the_message_until_it_is_there(guided: Kit) -> None:
    identity = guided.receive_file("demo/004010/850-01-plain.edi")
    assert guided.transmission(identity).processing == "held"
    assert guided.documents() == []
    case = guided.case()
    assert (case.fault, case.whose_fault) == ("guide", "us")
    assert case.title.startswith("The guide harbor.yaml cannot be used: there is no file")
    assert guided.partner.sent == []
    write(guided.home, "{name: heading, segment: BEG, least: 1}")
    replay(guided.pipeline, {"id": identity, "actor": "olga"})
    guided.work()
    assert [row.processing for row in guided.documents(direction="in")] == ["posted"]


def test_what_we_send_is_judged_by_the_guide_too(guided: Kit) -> None:
    with pytest.raises(RefusedError, match="there is no file"):
        submit_document(guided.pipeline, body())
    write(guided.home, "{name: department, segment: REF01=DP, least: 1, text: Name the department.}")
    with pytest.raises(RefusedError) as caught:
        submit_document(guided.pipeline, body())
    assert [reason.fix for reason in caught.value.reasons] == ["Name the department."]
    write(guided.home, "{name: department, segment: REF01=DP, most: 0}")
    assert submit_document(guided.pipeline, body()).document_id
