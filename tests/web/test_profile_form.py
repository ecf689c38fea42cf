"""The form of a profile: every field of the model is there, and what is not typed anew stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from pydantic import BaseModel

from gateway.partners import registry
from gateway.partners.formfields import FormKind, form_fields
from gateway.partners.formmerge import merged
from gateway.partners.formtree import typed_tree
from gateway.partners.presets import preset_names, preset_reader, preset_values
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamlform import dump_partner, inherited_values, parse_partner_text, tree_text
from gateway.partners.yamltext import parse_yaml
from gateway.web.view.profileform import Fieldset, Input, Part, Section, sections, walk
from tests.partners.test_partner_files import profiles
from tests.web.formkit import Sheet
from tests.web.webkit import Browser, WebKit

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPvQ1xHhFT5xg0JuxWqVbUaNqQ1tTJ1Q8mTqkVvJ4wF9 harbor"
#: What the strategy of partner files leaves out: lists within groups, mixed lists, references to secrets.
MORE: dict[str, Any] = {
    "contacts": [{"name": "Ilse Brand", "mail": "ilse@harbor.example"}, {"name": "Night desk", "role": "escalation"}],
    "as2": {
        "url": "https://as2.harbor.example/as2",
        "http_auth": {"user": "alpine", "password": {"secret": "harbor/http"}},
        "headers": {"X-Route": "edi", "X-Empty": ""},
    },
    "sftp": {
        "ignore": [],
        "temporary_suffix": "",
        "hosted": {"user": "harbor", "keys": [KEY, {"key": KEY, "valid_until": "2027-01-31"}]},
    },
    "http": {"tokens": [{"secret": "harbor/token"}]},
    "ours": {"isa": {"id": "ALPINE2"}},
    "documents": {"received": {"850": {"follow_up": [{"set": "855", "hours": 4}], "tolerances": {"date_days": 2}}}},
}


def below(profile: PartnerProfile) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(tree, inherited values, what the presets say) of a profile."""
    tree = parse_yaml(dump_partner(profile), "x").data
    own = {name: tree[name] for name in ("code", "name", "status", "preset") if name in tree}
    inherited = inherited_values(own, profile.sftp.preset, preset_reader())
    return tree, inherited, preset_values(profile.preset, profile.sftp.preset, preset_reader())


def form_of(profile: PartnerProfile) -> list[Section]:
    tree, inherited, preset = below(profile)
    return sections(tree, inherited, preset, {}, {"preset": preset_names()})


def inputs(found: list[Section]) -> dict[str, Input]:
    return {one.path: one for section in found for one in walk(section.parts)}


def make(**values: Any) -> PartnerProfile:
    return PartnerProfile.model_validate({"code": "bolt", "name": "Bolt", **values})


def changed(profile: PartnerProfile, form: dict[str, str], action: str = "") -> PartnerProfile:
    """The profile after typing."""
    tree, inherited, _ = below(profile)
    made = typed_tree(tree, {name: [value] for name, value in form.items()}, inherited, action)
    assert not made.refused
    (found,) = parse_partner_text(tree_text(made.tree), "x", lambda name: "")
    return found


# -- every field ---------------------------------------------------------------------------------------------------


def model_paths(model: type[BaseModel], prefix: str = "") -> set[str]:
    """The path of every field that has one without a row: groups within groups."""
    found: set[str] = set()
    for field in form_fields(model):
        path = f"{prefix}{field.name}"
        if field.kind is FormKind.GROUP and field.model is not None:
            found |= model_paths(field.model, f"{path}.")
        else:
            found.add(path)
    return found


def part_paths(parts: tuple[Part, ...]) -> set[str]:
    found: set[str] = set()
    for part in parts:
        found |= part_paths(part.parts) if isinstance(part, Fieldset) else {part.path}
    return found


def test_every_field_of_the_model_is_in_the_form() -> None:
    shown = {path for section in form_of(make()) for path in part_paths(section.parts)}
    assert model_paths(PartnerProfile) - shown == {"code", "status"}


def test_a_type_that_no_form_knows_is_named() -> None:
    class Odd(BaseModel):
        strange: complex = 0j

    with pytest.raises(TypeError, match="strange"):
        form_fields(Odd)


def test_every_field_says_what_it_means() -> None:
    assert [one.path for one in inputs(form_of(make())).values() if not one.about] == []


# -- unchanged -----------------------------------------------------------------------------------------------------


def stored(web: WebKit, profile: PartnerProfile) -> None:
    web.write(lambda session: registry.apply(session, [profile], "kim", "Set up.", web.kit.now))


def sent_unchanged(web: WebKit, browser: Browser, profile: PartnerProfile) -> None:
    """The form in the browser, sent as it came, says nothing new."""
    stored(web, profile)
    looked = Sheet.opened(browser, f"/partners/{profile.code}/edit").press("review")
    assert "Nothing differs" in looked.text, looked.text
    text = Sheet.opened(browser, f"/partners/{profile.code}/edit").step("text").fields["content"][0]
    assert parse_partner_text(text.replace("\r\n", "\n"), "x", lambda name: "") == [profile]


@pytest.mark.parametrize("name", preset_names())
def test_a_form_of_a_preset_sent_unchanged_changes_nothing(web: WebKit, name: str) -> None:
    (profile,) = parse_partner_text(f"code: bolt\nname: Bolt\npreset: {name}\n", "x", lambda file: "")
    sent_unchanged(web, web.browser("adam"), profile)


def test_a_form_with_rows_of_every_kind_sent_unchanged_changes_nothing(web: WebKit) -> None:
    sent_unchanged(web, web.browser("adam"), make(preset="big-box-retailer", **MORE))


def test_a_form_sent_unchanged_changes_nothing(web: WebKit) -> None:
    browser = web.browser("adam")

    @settings(deadline=None, max_examples=12, phases=[Phase.generate])
    @given(profiles())
    def unchanged(profile: PartnerProfile) -> None:
        sent_unchanged(web, browser, PartnerProfile.model_validate(profile.model_dump(mode="json") | {"code": "bolt"}))

    unchanged()


@settings(deadline=None, max_examples=40)
@given(profiles())
def test_the_text_of_a_tree_reads_back_the_same(profile: PartnerProfile) -> None:
    tree = below(profile)[0]
    assert parse_yaml(tree_text(tree), "x").data == tree


# -- typing --------------------------------------------------------------------------------------------------------


def test_a_value_is_set_and_taken_back_to_what_is_inherited() -> None:
    retailer = parse_partner_text("code: a\nname: A\npreset: big-box-retailer\n", "x", lambda name: "")[0]
    own = changed(retailer, {"v-time_zone": " America/Denver "})
    assert own.time_zone == "America/Denver"
    assert changed(own, {"v-time_zone": ""}) == retailer


def test_the_default_can_be_had_instead_of_the_value_of_a_preset() -> None:
    retailer = parse_partner_text("code: a\nname: A\npreset: big-box-retailer\n", "x", lambda name: "")[0]
    zone = inputs(form_of(retailer))["time_zone"]
    assert (zone.inherited, zone.source, zone.nothing) == ("America/Chicago", "preset big-box-retailer", "null")
    own = changed(retailer, {"v-time_zone": "", "e-time_zone": "null"})
    assert own.time_zone == "UTC"
    assert inputs(form_of(own))["time_zone"].value == "UTC"
    assert changed(own, {"v-time_zone": ""}) == retailer


def test_a_text_or_list_is_empty_on_purpose() -> None:
    own = changed(make(), {"v-sftp.temporary_suffix": "", "e-sftp.temporary_suffix": "empty"})
    assert own.sftp.temporary_suffix == ""
    own = changed(own, {"v-folder.ignore": "", "e-folder.ignore": "empty"})
    assert own.folder.ignore == ()
    back = changed(own, {"v-sftp.temporary_suffix": "", "v-folder.ignore": ""})
    assert back == make()


def test_a_switch_has_three_states() -> None:
    off = changed(make(), {"v-as2.mdn_signed": "false"})
    assert (off.as2.mdn_signed, inputs(form_of(off))["as2.mdn_signed"].value) == (False, "false")
    assert changed(off, {"v-as2.mdn_signed": ""}) == make()
    assert inputs(form_of(make()))["as2.mdn_signed"].inherited == "yes"


def test_lists_are_typed_one_on_each_line() -> None:
    own = changed(make(), {"v-ids.gs": " BOLT \r\n\r\nBOLT2\r\n", "v-delivery.retry_seconds": "5\n60"})
    assert (own.ids.gs, own.delivery.retry_seconds) == (("BOLT", "BOLT2"), (5, 60))


def test_a_blank_alone_is_a_value() -> None:
    assert changed(make(), {"v-envelope.replacement": " "}).envelope.replacement == " "


def test_secrets_are_typed_by_their_names() -> None:
    own = changed(make(), {"v-sftp.password": "bolt/sftp", "v-http.tokens": "bolt/one\nbolt/two"})
    assert own.sftp.password is not None
    assert (own.sftp.password.secret, [each.secret for each in own.http.tokens]) == (
        "bolt/sftp",
        ["bolt/one", "bolt/two"],
    )


def test_a_row_is_added_filled_and_removed() -> None:
    tree, inherited, _ = below(make())
    added = typed_tree(tree, {}, inherited, "add:ids.isa").tree
    assert added["ids"]["isa"] == [{}]
    assert typed_tree(added, {}, inherited).tree == tree, "a row that stays empty is none"
    one = typed_tree(added, {"v-ids.isa[0].id": ["BOLT"]}, inherited, "add:ids.isa").tree
    two = typed_tree(one, {"v-ids.isa[1].id": ["BOLT2"], "v-ids.isa[1].test": ["true"]}, inherited).tree
    assert two["ids"]["isa"] == [{"id": "BOLT"}, {"id": "BOLT2", "test": "true"}]
    assert typed_tree(two, {}, inherited, "remove:ids.isa[0]").tree["ids"]["isa"] == [{"id": "BOLT2", "test": "true"}]


def test_the_rows_of_a_preset_are_taken_over_before_they_change() -> None:
    retailer = parse_partner_text("code: a\nname: A\npreset: big-box-retailer\n", "x", lambda name: "")[0]
    own = changed(retailer, {"v-inbound.accepted[0].set": "830"}, "")
    assert own == retailer, "an inherited row is not typed"
    tree, inherited, _ = below(retailer)
    copied = typed_tree(tree, {}, inherited, "own:inbound.accepted").tree
    assert [row["set"] for row in copied["inbound"]["accepted"]][:2] == ["850", "860"]
    more = typed_tree(tree, {}, inherited, "add:inbound.accepted").tree
    assert len(more["inbound"]["accepted"]) == len(copied["inbound"]["accepted"]) + 1
    assert typed_tree(copied, {}, inherited, "inherit:inbound.accepted").tree == tree


def test_entries_are_named_renamed_and_removed() -> None:
    tree, inherited, _ = below(make())
    added = typed_tree(tree, {}, inherited, "add:documents.sent").tree
    form = {"k-documents.sent{0}": ["856"], "v-documents.sent{0}.version": ["005010"]}
    named = typed_tree(added, form, inherited).tree
    assert named["documents"]["sent"] == {"856": {"version": "005010"}}
    renamed = typed_tree(named, {"k-documents.sent{0}": ["810"]}, inherited).tree
    assert renamed["documents"]["sent"] == {"810": {"version": "005010"}}
    assert typed_tree(renamed, {}, inherited, "remove:documents.sent{0}").tree == tree


def test_a_name_that_is_given_twice_is_told_and_nothing_is_lost() -> None:
    profile = make(ids={"gs_by_set": {"810": "A1", "855": "B1"}})
    tree, inherited, _ = below(profile)
    made = typed_tree(tree, {"k-ids.gs_by_set{1}": ["810"]}, inherited)
    assert made.tree["ids"]["gs_by_set"] == {"810": "A1", "855": "B1"}
    assert made.refused == {"ids.gs_by_set": '"810" is given twice. Remove one of the two.'}


def test_an_entry_of_a_preset_is_changed_or_taken_away() -> None:
    retailer = parse_partner_text("code: a\nname: A\npreset: big-box-retailer\n", "x", lambda name: "")[0]
    key = {"k-inbound.severities{0}": "AK403-7 N101", "v-inbound.severities{0}": "note"}
    own = changed(retailer, key)
    assert own.inbound.severities == {"AK403-7 N101": "note"}
    gone = changed(retailer, {**key, "v-inbound.severities{0}": "", "x-inbound.severities{0}": "1"})
    assert gone.inbound.severities == {}
    assert changed(gone, {"k-inbound.severities{0}": "AK403-7 N101", "v-inbound.severities{0}": ""}) == retailer


def test_keys_are_lines_until_one_of_them_has_a_time_of_its_own() -> None:
    own = changed(make(), {"v-sftp.hosted.user": "bolt", "v-sftp.hosted.keys": KEY})
    (note,) = inputs(form_of(own))["sftp.hosted.keys"].notes
    assert note.startswith("SHA256:")
    tree, inherited, _ = below(own)
    rows = typed_tree(tree, {"v-sftp.hosted.keys": [KEY]}, inherited, "add:sftp.hosted.keys").tree
    form = {"v-sftp.hosted.keys[1].key": [KEY], "v-sftp.hosted.keys[1].valid_until": ["2027-01-31"]}
    both = typed_tree(rows, form, inherited).tree["sftp"]["hosted"]["keys"]
    assert both == [KEY, {"key": KEY, "valid_until": "2027-01-31"}]


def test_a_group_that_may_be_absent_comes_and_goes_with_its_fields() -> None:
    own = changed(make(), {"v-ours.isa.id": "ALPINE2"})
    assert own.ours.isa is not None
    assert changed(own, {"v-ours.isa.id": ""}) == make()


def test_a_value_that_fits_no_field_is_left_alone() -> None:
    profile = make(tags=["two\nlines"], locale="a\rb")
    found = inputs(form_of(profile))
    assert (found["tags"].as_text, found["locale"].as_text) == (True, True)
    assert changed(profile, {"v-tags": "other", "v-locale": "de"}) == profile


# -- two changes at once ---------------------------------------------------------------------------------------------


def test_changes_of_two_people_are_brought_together() -> None:
    base = {"name": "A", "as2": {"url": "x", "sign": "sha256"}, "tags": ["a"]}
    mine = {"name": "A", "as2": {"url": "y", "sign": "sha256"}, "tags": ["a", "b"], "notes": "n"}
    theirs = {"name": "B", "as2": {"url": "x"}, "tags": ["c"]}
    tree, conflicts = merged(base, mine, theirs)
    assert tree == {"name": "B", "as2": {"url": "y"}, "tags": ["a", "b"], "notes": "n"}
    assert conflicts == ["tags"]
