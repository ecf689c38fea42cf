"""The story of the demonstration: orders in two directions, each to its invoice, and one order that is refused.

Every step is a message seen in the gateway that sent or received it, with the proof that stands in its record. A step
is right when it ended as expected.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway import resources
from gateway.demo import back_office
from gateway.demo.company import Company, DemoError, wait_for
from gateway.demo.names import X12_NAMES, Names
from gateway.demo.xmltrade import trade_in_cxml, trade_in_ubl
from gateway.standards.x12.check import check_transmission

__all__ = ["ANSWERS", "Step", "Story", "run_demo"]

Report = Callable[["Step"], None]
Json = dict[str, Any]

#: A document that went out is at its end when it is delivered and its acknowledgement came.
_ACKNOWLEDGED = {"accepted", "accepted_with_errors", "rejected", "not_expected"}
#: Documents that only answer others.
ANSWERS = frozenset({"997", "TA1", "ApplicationResponse"})
_SETTLED = {"posted", "held", "rejected", "ignored"}


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the demonstration as one company's gateway recorded it."""

    step: int
    company: str
    #: "out" or "in".
    direction: str
    #: Transaction set id, or XML root element.
    document: str
    standard: str
    transport: str
    partner: str
    number: str
    #: "accepted" or "rejected" for what was sent, "posted" or "rejected" for what was received, "confirmed" for an
    #: acknowledgement that was sent, "refused" for a file that the sender's own gateway did not let out.
    expected: str
    processing: str
    delivery: str
    acknowledgement: str
    #: Disposition of the MDN for what was sent, "" for what was received.
    mdn: str
    mic_matched: bool | None
    milliseconds: int
    #: One sentence for people.
    note: str = ""

    @property
    def outcome(self) -> str:
        """What the step ended as, in the words of ``expected``."""
        if self.direction == "in":
            return self.processing
        if self.processing == "refused":
            return "refused"
        if self.delivery != "confirmed":
            return self.delivery
        if self.transport == "as2" and not (self.mdn.startswith("processed") and self.mic_matched):
            return "unproven"
        return "confirmed" if self.document in ANSWERS else self.acknowledgement

    @property
    def ok(self) -> bool:
        """True when it ended as expected."""
        return self.outcome == self.expected

    def as_json(self) -> Json:
        """The step as the command prints it."""
        found = asdict(self)
        if not self.note:
            del found["note"]
        return found


class Story:
    """Two companies and the steps so far."""

    def __init__(self, harbor: Company, alpine: Company, report: Report) -> None:
        self.harbor, self.alpine = harbor, alpine
        self.steps: list[Step] = []
        self._report = report
        self._serial = 1
        #: Acknowledgements that a step was told of.
        self._seen: set[str] = set()

    # -- telling -----------------------------------------------------------------------------------------------

    def _tell(self, company: Company, identity: str, expected: str, began: float, number: str = "") -> None:
        message = company.show(identity)
        carrier = message["transmission"] or {}
        self._add(
            Step(
                step=len(self.steps) + 1,
                company=company.name,
                direction=message["direction"],
                document=message.get("set") or _answer_kind(message),
                standard=message.get("standard") or "",
                transport=message.get("transport") or "as2",
                partner=message.get("partner") or "",
                number=number or message.get("number") or "",
                expected=expected,
                processing=message.get("processing") or "",
                delivery=message.get("delivery") or "none",
                acknowledgement=message.get("acknowledgement") or "not_expected",
                mdn=_disposition(carrier) if message["direction"] == "out" else "",
                mic_matched=carrier.get("mic_matched"),
                milliseconds=round((time.monotonic() - began) * 1000),
                note=_problem_of(message) if expected == "rejected" else "",
            )
        )

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        self._report(step)

    # -- one document and its acknowledgement --------------------------------------------------------------------

    def exchange(
        self, sender: Company, receiver: Company, set_id: str, number: str, began: float, expected: str
    ) -> None:
        """Follow one document to its end: out, in, and the message that answers it, if it is not the connection's."""
        sent = _await_sent(sender, receiver, set_id, number)
        received = _await_received(receiver, sender, set_id, number)
        on_connection = sent["transport"] == "http"
        answer = "" if on_connection else _await_answer(receiver, received)
        back = "" if on_connection else self._await_acknowledgement(sender, receiver, sent)
        self._tell(sender, sent["id"], expected, began)
        self._tell(receiver, received["id"], "posted" if expected == "accepted" else expected, began)
        if on_connection:
            return
        self._tell(receiver, answer, "confirmed", began, f"for {set_id} {number}")
        self._tell(sender, back, "posted", began, f"for {set_id} {number}")

    def _await_acknowledgement(self, sender: Company, receiver: Company, sent: Json) -> str:
        """The 997 or application response that the sender received for what it sent."""
        filters = {"kind": "application_response"}
        if sent["standard"].startswith("x12"):
            control = sender.show(sent["id"])["facts"]["group_control"]
            filters = {"kind": "functional_acknowledgment", "number": control}

        def look() -> str | None:
            for message in sender.messages(direction="in", partner=receiver.code, **filters):
                if message["processing"] in _SETTLED and message["id"] not in self._seen:
                    return str(message["id"])
            return None

        found: str = wait_for(f"The acknowledgement for {sent['set']} {sent['number']}", look)
        self._seen.add(found)
        return found

    def order(self, buyer: Company, seller: Company, name: str, content: bytes) -> list[str]:
        """Send one file of orders as it comes from the buyer's system; the numbers that went out."""
        result = _send(buyer, name, content, partner=seller.code)
        if result["result"] == "refused":
            self._refused(buyer, seller, name, content, result)
            return []
        return [document["number"] for document in result["documents"] if document["result"] == "queued"]

    def _refused(self, buyer: Company, seller: Company, name: str, content: bytes, result: Json) -> None:
        """A file that the sender's own gateway did not let out: right when the file is faulty."""
        checked = check_transmission(content)
        faulty = checked.verdict not in ("accepted", "accepted_with_errors")
        reason = result["reasons"][0]["message"] if result["reasons"] else "no reason was given"
        self._add(
            Step(
                step=len(self.steps) + 1,
                company=buyer.name,
                direction="out",
                document="850",
                standard="",
                transport="as2",
                partner=seller.code,
                number=name,
                expected="refused" if faulty or "before" in reason else "accepted",
                processing="refused",
                delivery="none",
                acknowledgement="not_expected",
                mdn="",
                mic_matched=None,
                milliseconds=0,
                note=reason,
            )
        )

    def hand_in(self, company: Company, document: Json) -> None:
        """A document from a company's back office; returns when the gateway has taken it."""
        company.hand_in(document)
        self._not_refused(company, document)

    def order_to_cash(self, buyer: Company, seller: Company, number: str, names: Names = X12_NAMES) -> None:
        """Order, acknowledgment, ship notice and invoice, each acknowledged; the seller's back office writes JSON."""
        began = time.monotonic()
        self.exchange(buyer, seller, names.order, number, began, "accepted")
        order = wait_for(f"The order {number} in the seller's inbox", lambda: seller.posted("order", number))
        today = datetime.now(UTC).date()
        notice = back_office.ship_notice(order, today, self._serial)
        self._serial += 50
        for set_id, document in (
            (names.acknowledgment, back_office.acknowledgment(order, today)),
            (names.ship_notice, notice),
            (names.invoice, back_office.invoice(order, today)),
        ):
            began = time.monotonic()
            self.hand_in(seller, document)
            self.exchange(seller, buyer, set_id, document["number"], began, "accepted")

    def _not_refused(self, company: Company, document: Json) -> None:
        def look() -> bool:
            refusal = company.refusal(document)
            if refusal is not None:
                raise DemoError(f"{company.name} could not send its {document['kind']}: {json.dumps(refusal)}")
            return bool(company.messages(direction="out", number=document["number"], kind=document["kind"]))

        wait_for(f"The pick-up of {document['kind']} {document['number']}", look)

    def broken_order(self, buyer: Company, seller: Company, name: str, content: bytes) -> None:
        """An order with faults, sent unchanged: it must end as a rejection with a 997 R and an open case."""
        began = time.monotonic()
        result = _send(buyer, name, content, partner=seller.code, as_is=True)
        number = buyer.show(result["documents"][0]["document"])["number"]
        self.exchange(buyer, seller, "850", number, began, "rejected")
        if not seller.call("case.list")["cases"]:
            raise DemoError("The rejected order opened no case for staff.")


def _send(company: Company, name: str, content: bytes, **options: Any) -> Json:
    entry = {"name": name, "content": base64.b64encode(content).decode()}
    found: Json = company.call("send", files=[entry], **options)["files"][0]
    return found


def _disposition(carrier: Json) -> str:
    """ "processed" and the like, without the mode in front (RFC 8098 §3.2.6)."""
    return str(carrier.get("answer_disposition") or "").partition(";")[2].strip() or str(
        carrier.get("answer_disposition") or ""
    )


def _answer_kind(message: Json) -> str:
    """ "997", "999" or "TA1": acknowledgements that we send are named after what they are."""
    return str(message.get("filename") or "").partition("-")[0]


def _problem_of(message: Json) -> str:
    """What staff are told about a message that has a case."""
    for case in message.get("cases") or ():
        return str(case["title"])
    return message.get("reason") or ""


def _await_sent(sender: Company, receiver: Company, set_id: str, number: str) -> Json:
    def look() -> Json | None:
        receiver.nudge()
        sender.nudge()
        for message in sender.messages(direction="out", partner=receiver.code, number=number):
            if (
                message["set"] == set_id
                and message["delivery"] in ("confirmed", "failed")
                and (message["acknowledgement"] in _ACKNOWLEDGED or message["delivery"] == "failed")
            ):
                return message
        return None

    found: Json = wait_for(f"The acknowledgement of {set_id} {number}", look)
    return found


def _await_received(receiver: Company, sender: Company, set_id: str, number: str) -> Json:
    def look() -> Json | None:
        for message in receiver.messages(direction="in", partner=sender.code, number=number):
            if message["set"] == set_id and message["processing"] in _SETTLED:
                return message
        return None

    found: Json = wait_for(f"The receipt of {set_id} {number}", look)
    return found


def _await_answer(receiver: Company, received: Json) -> str:
    """The transmission that carries the 997 for a received document, once its delivery is proven."""

    def look() -> str | None:
        for answer in receiver.show(received["id"]).get("acknowledgements") or ():
            if answer["state"] == "confirmed":
                return str(answer["transmission"])
        return None

    found: str = wait_for(f"The delivery of the 997 for {received['set']} {received['number']}", look)
    return found


# -- the whole -------------------------------------------------------------------------------------------------


@contextmanager
def _companies(home: Path, databases: tuple[str, str] | None) -> Iterator[tuple[Company, Company]]:
    of_harbor, of_alpine = databases or (None, None)
    harbor = Company("harbor-retail", "Harbor Retail", home / "harbor-retail", database=of_harbor)
    alpine = Company("alpine-supply", "Alpine Supply", home / "alpine-supply", database=of_alpine)
    try:
        for company in (harbor, alpine):
            company.prepare()
        for company in (harbor, alpine):
            company.start()
        for company in (harbor, alpine):
            company.wait_ready()
        yield harbor, alpine
    finally:
        for company in (harbor, alpine):
            company.stop()


def _files(folder: Path, pattern: str) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob(pattern)) if path.is_file()]


def run_demo(
    report: Report,
    *,
    orders: Path | None = None,
    keep: Path | None = None,
    databases: tuple[str, str] | None = None,
) -> list[Step]:
    """Run the demonstration and return its steps; ``orders`` replaces its own orders, ``keep`` keeps its files.

    ``databases`` are the URLs of two empty databases, for what else are files in the companies' folders. Raises
    DemoError when it cannot go on.
    """
    home = keep or Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    home.mkdir(parents=True, exist_ok=True)
    try:
        with _companies(home, databases) as (harbor, alpine):
            story = Story(harbor, alpine, report)
            if orders is not None:
                _befriend(harbor, alpine, "004010")
                _own_orders(story, orders)
            else:
                _both_directions(story)
                _by_sftp(story)
                trade_in_ubl(story)
                trade_in_cxml(story)
            return story.steps
    finally:
        if keep is None:
            shutil.rmtree(home, ignore_errors=True)


def _befriend(one: Company, other: Company, version: str) -> None:
    one.befriend(other, version)
    other.befriend(one, version)


def _both_directions(story: Story) -> None:
    """Harbor buys from Alpine in 004010, then Alpine buys from Harbor in 005010."""
    fixtures = resources.find("demo")
    for version, buyer, seller in (
        ("004010", story.harbor, story.alpine),
        ("005010", story.alpine, story.harbor),
    ):
        _befriend(buyer, seller, version)
        for name, content in _files(fixtures / version, "850-*.edi"):
            if "broken" in name:
                story.broken_order(buyer, seller, name, content)
                continue
            for number in story.order(buyer, seller, name, content):
                story.order_to_cash(buyer, seller, number)


def _by_sftp(story: Story) -> None:
    """Alpine buys from Harbor once more, through its mailbox on Harbor's SFTP server."""
    buyer, seller, version = story.alpine, story.harbor, "005010"
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    seller.open_mailbox(buyer, version, public.decode("ascii"))
    buyer.use_mailbox(seller, version, private)
    for name, content in _files(resources.find("demo") / "sftp", "850-*.edi"):
        for number in story.order(buyer, seller, name, content):
            story.order_to_cash(buyer, seller, number)


def _own_orders(story: Story, folder: Path) -> None:
    """Whatever lies in a folder: each valid order to its invoice, each faulty file refused with its reason."""
    files = _files(folder, "**/*")
    if not files:
        raise DemoError(f"There are no files in {folder}. Name a folder that holds X12 orders.")
    for name, content in files:
        for number in story.order(story.harbor, story.alpine, name, content):
            story.order_to_cash(story.harbor, story.alpine, number)
