"""Partner guides: each kind of rule, each scope, and the reading of guides from data."""

import pytest

from gateway.standards.edi.guide import Match, OneOfRule, check_guide, has_sscc_check_digit
from gateway.standards.edi.guide_data import GuideError, guide_from_data, match_from_text
from gateway.standards.edi.parse import parse_segment
from gateway.standards.edi.validator import validator
from tests.standards.edi.samples import SEPARATORS

ORDER = (
    "ST*850*0001~BEG*00*DS*A1**20240101~REF*DP*038~REF*IA*77~DTM*002*20240101~N1*ST*STORE*92*0012~"
    "PO1*1*5*EA*9.95**UP*012345678905~REF*CO*1~PO1*2*5*CA*1~CTT*2~SE*11*0001"
)
SHIPMENT = (
    "ST*856*0001~BSN*00*1*20240101*1200~HL*1**S~HL*2*1*O~PRF*A1~HL*3*2*P~MAN*GM*00123456789012345675~"
    "HL*4*2*P~CTT*4~SE*10*0001"
)


def codes(rule, text=ORDER, set_id="850"):
    guide = guide_from_data({"name": "test", "rules": [{"name": "it", **rule}]})
    segments = [
        parse_segment(part.encode(), SEPARATORS["004010"], position=at, offset=at * 10)
        for at, part in enumerate(text.split("~"), 1)
    ]
    root = validator("004010", set_id, SEPARATORS["004010"]).tree(segments)
    return [(found.segment, found.position) for found in check_guide(guide, root, set_id)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"segment": "REF01=DP", "least": 1}, []),
        ({"segment": "REF01=MR", "least": 1}, [("ST", 1)]),
        ({"segment": "REF01=DP|IA", "least": 2, "most": 2}, []),
        ({"segment": "REF01=DP|IA", "most": 1}, [("REF", 4)]),
        ({"segment": "CTT", "most": 0}, [("CTT", 10)]),
        ({"segment": "REF01=CO", "least": 1, "loop": "PO1"}, [("PO1", 9)]),
        ({"segment": "REF", "most": 2, "loop": "header"}, []),
        ({"segment": "REF", "most": 2}, [("REF", 8)]),
        ({"segment": "N104=0012", "least": 1, "loop": "N1"}, []),
        ({"segment": "N3", "least": 1, "loop": "N1", "when": ["BEG02=DS", "N101=ST"]}, [("N1", 6)]),
        ({"segment": "N3", "least": 1, "loop": "N1", "when": "BEG02=SA"}, []),
        ({"element": "PO104", "required": True}, []),
        ({"element": "PO106", "required": True}, [("PO1", 9)]),
        ({"element": "BEG01", "values": ["00", "07"]}, []),
        ({"element": "BEG02", "values": "SA"}, [("BEG", 2)]),
        ({"element": "REF02", "of": "REF01=DP", "pattern": "[0-9]{3}"}, []),
        ({"element": "REF02", "of": "REF01=IA", "pattern": "[0-9]{3}"}, [("REF", 4)]),
        ({"element": "N102", "max_length": 4}, [("N1", 6)]),
        ({"element": "N103", "forbidden": True}, [("N1", 6)]),
        ({"element": "REF04-2", "required": True, "of": "REF01=DP"}, [("REF", 3)]),
        ({"one_of": ["DTM01=002", "DTM01=010"]}, []),
        ({"one_of": ["DTM01=037", "DTM01=010"]}, [("ST", 1)]),
        ({"one_of": ["REF01=DP", "REF01=IA"]}, [("ST", 1)]),
        ({"one_of": ["REF01=DP", "REF01=IA"], "most": None}, []),
    ],
    ids=str,
)
def test_a_rule_finds_what_breaks_it(rule, expected):
    assert codes(rule) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"segment": "MAN01=GM", "least": 1, "loop": "HL", "level": "P"}, [("HL", 8)]),
        ({"segment": "PRF", "least": 1, "loop": "HL", "level": "O"}, []),
        ({"element": "MAN02", "of": "MAN01=GM", "sscc": True}, []),
        ({"segment": "REF", "most": 0, "loop": "header"}, []),
    ],
    ids=str,
)
def test_levels_of_a_shipment_have_rules_of_their_own(rule, expected):
    assert codes(rule, SHIPMENT, "856") == expected


def test_a_wrong_check_digit_is_found():
    wrong = SHIPMENT.replace("012345675", "012345676")
    assert codes({"element": "MAN02", "sscc": True}, wrong, "856") == [("MAN", 7)]


def test_an_sscc_has_eighteen_digits_and_a_check_digit():
    assert has_sscc_check_digit("123456789012345675")
    assert has_sscc_check_digit("00123456789012345675")
    assert not has_sscc_check_digit("123456789012345674")
    assert not has_sscc_check_digit("12345")
    assert not has_sscc_check_digit("12345678901234567X")


def test_a_set_without_lines_is_all_header():
    text = "ST*850*0001~REF*DP*1~SE*3*0001"
    assert codes({"segment": "REF01=IA", "least": 1, "loop": "header"}, text) == [("ST", 1)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "exactly one of"),
        ({"segment": "REF", "element": "REF01"}, "exactly one of"),
        ({"segment": "REF", "lest": 1}, "unknown field lest"),
        ({"segment": "REF", "severity": "fatal"}, "severity"),
        ({"segment": "REF", "name": "No Good"}, "lower-case"),
        ({"segment": "ref"}, "neither a segment id"),
        ({"segment": "REF01=A N101=B"}, "exactly one segment"),
        ({"segment": ""}, "exactly one segment"),
        ({"segment": "REF", "least": "many"}, "invalid literal"),
        ({"element": "REF"}, "not of the form"),
        ({"element": "REF02", "of": "N1"}, '"of" names N1'),
        ({"element": "REF02", "pattern": "["}, "unterminated"),
    ],
)
def test_a_mistake_in_a_guide_is_named(rule, words):
    with pytest.raises(GuideError, match=words) as caught:
        guide_from_data({"name": "test", "rules": [{"name": "it", **rule}]})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("rule 1")


def test_every_mistake_of_a_guide_is_named_at_once():
    with pytest.raises(GuideError) as caught:
        guide_from_data({"rules": ["x", {"name": "a"}, {"name": "b", "segment": "REF"}]})
    assert len(caught.value.problems) == 2
    with pytest.raises(GuideError, match="must be a list"):
        guide_from_data({"rules": "REF"})


def test_a_match_is_written_as_it_is_read():
    for text in ("REF", "REF01=DP|IA", "SAC01=A SAC02=F050"):
        assert str(match_from_text(text)) == text


def test_bounds_are_told_in_words():
    rule = OneOfRule("x", matches=(Match("REF"), Match("DTM")), least=1, most=None)
    guide = guide_from_data({"rules": [{"name": "x", "one_of": ["FOB", "ITD"], "most": None, "text": "See p. 9."}]})
    segments = [parse_segment(part.encode(), SEPARATORS["004010"]) for part in ORDER.split("~")]
    root = validator("004010", "850", SEPARATORS["004010"]).tree(segments)
    (finding,) = check_guide(guide, root, "850")
    assert "1 to all of FOB, ITD must be present" in finding.message
    assert finding.fix == "See p. 9."
    assert rule.most is None
