"""Documents from the back office become transaction sets in a partner's queue, once, or come back with every reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.pipeline.outbound import RefusedError, submit_document
from tests.pipeline.pipelinekit import FIXTURES, Kit, segments_of

INVOICE: dict[str, Any] = {
    "kind": "invoice",
    "receiver": "harbor",
    "number": "INV-1",
    "issue_date": "2026-11-20",
    "order_number": "HR-1",
    "lines": [
        {
            "line_id": "1",
            "quantity": "12",
            "unit": "EA",
            "price": "8.50",
            "item_ids": [{"scheme": "vendor_item", "value": "AS-1"}],
        }
    ],
    "totals": {"total": "102.00"},
}


def body(**changes: Any) -> bytes:
    return json.dumps({**INVOICE, **changes}).encode()


def refusal(kit: Kit, document: bytes, **options: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(RefusedError) as caught:
        submit_document(kit.pipeline, document, **options)
    return [(reason.path, reason.message, reason.fix) for reason in caught.value.reasons]


def test_a_document_goes_out_in_our_envelope_with_fresh_control_numbers(kit: Kit) -> None:
    done = submit_document(kit.pipeline, body())
    kit.work()
    (answer,) = kit.answers()
    assert [item.strip() for item in answer["ISA"][0][4:8]] == ["ZZ", "ALPINESUPPLY", "ZZ", "HARBORRETAIL"]
    assert answer["ISA"][0][12] == "000000001"
    assert answer["GS"][0][:3] == ["IN", "ALPINESUPPLY", "HARBORRETAIL"]
    assert answer["TDS"] == [["10200"]]
    (row,) = kit.documents(direction="out")
    assert row.id == done.document_id
    assert (row.processing, row.acknowledgement, row.amount) == ("posted", "awaited", "102.00")
    assert row.acknowledgement_due_at is not None
    assert (row.partner_version, row.map_identity is not None) == (1, True)
    assert kit.transmission(row.transmission_id or "").delivery == "confirmed"


def test_the_same_file_read_again_after_a_crash_is_sent_once(kit: Kit) -> None:
    first = submit_document(kit.pipeline, body())
    second = submit_document(kit.pipeline, body())
    kit.work()
    assert second.already
    assert second.document_id == first.document_id
    assert len(kit.partner.sent) == 1


def test_an_id_that_another_document_has_is_refused_and_nothing_is_taken_for_sent(kit: Kit) -> None:
    name = "6f1c3f0e-5f0a-4a53-9d5e-0d1d9b1f7c11"
    first = submit_document(kit.pipeline, body(id=name))
    assert submit_document(kit.pipeline, body(id=name)).already
    ((path, message, fix),) = refusal(kit, body(id=name, number="INV-2"))
    assert (path, first.number in message, name in message) == ("id", True, True)
    assert "differs" in message and f"message resend {first.document_id}" in fix
    kit.work()
    assert len(kit.partner.sent) == len(kit.documents(direction="out", kind="invoice")) == 1


def test_the_id_of_a_received_document_is_no_reason_to_think_it_sent(kit: Kit) -> None:
    kit.receive((FIXTURES / "demo" / "004010" / "850-01-plain.edi").read_bytes())
    kit.work()
    (received,) = kit.documents(direction="in")
    ((path, message, fix),) = refusal(kit, body(id=received.id))
    assert path == "id" and "was received from harbor" in message and "resend" not in fix


def test_an_id_that_was_sent_to_one_partner_is_refused_for_another(kit: Kit) -> None:
    name = "6f1c3f0e-5f0a-4a53-9d5e-0d1d9b1f7c12"
    submit_document(kit.pipeline, body(id=name))
    kit.befriend(code="orchard", name="Orchard", ids={"isa": [{"qualifier": "ZZ", "id": "ORCHARD"}], "as2": "ORCHARD"})
    ((path, message, _),) = refusal(kit, body(id=name, receiver="orchard"))
    assert path == "id" and "was sent to harbor" in message


def test_a_partner_that_goes_live_between_two_tries_does_not_make_them_differ(kit: Kit) -> None:
    name = "6f1c3f0e-5f0a-4a53-9d5e-0d1d9b1f7c13"
    kit.befriend(envelope={"usage": "T"})
    submit_document(kit.pipeline, body(id=name))
    kit.befriend(envelope={"usage": "P"})
    assert submit_document(kit.pipeline, body(id=name)).already


def test_control_numbers_go_up_and_stay_in_the_profiles_range(kit: Kit) -> None:
    kit.befriend(control_numbers={"isa13": {"low": 7, "high": 8}, "gs06": {"low": 70, "high": 99}})
    for number in range(3):
        submit_document(kit.pipeline, body(number=f"INV-{number}"))
    kit.work()
    assert [answer["ISA"][0][12] for answer in kit.answers()] == ["000000007", "000000008", "000000007"]
    assert [answer["GS"][0][5] for answer in kit.answers()] == ["70", "71", "72"]


def test_every_mistake_of_a_document_is_told_with_its_path(kit: Kit) -> None:
    found = refusal(kit, body(numbr="x", lines=[{"quantity": "twelve", "unti": "EA"}]))
    paths = {path for path, _, _ in found}
    assert {"numbr", "lines[0].quantity", "lines[0].unti"} <= paths
    assert any("number" in message for path, message, _ in found if path == "numbr")


def test_broken_json_is_told_with_its_line(kit: Kit) -> None:
    ((_, message, _),) = refusal(kit, b'{"kind": "invoice",\n  oops}')
    assert "line 2" in message


def test_an_unknown_receiver_is_told_with_the_nearest_partner(kit: Kit) -> None:
    ((path, message, fix),) = refusal(kit, body(receiver="habor"))
    assert (path, "habor" in message, "harbor" in fix) == ("receiver", True, True)


def test_a_document_without_receiver_is_refused(kit: Kit) -> None:
    ((path, _, fix),) = refusal(kit, body(receiver=None))
    assert path == "receiver"
    assert "partner's code" in fix


def test_a_retired_partner_gets_nothing(kit: Kit) -> None:
    kit.befriend(status="retired")
    ((_, message, _),) = refusal(kit, body())
    assert "retired" in message


def test_a_partner_without_a_way_to_send_is_told_so_and_no_number_is_used(kit: Kit) -> None:
    kit.befriend(delivery={})
    ((_, message, _),) = refusal(kit, body())
    assert "as2.url" in message
    kit.befriend()
    submit_document(kit.pipeline, body())
    kit.work()
    assert kit.answers()[0]["ISA"][0][12] == "000000001"


def test_a_partner_without_interchange_identity_cannot_be_written_to(kit: Kit) -> None:
    kit.befriend(ids={"as2": "HARBOR"})
    ((_, message, _),) = refusal(kit, body())
    assert "ids.isa" in message


def test_an_unknown_version_in_the_profile_is_told(kit: Kit) -> None:
    kit.befriend(envelope={"version": "003050"})
    ((path, message, _),) = refusal(kit, body())
    assert path == "envelope.version"
    assert "003050" in message


def test_a_separator_inside_a_value_is_refused_or_replaced_as_the_profile_says(kit: Kit) -> None:
    line = {**INVOICE["lines"][0], "descriptions": [{"type": "free_form", "text": "Bowl ~ steel"}]}
    found = refusal(kit, body(lines=[line]))
    assert any("~" in message for _, message, _ in found)
    kit.befriend(envelope={"replacement": " "})
    submit_document(kit.pipeline, body(lines=[line]))
    kit.work()
    assert kit.answers()[0]["PID"][0][4] == "Bowl   steel"


def test_a_set_that_breaks_the_standard_is_not_let_out(kit: Kit) -> None:
    line = {**INVOICE["lines"][0], "unit": "XX"}
    found = refusal(kit, body(lines=[line]))
    assert any("XX" in message and path.startswith("IT103") for path, message, _ in found)
    assert kit.documents() == []


def test_a_number_that_was_sent_before_with_other_content_is_refused(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    other = body(totals={"total": "102.01"})
    ((path, message, fix),) = refusal(kit, other)
    assert path == "number"
    assert "INV-1" in message
    assert "resend" in fix


def test_a_replacement_may_have_the_number_again(kit: Kit) -> None:
    submit_document(kit.pipeline, body())
    submit_document(kit.pipeline, body(totals={"total": "102.01"}, purpose="replace"))
    kit.work()
    assert len(kit.partner.sent) == 2


def test_a_testing_partner_gets_test_data(kit: Kit) -> None:
    kit.befriend(status="testing")
    submit_document(kit.pipeline, body())
    kit.work()
    assert kit.answers()[0]["ISA"][0][14] == "T"
    assert kit.documents(direction="out")[0].test


def test_dates_in_the_envelope_are_in_the_partners_zone(kit: Kit) -> None:
    kit.befriend(time_zone="America/Los_Angeles")
    submit_document(kit.pipeline, body())
    kit.work()
    assert kit.answers()[0]["ISA"][0][8:10] == ["261121", "0400"]


def test_a_profile_chooses_version_and_separators(kit: Kit) -> None:
    kit.befriend(envelope={"version": "005010", "separators": {"element": "|", "segment": "newline", "component": "<"}})
    submit_document(kit.pipeline, body())
    kit.work()
    (payload,) = kit.partner.payloads
    assert payload[3:4] == b"|"
    assert payload[105:106] == b"\n"
    assert segments_of(payload)["ISA"][0][11] == "00501"


def test_the_partner_named_by_the_caller_replaces_the_documents_receiver(kit: Kit) -> None:
    done = submit_document(kit.pipeline, body(receiver="somebody-else"), partner="harbor")
    assert done.partner == "harbor"


def test_the_profile_decides_the_form_of_dates_the_agency_and_the_width_of_set_numbers(kit: Kit) -> None:
    kit.befriend(
        envelope={"gs04": "YYMMDD", "gs05": "HHMMSS", "gs07": "T", "isa03": "01", "isa04": {"secret": "isa"}},
        control_numbers={"st02_width": 9},
    )
    kit.pipeline.secrets = lambda name: b"PASSWORD"
    submit_document(kit.pipeline, body())
    kit.work()
    (answer,) = kit.answers()
    assert answer["GS"][0][3:7] == ["261121", "120000", "1", "T"]
    assert answer["ST"] == [["810", "000000001"]]
    assert answer["ISA"][0][2:4] == ["01", "PASSWORD  "]
    assert kit.documents(direction="out")[0].set_control == "000000001"


def test_an_invoice_without_a_total_gets_the_one_its_parts_make(kit: Kit) -> None:
    charge = {"indicator": "charge", "service": "freight", "amount": "10.00"}
    submit_document(kit.pipeline, body(totals=None, allowances_charges=[charge]))
    kit.work()
    assert kit.answers()[0]["TDS"] == [["11200"]]


def test_a_total_that_its_parts_do_not_make_goes_out_with_a_warning(kit: Kit) -> None:
    submit_document(kit.pipeline, body(totals={"total": "99.00"}))
    kit.work()
    (row,) = kit.documents(direction="out")
    assert [finding["code"] for finding in row.findings] == ["RULE-invoice-total"]
    assert "102.00" in row.findings[0]["message"]


def test_a_total_is_not_guessed_when_an_allowance_is_only_a_percentage(kit: Kit) -> None:
    entry = {"indicator": "allowance", "service": "discount", "percent_basis": "gross", "percent": "2"}
    found = refusal(kit, body(totals=None, allowances_charges=[entry]))
    assert any("total" in path for path, _, _ in found)
