"""Partner files: what is read, what is refused and how, and what is written."""

from __future__ import annotations

import string
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.partners.errors import PartnerFileError, Problem
from gateway.partners.explain import field_paths, model_at
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamlform import (
    collect_partner_file,
    dump_partner,
    dump_partners,
    load_partner_file,
    parse_partner_text,
    preset_names,
)
from gateway.partners.yamltext import MAXIMUM_BYTES, parse_yaml

HEAD = "code: harbor\nname: Harbor Retail\n"


def no_file(name: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", name)


def read(text: str) -> PartnerProfile:
    (profile,) = parse_partner_text(textwrap.dedent(text), "harbor.yaml", no_file)
    return profile


def problems(text: str) -> list[Problem]:
    with pytest.raises(PartnerFileError) as caught:
        parse_partner_text(textwrap.dedent(text), "harbor.yaml", no_file)
    return list(caught.value.problems)


def problem(text: str) -> Problem:
    (found,) = problems(text)
    return found


# --- what is read


def test_values_stay_the_text_that_was_written() -> None:
    profile = read(
        HEAD
        + """
ids:
  isa: {qualifier: 01, id: 0012345}
  gs: 012
notes: NO
envelope:
  isa11: ~
"""
    )
    assert (profile.ids.isa[0].key, profile.ids.gs, profile.notes) == ("01:0012345", ("012",), "NO")
    assert profile.envelope.isa11 == "~"


def test_typed_values_are_read_from_their_text() -> None:
    profile = read(HEAD + "keep: {legal_hold: true, raw_days: 30}\ndelivery: {give_up_hours: 1.5}\n")
    assert (profile.keep.legal_hold, profile.keep.raw_days, profile.delivery.give_up_hours) == (
        True,
        30,
        1.5,
    )


def test_an_empty_value_means_the_default() -> None:
    assert read(HEAD + "notes:\nas2:\nids: {as2: null}\n") == read(HEAD)
    assert read(HEAD + 'notes: "null"\n').notes == "null"


def test_a_list_holds_several_partners() -> None:
    profiles = parse_partner_text("- {code: a, name: A}\n- {code: b, name: B}\n", "two.yaml", no_file)
    assert [profile.code for profile in profiles] == ["a", "b"]


def test_separators_are_given_by_name(tmp_path: Path) -> None:
    profile = read(HEAD + 'envelope: {separators: {element: "|", segment: x15}, suffix: newline}\n')
    assert (profile.envelope.separators.element, profile.envelope.separators.segment) == ("|", "\x15")
    assert profile.envelope.suffix == "\n"


# --- presets


def test_a_preset_lies_under_the_values_of_the_file() -> None:
    profile = read(HEAD + "preset: big-box-retailer\nenvelope: {version: 004010VICS}\n")
    assert profile.envelope.version == "004010VICS"
    assert profile.envelope.replacement == " "
    assert profile.documents.sent["856"].hl_order == "SOPI"


def test_null_takes_a_value_of_the_preset_back_to_the_default() -> None:
    profile = read(HEAD + "preset: big-box-retailer\nenvelope: {replacement: null}\ndocuments: {sent: {'856': null}}\n")
    assert profile.envelope.replacement is None
    assert "856" not in profile.documents.sent


def test_an_unknown_preset_is_named_with_those_there_are() -> None:
    found = problem(HEAD + "preset: big_box_retailer\n")
    assert (found.line, found.path, found.fix) == (3, "preset", "Did you mean big-box-retailer?")
    assert "grocery-chain" in problem(HEAD + "preset: zzz\n").fix


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_is_valid_and_described(name: str) -> None:
    profile = read(HEAD + f"preset: {name}\n")
    assert profile.preset == name
    assert profile != read(HEAD)
    path = Path(__file__).parents[2] / "partners" / f"{name}.yaml"
    assert path.read_text().startswith("# ")
    assert read(dump_partner(profile)) == profile
    assert len(dump_partner(profile).splitlines()) == 4


def test_the_operators_own_preset_goes_first_and_partner_files_are_no_presets(tmp_path: Path) -> None:
    folder = tmp_path / "partners"
    folder.mkdir()
    (folder / "generic-supplier.yaml").write_text("notes: ours\n")
    (folder / "harbor.yaml").write_text(HEAD + "preset: generic-supplier\n")
    (folder / "broken.yaml").write_text("- notes\n")
    (folder / "chained.yaml").write_text("preset: generic-supplier\n")
    (profile,) = load_partner_file(folder / "harbor.yaml", tmp_path)
    assert profile.notes == "ours"
    assert "harbor" not in preset_names(tmp_path)
    for name, why in [("broken", "not a list"), ("chained", "another preset")]:
        (folder / "harbor.yaml").write_text(HEAD + f"preset: {name}\n")
        with pytest.raises(PartnerFileError, match=why):
            load_partner_file(folder / "harbor.yaml", tmp_path)


def test_a_mistake_in_a_preset_is_placed_in_the_preset(tmp_path: Path) -> None:
    folder = tmp_path / "partners"
    folder.mkdir()
    (folder / "own.yaml").write_text("# our own\nas2:\n  sgn: sha256\n")
    (folder / "harbor.yaml").write_text(HEAD + "preset: own\nas2: {sign: sha512}\n")
    with pytest.raises(PartnerFileError, match=r"preset own:3: as2\.sgn: .* Did you mean sign\?"):
        load_partner_file(folder / "harbor.yaml", tmp_path)


def test_a_file_without_code_and_name_is_told_how_presets_are_used() -> None:
    assert "preset: NAME" in problems("notes: x\n")[-1].fix


# --- certificates


def test_a_certificate_file_beside_the_partner_file_is_embedded(tmp_path: Path, pem: str) -> None:
    (tmp_path / "their.pem").write_text(pem)
    (tmp_path / "harbor.yaml").write_text(HEAD + "as2:\n  certificates:\n    - {role: sign, file: their.pem}\n")
    (profile,) = load_partner_file(tmp_path / "harbor.yaml")
    assert profile.as2.certificates[0].pem == pem
    collected = collect_partner_file(tmp_path / "harbor.yaml")
    assert collected["files"] == {"their.pem": pem}
    single = HEAD + "as2: {certificates: {file: their.pem}}\n"
    (tmp_path / "harbor.yaml").write_text(single)
    assert load_partner_file(tmp_path / "harbor.yaml")[0].as2.certificates[0].role == ("sign", "encrypt")


def test_the_presets_a_file_uses_are_collected_with_it(tmp_path: Path) -> None:
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "own.yaml").write_text("notes: ours\n")
    (tmp_path / "harbor.yaml").write_text(HEAD + "preset: own\n")
    collected = collect_partner_file(tmp_path / "harbor.yaml", tmp_path)
    assert collected["presets"] == {"own": "notes: ours\n"}


def test_a_certificate_file_that_cannot_be_used_is_one_problem_in_its_line(tmp_path: Path, pem: str) -> None:
    (tmp_path / "der.crt").write_bytes(b"\x30\x82\xff\xfe")
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "huge.pem").write_text("x" * 70_000)
    (tmp_path / "good.pem").write_text(pem)
    for name, why in [
        ("nope.pem", "No such file"),
        ("der.crt", "openssl x509"),
        ("text.pem", "no certificate"),
        ("huge.pem", "larger than"),
    ]:
        (tmp_path / "harbor.yaml").write_text(HEAD + f"as2:\n  certificates:\n    - file: {name}\n")
        with pytest.raises(PartnerFileError) as caught:
            load_partner_file(tmp_path / "harbor.yaml")
        (found,) = caught.value.problems
        assert found.line == 5
        assert why in str(found)
    both = HEAD + "as2: {certificates: [{file: good.pem, pem: x}]}\n"
    (tmp_path / "harbor.yaml").write_text(both)
    with pytest.raises(PartnerFileError, match="given twice"):
        load_partner_file(tmp_path / "harbor.yaml")


def test_a_certificate_file_that_was_not_handed_over_is_told() -> None:
    with pytest.raises(PartnerFileError, match="not handed over"):
        parse_partner_text(HEAD + "as2: {certificates: {file: x}}\n", "f", {}.__getitem__)


# --- what is refused


def test_a_typo_is_told_with_file_line_path_and_the_nearest_name() -> None:
    found = problem(HEAD + "ids:\n  isa:\n    - qualifier: ZZ\n      id: HARBOR\n      tset: true\n")
    assert str(found) == ("harbor.yaml:7: ids.isa[0].tset: is not a field of a partner's profile. Did you mean test?")


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("as2: {sgn: sha256}", "sign"),
        ("ids: {isa_idd: x}", "isa"),
        ("acknowledgments: {}", "acknowledgements"),
        ("certificates: []", "as2.certificates"),
        ("url: https://x/", "as2.url"),
        ("envelope: {element: x}", "envelope.separators.element"),
        ("documents: {sent: {'855': {versin: '004010'}}}", "version"),
        ("inbound: {duplicates: {isa13_day: 3}}", "isa13_days"),
    ],
)
def test_the_nearest_valid_name_is_offered(line: str, nearest: str) -> None:
    assert problem(f"{HEAD}{line}\n").fix == f"Did you mean {nearest}?"


def test_a_name_like_no_other_is_answered_with_the_names_there_are() -> None:
    assert problem(HEAD + "keep: {zzz: 1}\n").fix == "Known here: document_days, evidence_days, legal_hold, raw_days."


@pytest.mark.parametrize(
    ("line", "message", "fix"),
    [
        (
            "status: tesing",
            '"tesing" is not one of draft, testing, live, paused, retired.',
            "Did you mean testing?",
        ),
        ("as2: {encrypt: aes256}", "is not one of none, aes128-cbc", "Did you mean aes256-cbc?"),
        (
            "inbound: {severities: {AK304: eror}}",
            '"eror" is not one of error, warning, note.',
            "Did you mean error?",
        ),
        ("status: [live]", "must be one of draft", ""),
        ("as2: yes", "must be a group of settings.", ""),
        ("inbound: {severities: x}", "must be a group of names and values.", ""),
        ("delivery: {retry_seconds: [1, x]}", "must be a whole number.", ""),
        ("delivery: {retry_seconds: []}", "needs 1 entry or more.", ""),
        ("delivery: {give_up_hours: long}", "must be a number.", ""),
        ("delivery: {give_up_hours: 0}", "must be more than 0", ""),
        ("inbound: {max_bytes: 3}", "must be 1024 or more.", ""),
        ("delivery: {ordered: perhaps}", "must be true or false.", ""),
        ("as2: {legacy_until: soon}", "must be a day such as 2026-03-31.", ""),
        ("ids: {duns: '12'}", "does not have the form that is meant", ""),
        ("notes: {a: b}", "must be text.", ""),
        ("as2: {connect_timeout: 1e9}", "must be 600", ""),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(line: str, message: str, fix: str) -> None:
    found = problem(f"{HEAD}{line}\n")
    assert found.line == 3
    assert message in found.message
    assert found.fix == fix


def test_a_mistake_inside_a_list_given_as_one_value_is_told_at_that_value() -> None:
    found = problem(HEAD + "ids:\n  isa: {id: X, qualifier: z}\n")
    assert (found.line, found.path) == (4, "ids.isa.qualifier")
    found = problem(HEAD + "envelope:\n  isa01: '01'\n  isa02: open sesame\n")
    assert (found.line, found.path, found.message) == (5, "envelope.isa02", "must be a group of settings.")


def test_a_name_in_a_place_without_names_is_refused_without_a_guess() -> None:
    assert problem(HEAD + "ids: {isa: [{id: X, zz: {a: 1}}]}\n").fix == "Known here: id, qualifier, test."
    assert model_at(("ids", "nothing", "at", "all")) is None
    assert model_at(("inbound", "severities", "AK304", "x")) is None
    assert problem(HEAD + "as2: {headers: {A: {b: c}}}\n").message == "must be text."
    too_many = HEAD + "ids: {isa: [{id: X}, {id: X}]}\n"
    assert "lists ZZ:X twice" in problem(too_many).message


def test_a_missing_field_is_told_with_what_it_is() -> None:
    found = problem("name: Harbor\n")
    assert (found.path, found.message) == ("code", "is missing.")
    assert "folder name" in found.fix


def test_every_problem_is_told_at_once_in_the_order_of_the_lines() -> None:
    found = problems("- {code: A, name: A}\n- {code: b, name: B, statu: live, time_zone: X}\n- 5\n")
    assert [item.path for item in found] == ["[2]"]
    found = problems("- {code: A, name: A}\n- {code: b, name: B, statu: live,\n   time_zone: X}\n")
    assert [(item.line, item.path) for item in found] == [(1, "code"), (2, "statu"), (3, "time_zone")]


@pytest.mark.volume
@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 0, "is empty"),
        ("# only a comment\n", 0, "is empty"),
        ("hello\n", 0, "holds no partner"),
        ("[]\n", 0, "holds no partner"),
        ("a: [1\n", 2, "is not YAML"),
        ("a: *\n", 1, "is not YAML"),
        ("a: \x01\n", 0, "is not YAML"),
        ("\ta: 1\n", 1, "is not YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "is given twice, first in line 1"),
        ("a: !!python/object:os.system x\n", 1, "uses the YAML tag"),
        ("a: 1\n---\nb: 1\n", 2, "several documents"),
        ("? [a]\n: 1\n", 1, "must be plain text"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested more than"),
        ("a: &x 1\nb: [" + "*x, " * 30 + "]\n", 2, "aliases"),
        ("a: " + "x" * MAXIMUM_BYTES, 0, "at most"),
        ("a: [" + "1," * 30_000 + "]", 0, "more than 20000 values"),
    ],
)
def test_text_that_is_not_plain_data_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(PartnerFileError) as caught:
        parse_partner_text(text, "bad.yaml", no_file)
    found = caught.value.problems[0]
    assert (found.file, found.line) == ("bad.yaml", line)
    assert message in found.message


@pytest.mark.volume
def test_aliases_that_multiply_are_stopped_by_the_number_of_values() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{n}: &{n} [{','.join([f'*{m}'] * 4)}]\n" for m, n in ["ab", "bc", "cd", "de", "ef"]
    )
    with pytest.raises(PartnerFileError, match="values"):
        parse_yaml(bomb + "g: [" + ",".join(["[x,x,x,x,x,x,x,x]"] * 2000) + "]", "bomb.yaml")


@pytest.mark.parametrize("make", ["missing", "folder", "latin", "huge"])
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, make: str) -> None:
    path = tmp_path / "harbor.yaml"
    if make == "folder":
        path.mkdir()
    elif make == "latin":
        path.write_bytes(b"name: caf\xe9\n")
    elif make == "huge":
        path.write_text("x" * (MAXIMUM_BYTES + 1))
    with pytest.raises(PartnerFileError) as caught:
        load_partner_file(path)
    assert str(path) in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet=string.printable, max_size=200))
def test_any_text_is_read_or_refused_with_problems(text: str) -> None:
    for tried in (text, HEAD + text):
        try:
            parse_partner_text(tried, "any.yaml", no_file)
        except PartnerFileError as error:
            assert error.problems


# --- what is written


def test_only_what_differs_from_the_defaults_is_written() -> None:
    assert dump_partner(read(HEAD)) == "code: harbor\nname: Harbor Retail\nstatus: draft\n"
    text = dump_partner(read(HEAD + "status: live\nenvelope: {usage: T, suffix: crlf}\n"))
    assert text.endswith("status: live\nenvelope:\n  suffix: crlf\n  usage: T\n")
    assert "usage" not in dump_partner(read(HEAD + "status: testing\nenvelope: {usage: T}\n"))


def test_a_changed_value_of_a_preset_is_written_and_an_unchanged_one_is_not() -> None:
    profile = read(
        HEAD + "preset: big-box-retailer\nenvelope: {replacement: null, version: '004010'}\n"
        "documents: {sent: {'856': null, '855': {auto_post: false}}}\ninbound: {accepted: []}\n"
    )
    text = dump_partner(profile)
    assert read(text) == profile
    assert "version: '004010'" in text
    assert "replacement: null" in text
    assert "'856': null" in text
    assert "hl_order" not in text
    assert "accepted: []" in text


def test_a_preset_that_is_gone_leaves_every_value_in_the_file() -> None:
    profile = PartnerProfile(code="a", name="A", preset="gone", notes="x")
    assert "notes: x" in dump_partner(profile)


def test_several_profiles_are_written_as_one_file() -> None:
    profiles = [read(HEAD), PartnerProfile(code="b", name="B: it's", tags=["x"])]
    assert parse_partner_text(dump_partners(profiles), "both.yaml", no_file) == profiles


CHARS = st.sampled_from(["*", "|", "@", "newline", "x15", "x85", "\x07", "^", "~", ":", ">", "<", "!"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@st.composite
def profiles(draw: st.DrawFn) -> PartnerProfile:
    four = draw(st.lists(CHARS, min_size=4, max_size=4, unique_by=lambda c: {"\x07": "x07"}.get(c, c)))
    data: dict[str, Any] = {
        "code": draw(st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True)),
        "name": draw(TEXT.filter(bool)),
        "status": draw(st.sampled_from(["draft", "testing", "live", "paused", "retired"])),
        "preset": draw(st.sampled_from([None, *preset_names()])),
        "notes": draw(TEXT) + draw(st.sampled_from(["", "\nsecond line\n", "null", "~"])),
        "ids": {
            "isa": draw(
                st.lists(
                    st.builds(
                        lambda id, test: {"id": id, "test": test},
                        st.from_regex(r"[A-Z0-9]{1,15}", fullmatch=True),
                        st.booleans(),
                    ),
                    max_size=3,
                    unique_by=lambda one: one["id"],
                )
            ),
            "gs_by_set": draw(st.dictionaries(st.sampled_from(["810", "855"]), st.just("0012"), max_size=2)),
        },
        "envelope": {
            "separators": dict(zip(["element", "component", "segment", "repetition"], four, strict=True)),
            "suffix": draw(st.sampled_from(["none", "lf", "cr", "crlf"])),
            "version": draw(st.sampled_from(["004010", "005010", "004010VICS"])),
            "replacement": draw(st.sampled_from([None, " ", "?"])),
        },
        "inbound": {
            "accepted": [{"set": "850", "versions": draw(st.lists(st.just("004010"), max_size=1))}],
            "severities": draw(st.dictionaries(st.just("AK403-7"), st.just("note"))),
            "code_lists": draw(st.dictionaries(st.just("355"), st.just({"add": ["XX", "null"]}))),
        },
        "documents": {"sent": draw(st.dictionaries(st.sampled_from(["855", "856"]), st.just({"auto_post": False})))},
        "delivery": {"give_up_hours": draw(st.sampled_from([1, 1.5, 72])), "ordered": draw(st.booleans())},
        "agreement_from": draw(st.sampled_from([None, "2026-01-01"])),
    }
    usage = draw(st.sampled_from([None, "T", "P"]))
    if usage is not None:
        data["envelope"]["usage"] = usage
    return PartnerProfile.model_validate(data)


@pytest.mark.parametrize("mark", ["\r", "\x85", "\u2028", "\u2029", "\n", "\r\n", "\ufeff", "\t"])
def test_whatever_ends_a_line_is_read_as_it_was_written(mark: str) -> None:
    for notes in (mark, f"a{mark}b", f"a\n{mark}b{mark}", f"{mark} a"):
        profile = PartnerProfile(code="a", name="A", notes=notes)
        assert read(dump_partner(profile)).notes == notes


@settings(deadline=None, max_examples=60)
@given(profiles())
def test_reading_what_was_written_gives_the_same_profile(profile: PartnerProfile) -> None:
    assert read(dump_partner(profile)) == profile


def test_certificates_survive_being_written(pem: str) -> None:
    profile = PartnerProfile(
        code="harbor", name="Harbor", as2={"certificates": [{"pem": pem, "valid_until": "2026-05-01"}]}
    )
    text = dump_partner(profile)
    assert "pem: |" in text
    assert read(text) == profile


# --- what the documentation says

DOCS = Path(__file__).parents[2] / "docs" / "partners.md"


def test_the_example_of_the_documentation_is_a_valid_partner(pem: str) -> None:
    example = DOCS.read_text().split("```yaml\n")[1].split("```")[0]
    (profile,) = parse_partner_text(example, "docs/partners.md", lambda name: pem)
    assert profile.ids.isa[1].key == "08:6111250008"
    assert profile.envelope.separators.segment == "\n"
    assert len(profile.as2.certificates) == 2
    assert profile.envelope.usage == "T"


def test_the_documentation_names_every_group_field_and_preset() -> None:
    text = DOCS.read_text()
    for path in field_paths():
        if path.count(".") == 0 or path.startswith(("ids.", "envelope.", "inbound.", "as2.", "delivery.")):
            name = path.split(".")[1] if "." in path else path
            assert f"`{name}`" in text or name in {"isa02", "isa03"}, path
    for name in preset_names():
        assert f"`{name}`" in text
