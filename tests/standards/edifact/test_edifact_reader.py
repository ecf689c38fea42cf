"""EDIFACT is cut, counted and explained, whatever the bytes; its frame is judged, its content is not."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.standards.edi.model import COMPONENT, REPETITION
from gateway.standards.edifact import EdifactMessage, inspect_edifact, is_edifact, read_edifact
from gateway.standards.edifact.charset import CHARSETS
from gateway.standards.edifact.names import DOCUMENTS, MESSAGES, SEGMENTS
from gateway.standards.edifact.reader import MAX_FINDINGS, MAX_SEGMENTS
from gateway.standards.inspect import inspect_file

ORDER = (
    b"UNB+UNOC:3+4012345000009:14+5412345000013:14+261122:0930+REF-1++ORDERS++1'"
    b"UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO-4711+9'DTM+137:20261122:102'"
    b"NAD+BY+4012345000009::9++Caf\xe9 Nord'LIN+1++4000862141404:EN'QTY+21:48'"
    b"UNS+S'CNT+2:1'UNT+9+1'UNZ+1+REF-1'"
)
UNA = b"UNA:+.? '"


def messages(data: bytes) -> list[EdifactMessage]:
    return [message for each in read_edifact(data).interchanges for message in each.messages]


def codes(data: bytes) -> list[tuple[str, str]]:
    """(code, sentence) of every error of a file."""
    result = inspect_edifact("x", data)
    found = []
    for interchange in result["interchanges"]:
        found += interchange["findings"]
        for group in interchange["groups"]:
            found += group["findings"]
            for each in group["sets"]:
                found += each["findings"]
    return [(each["code"], each["message"]) for each in found if each["severity"] == "error"]


def test_an_order_is_read_whole() -> None:
    (interchange,) = read_edifact(ORDER).interchanges
    assert (interchange.syntax, interchange.syntax_version, interchange.charset) == ("UNOC", "3", "iso8859-1")
    assert (interchange.sender_qualifier, interchange.sender) == ("14", "4012345000009")
    assert (interchange.receiver, interchange.control) == ("5412345000013", "REF-1")
    assert (interchange.date, interchange.time) == ("261122", "0930")
    assert interchange.wants_answer
    assert not interchange.test
    (message,) = interchange.messages
    assert (message.type, message.version, message.association) == ("ORDERS", "D:96A", "EAN008")
    assert (message.number, message.reference) == ("PO-4711", "1")
    assert [segment.position for segment in message.segments] == list(range(1, 10))
    assert message.segments[3].elements[-1] == "Café Nord"
    assert message.segments[3].elements[1] == COMPONENT.join(("4012345000009", "", "9"))
    assert ORDER[message.segments[3].offset :].startswith(b"NAD")
    assert codes(ORDER) == []
    assert inspect_edifact("x", ORDER)["verdict"] == "held"


@pytest.mark.parametrize("newline", [b"", b"\n", b"\r\n", b"\n\n  "])
@pytest.mark.parametrize("una", [b"", UNA, UNA + b"\r\n", b"\xef\xbb\xbf" + UNA])
def test_line_ends_and_a_una_change_nothing(una: bytes, newline: bytes) -> None:
    data = una + ORDER.replace(b"'", b"'" + newline)
    assert is_edifact(data)
    assert codes(data) == []
    assert messages(data)[0].number == "PO-4711"


def test_other_service_characters_are_those_of_the_una() -> None:
    data = ORDER.translate(bytes.maketrans(b":+'", b"|;~"))
    found = read_edifact(b"UNA|;,! ~" + data).interchanges[0]
    assert (found.service.component, found.service.decimal, found.service.release) == ("|", ",", "!")
    assert codes(b"UNA|;,! ~" + data) == []
    assert found.messages[0].number == "PO-4711"


def test_the_release_character_takes_meaning_away() -> None:
    data = ORDER.replace(b"Caf\xe9 Nord", b"O?'Neil ?+ Co?: 50?? ?")
    data = data.replace(b" ?'LIN", b" ?''LIN")
    assert messages(data)[0].segments[3].elements[-1] == "O'Neil + Co: 50? '"
    assert codes(data) == []
    without = messages(b"UNA:+.  '" + ORDER.replace(b"Caf\xe9 Nord", b"why?"))
    assert without[0].segments[3].elements[-1] == "why?"


def test_repetitions_belong_to_syntax_4() -> None:
    four = ORDER.replace(b"UNOC:3", b"UNOC:4").replace(b"QTY+21:48", b"QTY+21:48*12:5")
    assert messages(four)[0].segments[5].elements == (f"21{COMPONENT}48{REPETITION}12{COMPONENT}5",)
    three = ORDER.replace(b"QTY+21:48", b"QTY+21:4*8")
    assert messages(b"UNA:+.?*'" + three)[0].segments[5].elements == (f"21{COMPONENT}4*8",)


@pytest.mark.parametrize(("syntax", "codec"), CHARSETS.items())
def test_text_is_that_of_its_character_set(syntax: str, codec: str) -> None:
    text = {"iso8859-5": "Заказ", "iso8859-7": "Αθήνα", "iso8859-6": "طلب", "iso8859-8": "הזמנה"}.get(codec, "ORDER")
    text = "Žluťoučký" if codec == "iso8859-2" else "Köln 東京" if codec == "utf-8" else text
    data = ORDER.replace(b"UNOC:3", f"{syntax}:3".encode()).replace(b"Caf\xe9 Nord", text.encode(codec))
    assert messages(data)[0].segments[3].elements[-1] == text
    assert codes(data) == []


@pytest.mark.parametrize(
    ("syntax", "text", "named"), [("UNOA", b"small", '"s"'), ("UNOB", b"Caf\xe9", '"�"'), ("UNOC", b"a\x07", "07")]
)
def test_a_character_outside_its_set_is_a_warning_once(syntax: str, text: bytes, named: str) -> None:
    data = ORDER.replace(b"UNOC:3", syntax.encode() + b":3").replace(b"Caf\xe9 Nord", text).replace(b"PO-4711", text)
    result = inspect_edifact("x", data)
    (found,) = result["interchanges"][0]["groups"][0]["sets"][0]["findings"]
    assert (found["severity"], found["code"]) == ("warning", "CONTRL-21")
    assert named in found["message"]
    assert result["verdict"] == "held"


def test_groups_are_counted_and_referred_to() -> None:
    one = b"UNG+ORDERS+A:14+B:14+261122:0930+G1+UN+D:96A'UNH+%d+ORDERS:D:96A:UN'BGM+220+P'UNT+3+%d'UNE+1+G1'"
    head, tail = ORDER[: ORDER.index(b"UNH")], b"UNZ+2+REF-1'"
    data = head + one % (1, 1) + one % (2, 2) + tail
    found = read_edifact(data).interchanges[0]
    assert [(group.type, group.reference, len(group.messages)) for group in found.groups] == [("ORDERS", "G1", 1)] * 2
    assert codes(data) == []
    assert [code for code, _ in codes(data.replace(b"UNE+1+G1", b"UNE+2+G2", 1))] == ["CONTRL-29", "CONTRL-28"]
    assert [code for code, _ in codes(data.replace(b"UNE+1+G1'", b"", 1))] == ["CONTRL-13"]
    mixed = head + b"UNH+9+ORDERS:D:96A:UN'BGM+220+P'UNT+3+9'" + one % (1, 1) + b"UNZ+1+REF-1'"
    assert "CONTRL-30" in [code for code, _ in codes(mixed)]


def test_two_interchanges_each_with_their_characters() -> None:
    other = b"UNA|;,! ~" + ORDER.translate(bytes.maketrans(b":+'", b"|;~")).replace(b"REF-1", b"REF-2")
    found = read_edifact(UNA + ORDER + b"\r\n" + other).interchanges
    assert [each.control for each in found] == ["REF-1", "REF-2"]
    assert codes(UNA + ORDER + b"\r\n" + other) == []


WRONG = [
    ("UNT count", (b"UNT+9+1", b"UNT+8+1"), "CONTRL-29", 'UNT says that the message has "8" segments; there are 9.'),
    ("UNT count of text", (b"UNT+9+1", b"UNT+x+1"), "CONTRL-29", '"x" segments'),
    ("UNT reference", (b"UNT+9+1", b"UNT+9+2"), "CONTRL-28", 'names the reference "2"'),
    ("UNZ count", (b"UNZ+1+", b"UNZ+7+"), "CONTRL-29", 'UNZ says that the interchange has "7" messages; there are 1.'),
    ("UNZ reference", (b"UNZ+1+REF-1", b"UNZ+1+REF-9"), "CONTRL-28", "UNB 0020"),
    ("no UNZ", (b"UNZ+1+REF-1'", b""), "CONTRL-13", "no end (UNZ)"),
    ("no UNT", (b"UNT+9+1'", b""), "CONTRL-13", "no end (UNT)"),
    ("cut off", (b"UNZ+1+REF-1'", b"UNZ+1+RE"), "CONTRL-13", "The file ends inside UNZ"),
    ("no message", (ORDER[ORDER.index(b"UNH") : ORDER.index(b"UNZ")], b""), "CONTRL-32", "holds no message"),
    ("segment outside", (b"UNZ+1", b"LIN+1'UNZ+1"), "CONTRL-33", "LIN stands outside every message"),
    ("second UNT", (b"UNZ+1", b"UNT+1+1'UNZ+1"), "CONTRL-33", "UNT ends a message that did not begin"),
    ("UNE alone", (b"UNZ+1", b"UNE+1+1'UNZ+1"), "CONTRL-33", "UNE ends a group that did not begin"),
    ("UNZ twice", (b"UNZ+1+REF-1'", b"UNZ+1+REF-1'UNZ+1+REF-1'"), "CONTRL-33", "UNZ ends an interchange"),
    ("no sender", (b"4012345000009:14+5", b"+5"), "CONTRL-13", "UNB lacks the sender"),
    ("no control", (b"+REF-1++", b"+++"), "CONTRL-13", "UNB lacks the control reference"),
    ("date", (b"261122:0930", b"22.11.:0930"), "CONTRL-12", "is no date"),
    ("time", (b"261122:0930", b"261122:2561"), "CONTRL-12", "is no time"),
    ("syntax", (b"UNOC:3", b"KECA:3"), "CONTRL-2", '"KECA" (UNB 0001) is not known'),
    ("version", (b"UNOC:3", b"UNOC:9"), "CONTRL-2", "is not 1 to 4"),
    ("tag", (b"LIN+", b"li +"), "CONTRL-15", '"li" is no segment'),
    ("message type", (b"ORDERS:D", b"850:D"), "CONTRL-12", "does not say what message"),
    ("message reference", (b"UNH+1+", b"UNH++"), "CONTRL-13", "lacks the message reference"),
    ("no UNB", (ORDER[: ORDER.index(b"UNH")], b""), "CONTRL-13", "UNH comes without UNB"),
]


@pytest.mark.parametrize(("name", "change", "code", "words"), WRONG, ids=[each[0] for each in WRONG])
def test_a_broken_frame_is_told_in_words(name: str, change: tuple[bytes, bytes], code: str, words: str) -> None:
    data = ORDER.replace(*change, 1)
    assert data != ORDER
    assert [said for found, said in codes(data) if found == code and words in said], codes(data)
    assert inspect_edifact("x", data)["verdict"] == "faulty"


def test_a_reference_that_is_used_twice_is_told() -> None:
    message = ORDER[ORDER.index(b"UNH") : ORDER.index(b"UNZ")]
    data = ORDER.replace(b"UNZ+1", message + b"UNZ+2")
    assert codes(data) == [("CONTRL-26", 'The message reference "1" (UNH 0062) was used before in this interchange.')]


@pytest.mark.parametrize(
    ("una", "words"),
    [
        (b"UNA::.? '", "are the same"),
        (b"UNAA+.? '", "letter or digit"),
        (b"UNA:+x? '", "decimal mark"),
    ],
)
def test_service_characters_that_cannot_be_are_told(una: bytes, words: str) -> None:
    assert words in str(inspect_edifact("x", una + ORDER)["interchanges"])


def test_a_una_that_is_cut_off_is_told() -> None:
    assert "UNA is cut off" in str(inspect_edifact("x", b"UNA:+.?"))
    assert inspect_edifact("x", UNA)["reason"].startswith("The file holds a UNA and nothing else.")


def test_what_is_not_edifact_is_left_to_others() -> None:
    for data in (b"", b"UN", b"UNIQUE", b"ISA*00*", b"<a/>", b"\xff" * 50):
        assert not is_edifact(data)
        assert read_edifact(data).unreadable or not data.startswith(b"UN")
    assert inspect_file("x", ORDER)["format"] == "edifact"
    assert inspect_edifact("x", b"hello")["verdict"] == "unreadable"


def test_names_are_short_and_the_usual_messages_are_known() -> None:
    assert {"ORDERS", "ORDRSP", "DESADV", "INVOIC", "CONTRL"} <= set(MESSAGES)
    assert set(DOCUMENTS) <= set(MESSAGES)
    assert len(SEGMENTS) >= 50
    assert all(0 < len(name) < 45 for name in SEGMENTS.values())


# -- hostile input ---------------------------------------------------------------------------------------------


def mutated(seed: int) -> bytes:
    """A file with something done to it that nobody meant."""
    rng = random.Random(seed)
    data = bytearray((UNA if rng.random() < 0.5 else b"") + ORDER * rng.randint(1, 3))
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(data))
        action = rng.randrange(6)
        if action == 0:
            data[at] = rng.randrange(256)
        elif action == 1:
            del data[at : at + rng.randint(1, 40)]
        elif action == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
        elif action == 3:
            data[at:at] = data[at : at + rng.randint(1, 60)]
        elif action == 4:
            data[at:at] = rng.choice([b"UNA", b"UNB+", b"UNZ'", b"UNH", b"?", b"''''", b"+" * 50, b"UNE+1'", UNA])
        else:
            del data[at:]
        if not data:
            data = bytearray(b"U")
    return bytes(data)


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_mutated_files_are_explained_and_never_a_fault(start: int) -> None:
    for seed in range(start, start + 50):
        data = mutated(seed)
        for found in (inspect_edifact("x", data), inspect_file("x", data)):
            json.dumps(found).encode("utf-8")


@given(st.binary(max_size=400))
def test_any_bytes_give_a_value(data: bytes) -> None:
    json.dumps(inspect_edifact("x", b"UNB+UNOY:4" + data))
    json.dumps(inspect_edifact("x", b"UNA" + data))
    json.dumps(inspect_edifact("x", data))


@pytest.mark.volume
@pytest.mark.parametrize(
    "data",
    [
        b"UNB" + b"+" * 200_000,
        b"UNB" + b"?" * 200_000,
        b"UNB" + b"'" * 30_000,
        b"UNB+UNOC:3'" + b"UNH'" * 30_000,
        b"UNB+UNOC:3'" + b"x'" * 30_000,
        UNA * 20_000,
        b"UNB+UNOC:4'UNH+1+ORDERS'" + b"A+" + b"*:" * 30_000,
        b"UNB+UNOY:3'" + b"\xff" * 200_000,
        b"UNB+UNOC:3'" + b"UNG+A'" * 20_000,
    ],
    ids=["elements", "release", "empty", "messages", "outside", "una", "repetitions", "bytes", "groups"],
)
def test_large_nonsense_takes_time_in_proportion_and_few_findings(data: bytes) -> None:
    begun = time.process_time()
    found = read_edifact(data)
    spent = time.process_time() - begun
    assert spent < 60, spent
    assert sum(len(each.messages) for each in found.interchanges) <= MAX_SEGMENTS
    assert all(len(each.findings) <= MAX_FINDINGS + 4 for each in found.interchanges)


def test_a_file_longer_than_what_is_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.standards.edifact.reader.MAX_SEGMENTS", 5)
    result = inspect_edifact("x", ORDER)
    assert "only its first 5 segments" in str(result)
    assert result["verdict"] == "held"


def test_the_samples_of_others_are_read() -> None:
    folder = os.environ.get("GATEWAY_CORPUS")
    if not folder:
        pytest.skip("needs GATEWAY_CORPUS")
    for path in (Path(folder) / "edifact").rglob("*"):
        if path.is_file() and path.suffix != ".tsv":
            found = inspect_edifact(path.name, path.read_bytes())
            assert any(each["sets"] for every in found["interchanges"] for each in every["groups"]), path
