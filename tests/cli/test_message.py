"""`gateway message`: lists, one message told as a story, and changes that name their message and reason."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import gateway
from gateway.cli import message as module
from gateway.cli.message import message_group, message_lines
from gateway.messages import axes, lifecycle, queries
from gateway.messages.axes import Axis
from gateway.messages.cases import open_case
from gateway.messages.models import Attempt, Document, Interchange, Transmission
from gateway.partners.errors import OperationError
from gateway.settings import company_named, write_default
from gateway.store import migrations
from gateway.store.engine import Store, open_store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ORDER, INVOICE = "11111111-aaaa-5aaa-8aaa-aaaaaaaaaaaa", "22222222-bbbb-5bbb-8bbb-bbbbbbbbbbbb"
FINDING = {
    "code": "AK403-7",
    "severity": "error",
    "segment": "PO1",
    "position": 3,
    "element": 3,
    "value": "X\x1b[31mX",
    "offset": 120,
    "message": 'PO1 line 1, element PO103: "XX" is not a unit code.',
    "fix": "Ask the partner for EA or CA.",
}


def fill(session: Any) -> None:
    """An order that was rejected, and an invoice that went out and is awaited."""
    wire = {"transport": "as2", "partner": "harbor", "created_at": NOW, "filename": "po.edi"}
    inbound = Transmission(id="t-in", direction="in", processing="received", transport_id="<1@harbor>", **wire)
    outbound = Transmission(id="t-out", direction="out", delivery="queued", **wire)
    for row in (inbound, outbound):
        lifecycle.begin(session, row, actor="test", reason="it came", now=NOW)
    session.add(
        Interchange(
            id="i",
            transmission_id="t-in",
            position=1,
            direction="in",
            sender="ZZ:HARBOR",
            receiver="ZZ:ALPINE",
            control="000000001",
            version="00401",
            sha256="0" * 64,
            received_at=NOW,
            verdict="rejected",
        )
    )
    session.flush()
    common = {"standard": "x12-004010", "partner": "harbor", "received_at": NOW}
    order = Document(
        id=ORDER,
        direction="in",
        kind="order",
        set_id="850",
        number="4500012",
        transmission_id="t-in",
        interchange_id="i",
        findings=[FINDING],
        test=True,
        **common,
    )
    lifecycle.begin(session, order, actor="test", reason="read", now=NOW)
    lifecycle.move(
        session,
        order,
        Axis.PROCESSING,
        axes.Processing.REJECTED,
        actor="test",
        reason="A 997 R went out.",
        now=NOW + timedelta(seconds=2),
        values={"reason": "PO103 is not a unit code."},
    )
    open_case(
        session,
        fingerprint="f",
        title="Unknown unit codes from harbor.",
        fault="validate",
        subject_type="document",
        subject_id=ORDER,
        now=NOW,
        partner="harbor",
        suggestion="Add the code, or tell the partner.",
    )
    invoice = Document(
        id=INVOICE,
        direction="out",
        kind="invoice",
        set_id="810",
        number="INV-1",
        transmission_id="t-out",
        acknowledgement="not_expected",
        parent_id=None,
        **common,
    )
    lifecycle.begin(session, invoice, actor="test", reason="made", now=NOW)
    invoice.acknowledgement_due_at = NOW + timedelta(hours=24)
    invoice.acknowledgement_detail = ["The partner took it."]
    lifecycle.move(
        session, invoice, Axis.ACKNOWLEDGEMENT, axes.Acknowledgement.AWAITED, actor="test", reason="sent", now=NOW
    )
    for number, (status, outcome) in enumerate([(503, "retry"), (0, "sending")], start=1):
        session.add(
            Attempt(
                id=f"a{number}",
                transmission_id="t-out",
                number=number,
                started_at=NOW,
                outcome=outcome,
                status=status,
                reason="The partner said try later." if status else None,
            )
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("message") / "gateway.db") as opened:
        migrations.upgrade(opened)
        opened.writer.run(fill)
        yield opened


class Context:
    """What the fake service opens."""

    def close(self) -> None:
        pass


@pytest.fixture
def changes(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The changes that the commands asked for; "held" messages cannot be resent."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def listed(_: Context, parameters: dict[str, Any]) -> Any:
        with store.read() as session:
            return queries.list_messages(session, **parameters)

    def shown(_: Context, parameters: dict[str, Any]) -> Any:
        with store.read() as session:
            return queries.message_detail(session, parameters["id"])

    def changing(name: str) -> Any:
        def change(_: Context, parameters: dict[str, Any]) -> Any:
            if name == "resend":
                raise OperationError("This message was received.", "Use `gateway message replay` for it.")
            asked.append((name, parameters))
            return {"id": parameters["id"], "result": f"{name}ed", "message": "It was done."}

        return change

    operations = {f"message.{name}": changing(name) for name in ("replay", "resend", "hold", "ignore")}
    fake = types.SimpleNamespace(
        OPERATIONS={"message.list": listed, "message.show": shown, **operations},
        open_context=lambda _: Context(),
    )
    monkeypatch.setitem(sys.modules, "gateway.service", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(gateway, "service", fake, raising=False)
    return asked


@pytest.fixture
def run(changes: list[Any], tmp_path: Path) -> Any:
    write_default(tmp_path, company_named("Alpine Supply"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(message_group, [*arguments, "--dir", str(tmp_path)])

    return invoke


def test_the_list_is_one_line_per_message_with_its_whole_id(run: Any) -> None:
    lines = run("list").stdout.splitlines()
    assert lines[0].split("\t")[:4] == ["time (UTC)", "", "partner", "document"]
    assert len(lines) == 3
    [order] = [line for line in lines if ORDER in line]
    assert order.split("\t") == [
        "2026-03-01 12:00:00",
        "TEST in",
        "harbor",
        "850 order",
        "4500012",
        "rejected",
        ORDER,
        "PO103 is not a unit code.",
    ]
    [invoice] = [line for line in lines if INVOICE in line]
    assert "received, queued, acknowledgement awaited" in invoice


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--kind", "order"], [ORDER]),
        (["--direction", "out"], [INVOICE]),
        (["--number", "INV-1"], [INVOICE]),
        (["--acknowledgement", "awaited"], [INVOICE]),
        (["--processing", "rejected", "--partner", "harbor"], [ORDER]),
        (["--delivery", "queued"], [INVOICE]),
        (["--text", "1@harbor"], [ORDER]),
        (["--test"], [ORDER]),
        (["--live"], [INVOICE]),
    ],
)
def test_the_list_can_be_narrowed(run: Any, options: list[str], expected: list[str]) -> None:
    answer = json.loads(run("list", "--json", *options).stdout)
    assert [message["id"] for message in answer["messages"]] == expected


def test_a_page_says_how_to_go_on(run: Any) -> None:
    first = run("list", "--limit", "1").stdout.splitlines()
    assert first[-1].startswith("There are more: --after ")
    second = run("list", "--limit", "1", "--after", first[-1].split()[-1]).stdout
    assert (ORDER in second) != (ORDER in "".join(first))


def test_an_empty_list_says_what_was_looked_for(run: Any) -> None:
    assert run("list", "--partner", "nobody").stdout == "No message fits: partner nobody.\n"


def test_an_empty_store_is_not_an_empty_search(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "call", lambda *_, **__: {"messages": [], "next": None})
    assert run("list").stdout == "There are no messages yet.\n"


def test_the_states_offered_are_those_of_the_lifecycle() -> None:
    enums = {"processing": axes.Processing, "delivery": axes.Delivery, "acknowledgement": axes.Acknowledgement}
    assert {name: set(states) for name, states in module.STATES.items()} == {
        name: {state.value for state in enum} for name, enum in enums.items()
    }


def test_a_message_is_told_from_its_sentence_to_its_facts(run: Any) -> None:
    shown = run("show", "4500012").stdout
    assert shown.splitlines()[0] == "Order 4500012 from harbor is rejected. PO103 is not a unit code."
    assert [line for line in shown.splitlines()[1:] if not line.startswith(" ")] == [
        "How it went",
        "Findings",
        "Cases",
        "Facts",
    ]
    assert "  processing       " in shown
    [axis] = [line for line in shown.splitlines() if line.startswith("  processing")]
    assert axis.split(maxsplit=1)[1] == "received 2026-03-01 12:00:00 → rejected 2026-03-01 12:00:02"
    assert '  error AK403-7: PO1 line 1, element PO103: "XX" is not a unit code.' in shown
    assert "at segment PO1, position 3, element 3, offset 120" in shown
    assert "→ Ask the partner for EA or CA." in shown
    assert "new: Unknown unit codes from harbor. (1 messages, case " in shown
    assert "→ Add the code, or tell the partner." in shown
    assert "ZZ:HARBOR" in shown


def test_a_value_from_the_partner_cannot_steer_the_terminal(run: Any) -> None:
    assert "\x1b" not in run("show", ORDER).stdout
    assert "X\\x1b[31mX" in run("show", ORDER).stdout


def test_a_sent_message_shows_its_attempts_and_what_is_due(run: Any) -> None:
    shown = run("show", INVOICE[:8]).stdout
    assert "1. 2026-03-01 12:00:00 retry (status 503) The partner said try later." in shown
    assert "2. 2026-03-01 12:00:00 sending\n" in shown
    assert "from the partner: awaited, due 2026-03-02 12:00:00" in shown
    assert "    The partner took it." in shown


def test_an_answer_of_ours_and_a_relative_are_shown() -> None:
    detail = {
        "sentence": "S.",
        "id": "x",
        "stages": [],
        "type": "transmission",
        "processing": "held",
        "findings": [{"message": "bare"}],
        "attempts": [],
        "acknowledgements": [
            {"direction": "out", "state": "confirmed", "at": "2026-03-01T12:00:00+00:00", "reason": "997 A."},
            {"direction": "in", "state": "not_expected", "at": None},
        ],
        "cases": [{"review": "new", "title": "T.", "messages": 1, "id": "c", "suggestion": ""}],
        "related": [{"relation": "parent", "name": "order 1", "processing": None, "id": "p"}],
        "transmission": None,
        "interchange": None,
        "facts": {"posted_at": "2026-03-01T12:00:00+00:00", "facts": {"signed": True}, "empty": None},
    }
    assert list(message_lines(detail)) == [
        "S.",
        "How it went",
        "  processing       held",
        "Findings",
        "  error : bare",
        "Acknowledgements",
        "  from us: confirmed 2026-03-01 12:00:00",
        "    997 A.",
        "Cases",
        "  new: T. (1 messages, case c)",
        "Related",
        "  parent: order 1  (p)",
        "Facts",
        "  id                     x",
        "  posted at              2026-03-01 12:00:00",
        "  facts                  signed: True",
    ]


def test_show_prints_json(run: Any) -> None:
    assert json.loads(run("show", ORDER, "--json").stdout)["findings"] == [FINDING]


def test_a_message_that_is_not_there_is_a_sentence(run: Any) -> None:
    result = run("show", "nothing")
    assert result.exit_code == 1
    assert result.stderr == 'No message has the id or number "nothing".\n'


@pytest.mark.parametrize("name", ["replay", "hold", "ignore"])
def test_a_change_names_message_reason_and_person(run: Any, changes: list[Any], name: str) -> None:
    result = run(name, "4500012", INVOICE, "--reason", "because")
    assert result.exit_code == 0
    assert [(asked, parameters["id"], parameters["reason"]) for asked, parameters in changes] == [
        (name, ORDER, "because"),
        (name, INVOICE, "because"),
    ]
    assert changes[0][1]["actor"].startswith("cli")
    assert result.stdout.splitlines()[0] == f"4500012: {name}ed. It was done."


@pytest.mark.parametrize("name", ["hold", "ignore"])
def test_hold_and_ignore_need_a_reason(run: Any, changes: list[Any], name: str) -> None:
    assert run(name, "4500012").exit_code == 2
    assert changes == []


def test_a_refusal_of_one_message_leaves_the_others_their_turn(
    run: Any, changes: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("replay", "nothing", "4500012", "--json")
    assert result.exit_code == 1
    answers = json.loads(result.stdout)
    assert [answer["ok"] for answer in answers] == [False, True]
    assert len(changes) == 1


def test_a_refusal_says_what_to_do_instead(run: Any) -> None:
    result = run("resend", ORDER)
    assert result.exit_code == 1
    assert result.stdout == (f"{ORDER}: refused. This message was received. Use `gateway message replay` for it.\n")


def test_a_user_without_a_name_is_still_an_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(module.getpass, "getuser", nameless)
    assert module._actor() == "cli"
