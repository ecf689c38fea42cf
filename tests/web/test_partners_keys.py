"""Certificates uploaded and looked at before they are saved, and secrets that are typed and never shown."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from gateway.partners.certificatefiles import MOST_BYTES, read_certificate_file
from gateway.partners.errors import CertificateError
from gateway.partners.secretnames import secret_kind, secret_of_file
from gateway.store.secrets import get_secret, put_secret
from tests.pipeline.pipelinekit import NOW
from tests.web.formkit import Sheet
from tests.web.test_partners import befriend, certificate
from tests.web.test_partners_edit import current, versions
from tests.web.webkit import KEK, Browser, WebKit, texts

PAGE = "/partners/harbor/certificates"
SECRETS = "/partners/bolt/secrets"
CANARY = "canary-4711-do-not-show"


def pem(name: str = "harbor", days: tuple[int, int] = (-10, 300)) -> bytes:
    return certificate(name, NOW + timedelta(days=days[0]), NOW + timedelta(days=days[1])).encode()


def loaded(data: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data)


def upload(browser: Browser, data: bytes, name: str = "harbor.cer") -> Any:
    form = {"csrf_token": browser.token(), "file": (io.BytesIO(data), name)}
    return browser.client.post(PAGE, data=form, content_type="multipart/form-data")


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_certificate_is_read_in_every_form_in_which_partners_send_it() -> None:
    one, other = loaded(pem("one")), loaded(pem("other"))
    forms = [
        one.public_bytes(Encoding.PEM),
        b"Dear partner,\r\n" + one.public_bytes(Encoding.PEM).replace(b"\n", b"\r\n") + b"regards",
        one.public_bytes(Encoding.DER),
        pkcs7.serialize_certificates([one], Encoding.DER),
        pkcs7.serialize_certificates([one], Encoding.PEM),
        one.public_bytes(Encoding.PEM) * 2,
    ]
    for data in forms:
        (found,) = read_certificate_file(data)
        assert (found.facts.subject, found.problem, found.authority) == ("CN=one", "", False)
    both = pkcs7.serialize_certificates([one, other], Encoding.DER)
    assert {each.facts.subject for each in read_certificate_file(both)} == {"CN=one", "CN=other"}


def test_a_certificate_that_cannot_be_used_is_read_with_the_reason() -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "weak")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (found,) = read_certificate_file(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    assert found.authority
    assert found.problem.startswith("It has an RSA key of 1024 bits; we use 2048 or more.")


def private_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pfx() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return pkcs12.serialize_key_and_certificates(b"x", key, None, None, NoEncryption())


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"x" * (MOST_BYTES + 1), "has 65537 bytes"),
        (b"\x30\x84\xff\xff\xff\xff" + b"\x00" * 50, "cannot be read"),
        (b"\x30" * 60_000, "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----" * 2_000, "holds no certificate"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----", "cannot be read"),
        (b"<html>Not found</html>", "cannot be read"),
        (private_key(), "holds a private key"),
        (pfx(), "cannot be read"),
        (b"".join(pem(f"n{number}") for number in range(11)), "at most 10"),
    ],
)
def test_a_file_that_is_no_certificate_is_told_in_a_sentence(web: WebKit, data: bytes, sentence: str) -> None:
    with pytest.raises(CertificateError, match=re.escape(sentence)):
        read_certificate_file(data)
    answer = upload(web.browser("adam"), data)
    assert answer.status_code == 400
    assert f"The file {sentence}" in texts(answer) or sentence in texts(answer)
    assert len(versions(web)) == 1


# -- certificates in the browser ---------------------------------------------------------------------------------------


def test_a_certificate_is_looked_at_and_saved_with_its_time(web: WebKit) -> None:
    browser, data = web.browser("adam"), pem("harbor-2027")
    seen = upload(browser, loaded(data).public_bytes(Encoding.DER))
    page = texts(seen)
    fingerprint = loaded(data).fingerprint(hashes.SHA256()).hex(":").upper()
    assert "CN=harbor-2027" in page
    assert fingerprint in page
    assert len(versions(web)) == 1, "nothing is saved yet"
    sheet = Sheet(browser, seen, "/certificates").fill({"valid_until": "2027-01-31", "primary": "1"})
    looked = Sheet(browser, sheet.press("take"), "/edit")
    assert f"certificate CN=harbor-2027, SHA-256 {fingerprint[:23]}" in texts(looked.answer)
    assert looked.press("save", reason="Their new certificate.").status_code == 303
    (entry,) = current(web).as2.certificates
    assert (entry.role, entry.primary) == (("sign", "encrypt"), True)
    assert f"{entry.valid_until:%Y-%m-%d %H:%M}" == "2027-01-31 23:59"
    again = texts(upload(browser, data))
    assert "there already" in again
    assert "CN=harbor-2027" in texts(browser.get(PAGE))
    assert browser.get("/partners/harbor/edit").status_code == 200


def test_pasted_text_is_read_like_a_file(web: WebKit) -> None:
    answer = web.browser("adam").post(PAGE, pasted=pem("pasted").decode())
    assert "CN=pasted" in texts(answer)


def test_a_window_that_cannot_be_is_told_at_its_row(web: WebKit) -> None:
    browser = web.browser("adam")
    sheet = Sheet(browser, upload(browser, pem()), "/certificates").fill({"valid_until": "soon"})
    wrong = Sheet(browser, sheet.press("take"), "/edit")
    assert "must be a day or an instant" in texts(wrong.answer)
    assert "v-as2.certificates[0].valid_until" in wrong.invalid
    mended = wrong.fill({"v-as2.certificates[0].valid_until": ""}).step("review")
    assert mended.press("save", reason="x").status_code == 303
    assert len(current(web).as2.certificates) == 1


def test_nothing_chosen_and_forged_text_are_refused(web: WebKit) -> None:
    browser = web.browser("adam")
    sheet = Sheet(browser, upload(browser, pem()), "/certificates")
    assert "None of the certificates was chosen" in texts(sheet.press("take", take=[]))
    forged = sheet.fill({"pem0": "<script>alert(1)</script>", "take": "0"}).press("take")
    assert forged.status_code == 400
    assert "<script>alert" not in forged.text
    assert browser.post(PAGE, do="take", take="9").status_code == 400
    assert browser.get("/partners/nobody/certificates").status_code == 404
    assert browser.post("/partners/nobody/certificates", do="take", take="0", pem0="x").status_code == 404


# -- secrets -----------------------------------------------------------------------------------------------------------


def with_secrets(web: WebKit) -> Browser:
    befriend(
        web,
        "bolt",
        as2={"http_auth": {"user": "alpine", "password": {"secret": "bolt/http"}}},
        sftp={"key": {"secret": "bolt/key"}, "hosted": {"user": "bolt", "password": {"secret": "bolt/login"}}},
        http={"tokens": [{"secret": "bolt/token"}]},
    )
    return web.browser("adam")


def stored(web: WebKit, name: str) -> bytes:
    with web.kit.store.read() as session:
        return get_secret(session, KEK, name)


def test_a_secret_is_set_and_never_shown(web: WebKit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    browser = with_secrets(web)
    page = browser.get(SECRETS)
    assert "bolt/http not stored" in texts(page)
    assert page.text.count('autocomplete="new-password"') == 3
    answer = browser.post(SECRETS, name="bolt/http", value=CANARY)
    assert (answer.status_code, answer.location) == (303, SECRETS)
    assert stored(web, "bolt/http") == CANARY.encode()
    shown = [browser.get(address) for address in (SECRETS, "/partners/bolt", "/partners/bolt/edit", "/audit")]
    assert "bolt/http stored" in texts(shown[0])
    assert "Secret stored" in texts(shown[3])
    assert not any(CANARY in each.text for each in [answer, *shown])
    assert CANARY not in caplog.text
    with web.kit.store.read() as session:
        events = session.execute(text("SELECT kind, actor, subject_id, data, reason FROM event")).all()
    assert not any(CANARY in str(event) for event in events)
    assert ("secret-stored", "adam", "bolt/http") in [tuple(event)[:3] for event in events]
    assert CANARY.encode() not in (web.kit.home / "gateway.db").read_bytes()


def test_a_login_keeps_its_hash_only_and_a_token_is_shown_once(web: WebKit) -> None:
    browser = with_secrets(web)
    assert browser.post(SECRETS, name="bolt/login", value="a long enough password").status_code == 303
    assert stored(web, "bolt/login").startswith(b"$argon2id$")
    short = browser.post(SECRETS, name="bolt/login", value="short")
    assert short.status_code == 400
    assert "12 characters" in texts(short)
    made = browser.post(SECRETS, name="bolt/token")
    token = re.search(r'<b class="mono wrap">([^<]+)</b>', made.text)
    assert token is not None
    assert token[1].encode() not in stored(web, "bolt/token")
    assert token[1] not in browser.get(SECRETS).text


def test_a_key_comes_as_a_file(web: WebKit) -> None:
    browser = with_secrets(web)
    key = private_key()
    form = {"csrf_token": browser.token(), "name": "bolt/key", "value": "", "file": (io.BytesIO(key), "id")}
    assert browser.client.post(SECRETS, data=form, content_type="multipart/form-data").status_code == 303
    assert stored(web, "bolt/key") == key
    assert secret_of_file(b"one line\r\n") == b"one line"
    assert secret_kind("http.tokens[0]") == "token"


@pytest.mark.parametrize("name", ["nobody/asked", "our-key", "", "../x", "setup-code"])
def test_only_what_the_profile_names_is_set(web: WebKit, name: str) -> None:
    browser = with_secrets(web)
    web.write(lambda s: put_secret(s, KEK, "our-key", b"key", kind="as2-identity", now=web.kit.now))
    answer = browser.post(SECRETS, name=name, value=CANARY)
    assert answer.status_code == 400
    assert CANARY not in answer.text


def test_what_cannot_be_stored_is_told_without_its_value(web: WebKit) -> None:
    browser = with_secrets(web)
    assert "The secret is empty." in texts(browser.post(SECRETS, name="bolt/http", value=""))
    large = browser.post(SECRETS, name="bolt/http", value=CANARY * 4_000)
    assert "more than 65536 bytes" in texts(large)
    assert CANARY not in large.text


def test_another_partner_with_the_same_secret_is_named(web: WebKit) -> None:
    browser = with_secrets(web)
    befriend(web, "corner", xml={"token": {"secret": "bolt/http"}})
    assert "Corner names it, too: replacing it holds for all." in texts(browser.get(SECRETS))


def test_a_partner_without_secrets_says_so(web: WebKit) -> None:
    assert "The profile names no secret" in texts(web.browser("adam").get("/partners/harbor/secrets"))
    assert web.browser("adam").get("/partners/nobody/secrets").status_code == 404


def test_keys_and_secrets_ask_for_the_password_again(web: WebKit) -> None:
    browser = with_secrets(web)
    web.kit.pass_time(minutes=11)
    for address in (PAGE, SECRETS):
        assert "/login/again" in browser.get(address).location
        assert "/login/again" in browser.post(address, name="bolt/http", value=CANARY, back=address).location
    with pytest.raises(Exception, match="no secret named"):
        stored(web, "bolt/http")


@pytest.mark.parametrize("name", ["vera", "olga", "saul"])
def test_others_are_refused(web: WebKit, name: str) -> None:
    with_secrets(web)
    browser = web.browser(name)
    assert "/secrets" not in browser.get("/partners/bolt").text
    for address in (PAGE, SECRETS):
        assert browser.get(address).status_code == 403
        assert browser.post(address, name="bolt/http", value=CANARY).status_code == 403
