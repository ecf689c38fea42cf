"""Partners made and changed in the browser: form, text, mistakes, the look before saving, two admins at once."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from sqlalchemy import text

from gateway.partners import registry
from gateway.partners.errors import PartnerNotFoundError
from gateway.partners.profile import PartnerProfile, Status
from gateway.store.secrets import put_secret
from tests.web.formkit import Sheet
from tests.web.test_injection import Watch
from tests.web.test_partners import befriend
from tests.web.webkit import KEK, Browser, WebKit, texts

EDIT = "/partners/harbor/edit"


def current(web: WebKit, code: str = "harbor") -> PartnerProfile:
    with web.kit.store.read() as session:
        return registry.get(session, code)


def versions(web: WebKit, code: str = "harbor") -> list[registry.VersionInfo]:
    with web.kit.store.read() as session:
        return registry.history(session, code)


def edit(browser: Browser, code: str = "harbor") -> Sheet:
    return Sheet.opened(browser, f"/partners/{code}/edit")


def save(browser: Browser, values: dict[str, Any], code: str = "harbor", reason: str = "As agreed.") -> Any:
    """Type, look at it, and save it."""
    return edit(browser, code).fill(values).step("review").press("save", reason=reason)


# -- a new one -------------------------------------------------------------------------------------------------------


def test_a_partner_begins_as_a_draft_of_a_preset(web: WebKit) -> None:
    browser = web.browser("adam")
    assert "/partners/_new" in browser.get("/partners").text
    page = texts(browser.get("/partners/_new"))
    assert "generic-supplier A supplier that we buy from: our orders go out" in page
    form = {"preset": "generic-supplier", "code": "bolt", "name": "Bolt & Nut", "reason": "They sell to us."}
    answer = browser.post("/partners/_new", **form)
    assert (answer.status_code, answer.location) == (303, "/partners/bolt")
    profile, (version,) = current(web, "bolt"), versions(web, "bolt")
    assert (profile.status, profile.preset, profile.tags) == ("draft", "generic-supplier", ("supplier",))
    assert (version.author, version.reason) == ("adam", "They sell to us.")
    page = texts(browser.get("/partners/bolt"))
    assert "Bolt &amp; Nut is a draft now." in page
    assert "ids.isa is empty: nothing it sends can be recognised as its own." in page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"code": "harbor"}, 'There is a partner "harbor" already.'),
        ({"code": "Bolt!"}, "must be 1 to 40 small letters, digits and hyphens"),
        ({"code": "../bolt"}, "must be 1 to 40 small letters, digits and hyphens"),
        ({"name": ""}, "is missing"),
        ({"preset": "no-such"}, 'there is no preset "no-such"'),
        ({"preset": "../../gateway"}, "there is no preset"),
        ({"reason": " "}, "others will ask why"),
        ({"code": "_new"}, "must be 1 to 40 small letters"),
    ],
)
def test_a_new_partner_that_cannot_be_is_told_and_its_form_stays(
    web: WebKit, form: dict[str, str], sentence: str
) -> None:
    typed = {"preset": "", "code": "bolt", "name": "Bolt", "reason": "New.", **form}
    answer = web.browser("adam").post("/partners/_new", **typed)
    assert answer.status_code == 400
    assert sentence in texts(answer).replace("&#34;", '"')
    assert f'value="{typed["name"]}"' in answer.text
    assert len(versions(web)) == 1
    with pytest.raises(PartnerNotFoundError):
        current(web, "bolt")


# -- fields ------------------------------------------------------------------------------------------------------------


def test_a_value_is_changed_looked_at_and_saved_with_a_reason(web: WebKit) -> None:
    browser = web.browser("adam")
    looked = edit(browser).fill({"v-as2.url": "https://as2.harbor.example/as2", "v-as2.sign": "sha384"}).step("review")
    page = texts(looked.answer)
    assert "2 differences from version 1" in page
    assert "as2.sign sha256 sha384" in page
    assert current(web).as2.url is None, "nothing is saved before"
    answer = looked.press("save", reason="Their new server.")
    assert (answer.status_code, answer.location) == (303, "/partners/harbor")
    profile, newest = current(web), versions(web)[0]
    assert (profile.as2.url, profile.as2.sign) == ("https://as2.harbor.example/as2", "sha384")
    assert (newest.version, newest.author, newest.reason) == (2, "adam", "Their new server.")
    with web.kit.store.read() as session:
        event = session.execute(text("SELECT actor, reason FROM event WHERE kind='profile-changed' ORDER BY seq DESC"))
        assert tuple(event.first() or ()) == ("adam", "Their new server.")
    assert "Version 2 of Harbor Retail is saved and in force." in texts(browser.get("/partners/harbor"))


def test_what_is_inherited_is_beside_the_field_and_no_value(web: WebKit) -> None:
    befriend(web, "bolt", preset="big-box-retailer")
    page = edit(web.browser("adam"), "bolt").answer.text
    assert 'name="v-time_zone" value="UTC" placeholder="America/Chicago"' in page
    assert 'name="v-sftp.port" value="" placeholder="22"' in page
    assert '<option value="">Inherited: aes256-cbc</option>' in page


def test_rows_are_added_and_removed_without_a_script(web: WebKit) -> None:
    browser = web.browser("adam")
    sheet = edit(browser).step("add:ids.isa")
    assert sheet.fields["v-ids.isa[1].id"] == [""]
    sheet = sheet.fill({"v-ids.isa[1].id": "HARBORTEST", "v-ids.isa[1].test": "true"}).step("add:contacts")
    sheet = sheet.fill({"v-contacts[0].name": "Ilse Brand"}).step("review")
    assert sheet.press("save", reason="A test identity.").status_code == 303
    assert [(one.id, one.test) for one in current(web).ids.isa] == [("HARBORRETAIL", False), ("HARBORTEST", True)]
    assert edit(browser).step("remove:ids.isa[1]").step("review").press("save", reason="Over.").status_code == 303
    assert (len(current(web).ids.isa), len(current(web).contacts)) == (1, 1)


def test_every_mistake_is_told_at_once_at_its_field(web: WebKit) -> None:
    befriend(web, "bolt")
    wrong = {
        "v-time_zone": "Moon/Crater",
        "v-as2.url": "ftp://x",
        "v-sftp.port": "ninety",
        "v-ids.gln": "4012345000000",
        "v-delivery.give_up_hours": "0",
    }
    sheet = edit(web.browser("adam"), "bolt").fill(wrong).step("review")
    assert sheet.answer.status_code == 400
    assert sheet.invalid >= set(wrong)
    page = texts(sheet.answer)
    assert "5 things are wrong" in page
    assert "must be a web address that starts with http:// or https://" in page
    assert "must be a whole number." in page
    assert all(sheet.fields[name] == [value] for name, value in wrong.items()), "what was typed is still there"
    assert len(versions(web, "bolt")) == 1


def test_an_identity_of_another_partner_is_named_with_its_owner(web: WebKit) -> None:
    befriend(web, "bolt")
    sheet = edit(web.browser("adam"), "bolt").fill({"v-ids.as2": "HARBOR"}).step("review")
    assert sheet.answer.status_code == 400
    assert "ids.as2" in texts(sheet.answer)
    assert "The AS2 name HARBOR of partner bolt belongs to partner harbor already." in texts(sheet.answer)
    assert sheet.invalid >= {"v-ids.as2"}


def test_a_check_says_what_would_change_and_saves_nothing(web: WebKit) -> None:
    sheet = edit(web.browser("adam"))
    assert "Nothing differs from version 1." in texts(sheet.step("check").answer)
    assert "1 value would change." in texts(sheet.fill({"v-notes": "two\nlines"}).step("check").answer)
    assert len(versions(web)) == 1


def test_saving_nothing_new_is_not_offered(web: WebKit) -> None:
    page = edit(web.browser("adam")).step("review").answer
    assert "there is nothing to save" in texts(page)
    assert 'value="save"' not in page.text


# -- text --------------------------------------------------------------------------------------------------------------


def test_the_text_is_what_export_writes_and_its_mistakes_are_told_by_line(web: WebKit) -> None:
    browser = web.browser("adam")
    sheet = Sheet.opened(browser, f"{EDIT}?mode=text")
    assert sheet.fields["content"][0].startswith("code: harbor\r\nname: Harbor Retail\r\nstatus: live\r\nids:\r\n")
    wrong = sheet.fields["content"][0] + "as2:\r\n  urll: https://x.example\r\n  sign: sha255\r\n"
    told = sheet.fill({"content": wrong}).step("review")
    page = texts(told.answer)
    assert told.answer.status_code == 400
    assert "line 15 as2.urll" in page
    assert "Did you mean url?" in page
    assert "line 16 as2.sign" in page
    assert told.fields["content"] == [wrong]
    right = wrong.replace("urll", "url").replace("sha255", "sha512")
    assert told.fill({"content": right}).step("review").press("save", reason="By text.").status_code == 303
    assert (current(web).as2.url, current(web).as2.sign) == ("https://x.example", "sha512")


def test_fields_and_text_are_two_views_of_one_draft(web: WebKit) -> None:
    sheet = edit(web.browser("adam")).fill({"v-notes": "from a field"}).step("text")
    assert "notes: from a field" in sheet.fields["content"][0]
    sheet.fields["content"] = [sheet.fields["content"][0] + "locale: de\r\n"]
    sheet = sheet.step("fields")
    assert (sheet.fields["v-notes"], sheet.fields["v-locale"]) == (["from a field"], ["de"])
    page = texts(sheet.step("review").answer)
    assert "notes none from a field" in page
    assert "locale en de" in page


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("code: bolt\nname: Bolt\n", "the code of a partner never changes"),
        ("code: harbor\nname: Harbor\nstatus: retired\n", "is changed by the buttons of the partner's page"),
        ("- code: harbor\n  name: A\n- code: bolt\n  name: B\n", "must hold one partner"),
        ("", "is empty"),
        ("code: harbor\nname: H\nstatus: live\nnotes: -----BEGIN PRIVATE KEY-----\n", "holds a private key"),
        ("a: [", "is not YAML"),
        ("code: &a harbor\nname: !!python/object:os.system x\n", "uses the YAML tag"),
        ("x: 1\n" * 60_000, "a partner file has at most"),
        ("code: harbor\nname: H\nstatus: live\nas2: {certificates: [{file: /etc/passwd}]}\n", "cannot be read"),
        (
            "code: harbor\nname: H\nstatus: live\nxml: {url: 'http://user:pw@x.example/'}\n",
            "must not hold a user or password",
        ),
        ('code: harbor\nname: H\nstatus: live\nas2: {headers: {X-A: "b\\r\\nX-B: c"}}\n', "must be printable ASCII"),
    ],
)
def test_a_text_that_cannot_be_is_told_and_stays(web: WebKit, content: str, sentence: str) -> None:
    sheet = Sheet.opened(web.browser("adam"), f"{EDIT}?mode=text").fill({"content": content})
    for do in ("review", "save", "fields", "check"):
        answer = sheet.press(do, reason="x")
        told = texts(answer).replace("&#39;", "'")
        assert answer.status_code == 400 or do == "fields", do
        assert sentence in told or do == "fields", do
    assert len(versions(web)) == 1


# -- saving ------------------------------------------------------------------------------------------------------------


def test_saving_needs_a_reason(web: WebKit) -> None:
    looked = edit(web.browser("adam")).fill({"v-notes": "x"}).step("review")
    answer = looked.press("save", reason="  ")
    assert "A reason is needed" in texts(answer)
    assert len(versions(web)) == 1


def test_an_old_proof_of_who_one_is_saves_nothing_and_loses_nothing(web: WebKit) -> None:
    browser = web.browser("adam")
    looked = edit(browser).fill({"v-notes": "typed for long"}).step("review")
    web.kit.pass_time(minutes=11)
    refused = looked.step("save", reason="Why not")
    assert "older than ten minutes" in texts(refused.answer)
    assert "prove it in another tab" in texts(refused.answer)
    assert (len(versions(web)), refused.fields["reason"]) == (1, ["Why not"])
    browser.post("/login/again", password="violet-anchor-kettle-91", next="/")
    assert refused.press("save").status_code == 303
    assert current(web).notes == "typed for long"


def test_a_session_that_ended_gives_the_text_back(web: WebKit) -> None:
    sheet = edit(web.browser("adam")).fill({"v-notes": "an hour of typing"})
    web.kit.pass_time(minutes=31)
    answer = sheet.press("review")
    assert answer.status_code == 401
    assert "notes: an hour of typing" in answer.text


def test_a_version_that_never_was_is_no_base(web: WebKit) -> None:
    sheet = edit(web.browser("adam")).fill({"v-notes": "x"})
    for base in ("0", "7", "-1", "one"):
        assert sheet.fill({"base": base}).press("review").status_code == 400
    assert len(versions(web)) == 1


def test_a_new_row_is_where_one_goes_on_typing(web: WebKit) -> None:
    sheet = edit(web.browser("adam")).step("add:ids.isa")
    assert sheet.answer.text.count("autofocus") == 1
    assert 'name="v-ids.isa[1].qualifier" value=""' in sheet.answer.text
    assert edit(web.browser("adam")).step("add:ids.gs_by_set").answer.text.count("autofocus") == 1
    assert "autofocus" not in edit(web.browser("adam")).answer.text


def test_two_admins_lose_nothing(web: WebKit) -> None:
    adam, root = web.browser("adam"), web.browser("root")
    mine = edit(adam).fill({"v-notes": "from adam", "v-tags": "a"})
    assert save(root, {"v-locale": "de", "v-tags": "b"}, reason="Root was quicker.").status_code == 303
    told = mine.step("review")
    page = texts(told.answer)
    assert told.answer.status_code == 409
    assert "Version 2 root" in page
    assert "Root was quicker." in page
    assert "locale none de" in page
    assert "notes none from adam" in page
    both = told.step("rebase")
    page = texts(both.answer)
    assert "Both of you changed tags; there your value is kept." in page
    assert "2 differences from version 2" in page
    assert both.press("save", reason="Both.").status_code == 303
    profile = current(web)
    assert (profile.notes, profile.locale, profile.tags) == ("from adam", "de", ("a",))


def test_a_version_that_came_between_the_look_and_the_saving_is_seen(web: WebKit) -> None:
    adam, root = web.browser("adam"), web.browser("root")
    looked = edit(adam).fill({"v-notes": "from adam"}).step("review")
    save(root, {"v-locale": "de"})
    answer = looked.press("save", reason="Mine.")
    assert answer.status_code == 409
    assert (len(versions(web)), current(web).notes) == (2, "")


def test_an_earlier_version_is_restored_as_a_new_one_without_its_status(web: WebKit) -> None:
    browser = web.browser("adam")
    save(browser, {"v-notes": "two"})
    befriended = current(web).model_copy(update={"notes": "three", "status": Status.PAUSED})
    web.write(lambda session: registry.apply(session, [befriended], "kim", "Paused.", web.kit.now))
    assert "/partners/harbor/restore/1" in browser.get("/partners/harbor?view=versions").text
    looked = Sheet.opened(browser, "/partners/harbor/restore/1")
    assert looked.fields["reason"] == ["Version 1 restored: "]
    assert looked.press("save", reason="Version 1 restored: it was right.").status_code == 303
    profile, newest = current(web), versions(web)[0]
    assert (profile.notes, profile.status, newest.version) == ("", "paused", 4)
    assert newest.reason == "Version 1 restored: it was right."
    assert browser.get("/partners/harbor/restore/99").status_code == 404
    assert browser.get("/partners/nobody/edit").status_code == 404


# -- who, and hostile text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vera", "olga", "saul"])
def test_others_see_no_button_and_are_refused(web: WebKit, name: str) -> None:
    browser = web.browser(name)
    for address in ("/partners", "/partners/harbor", "/partners/harbor?view=profile", "/partners/harbor?view=versions"):
        page = browser.get(address).text
        assert "/edit" not in page
        assert "/restore/" not in page
        assert "_new" not in page
    for address in ("/partners/_new", EDIT, "/partners/harbor/restore/1"):
        assert browser.get(address).status_code == 403
    assert browser.post(EDIT, do="save", base="1", content="code: harbor\nname: Mine\n").status_code == 403
    assert len(versions(web)) == 1


@pytest.mark.parametrize("name", ["as2-identity", "staff-totp"])
def test_a_key_of_the_gateway_itself_is_no_secret_of_a_partner(web: WebKit, name: str) -> None:
    web.write(lambda s: put_secret(s, KEK, "our-key", b"key material", kind=name, now=web.kit.now))
    sheet = edit(web.browser("adam")).fill({"v-xml.shared_secret": "our-key"}).step("review")
    assert sheet.answer.status_code == 400
    assert "which is a key of the gateway itself" in texts(sheet.answer)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE partner; --",
    "{{ 7*191 }}",
    "</textarea><script>alert(1)</script>",
    "\u202e\u0000x",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_stays_text_on_every_page_of_the_way(web: WebKit, value: str) -> None:
    browser = web.browser("adam")
    names = ("v-name", "v-notes", "v-tags", "v-locale", "v-as2.url", "v-as2.subject", "v-folder.inbound", "v-preset")
    sheet = edit(browser).fill(dict.fromkeys(names, value)).step("add:as2.headers").step("add:contacts")
    sheet = sheet.fill({"k-as2.headers{0}": value, "v-as2.headers{0}": value, "v-contacts[0].name": value})
    pages = [sheet.step(do).answer for do in ("check", "review", "text")]
    good = edit(browser).fill({"v-name": value.replace("\u0000", ""), "v-notes": value.replace("\u0000", "")})
    looked = good.step("review")
    pages += [looked.answer, looked.press("save", reason=value.replace("\u0000", ""))]
    pages += [browser.get(f"/partners/harbor{view}") for view in ("", "?view=profile", "?view=versions", "/edit")]
    pages.append(browser.post("/partners/_new", code=value, name=value, preset=value, reason=value))
    for page in pages:
        watch = Watch()
        watch.feed(page.text)
        assert watch.wrong == []
        assert "<script>alert" not in page.text
        assert "1337" not in texts(page)
    assert len(json.dumps([info.reason for info in versions(web)])) > 2


#: Buttons, values and texts that no page of ours would send.
BUTTONS = (
    *(
        "check",
        "review",
        "text",
        "fields",
        "save",
        "rebase",
        "nonsense",
        "add:ids.isa",
        "add:as2",
        "add:zzz",
        "add:code",
    ),
    *("remove:contacts[0]", "remove:contacts[9]", "own:inbound.accepted", "inherit:as2", "inherit:code", "add:tags"),
    *("add:documents.sent", "remove:documents.received{0}", "add:sftp.hosted.keys", "own:documents.sent"),
)
VALUES = ("", "x", "\x00", "-1", "9" * 30, "null", "true", "<b>", "a\nb", "{}", "é" * 50, " ")
TEXTS = (
    *("", "x", "null", "[]", "{}", "a: 1", "- a", "as2: x\ncode: bolt\nname: B\nstatus: live"),
    "code: bolt\nname: B\nstatus: draft\nas2: []\nids: {isa: {id: A}}\nsftp: null\nenvelope: x\nlinks: foo\n"
    "inbound: {severities: [1], accepted: {set: '850'}, code_lists: x}\ndocuments: {sent: [a]}\ncontacts: {name: x}\n",
    "code: bolt\nname: [a]\nstatus: {a: b}\npreset: [x]\nxml: {accepted_secrets: x}\n"
    "sftp: {preset: {a: b}, hosted: {keys: {key: {a: b}}}}\nhttp: {tokens: [x, {secret: {a: b}}]}\n",
    "code: bolt\nname: B\nstatus: draft\npreset: no-such\n",
    "code: bolt\nname: B\nstatus: nonsense\nsftp: {preset: nope}\n",
)


def test_no_form_however_wrong_is_a_fault_of_ours(web: WebKit) -> None:
    befriend(web, "bolt", preset="big-box-retailer", contacts=[{"name": "Ilse"}], sftp={"hosted": {"keys": ["x", "y"]}})
    browser, dice = web.browser("adam"), random.Random(4711)
    whole = edit(browser, "bolt").fields
    names = sorted(set(whole) - {"csrf_token", "base"})
    for _ in range(60):
        form = {**whole, **{name: [dice.choice(VALUES)] for name in dice.sample(names, 6)}}
        if dice.random() < 0.6:
            form |= {"content": [dice.choice(TEXTS)], "mode": [dice.choice(("fields", "text", "odd"))]}
        do = dice.choice(BUTTONS)
        answer = browser.client.post("/partners/bolt/edit", data={**form, "do": do, "reason": ""})
        assert answer.status_code in (200, 400), (do, form["content"], form["mode"])
    assert len(versions(web, "bolt")) == 1


def test_a_check_of_an_overtaken_form_shows_both_changes(web: WebKit) -> None:
    sheet = edit(web.browser("adam")).fill({"v-notes": "mine"})
    save(web.browser("root"), {"v-locale": "de"})
    assert sheet.press("check").status_code == 409
